"""Peek a queue: take messages unacknowledged, one by one, and requeue them in order (R3, R5).

On a queue with a delivery limit that uses up a delivery of each. The peek budget records that before the message is
asked for (R13). A message with no delivery left is published again instead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack

from mqtui.brokers.port import Batch
from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection import alarms, permission_probes
from mqtui.brokers.rabbitmq.connection.ack_tracker import AckTracker
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.messages import queue_message
from mqtui.brokers.rabbitmq.read import peek_budget
from mqtui.brokers.rabbitmq.read.last_delivery import LastDeliveryRepublisher
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo
from mqtui.brokers.rabbitmq.read.streams import BATCH, BATCH_BYTES
from mqtui.domain.errors import BrokerTrouble, MqtuiError, NotAuthorised, Refused
from mqtui.domain.message import Message

UNREADABLE_CODES = (501, 541)
"""Reply codes with which a broker closes the connection over a message that AMQP 0-9-1 can't carry [4.0.5: 541]."""


class UnreadableMessage(BrokerTrouble):
    """The broker closed the connection over a message that AMQP 0-9-1 can't carry."""


async def require_republish(session: RabbitSession, queue: QueueInfo) -> None:
    """Check that a message with no delivery left could be published again.

    Raises:
        NotAuthorised: the user may not publish to the default exchange.
    """
    async with session.connection() as connection:
        try:
            await permission_probes.require_write(connection, "", queue.name)
        except NotAuthorised as error:
            raise NotAuthorised(
                f"{queue.name} can't be peeked without the right to publish",
                f"A message with no delivery left would be lost by the peek: it is published again. {error.detail}",
                error.hint
                if queue.type != UNKNOWN
                else f"{error.hint} Whether the queue has a delivery limit can be read from the management API: {HINT}",
            ) from error


async def peek(session: RabbitSession, queue: QueueInfo, count: int) -> AsyncIterator[Batch]:
    """Up to `count` messages from the head, in batches; all are requeued.

    A peek that was cancelled here, or whose connection was lost, stays in the budget as one that used up a delivery.

    Raises:
        Refused: an alarm blocks publishers, and a message with no delivery left could not be published again.
        NotAuthorised: no permission to read, or to publish such a message.
        UnreadableMessage: AMQP 0-9-1 can't carry the next message; those before it were yielded.
        StorageFailed: the budget could not be written, so nothing was asked for.
    """
    if queue.limit.counts_deliveries:
        await _prepare(session, queue)
    key = await peek_budget.budget_key(session, queue.name)
    await peek_budget.record_start(session, queue, key)
    try:
        async for batch in session.io.iterate(lambda: take_and_requeue(session, queue, count)):
            await peek_budget.record_deliveries_left(session, key, queue.limit, batch)
            yield batch
    except UnreadableMessage:
        await session.with_peek_budget(lambda budget: budget.end(key, unreadable=1))
        raise
    except BrokerTrouble:
        raise
    except (MqtuiError, GeneratorExit):
        await session.with_peek_budget(lambda budget: budget.end(key))
        raise
    await session.with_peek_budget(lambda budget: budget.end(key))
    await peek_budget.wait_for_counters(session, queue, key)


async def _prepare(session: RabbitSession, queue: QueueInfo) -> None:
    """Check that a message with no delivery left could be published again."""
    stopped = await alarms.describe_alarms(session)
    if not stopped:
        await session.io.call(require_republish(session, queue))
    elif _may_be_used_up(queue):
        raise Refused(
            f"{queue.ref} can't be peeked now",
            f"an alarm of {stopped} stops publishers: a message with no delivery left could not be published again",
            "Try again when the alarm is over.",
        )


def _may_be_used_up(queue: QueueInfo) -> bool:
    """Whether a message may have no delivery left: that takes as many redeliveries as the limit allows."""
    stats = queue.row.get("message_stats") or {}
    return queue.limit.number is None or int(stats.get("redeliver", 0)) + 1 >= queue.limit.number


async def take_and_requeue(session: RabbitSession, queue: QueueInfo, count: int) -> AsyncGenerator[list[Message], None]:
    """Up to `count` messages from the head, in batches. Runs on the I/O thread.

    However it ends, the messages are requeued in order.

    Raises:
        NotAuthorised: no permission to read.
        UnreadableMessage: AMQP 0-9-1 can't carry the next message; those before it were yielded.
    """
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(session.connection())
        republisher = LastDeliveryRepublisher(session, queue.name)
        stack.push_async_callback(republisher.close)
        channel = await connection.channel()
        peeked = UnackedPeek(queue, channel, republisher)
        stack.push_async_callback(channel.close)
        stack.push_async_callback(peeked.requeue)
        batch: list[Message] = []
        size = 0
        refused: UnreadableMessage | None = None
        for position in range(1, min(count, queue.ready) + 1):
            try:
                message = await peeked.take()
            except BrokerTrouble as error:
                refused = unreadable(queue, channel, position)
                if refused is None:
                    raise
                refused.__cause__ = error
                break
            if message is None:
                break
            batch.append(message)
            size += message.size
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        await peeked.requeue()
        if batch:
            yield batch
        if refused is not None:
            raise refused


def unreadable(queue: QueueInfo, channel: Channel, position: int) -> UnreadableMessage | None:
    """The error where the broker closed the connection over a message that AMQP 0-9-1 can't carry; None otherwise."""
    answer = None if channel.close_reason is None else errors.channel_error(channel.close_reason)
    if answer is None or answer[0] not in UNREADABLE_CODES:
        return None
    spent = ". This peek used up a delivery of it, and of those before it" if queue.limit.counts_deliveries else ""
    return UnreadableMessage(
        f"Message {position:,} from the head of {queue.name} can't be read",
        f"the broker answers {answer[1]}: AMQP 0-9-1 can't carry it{spent}",
        "An AMQP 1.0 client can read it, or take it out.",
    )


class UnackedPeek:
    """Messages of one queue that were delivered and not yet requeued."""

    def __init__(self, queue: QueueInfo, channel: Channel, republisher: LastDeliveryRepublisher) -> None:
        self._queue = queue
        self._channel = channel
        self._republisher = republisher
        self._acks = AckTracker(channel, queue.name, lambda _: True, queue.ack_visibility)
        self._is_last = False

    async def take(self) -> Message | None:
        """The next message; None at the end of the queue, or behind one that has one delivery left."""
        if self._is_last:
            return None
        got = await self._channel.get(self._queue.name)
        if got is None:
            return None
        info, properties, body = got
        self._acks.on_delivery(info.delivery_tag)
        message = queue_message(self._queue.ref, info, properties, body, self._queue.limit)
        left = self._queue.limit.deliveries_left(message.envelope.deliveries if message.envelope else None)
        if left == 0:
            await self._republisher.republish(self._channel, info.delivery_tag, properties, body)
            self._acks.mark_acked(info.delivery_tag)
            return message
        self._is_last = left == 1
        return message

    async def requeue(self) -> None:
        """Requeue all of them, in order."""
        if self._channel.close_reason is None:
            await self._acks.requeue_all()
