"""R13: what a peek spends is written before it is asked for, and belongs to that very queue."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mqtui.brokers.rabbitmq.connection.session import InMemoryPeekBudget, RabbitSession
from mqtui.brokers.rabbitmq.read import peek_budget, queue_fingerprint
from mqtui.brokers.rabbitmq.read.peek_queue import UnreadableMessage
from mqtui.brokers.rabbitmq.read.queue_fingerprint import QueueFingerprint
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.domain.errors import Refused
from mqtui.domain.message import Message
from mqtui.domain.plan import Severity
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.state.peek_budget import StoredPeekBudget
from tests.contract import amqp10
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    Rabbit,
    adapter,
    lease_options,
    numbered,
    peek_messages,
    plan_of,
    queue_ref,
    states,
    transfers_to,
    until,
    writer,
)

THREE = {**QUORUM, "x-delivery-limit": 3}


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


def native(rabbit: Rabbit) -> None:
    """Skip where the broker does not store AMQP 1.0 messages as they are: it turns them into 0-9-1 at once."""
    if rabbit.version_numbers < (4,):
        pytest.skip(f"RabbitMQ {rabbit.version} has no message that 0-9-1 can't carry")


def send_unreadable(rabbit: Rabbit, queue: str) -> None:
    """A message with a UUID among its application properties, which the broker can't write as 0-9-1 [4.0.5: 541]."""
    host, port = rabbit.address.hosts[0]
    with amqp10.Sender(host, port, queue) as sender:
        sender.send(amqp10.message(b"unreadable", {"id": uuid.UUID(int=1)}))


async def peek(rabbit: Rabbit, queue: str, counts: InMemoryPeekBudget | StoredPeekBudget) -> list[bytes | None]:
    async with adapter(rabbit.address) as broker:
        broker.peek_budget = counts
        return [message.value for message in await peek_messages(broker, queue, 10)]


async def test_an_unreadable_message_is_named_and_survives_every_peek(rabbit: Rabbit) -> None:
    """The peek that met it spent a delivery; how many it had left nobody can read, so the next ones are refused."""
    native(rabbit)
    dead = rabbit.queue()
    queue = rabbit.queue({**THREE, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    send_unreadable(rabbit, queue)
    rabbit.publish("", queue, b"plain")
    rabbit.wait_until_ready(queue, 2)
    counts = InMemoryPeekBudget()
    with pytest.raises(UnreadableMessage, match=f"Message 1 from the head of {queue} can't be read") as told:
        await peek(rabbit, queue, counts)
    assert "541 INTERNAL_ERROR" in told.value.detail
    assert "used up a delivery" in told.value.detail
    for _ in range(5):
        with pytest.raises(Refused, match="how many deliveries it has left can't be read"):
            await peek(rabbit, queue, counts)
    rabbit.wait_until_ready(queue, 2)
    assert rabbit.ready(dead) == 0


async def test_what_stands_before_an_unreadable_message_is_shown(rabbit: Rabbit) -> None:
    native(rabbit)
    queue = rabbit.queue()
    rabbit.fill(queue, numbered(3))
    send_unreadable(rabbit, queue)
    rabbit.wait_until_ready(queue, 4)
    shown: list[Message] = []
    async with adapter(rabbit.address) as broker:
        with pytest.raises(UnreadableMessage, match="Message 4 from the head"):
            async for batch in writer(broker).peek_unacked(queue_ref(queue), 10):
                shown += batch
        assert not (await broker.broker.reader.peek_cost(queue_ref(queue), 1)).refusal, "a classic queue spends nothing"
    assert [message.value for message in shown] == numbered(3)
    rabbit.wait_until_ready(queue, 4)


async def test_a_move_leaves_an_unreadable_letter_and_what_stands_behind_it(rabbit: Rabbit) -> None:
    """It is named as the reason of the end; the next run takes those before it one by one; then the limit is kept."""
    native(rabbit)
    source, target = rabbit.queue(THREE), rabbit.queue()
    rabbit.fill(source, numbered(4))
    send_unreadable(rabbit, source)
    rabbit.publish("", source, b"behind")
    rabbit.wait_until_ready(source, 6)
    counts = InMemoryPeekBudget()
    reasons: list[str] = []
    receipts: list[Receipt] = []
    for _ in range(2):
        async with adapter(rabbit.address) as broker:
            broker.peek_budget = counts
            snapshot = await broker.broker.snapshot(queue_ref(source))
            async with writer(broker).lease(snapshot, lease_options(2)) as lease:
                async for batch in lease.batches(2):
                    receipts += await lease.move(transfers_to(list(batch), queue_ref(target)))
            reasons.append(getattr(lease, "end_reason", ""))
        until(lambda: rabbit.ready(source) + rabbit.ready(target) == 6, "requeued")
    assert all("can't be read: the broker answers 541" in reason for reason in reasons)
    assert states(receipts) == [PublishStatus.STORED] * 4
    assert rabbit.bodies(target) == numbered(4)
    rabbit.wait_until_ready(source, 2)
    async with adapter(rabbit.address) as broker:
        broker.peek_budget = counts
        snapshot = await broker.broker.snapshot(queue_ref(source))
        plan = await broker.broker.check_plan(snapshot, plan_of(snapshot, queue_ref(target)))
        risk = {risk.name: risk for risk in plan.risks}["unreadable"]
        assert (risk.severity, risk.final) == (Severity.REFUSE, True)
        with pytest.raises(Refused, match="can't be redriven"):
            async with writer(broker).lease(snapshot, lease_options()):
                pytest.fail("the lease was given")
    rabbit.wait_until_ready(source, 2)


async def test_a_peek_that_was_cut_off_has_spent_a_delivery(rabbit: Rabbit) -> None:
    """Written before it is asked for: the process may end while messages are held, and nothing tells their counts."""
    queue = rabbit.queue(THREE)
    rabbit.fill(queue, numbered(3))
    counts = InMemoryPeekBudget()
    async with adapter(rabbit.address) as broker:
        broker.peek_budget = counts
        session = RabbitSession(rabbit.address)
        session.peek_budget = counts
        described = await describe_queue(session, queue)
        key = await peek_budget.budget_key(session, queue)
        for _ in range(2):
            await peek_budget.record_start(session, described, key)
        await session.close()
        assert (await broker.broker.reader.peek_cost(queue_ref(queue), 1)).left.number == 1
        assert await peek(rabbit, queue, counts) == numbered(3), "one that is answered brings its own figure"
        assert (await broker.broker.reader.peek_cost(queue_ref(queue), 1)).left.number == 0
    with pytest.raises(Refused):
        await peek(rabbit, queue, counts)


async def spend_all(rabbit: Rabbit, queue: str, counts: InMemoryPeekBudget | StoredPeekBudget) -> None:
    """Peek until peeks are refused."""
    for _ in range(4):
        try:
            await peek(rabbit, queue, counts)
        except Refused:
            return
    pytest.fail("peeks are never refused")


async def test_a_queue_made_again_starts_anew(rabbit: Rabbit) -> None:
    """The same name and the same arguments, and a message that was never delivered."""
    queue = rabbit.queue(THREE)
    rabbit.fill(queue, numbered(2))
    counts = InMemoryPeekBudget()
    await spend_all(rabbit, queue, counts)
    with pytest.raises(Refused):
        await peek(rabbit, queue, counts)
    rabbit.channel.queue_delete(queue)
    rabbit.queue(THREE, name=queue)
    rabbit.fill(queue, [b"new"])
    assert await peek(rabbit, queue, counts) == [b"new"]


async def test_a_queue_made_again_with_other_arguments_starts_anew(rabbit: Rabbit) -> None:
    queue = rabbit.queue({**QUORUM, "x-delivery-limit": 1})
    rabbit.fill(queue, numbered(1))
    counts = InMemoryPeekBudget()
    await spend_all(rabbit, queue, counts)
    rabbit.channel.queue_delete(queue)
    rabbit.queue({**QUORUM, "x-delivery-limit": 2}, name=queue)
    rabbit.fill(queue, [b"new"])
    assert await peek(rabbit, queue, counts) == [b"new"]


async def test_the_same_queue_is_never_taken_for_another(rabbit: Rabbit) -> None:
    """Whatever happens to it: messages come and go, are returned, expire; its counters are read again and again."""
    queue = rabbit.queue(THREE)
    rabbit.fill(queue, numbered(5))
    session = RabbitSession(rabbit.address)

    async def now() -> QueueFingerprint:
        known = await queue_fingerprint.take_fingerprint(session, await describe_queue(session, queue))
        assert known is not None
        return known

    before = [await now()]
    for number in range(6):
        assert rabbit.channel.basic_get(queue)[0] is not None
        rabbit.channel.basic_nack(0, multiple=True, requeue=number % 2 == 0)
        rabbit.publish("", queue, b"more")
        before.append(await now())
    latest = before[-1]
    await session.close()
    assert not any(queue_fingerprint.is_different_queue(earlier, latest) for earlier in before)


def test_no_proof_means_the_same_queue() -> None:
    """A node that started again, several nodes, counters of a broker that forgot all of them: nothing is proved."""
    known = QueueFingerprint("quorum", None, None, "rabbit@a", 1000, 5, 5, 100)
    assert not queue_fingerprint.is_different_queue(
        known, replace(known, node_started=2000, published=0, delivered=0, broker_total=200)
    )
    assert not queue_fingerprint.is_different_queue(
        known, replace(known, node="rabbit@b", published=0, broker_total=200)
    )
    assert not queue_fingerprint.is_different_queue(known, replace(known, published=0, delivered=0, broker_total=0))
    assert not queue_fingerprint.is_different_queue(known, replace(known, node_started=None, published=0))
    assert queue_fingerprint.is_different_queue(known, replace(known, published=0, delivered=0, broker_total=101))
    log = QueueFingerprint("quorum", 40, 41)
    assert not queue_fingerprint.is_different_queue(log, QueueFingerprint("quorum", 39, 40))
    assert not queue_fingerprint.is_different_queue(log, QueueFingerprint("quorum"))
    assert queue_fingerprint.is_different_queue(log, QueueFingerprint("quorum", 5, 6))
