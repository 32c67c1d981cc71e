"""R2, R5, R6, R8, R9, R10, C6: how letters are taken from a RabbitMQ queue, moved, held and requeued."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.brokers.rabbitmq.redrive.move import MoveSession
from mqtui.brokers.rabbitmq.redrive.queue_consumer import ConsumeLimits
from mqtui.domain.errors import NotFound, Refused, Unsupported
from mqtui.domain.field_table import string
from mqtui.domain.redrive import CountBound, PublishStatus
from mqtui.domain.resource import Kind, Ref
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    RUN,
    STREAM,
    Rabbit,
    adapter,
    lease_options,
    move_all,
    numbered,
    open_lease,
    queue_ref,
    states,
    transfers_to,
    until,
    without_management,
    writer,
)

LIMITED = {**QUORUM, "x-delivery-limit": 20}


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


def counts(rabbit: Rabbit, queue: str) -> list[int]:
    """How often each message left in a quorum queue was delivered before."""
    return [(properties.headers or {}).get("x-delivery-count", 0) for _, properties, _ in rabbit.drain(queue)]


def spend(rabbit: Rabbit, queue: str, times: int, count: int) -> None:
    for _ in range(times):
        for _ in range(count):
            assert rabbit.channel.basic_get(queue)[0] is not None
        rabbit.channel.basic_nack(0, multiple=True, requeue=True)
        until(lambda: rabbit.ready(queue) >= count, "returned")


@pytest.mark.parametrize("arguments", [None, LIMITED])
async def test_a_consumer_never_gets_more_than_is_left_to_move(
    rabbit: Rabbit, arguments: dict[str, Any] | None
) -> None:
    """R2, R10: of 1,200 letters 1,000 are wanted with 300 in flight; the other 200 were never delivered to anybody."""
    source, target = rabbit.queue(arguments), rabbit.queue()
    rabbit.fill(source, numbered(1200))
    async with open_lease(rabbit, source, lease_options(300, limit=1000)) as lease:
        receipts = await move_all(lease, queue_ref(target), 150)
    assert states(receipts) == [PublishStatus.STORED] * 1000
    rabbit.wait_until_ready(source, 200)
    assert rabbit.bodies(target) == numbered(1000)
    if arguments:
        assert counts(rabbit, source) == [0] * 200
    else:
        assert [method.redelivered for method, _, _ in rabbit.drain(source)] == [False] * 200


async def test_a_stop_finishes_what_is_in_flight(rabbit: Rabbit) -> None:
    """R2: `drain` ends the taking; letters that are out already are moved, not returned."""
    source, target = rabbit.queue(LIMITED), rabbit.queue()
    rabbit.fill(source, numbered(1000))
    moved = 0
    async with open_lease(rabbit, source, lease_options(200)) as lease:
        async for batch in lease.batches(100):
            receipts = await lease.move(transfers_to(list(batch), queue_ref(target)))
            assert states(receipts) == [PublishStatus.STORED] * len(batch)
            moved += len(batch)
            await lease.drain()
    assert 100 <= moved <= 600
    rabbit.wait_until_ready(source, 1000 - moved)
    assert rabbit.bodies(target) == numbered(moved)
    assert counts(rabbit, source) == [0] * (1000 - moved)


async def test_letters_with_few_deliveries_left_come_alone(rabbit: Rabbit) -> None:
    """R2: from the first letter with fewer than 3 left on one is out at a time, and the next when it was moved."""
    source, target = rabbit.queue({**QUORUM, "x-delivery-limit": 3}), rabbit.queue()
    rabbit.fill(source, numbered(6))
    spend(rabbit, source, 1, 4)
    sizes: list[int] = []
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        async for batch in lease.batches(10):
            sizes.append(len(batch))
            await lease.move(transfers_to(list(batch), queue_ref(target)))
    assert sizes == [1] * 6
    assert rabbit.bodies(target) == numbered(6)


async def test_a_letter_with_none_left_is_moved_or_republished_never_requeued(rabbit: Rabbit) -> None:
    """R2, R3: selected it moves; unselected, or refused by its target, it is copied to the tail and none dies."""
    dead, target = rabbit.queue(), rabbit.queue()
    source = rabbit.queue(
        {**QUORUM, "x-delivery-limit": 3, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
    )
    rabbit.fill(source, numbered(4))
    spend(rabbit, source, 3, 3)
    nowhere = queue_ref(rabbit.name())
    lefts: list[int | float | None] = []
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        async for batch in lease.batches(10):
            (letter,) = batch if len(batch) == 1 else (batch[0],)
            assert letter.envelope is not None
            lefts.append(letter.envelope.left.number)
            if letter.value == b"00000":
                assert states(await lease.move(transfers_to([letter], queue_ref(target)))) == [PublishStatus.STORED]
            elif letter.value == b"00001":
                assert states(await lease.move(transfers_to([letter], nowhere))) == [PublishStatus.RETURNED]
            else:
                await lease.release(batch)
    assert lefts == [0, 0, 0, 3]
    rabbit.wait_until_ready(source, 3)
    assert rabbit.ready(dead) == 0
    assert rabbit.bodies(target) == [b"00000"]
    left = {body: (properties.headers or {}).get("x-delivery-count", 0) for _, properties, body in rabbit.drain(source)}
    assert left == {b"00001": 0, b"00002": 0, b"00003": 1}


async def test_a_letter_abandoned_unacknowledged_with_none_left_is_republished(rabbit: Rabbit) -> None:
    """R3: leaving the lease with such a letter unacknowledged republishes it too."""
    source = rabbit.queue({**QUORUM, "x-delivery-limit": 3})
    rabbit.fill(source, numbered(1))
    spend(rabbit, source, 3, 1)
    async with open_lease(rabbit, source, lease_options()) as lease:
        async for batch in lease.batches(1):
            assert len(batch) == 1
            break
    rabbit.wait_until_ready(source, 1)
    assert counts(rabbit, source) == [0]


async def test_a_returned_letter_in_the_middle_ends_the_prefix(rabbit: Rabbit) -> None:
    """R6: `ack multiple` never covers a letter that was returned; it alone stays, in its place."""
    source, target = rabbit.queue(), rabbit.queue()
    rabbit.fill(source, numbered(30))
    nowhere = queue_ref(rabbit.name())
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        async for batch in lease.batches(30):
            transfers = transfers_to(list(batch), queue_ref(target))
            for place in (0, 11, 12, 20):
                transfers[place] = structs.replace(transfers[place], target=nowhere)
            receipts = await lease.move(transfers)
    refused = [place for place, receipt in enumerate(receipts) if receipt.state is PublishStatus.RETURNED]
    assert refused == [0, 11, 12, 20]
    assert {receipts[place].reason for place in refused} == {"unroutable: 312 NO_ROUTE"}
    assert rabbit.bodies(source) == [numbered(30)[place] for place in refused]
    assert rabbit.bodies(target) == [body for place, body in enumerate(numbered(30)) if place not in refused]


async def test_a_full_target_refuses_and_the_letters_stay(rabbit: Rabbit) -> None:
    """R6: a nack is a refusal with its reason."""
    source, target = rabbit.queue(), rabbit.queue({"x-max-length": 4, "x-overflow": "reject-publish"})
    rabbit.fill(source, numbered(10))
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        receipts = await move_all(lease, queue_ref(target), 10)
    stored = states(receipts).count(PublishStatus.STORED)
    assert 4 <= stored < 10
    assert all("nack" in receipt.reason for receipt in receipts if receipt.state is PublishStatus.REFUSED)
    assert sorted(rabbit.bodies(source) + rabbit.bodies(target)) == numbered(10)


async def test_a_missing_exchange_or_right_refuses_and_nothing_is_lost(rabbit: Rabbit) -> None:
    """A refused publish would close the channel: it is asked before, and the letters stay in order."""
    source, exchange = rabbit.queue(LIMITED), rabbit.exchange("fanout")
    rabbit.fill(source, numbered(5))
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        async for batch in lease.batches(5):
            receipts = await lease.move(transfers_to(list(batch), Ref(Kind.EXCHANGE, rabbit.name())))
    assert states(receipts) == [PublishStatus.REFUSED] * 5
    assert "NOT_FOUND" in receipts[0].reason
    with rabbit.user(write=r"^amq\.default$") as address:
        async with adapter(address) as broker:
            snapshot = await broker.broker.snapshot(queue_ref(source))
            async with writer(broker).lease(snapshot, lease_options()) as lease:
                receipts = await move_all(lease, Ref(Kind.EXCHANGE, exchange), 5)
    assert states(receipts) == [PublishStatus.REFUSED] * 5
    assert "not allowed" in receipts[0].reason
    rabbit.wait_until_ready(source, 5)
    assert rabbit.bodies(source) == numbered(5)


async def test_the_redrive_ends_at_a_letter_of_this_run(rabbit: Rabbit) -> None:
    """R8: a letter that came back from this run, and what stands behind it, is put back."""
    source, target = rabbit.queue(), rabbit.queue()
    rabbit.fill(source, numbered(5))
    rabbit.publish("", source, b"came back", headers={"x-mqtui-run": RUN})
    rabbit.fill(source, [b"behind"])
    rabbit.wait_until_ready(source, 7)
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        receipts = await move_all(lease, queue_ref(target), 100)
    assert len(receipts) == 5
    assert rabbit.bodies(target) == numbered(5)
    assert rabbit.bodies(source) == [b"came back", b"behind"]


async def test_the_redrive_ends_at_a_letter_that_died_after_planning(rabbit: Rabbit) -> None:
    """R8: by the death time of the newest `x-death`; letters that died before are moved."""
    source, target = rabbit.queue(), rabbit.queue()
    work = rabbit.queue({"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": source})
    for body in numbered(3):
        rabbit.publish("", work, body)
    rabbit.wait_until_ready(source, 3)
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        assert isinstance(snapshot.bounds, CountBound) and snapshot.bounds.at is not None
        earlier = replace(snapshot, bounds=CountBound(3, snapshot.bounds.at - 60_000))
        async with writer(broker).lease(earlier, lease_options()) as lease:
            assert await move_all(lease, queue_ref(target)) == []
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            assert states(await move_all(lease, queue_ref(target))) == [PublishStatus.STORED] * 3
    assert rabbit.bodies(target) == numbered(3)


async def test_consumers_of_the_source_are_refused_unless_agreed(rabbit: Rabbit) -> None:
    """R8: `--yes-shared`."""
    source, target = rabbit.queue(), rabbit.queue()
    rabbit.fill(source, numbered(5))
    with rabbit.consumer(source):
        rabbit.wait_until_ready(source, 4)
        until(lambda: "somebody" in rabbit.management.get("/consumers/%2F").text, "the consumer is listed")
        async with adapter(rabbit.address) as broker:
            snapshot = await broker.broker.snapshot(queue_ref(source))
            assert any("somebody@" in reader for reader in snapshot.readers)
            with pytest.raises(Refused, match="has consumers"):
                async with writer(broker).lease(snapshot, lease_options()):
                    pytest.fail("the lease was given")
            async with writer(broker).lease(snapshot, lease_options(shared=True)) as lease:
                receipts = await move_all(lease, queue_ref(target))
    assert states(receipts) == [PublishStatus.STORED] * 4


async def test_a_selective_redrive_keeps_the_order_of_the_rest(rabbit: Rabbit) -> None:
    """R9, R5: what is not selected is held and returned at the end; order and bytes as before.

    One `nack multiple` does not do that on a quorum queue [3.10.8 sorts by consumer, and not at all over 32].
    """
    source, target = rabbit.queue(LIMITED), rabbit.queue()
    rabbit.fill(source, numbered(500))
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        async for batch in lease.batches(50):
            chosen = [letter for letter in batch if int(letter.value or b"0") % 7 == 0]
            await lease.release([letter for letter in batch if letter not in chosen])
            await lease.move(transfers_to(chosen, queue_ref(target)))
    rest = [body for body in numbered(500) if int(body) % 7]
    rabbit.wait_until_ready(source, len(rest))
    assert rabbit.bodies(source) == rest
    assert rabbit.bodies(target) == numbered(500)[::7]


@pytest.mark.parametrize(("held", "seconds"), [(20, 300.0), (10_000, 0.0)])
async def test_a_selective_redrive_ends_when_it_holds_too_many_or_too_long(
    rabbit: Rabbit, held: int, seconds: float
) -> None:
    """R9: 10,000 held or 5 minutes; here fewer."""
    source = rabbit.queue()
    rabbit.fill(source, numbered(100))
    session = RabbitSession(rabbit.address)
    queue = await describe_queue(session, source)

    async def move_some() -> list[int]:
        connection = await session.connect()
        limits = ConsumeLimits(100, 50, RUN, snapshot_time=2**60, max_held=held, max_held_seconds=seconds)
        moves = MoveSession(session, queue, connection, await connection.channel(), limits)
        await moves.open()
        sizes = []
        while batch := await moves.consumer.next_batch(10):
            sizes.append(len(batch))
            await moves.release(batch)
        await moves.finish()
        return sizes

    sizes = await session.io.call(move_some())
    await session.close()
    assert sum(sizes) <= (held + 55 if seconds else 55)
    assert sum(sizes) < 100
    assert rabbit.bodies(source) == numbered(100)


async def test_settled_letters_are_gone_and_the_rest_is_returned_in_order(rabbit: Rabbit) -> None:
    """C3: discard is the same redrive without a target; what nobody settles goes back."""
    source = rabbit.queue(LIMITED)
    rabbit.fill(source, numbered(20))
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        async for batch in lease.batches(20):
            assert states(await lease.settle(batch[::2])) == [PublishStatus.STORED] * 10
            again = await lease.settle(batch[:1])
            assert states(again) == [PublishStatus.GONE]
    rabbit.wait_until_ready(source, 10)
    assert rabbit.bodies(source) == numbered(20)[1::2]


async def test_an_auto_delete_queue_survives_the_redrive(rabbit: Rabbit) -> None:
    """R11: the last consumer's end would delete it with its letters: it is read by `basic.get`."""
    source, target = rabbit.queue(auto_delete=True, durable=False), rabbit.queue()
    rabbit.fill(source, numbered(300))
    async with open_lease(rabbit, source, lease_options(50, limit=200)) as lease:
        assert len(await move_all(lease, queue_ref(target), 50)) == 200
    assert rabbit.bodies(source) == numbered(300)[200:]


async def test_without_the_management_api_letters_are_taken_one_by_one(rabbit: Rabbit) -> None:
    """R4: an untold limit counts as 1 left."""
    source, target = rabbit.queue(), rabbit.queue()
    rabbit.fill(source, numbered(5))
    async with adapter(without_management(rabbit.address)) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            sizes = []
            async for batch in lease.batches(10):
                sizes.append(len(batch))
                await lease.move(transfers_to(list(batch), queue_ref(target)))
    assert sizes == [1] * 5
    assert rabbit.bodies(target) == numbered(5)


async def test_a_source_that_can_not_be_one_says_so(rabbit: Rabbit) -> None:
    stream, exchange = rabbit.queue(STREAM), rabbit.exchange()
    async with adapter(rabbit.address) as broker:
        for ref in (Ref(Kind.STREAM, stream), queue_ref(stream), Ref(Kind.EXCHANGE, exchange)):
            with pytest.raises(Unsupported):
                await broker.broker.snapshot(ref)
        with pytest.raises(NotFound):
            await broker.broker.snapshot(queue_ref(rabbit.name()))


async def test_added_headers_stand_behind_and_order_is_kept(rabbit: Rabbit) -> None:
    """R10: one channel, one order; through an exchange with the routing key of the transfer."""
    source, target, exchange = rabbit.queue(), rabbit.queue(), rabbit.exchange("topic")
    rabbit.channel.queue_bind(target, exchange, "a.*")
    rabbit.fill(source, numbered(700), headers={"k": 1})
    async with open_lease(rabbit, source, lease_options(100)) as lease:
        async for batch in lease.batches(100):
            transfers = transfers_to(list(batch), Ref(Kind.EXCHANGE, exchange), "a.b")
            ours = (("x-mqtui-run", string(RUN), "string"),)
            await lease.move([structs.replace(transfer, added=ours) for transfer in transfers])
    found = rabbit.drain(target)
    assert [body for _, _, body in found] == numbered(700)
    assert {tuple(properties.headers.items()) for _, properties, _ in found} == {(("k", 1), ("x-mqtui-run", RUN))}
    assert {(method.exchange, method.routing_key) for method, _, _ in found} == {(exchange, "a.b")}
