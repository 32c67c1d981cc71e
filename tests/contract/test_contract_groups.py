"""Consumer groups, their lag, and pending entries."""

from __future__ import annotations

from typing import Protocol, cast

import pytest

from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotFound
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Acknowledge, Claim
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Group, GroupLag
from tests.contract.asking import a_plan, eventually, writing
from tests.contract.worlds import World


class Stranding(World, Protocol):
    """A world whose broker keeps pending entries."""

    def strand(self, ref: Ref, group: str, consumer: str, count: int) -> None:
        """Give messages to a consumer that never acknowledges them."""

    def pending(self, ref: Ref, group: str) -> list[tuple[str, str]]:
        """Ids and consumers of pending entries."""


async def readers(adapter: Adapter, ref: Ref) -> list[Group]:
    return [group for group in await adapter.broker.groups.list_groups(ref) if ref in group.reads]


async def lag_of(adapter: Adapter, group: Ref) -> GroupLag:
    (lag,) = [lag async for lag in adapter.broker.groups.lag([group])]
    return lag


async def test_a_group_lags_by_what_it_has_not_read(world: World, adapter: Adapter) -> None:
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(20)])
    world.consume(ref, "slow", 13)

    async def told() -> bool:
        groups = await readers(adapter, ref)
        return len(groups) == 1 and (await lag_of(adapter, groups[0].ref)).total.number == 7

    await eventually(told, "one group with a lag of 7")
    (group,) = await readers(adapter, ref)
    lag = await lag_of(adapter, group.ref)
    assert lag.group == group.ref
    assert [part.lag.number for part in lag.parts] == [7]
    assert lag.parts[0].resource == ref
    world.put(ref, [world.letter(99)])

    async def grown() -> bool:
        return (await lag_of(adapter, group.ref)).total.number == 8

    await eventually(grown, "the lag grows to 8")


async def test_all_groups_are_listed_with_what_they_read(world: World, adapter: Adapter) -> None:
    ref, other = world.create(), world.create("other")
    for resource in (ref, other):
        world.put(resource, [world.letter(1)])
        world.consume(resource, f"group-of-{resource.name[-1]}", 1)

    async def told() -> bool:
        read = {resource for group in await adapter.broker.groups.list_groups() for resource in group.reads}
        return {ref, other} <= read

    await eventually(told, "both are read by somebody")
    assert all(other not in group.reads for group in await readers(adapter, ref))


@pytest.fixture
def stranding(world: World) -> Stranding | None:
    return cast("Stranding", world) if world.traits.pending else None


async def test_pending_entries_of_a_dead_consumer_are_shown(
    world: World, adapter: Adapter, stranding: Stranding | None
) -> None:
    if stranding is None:
        assert adapter.broker.pending is None
        assert (await adapter.broker.can(Verb.PENDING)).reason
        return
    pending = adapter.broker.pending
    assert pending is not None
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(12)])
    stranding.strand(ref, "workers", "dead", 9)
    page = await pending.list_entries(ref, "workers", limit=5)
    assert [entry.consumer for entry in page.items] == ["dead"] * 5
    assert {entry.deliveries for entry in page.items} == {1}
    rest = await pending.list_entries(ref, "workers", cursor=page.cursor, limit=5)
    assert rest.cursor is None
    ids = [entry.id for entry in (*page.items, *rest.items)]
    assert [(str(entry), "dead") for entry in ids] == stranding.pending(ref, "workers")
    letters = await pending.read_entries(ref, ids[:2])
    assert [world.seen(letter) for letter in letters if letter] == [world.letter(0), world.letter(1)]
    assert await pending.read_entries(ref, [EntryId(1, 1)]) == [None]
    assert (await pending.list_entries(ref, "workers", consumer="other")).items == ()
    assert (await pending.list_entries(ref, "workers", min_idle=3_600_000)).items == ()
    with pytest.raises(NotFound):
        await pending.list_entries(ref, "nobody")


async def test_pending_entries_are_claimed_once(world: World, adapter: Adapter, stranding: Stranding | None) -> None:
    if stranding is None:
        assert (await adapter.broker.can(Verb.CLAIM)).reason
        return
    pending = adapter.broker.pending
    assert pending is not None
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(4)])
    stranding.strand(ref, "workers", "dead", 4)
    page = await pending.list_entries(ref, "workers")
    seen = tuple((entry.id, entry.idle, entry.read_at) for entry in page.items)

    async def claim(consumer: str) -> int:
        step = Claim(ref, "workers", consumer, 0, seen)
        async with writing(adapter, a_plan(adapter, Verb.CLAIM, step)) as writer:
            result = await writer.apply(step)
        assert result.asked == 4
        return result.done

    assert await claim("alive") == 4
    assert [consumer for _, consumer in stranding.pending(ref, "workers")] == ["alive"] * 4


async def test_pending_entries_are_acknowledged(world: World, adapter: Adapter, stranding: Stranding | None) -> None:
    if stranding is None:
        assert (await adapter.broker.can(Verb.ACK)).reason
        return
    pending = adapter.broker.pending
    assert pending is not None
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(4)])
    stranding.strand(ref, "workers", "dead", 4)
    ids = tuple(entry.id for entry in (await pending.list_entries(ref, "workers")).items)
    step = Acknowledge(ref, "workers", (*ids[:2], EntryId(1, 1)))
    async with writing(adapter, a_plan(adapter, Verb.ACK, step)) as writer:
        result = await writer.apply(step)
    assert (result.asked, result.done) == (3, 2)
    assert [entry for entry, _ in stranding.pending(ref, "workers")] == [str(entry) for entry in ids[2:]]
