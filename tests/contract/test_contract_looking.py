"""Looking: what there is, and reading it. Nothing here may change or create anything."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from mqtui.brokers.optional_port import ListsNodes
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NotFound, Refused, Unsupported
from mqtui.domain.figure import Figure
from mqtui.domain.message import EntryId, Message, Offset, Position
from mqtui.domain.read_range import At, Edge, ReadRange, Since
from tests.contract.asking import PATIENCE, eventually, listed, look, read
from tests.contract.worlds import World


def bodies(world: World, messages: list[Message]) -> list[object]:
    return [world.seen(message) for message in messages]


async def test_the_broker_says_what_it_is(world: World, adapter: Adapter) -> None:
    cluster = await adapter.broker.catalog.describe_cluster()
    assert cluster.kind is world.kind is adapter.broker.kind
    assert cluster.version


async def test_destinations_are_listed_with_their_depths(world: World, adapter: Adapter) -> None:
    full, empty = world.create("full"), world.create("empty")
    world.put(full, [world.letter(number) for number in range(5)])

    async def told() -> bool:
        found = await listed(adapter)
        return full in found and found[full].messages.number == 5 and found[empty].messages.number == 0

    await eventually(told, "the list shows 5 and 0")
    detail = await adapter.broker.catalog.describe(full)
    assert detail.ref == full
    assert detail.messages.number == 5
    assert detail.type


async def test_names_come_first_and_the_same_rows_again(world: World, adapter: Adapter) -> None:
    ref = world.create()
    rows = [row async for page in adapter.broker.catalog.list_destinations() for row in page.items if row.ref == ref]
    assert len(rows) >= 2
    assert rows[-1].messages.known


async def test_the_oldest_messages_are_read_in_order(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = [world.letter(number) for number in range(12)]
    world.put(ref, letters)
    assert bodies(world, await look(world, adapter, ref, 5)) == letters[:5]
    assert bodies(world, await look(world, adapter, ref, 100)) == letters


async def test_the_newest_messages_are_read_oldest_first(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = [world.letter(number) for number in range(12)]
    world.put(ref, letters)
    if world.traits.lends:
        with pytest.raises(Refused):
            await read(adapter, ref, ReadRange(Edge.NEWEST), limit=3)
        return
    assert bodies(world, await read(adapter, ref, ReadRange(Edge.NEWEST), limit=3)) == letters[-3:]
    assert bodies(world, await read(adapter, ref, ReadRange(Edge.NEWEST), limit=100)) == letters


async def test_reading_from_a_position_begins_with_it(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = [world.letter(number) for number in range(9)]
    world.put(ref, letters)
    if world.traits.lends:
        with pytest.raises(Refused):
            await read(adapter, ref, ReadRange(At(Offset(-1, 4))), limit=2)
        return
    place = (await read(adapter, ref, limit=None))[4].position
    assert bodies(world, await read(adapter, ref, ReadRange(At(place)), limit=2)) == letters[4:6]


async def test_reading_from_a_time_to_a_time(world: World, adapter: Adapter) -> None:
    ref = world.create()
    world.put(ref, [world.letter(1)])
    if world.traits.lends:
        with pytest.raises(Refused):
            await read(adapter, ref, ReadRange(Since(0)), limit=2)
        return
    (first,) = await read(adapter, ref)
    assert first.timestamp is not None
    await later(world, adapter, first.timestamp)
    world.put(ref, [world.letter(2)])
    second = (await read(adapter, ref))[1]
    assert second.timestamp is not None
    assert bodies(world, await read(adapter, ref, ReadRange(Since(second.timestamp)))) == [world.letter(2)]
    assert bodies(world, await read(adapter, ref, ReadRange(until=second.timestamp))) == [world.letter(1)]
    assert await read(adapter, ref, ReadRange(Since(second.timestamp + 3_600_000))) == []


async def later(world: World, adapter: Adapter, time: int) -> None:
    """Wait until the broker's clock has left this millisecond."""
    scratch = world.create("clock")

    async def passed() -> bool:
        world.put(scratch, [world.letter(0)])
        stamped = (await read(adapter, scratch, ReadRange(Edge.NEWEST), limit=1))[0].timestamp
        return stamped is not None and stamped > time

    await eventually(passed, "the clock moves on")


async def test_partitions_are_read_apart(world: World, adapter: Adapter) -> None:
    if not world.traits.partitions:
        extent = await adapter.broker.reader.extent(world.create())
        assert len(extent.end) <= 1
        return
    ref = world.create(partitions=3)
    for partition in range(3):
        world.put(ref, [world.letter(10 * partition + number) for number in range(4)], partition=partition)
    one = await read(adapter, ref, ReadRange(partition=1))
    assert bodies(world, one) == [world.letter(10 + number) for number in range(4)]
    assert len(await read(adapter, ref)) == 12
    kept = await read(adapter, ref, ReadRange(after={0: 4, 1: 3, 2: 1}))
    assert sorted(str(message.position) for message in kept) == ["1/3", "2/1", "2/2", "2/3"]
    extent = await adapter.broker.reader.extent(ref, 2)
    assert extent.end == {2: Offset(2, 4)}
    assert (await adapter.broker.catalog.describe(ref)).partitions == 3


async def test_the_extent_counts(world: World, adapter: Adapter) -> None:
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(6)])
    assert (await adapter.broker.reader.extent(ref)).count.number == 6
    assert (await adapter.broker.reader.extent(world.create("empty"))).count.number == 0


async def test_an_empty_destination_gives_nothing(world: World, adapter: Adapter) -> None:
    assert await look(world, adapter, world.create(), 10) == []


async def test_batches_are_bounded(world: World, adapter: Adapter) -> None:
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(2300)])
    if world.traits.lends:
        assert len(await look(world, adapter, ref, 50)) == 50
        return
    sizes = [len(batch) async for batch in adapter.broker.reader.read(ref, ReadRange(), limit=None)]
    assert sum(sizes) == 2300
    assert max(sizes) <= 1000


async def test_looking_changes_nothing(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = [world.letter(number) for number in range(8)]
    world.put(ref, letters)
    before = world.fingerprint()
    await adapter.broker.catalog.describe_cluster()
    await listed(adapter)
    await adapter.broker.catalog.describe(ref)
    properties = await adapter.broker.catalog.list_properties(ref)
    assert [each.name for each in properties if each.value is None and not each.source] == []
    assert any(each.value is not None for each in properties)
    assert isinstance(adapter.broker, ListsNodes)
    nodes = await adapter.broker.list_nodes()
    assert nodes and [node.problem for node in nodes] == [""] * len(nodes)
    assert all(figure.known or figure.why for node in nodes for figure in (node.disk_free, node.memory))
    await adapter.broker.reader.extent(ref)
    await adapter.broker.reader.peek_cost(ref, 10)
    await look(world, adapter, ref, 3)
    await look(world, adapter, ref, 100)
    await adapter.broker.groups.list_groups(ref)
    await adapter.broker.snapshot(ref)
    for verb in Verb:
        await adapter.broker.can(verb, ref)
    assert world.contents(ref) == letters
    assert world.fingerprint() == before


async def test_a_missing_destination_is_not_found_and_not_made(world: World, adapter: Adapter) -> None:
    missing = world.ref(world.name("missing"))
    before = world.fingerprint()
    reader = adapter.broker.reader
    with pytest.raises(NotFound):
        await adapter.broker.catalog.describe(missing)
    with pytest.raises(NotFound):
        await adapter.broker.catalog.list_properties(missing)
    with pytest.raises(NotFound):
        await look(world, adapter, missing, 5)
    with pytest.raises(NotFound):
        await reader.extent(missing)
    with pytest.raises(NotFound):
        await adapter.broker.snapshot(missing)
    if world.traits.follows:
        with pytest.raises(NotFound):
            await asyncio.wait_for(anext(aiter(reader.tail(missing))), PATIENCE)
    assert world.fingerprint() == before


async def test_a_tail_gives_what_arrives(world: World, adapter: Adapter) -> None:
    ref = world.create()
    world.put(ref, [world.letter(0)])
    tail = adapter.broker.reader.tail(ref)
    if not world.traits.follows:
        with pytest.raises(Unsupported):
            await anext(aiter(tail))
        support = await adapter.broker.can(Verb.TAIL, ref)
        assert not support
        assert support.reason
        return
    waiting = asyncio.ensure_future(anext(aiter(tail)))
    sent = 0
    async with asyncio.timeout(PATIENCE):
        while not waiting.done():
            sent += 1
            world.put(ref, [world.letter(sent)])
            await asyncio.wait({waiting}, timeout=0.1)
    first = list(waiting.result())
    assert bodies(world, first)[0] in [world.letter(number) for number in range(1, sent + 1)]
    with suppress(AttributeError):
        await tail.aclose()  # type: ignore[attr-defined]


async def test_names_with_spaces_and_emoji(world: World, adapter: Adapter) -> None:
    if not world.traits.any_name:
        with pytest.raises((NotFound, BadInput)):
            await adapter.broker.catalog.describe(world.ref("grüße an 🐰"))
        return
    ref = world.create("grüße an 🐰 / 100 % #1")
    world.put(ref, [world.letter(1)])
    assert bodies(world, await look(world, adapter, ref, 5)) == [world.letter(1)]
    assert ref in await listed(adapter)
    assert (await adapter.broker.catalog.describe(ref)).ref == ref


async def test_positions_are_of_the_broker(world: World, adapter: Adapter) -> None:
    ref = world.create()
    world.put(ref, [world.letter(number) for number in range(3)])
    places: list[Position] = [message.position for message in await look(world, adapter, ref, 3)]
    if world.traits.partitions:
        assert places == [Offset(0, 0), Offset(0, 1), Offset(0, 2)]
    elif not world.traits.lends:
        assert all(isinstance(place, EntryId) for place in places)
        assert places == sorted(places, key=str)
    assert len(set(places)) == 3


async def test_a_price_is_free_where_nothing_is_lent(world: World, adapter: Adapter) -> None:
    ref = world.create()
    price = await adapter.broker.reader.peek_cost(ref, 10)
    assert price.lends is world.traits.lends
    assert not price.spends
    assert isinstance(price.limit, Figure)
    assert price.text
    assert not price.refusal


async def test_every_verb_is_offered_or_refused_with_a_reason(world: World, adapter: Adapter) -> None:
    ref = world.create()
    supports = {verb: await adapter.broker.can(verb, ref) for verb in Verb}
    assert all(support.reason for support in supports.values() if not support)
    always = (Verb.LIST, Verb.PEEK, Verb.GROUPS, Verb.LAG, Verb.DEAD_LETTERS, Verb.PUBLISH, Verb.REDRIVE, Verb.DISCARD)
    assert all(supports[verb] for verb in always)
    assert bool(supports[Verb.TAIL]) is world.traits.follows
    for verb in (Verb.PENDING, Verb.CLAIM, Verb.ACK):
        assert bool(supports[verb]) is world.traits.pending
    assert (adapter.broker.pending is not None) is world.traits.pending
