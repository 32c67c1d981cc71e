"""Moving letters: store, then remove; order and bytes kept; what is not wanted stays where it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from mqtui.brokers.optional_port import CountsAlike, TracesMoves
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotFound, Refused
from mqtui.domain.message import Message
from mqtui.domain.redrive import PublishStatus, Strength
from mqtui.domain.resource import BrokerKind
from tests.contract.asking import ADDED, Move, a_plan, left_in, writing
from tests.contract.worlds import World
from tests.services.plan_counts import told_both_ways


def number_of(world: World, message: Message) -> int:
    """The number of an ordinary letter."""
    seen = world.seen(message)
    return int((seen.value or dict(seen.fields)[b"value"]).rpartition(b" ")[2])


async def test_all_letters_move_in_order(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(25)]
    world.put(source, letters)
    receipts = await Move(adapter, source, target).all(size=10)
    assert [receipt.state for receipt in receipts] == [PublishStatus.STORED] * 25
    assert world.contents(target) == letters
    assert await left_in(world, adapter, source) == []


async def test_only_what_the_plan_names_changes(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = world.odd_letters()
    world.put(source, letters)
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        async for batch in lease.batches(100):
            transfers = [structs.replace(one, added=(ADDED,)) for one in move.transfers(batch, stripped=["x-strip"])]
            assert [
                receipt for receipt in await lease.move(transfers) if receipt.state is not PublishStatus.STORED
            ] == []
    as_field = world.kind is BrokerKind.REDIS
    assert world.contents(target) == [
        letter.without("x-strip").plus(ADDED[0], ADDED[1] or b"", as_field=as_field) for letter in letters
    ]


async def test_untouched_letters_keep_every_byte(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = world.odd_letters()
    world.put(source, letters)
    if isinstance(adapter.broker, CountsAlike):
        together, one_by_one = await told_both_ways(adapter.broker, await adapter.broker.snapshot(source), target)
        assert together == one_by_one
        assert together.counts["scanned"] == len(letters)
    await Move(adapter, source, target).all()
    assert world.contents(target) == letters


async def test_no_more_than_wanted_is_moved(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(25)]
    world.put(source, letters)
    receipts = await Move(adapter, source, target, want=7, hand=5).all(size=5)
    assert len(receipts) == 7
    assert world.contents(target) == letters[:7]
    assert await left_in(world, adapter, source) == letters[7:]


async def test_letters_that_are_kept_stay_in_order(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(24)]
    world.put(source, letters)
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        async for batch in lease.batches(6):
            await lease.move(move.transfers([letter for letter in batch if number_of(world, letter) % 3 == 0]))
            await lease.release([letter for letter in batch if number_of(world, letter) % 3])
    assert world.contents(target) == letters[::3]
    assert await left_in(world, adapter, source) == [one for place, one in enumerate(letters) if place % 3]


async def test_what_was_kept_can_be_moved_later(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(10)]
    world.put(source, letters)
    first = Move(adapter, source, target)
    async with first.lease() as lease:
        async for batch in lease.batches(100):
            await lease.move(first.transfers([letter for letter in batch if number_of(world, letter) >= 5]))
            await lease.release([letter for letter in batch if number_of(world, letter) < 5])
    await Move(adapter, source, target).all()
    assert world.contents(target) == letters[5:] + letters[:5]
    assert await left_in(world, adapter, source) == []


async def test_settled_letters_are_removed_and_stored_nowhere(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(9)]
    world.put(source, letters)
    async with Move(adapter, source, target, removes=True).lease() as lease:
        async for batch in lease.batches(3):
            receipts = await lease.settle([letter for letter in batch if number_of(world, letter) % 3 < 2])
            assert {receipt.state for receipt in receipts} <= {PublishStatus.STORED}
            await lease.release([letter for letter in batch if number_of(world, letter) % 3 == 2])
    assert world.contents(target) == []
    assert await left_in(world, adapter, source) == letters[2::3]


async def test_batches_hold_at_most_what_was_asked(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    world.put(source, [world.letter(number) for number in range(1500)])
    move, sizes = Move(adapter, source, target, hand=300), []
    async with move.lease() as lease:
        async for batch in lease.batches(200):
            sizes.append(len(batch))
            await lease.move(move.transfers(batch))
    assert sum(sizes) == 1500
    assert max(sizes) <= 200
    assert len(world.contents(target)) == 1500


async def test_letters_after_the_snapshot_are_left(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(8)]
    world.put(source, letters[:5])
    move = Move(adapter, source, target)
    planned = await move.planned()
    world.put(source, letters[5:])
    if isinstance(adapter.broker, CountsAlike):
        together, one_by_one = await told_both_ways(adapter.broker, planned[0])
        assert together == one_by_one
        assert together.counts["scanned"] == 5
    async with move.lease(planned) as lease:
        async for batch in lease.batches(100):
            await lease.move(move.transfers(batch))
    assert world.contents(target) == letters[:5]
    assert await left_in(world, adapter, source) == letters[5:]


async def test_an_empty_source_gives_no_batch(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    planned = await Move(adapter, source, target).planned()
    assert planned[0].count.number == 0
    async with Move(adapter, source, target).lease(planned) as lease:
        assert [batch async for batch in lease.batches(10)] == []


async def test_the_snapshot_counts_and_names_its_source(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    world.put(source, [world.letter(number) for number in range(9)])
    taken = await adapter.broker.snapshot(source)
    assert taken.ref == source
    assert taken.count.number == 9
    assert taken.lock_owner is None
    promise = adapter.broker.guarantee(taken, [target])
    assert promise.text
    strong = world.kind is not BrokerKind.RABBITMQ
    if world.kind is not BrokerKind.REDIS:
        assert promise.strength is (Strength.EXACTLY_ONCE if strong else Strength.AT_LEAST_ONCE)
    await Move(adapter, source, target, want=4).all()
    assert (await adapter.broker.snapshot(source)).count.number == 5


async def test_a_missing_source_is_not_found(world: World, adapter: Adapter) -> None:
    missing, target = world.ref(world.name("missing")), world.create("home")
    with pytest.raises(NotFound):
        await Move(adapter, missing, target).planned()


async def test_many_partitions_keep_their_own_order(world: World, adapter: Adapter) -> None:
    if not world.traits.partitions:
        assert (await adapter.broker.catalog.describe(world.create())).partitions in (None, 1)
        return
    source, target = world.create("dlq", partitions=3), world.create("home", partitions=3)
    for partition in range(3):
        world.put(source, [world.letter(100 * partition + n) for n in range(40)], partition=partition)
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        async for batch in lease.batches(25):
            transfers = [structs.replace(one, partition=partition_of(one.letter)) for one in move.transfers(batch)]
            await lease.move(transfers)
    assert world.contents(target) == world.contents(source)


def partition_of(letter: Message) -> int:
    return getattr(letter.position, "partition", 0)


async def test_a_lease_the_plan_does_not_name_is_refused(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    world.put(source, [world.letter(1)])
    plan = a_plan(adapter, Verb.REDRIVE)
    before = world.fingerprint()
    async with writing(adapter, plan) as writer:
        taken, terms = await adapter.broker.snapshot(source), Move(adapter, source, target).terms(plan)
        with pytest.raises(Refused, match="plan does not take"):
            async with writer.lease(taken, terms):
                pytest.fail("the lease was given")
    assert world.fingerprint() == before


async def test_c13_a_run_that_moves_letters_can_be_traced(world: World, adapter: Adapter) -> None:
    """C13: after a crash the record of the run proves what it moved; what another hand removed is unknown."""
    if not isinstance(adapter.broker, TracesMoves):
        pytest.skip("this broker keeps no record of its own, or keeps it where a resume looks anyway")
    source, target = world.create("dlq"), world.create("home")
    world.put(source, [world.letter(number) for number in range(6)])
    move = Move(adapter, source, target)
    planned = await move.planned()
    async with move.lease(planned) as lease:
        letters = [letter async for batch in lease.batches(10) for letter in batch]
        receipts = await lease.move(move.transfers(letters[:4]))
    terms, places = move.terms(planned[1]), [letter.position for letter in letters]
    if not world.traits.holds:
        world.remove(source)
        world.create("dlq")
    traced = await adapter.broker.trace(planned[0], terms, places)
    assert [one.state for one in traced] == [PublishStatus.STORED] * 4 + [PublishStatus.UNKNOWN] * 2
    places_known = [one.position for one in traced[:4]]
    assert places_known in ([None] * 4, [one.position for one in receipts])
    assert all(one.reason for one in traced[4:])
    another = await adapter.broker.trace(planned[0], replace(terms, run="0" * 32), places)
    assert PublishStatus.STORED not in {one.state for one in another}
