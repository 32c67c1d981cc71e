"""The memory adapter's own trouble: what is lost, doubled or held when the process or the broker goes."""

from __future__ import annotations

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BrokerTrouble, Refused, Unreachable
from mqtui.domain.message import Offset, Outgoing
from mqtui.domain.plan import Unmark
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import Ref
from tests.contract.asking import Move, a_plan, look, publish, writing
from tests.contract.world_memory import MemoryKafkaWorld, MemoryRabbitMQWorld, MemoryRedisWorld
from tests.memory import Killed, MemoryWorld

Any3 = MemoryKafkaWorld | MemoryRabbitMQWorld | MemoryRedisWorld
WORLDS = [MemoryKafkaWorld, MemoryRabbitMQWorld, MemoryRedisWorld]


def filled(world: Any3, count: int) -> tuple[Ref, Ref]:
    source, target = world.create("dlq"), world.create("home")
    world.put(source, [world.letter(number) for number in range(count)])
    return source, target


@pytest.mark.parametrize("made", WORLDS)
@pytest.mark.parametrize("after", range(1, 13))
async def test_a_killed_run_is_resumed(made: type[Any3], after: int) -> None:
    world = made()
    source, target = filled(world, 12)
    world.server.faults.die_after = after
    first = Move(world.connect(), source, target)
    with pytest.raises(Killed):
        await first.all(size=4)
    await Move(world.connect(), source, target, run=first.run, resumed=True).all(size=4)
    moved, letters = world.contents(target), [world.letter(number) for number in range(12)]
    assert set(moved) == set(letters)
    doubled = [letter for letter in letters if moved.count(letter) > 1]
    assert doubled == ([letters[after - 1]] if isinstance(world, MemoryRabbitMQWorld) else [])


@pytest.mark.parametrize("made", WORLDS)
async def test_a_run_killed_before_the_reply_is_resumed(made: type[Any3]) -> None:
    world = made()
    source, target = filled(world, 12)
    world.server.faults.die_after_batches = 2
    first = Move(world.connect(), source, target)
    with pytest.raises(Killed):
        await first.all(size=4)
    receipts = await Move(world.connect(), source, target, run=first.run, resumed=True).all(size=4)
    assert len(receipts) == 4
    assert len(world.contents(target)) == 12


@pytest.mark.parametrize("made", WORLDS)
async def test_a_broker_that_goes_away_and_comes_back(made: type[Any3]) -> None:
    world = made()
    source, target = filled(world, 6)
    world.server.faults.break_after = 3
    with pytest.raises(BrokerTrouble):
        await Move(world.connect(), source, target).all(size=2)
    with pytest.raises(Unreachable):
        await world.connect().broker.catalog.describe_cluster()
    world.server.faults.unreachable = False
    await Move(world.connect(), source, target).all()
    assert {world.letter(number) for number in range(6)} == set(world.contents(target))


@pytest.mark.parametrize("made", WORLDS)
async def test_a_lost_reply_is_unknown(made: type[Any3]) -> None:
    world = made()
    ref = world.create()
    world.server.faults.lose_replies = 1
    receipts = await publish(world.connect(), [world.sent(world.letter(number), ref) for number in range(2)])
    assert [receipt.state for receipt in receipts] == [PublishStatus.UNKNOWN, PublishStatus.STORED]
    assert len(world.contents(ref)) == 2


async def test_peeks_at_a_quorum_queue_stop_before_the_last_delivery() -> None:
    """R3: six looks at 10 messages with a limit of 3; the first reads all, all are there at the end."""
    world = MemoryRabbitMQWorld()
    adapter = world.connect()
    ref = world.server.declare("work", "quorum", limit=3, dead_to="grave")
    grave = world.server.declare("grave")
    world.put(ref, [world.letter(number) for number in range(10)])
    counts = [len(await look(world, adapter, ref, 10)) for _ in range(3)]
    assert counts == [10, 10, 1]
    for _ in range(3):
        assert (await adapter.broker.reader.peek_cost(ref, 10)).refusal
        with pytest.raises(Refused):
            await look(world, adapter, ref, 10)
    assert len(world.contents(ref)) == 10
    assert world.contents(grave) == []


async def test_a_message_with_no_delivery_left_is_published_again() -> None:
    world = MemoryRabbitMQWorld()
    adapter = world.connect()
    ref = world.server.declare("work", "quorum", limit=1, dead_to="grave")
    world.server.declare("grave")
    world.put(ref, [world.letter(0), world.letter(1)])
    world.server.queues["work"].items[0].deliveries = 1
    (first, second) = await look(world, adapter, ref, 10)
    assert first.envelope is not None
    assert second.envelope is not None
    assert (first.envelope.left.number, second.envelope.left.number) == (0, 1)
    assert world.contents(ref) == [world.letter(1), world.letter(0)]
    assert world.server.queues["grave"].items == []


async def test_exchanges_route_or_return() -> None:
    world = MemoryWorld()
    server = world.rabbitmq()
    orders, work = server.exchange("orders"), server.declare("work")
    server.bind(orders, "new", work)
    adapter = world.connect(server.address)
    routed, lost = await publish(adapter, [Outgoing(orders, b"1", routing_key=key) for key in ("new", "old")])
    assert (routed.state, lost.state) == (PublishStatus.STORED, PublishStatus.RETURNED)
    assert [sent.value for sent in server.ready(work)] == [b"1"]


async def test_records_behind_an_open_transaction_are_not_read() -> None:
    world = MemoryKafkaWorld()
    source, target = filled(world, 6)
    world.server.topics[source.name].partitions[0].stable = 4
    adapter = world.connect()
    extent = await adapter.broker.reader.extent(source)
    assert (extent.count.number, extent.uncommitted) == (4, 2)
    assert len(await Move(adapter, source, target).all()) == 4


async def test_kafka_letters_are_put_back_by_their_run_only() -> None:

    world = MemoryKafkaWorld()
    adapter = world.connect()
    source, target = filled(world, 4)
    move = Move(adapter, source, target)
    await move.all()
    for run, done in (("f" * 32, 0), (move.run, 2), (move.run, 0)):
        step = Unmark(source, run, (Offset(0, 1), Offset(0, 3)))
        async with writing(adapter, a_plan(adapter, Verb.PUT_BACK, step)) as writer:
            assert (await writer.apply(step)).done == done
    assert (await adapter.broker.snapshot(source)).count.number == 2
    assert len(await Move(adapter, source, target).all()) == 2


async def test_two_addresses_are_two_servers() -> None:
    world = MemoryWorld()
    here, there = world.kafka(), world.kafka("elsewhere")
    here.make("work")
    rows = [row async for page in world.connect(there.address).broker.catalog.list_destinations() for row in page.items]
    assert rows == []
