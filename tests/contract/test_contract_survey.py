"""A survey is one look at everything: it tells what the separate questions tell."""

from __future__ import annotations

from mqtui.brokers.port import Adapter
from mqtui.domain.figure import Figure
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import NOT_ASKED, Group, GroupLag, Survey
from mqtui.services.lag import add_backlogs
from tests.contract.asking import Move, eventually, listed
from tests.contract.worlds import World


async def test_a_survey_tells_depths_groups_and_lags(world: World, adapter: Adapter) -> None:
    full, empty = world.create("full"), world.create("empty")
    world.put(full, [world.letter(number) for number in range(20)])
    world.consume(full, "slow", 13)

    async def told() -> bool:
        survey = await adapter.broker.survey()
        rows = {row.ref: row for row in survey.destinations}
        lags = [row.total.number for row in survey.lags if full in {part.resource for part in row.parts}]
        left = 7 if full.kind is Kind.QUEUE else 20
        return rows[full].messages.number == left and rows[empty].messages.number == 0 and lags == [7]

    await eventually(told, "depths of 20 or 7 and 0, and a lag of 7")
    survey = await adapter.broker.survey()
    rows, alone = {row.ref: row for row in survey.destinations}, await listed(adapter)
    for ref in (full, empty):
        assert rows[ref].messages == alone[ref].messages
        assert rows[ref].backlog in (alone[ref].backlog, NOT_ASKED)
    groups = [group.ref for group in survey.groups if full in group.reads]
    asked = [row async for row in adapter.broker.groups.lag(groups)]
    assert [(row.group, row.parts) for row in survey.lags if is_of(row, full)] == [
        (row.group, row.parts) for row in asked
    ]


async def test_depths_are_those_of_a_survey(world: World, adapter: Adapter) -> None:
    """Depth and backlog of each destination."""
    full, shared = world.create("full"), world.create("shared")
    for ref in (full, shared):
        world.put(ref, [world.letter(number) for number in range(20)])
    world.consume(full, "slow", 13)
    world.consume(shared, "other", 1)

    def of_these(survey: Survey) -> dict[Ref, tuple[Figure, Figure]]:
        rows = add_backlogs(survey.destinations, survey.lags)
        return {row.ref: (row.messages, row.backlog) for row in rows if row.ref in (full, shared)}

    async def same() -> bool:
        whole, light = of_these(await adapter.broker.survey()), of_these(await adapter.broker.survey_depths())
        return whole == light and [light[ref][1].number for ref in (full, shared)] == [7, 19]

    await eventually(same, "depths and backlogs of a survey")


async def test_members_are_asked_for_apart(world: World, adapter: Adapter) -> None:
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(3)])
    world.consume(ref, "readers", 2)

    def those(groups: list[Group]) -> list[tuple[Ref, str, int]]:
        return [(group.ref, group.state, len(group.members)) for group in groups if ref in group.reads]

    async def same() -> bool:
        groups = (await adapter.broker.survey()).groups
        filled = await adapter.broker.groups.with_members(groups)
        counts = [group.member_count for group in groups if ref in group.reads]
        return those(list(filled)) == those(list(await adapter.broker.groups.list_groups(ref))) and counts == [
            len(group.members) for group in filled if ref in group.reads
        ]

    await eventually(same, "the survey's groups, filled, are those that the destination itself tells")


async def test_letters_are_counted_as_a_snapshot_counts_them(world: World, adapter: Adapter) -> None:
    """Also where some were moved before: on Kafka they stay in the topic and are handled."""
    dead, home, none = world.create("orders.dlq"), world.create("orders"), world.create("none.dlq")
    world.put(dead, [world.letter(number) for number in range(10)])

    async def counts() -> dict[Ref, float | None]:
        rows = [row for row in (await adapter.broker.survey()).destinations if row.ref in (dead, none)]
        return {ref: figure.number for ref, figure in (await adapter.broker.count_letters(rows)).items()}

    async def are(number: int) -> bool:
        return await counts() == {dead: number, none: 0}

    await eventually(lambda: are(10), "10 letters and none")
    await Move(adapter, dead, home, want=4).all()
    await eventually(lambda: are(6), "6 letters and none")
    world.put(dead, [world.letter(10)])
    await eventually(lambda: are(7), "7 letters and none")
    assert (await adapter.broker.snapshot(dead)).count.number == 7


async def test_a_place_that_is_gone_has_no_count(world: World, adapter: Adapter) -> None:
    there, gone = world.create("a.dlq"), world.create("b.dlq")
    for ref in (there, gone):
        world.put(ref, [world.letter(1)])

    async def seen() -> bool:
        rows = {row.ref: row for row in (await adapter.broker.survey()).destinations}
        return all(ref in rows and rows[ref].messages.number == 1 for ref in (there, gone))

    await eventually(seen, "both hold one")
    rows = [row for row in (await adapter.broker.survey()).destinations if row.ref in (there, gone)]
    world.remove(gone)
    told = await adapter.broker.count_letters(rows)
    assert told[there].number == 1
    assert told[gone].number in (None, 1)


def is_of(row: GroupLag, ref: Ref) -> bool:
    return ref in {part.resource for part in row.parts}
