"""Moving when something goes wrong: nothing is lost, and nothing is doubled beyond the promise."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from dataclasses import replace

import pytest
from msgspec import structs

from mqtui.brokers.port import Adapter
from mqtui.domain.bulk import BulkResult, FencedDuringMove
from mqtui.domain.errors import Held, MqtuiError
from mqtui.domain.figure import exact
from mqtui.domain.plan import Deliver
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import BrokerKind
from tests.contract.asking import Move, eventually, left_in
from tests.contract.test_contract_publish import large
from tests.contract.worlds import World


async def test_a_run_given_up_halfway_is_taken_up_again(world: World, adapter: Adapter) -> None:
    """The first run's connections go without a word of farewell; the second is the same run, resumed."""
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(30)]
    world.put(source, letters)
    first = Move(world.connect(), source, target)
    held = first.lease()
    lease = await held.__aenter__()
    batches = aiter(lease.batches(10))
    moved = await lease.move(first.transfers(await anext(batches)))
    await anext(batches)
    await first.adapter.close()
    left = 30 - len(moved)

    async def back() -> bool:
        """RabbitMQ gives back what a closed connection held."""
        return world.kind is not BrokerKind.RABBITMQ or len(world.contents(source)) == left

    await eventually(back, "the others are left")
    receipts = await Move(adapter, source, target, run=first.run, resumed=True).all()
    assert [receipt.state for receipt in receipts] == [PublishStatus.STORED] * left
    assert world.contents(target) == letters
    assert await left_in(world, adapter, source) == []
    with suppress(MqtuiError):
        await asyncio.wait_for(held.__aexit__(None, None, None), 60)
    assert world.contents(target) == letters


async def test_a_cancelled_run_leaves_nothing_half_done(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(30)]
    world.put(source, letters)
    move, reached, sure = Move(adapter, source, target), asyncio.Event(), list[Receipt]()

    async def run() -> None:
        async with move.lease() as lease:
            async for batch in lease.batches(10):
                sure.extend(await lease.move(move.transfers(batch)))
                reached.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await asyncio.wait_for(reached.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    moved = world.contents(target)
    assert moved == letters[: len(moved)]
    assert len(moved) == len(sure) > 0

    async def back() -> bool:
        return world.kind is not BrokerKind.RABBITMQ or len(world.contents(source)) == 30 - len(moved)

    await eventually(back, "the rest is back")
    assert await left_in(world, adapter, source) == letters[len(moved) :]
    await Move(adapter, source, target).all()
    assert world.contents(target) == letters


async def test_a_drained_lease_takes_no_more(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(60)]
    world.put(source, letters)
    move, moved = Move(adapter, source, target, hand=10), 0
    async with move.lease() as lease:
        async for batch in lease.batches(5):
            await lease.move(move.transfers(batch))
            moved += len(batch)
            await lease.drain()
    assert 5 <= moved <= 20
    assert world.contents(target) == letters[:moved]
    assert await left_in(world, adapter, source) == letters[moved:]


async def test_a_target_that_vanished_takes_no_letter_away(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(12)]
    world.put(source, letters)
    move = Move(adapter, source, target)
    planned = await move.planned()
    world.remove(target)
    states: set[PublishStatus] = set()
    try:
        async with move.lease(planned) as lease:
            async for batch in lease.batches(4):
                receipts = await lease.move(move.transfers(batch))
                assert all(receipt.reason for receipt in receipts)
                states |= {receipt.state for receipt in receipts}
                await lease.release(batch)
    except MqtuiError as error:
        assert error.title
    assert states <= {PublishStatus.RETURNED, PublishStatus.REFUSED}
    assert await left_in(world, adapter, source) == letters
    assert target.name not in repr(world.fingerprint())


async def test_one_refused_letter_stays_and_the_others_go(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(9)]
    world.put(source, letters)
    move = Move(adapter, source, target)
    elsewhere = world.ref(world.name("missing"))
    source_taken, plan = await move.planned()
    plan = replace(plan, steps=(*plan.steps, Deliver(elsewhere, exact(1))))
    states: list[PublishStatus] = []
    async with move.lease((source_taken, plan)) as lease:
        async for batch in lease.batches(100):
            bad, transfers = 4 - len(states), move.transfers(batch)
            if 0 <= bad < len(batch):
                transfers[bad] = (
                    structs.replace(transfers[bad], added=(("x-much", large(world).value, ""),))
                    if world.kind is BrokerKind.KAFKA
                    else structs.replace(transfers[bad], target=elsewhere)
                )
            states += [receipt.state for receipt in await lease.move(transfers)]
            await lease.release(batch[bad : bad + 1] if bad >= 0 else [])
    assert states.pop(4) in (PublishStatus.RETURNED, PublishStatus.REFUSED)
    assert states == [PublishStatus.STORED] * 8
    assert world.contents(target) == letters[:4] + letters[5:]
    assert await left_in(world, adapter, source) == [letters[4]]


async def test_two_runs_of_one_source_double_nothing(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    letters = [world.letter(number) for number in range(40)]
    world.put(source, letters)
    other = world.connect()
    first = Move(adapter, source, target, hand=10, run=uuid.uuid4().hex, shared=True)
    second = Move(other, source, target, hand=10, run=uuid.uuid4().hex, operator="somebody else", shared=True)
    try:
        async with first.lease() as one:
            batches = aiter(one.batches(10))
            await one.move(first.transfers(await anext(batches)))
            if world.traits.holds:
                with pytest.raises(Held) as refused:
                    async with second.lease():
                        pytest.fail("two runs hold one source")
                assert "contract" in str(refused.value)
            else:
                async with second.lease() as two:
                    async for batch in two.batches(10):
                        await two.move(second.transfers(batch))
            async for batch in batches:
                await one.move(first.transfers(batch))
    finally:
        await other.close()
    if not world.traits.holds:
        await Move(adapter, source, target).all()
    moved = world.contents(target)
    assert len(moved) == len(set(moved)) == 40
    assert set(moved) == set(letters)
    assert await left_in(world, adapter, source) == []


async def test_a_run_can_be_taken_over(world: World, adapter: Adapter) -> None:
    source, target = world.create("dlq"), world.create("home")
    if not world.traits.holds:
        assert (await adapter.broker.snapshot(source)).lock_owner is None
        return
    letters = [world.letter(number) for number in range(20)]
    world.put(source, letters)
    other = world.connect()
    first = Move(adapter, source, target)
    try:
        taker = Move(other, source, target, run=uuid.uuid4().hex, operator="other", take_over=True)
        async with first.lease() as one:
            batches = aiter(one.batches(5))
            moved = len(await one.move(first.transfers(await anext(batches))))
            late = await anext(batches)
            holder = (await other.broker.snapshot(source)).lock_owner
            assert holder is not None
            assert (holder.run, holder.operator, holder.stale) == (first.run, "contract", False)
            async with taker.lease() as two:
                with pytest.raises(FencedDuringMove, match=r"other|taken") as lost:
                    await one.move(first.transfers(late))
                assert not isinstance(lost.value.results, BulkResult)
                assert {receipt.state for receipt in lost.value.results} == {PublishStatus.RETURNED}
                async for batch in two.batches(5):
                    moved += len(await two.move(taker.transfers(batch)))
        assert moved == 20
        assert world.contents(target) == letters
        assert await left_in(world, other, source) == []
    finally:
        await other.close()
