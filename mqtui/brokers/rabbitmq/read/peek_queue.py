"""The peek of a queue that may spend deliveries (R3, R5): messages are taken one by one and requeued in order.

Each is written down as spent before it is asked for. One without a delivery left is published again instead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack

from mqtui.brokers.port import Batch
from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection import alarms, permission_probes
from mqtui.brokers.rabbitmq.connection.ack_tracker import Acks
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.messages import letter
from mqtui.brokers.rabbitmq.read import peek_budget
from mqtui.brokers.rabbitmq.read.last_delivery import Rescuer
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue
from mqtui.brokers.rabbitmq.read.streams import BATCH, BATCH_BYTES
from mqtui.domain.errors import BrokerTrouble, MqtuiError, NotAuthorised, Refused
from mqtui.domain.message import Message

UNREADABLE = (501, 541)
"""With these a broker ends a connection over a message that it can't write as AMQP 0-9-1 [4.0.5: 541]."""


class Unreadable(BrokerTrouble):
    """The broker answered with an error instead of a message."""


async def check_right(access: Access, facts: Queue) -> None:
    """Whether a message with no delivery left could be saved; asked on a connection of its own.

    Raises:
        NotAuthorised: the user may not publish to the default exchange.
    """
    async with access.link() as link:
        try:
            await permission_probes.may_write(link, "", facts.name)
        except NotAuthorised as error:
            raise NotAuthorised(
                f"{facts.name} can't be looked at without the right to publish",
                f"A message with no delivery left would be lost by the look: it is published again. {error.detail}",
                error.hint
                if facts.sort != UNKNOWN
                else f"{error.hint} Where it has no such limit, that can be read: {HINT}",
            ) from error


async def look(access: Access, facts: Queue, count: int) -> AsyncIterator[Batch]:
    """Messages from the head, lent. What is spent is written down before it is asked for.

    A look that was broken off by this side, or by a lost connection, stays written as one that spent a delivery.

    Raises:
        Refused: publishers are stopped by an alarm, and a message without a delivery left could not be saved.
        NotAuthorised: no right to read, or to save such a message.
        Unreadable: the broker answered with an error instead of a message; those before it were given.
        StorageFailed: it could not be written down, so nothing was asked for.
    """
    if facts.limit.costs:
        await _prepare(access, facts)
    key = await peek_budget.budget_key(access, facts.name)
    await peek_budget.record_start(access, facts, key)
    try:
        async for batch in access.io.iterate(lambda: borrow(access, facts, count)):
            await peek_budget.record_left(access, key, facts.limit, batch)
            yield batch
    except Unreadable:
        await access.remembered(lambda counts: counts.end(key, unreadable=1))
        raise
    except BrokerTrouble:
        raise
    except (MqtuiError, GeneratorExit):
        await access.remembered(lambda counts: counts.end(key))
        raise
    await access.remembered(lambda counts: counts.end(key))
    await peek_budget.wait_for_counters(access, facts, key)


async def _prepare(access: Access, facts: Queue) -> None:
    """Be able to save a message that has no delivery left."""
    stopped = await alarms.told(access)
    if not stopped:
        await access.io.call(check_right(access, facts))
    elif _may_be_spent(facts):
        raise Refused(
            f"{facts.ref} can't be looked at now",
            f"publishers are stopped by an alarm of {stopped}: a message without a delivery left could not be saved",
            "Try again when the alarm is over.",
        )


def _may_be_spent(facts: Queue) -> bool:
    """Whether one of its messages may have no delivery left: it takes as many returns as the limit says."""
    stats = facts.row.get("message_stats") or {}
    return facts.limit.number is None or int(stats.get("redeliver", 0)) + 1 >= facts.limit.number


async def borrow(access: Access, facts: Queue, count: int) -> AsyncGenerator[list[Message], None]:
    """Up to `count` messages from the head, in batches.

    Runs on the I/O thread. However it ends, what was taken goes back, in order.

    Raises:
        NotAuthorised: no right to read.
        Unreadable: the broker can't hand over the next message; those before it were given.
    """
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(access.link())
        rescuer = Rescuer(access, facts.name)
        stack.push_async_callback(rescuer.close)
        channel = await link.channel()
        loan = Loan(facts, channel, rescuer)
        stack.push_async_callback(channel.close)
        stack.push_async_callback(loan.give_back)
        batch: list[Message] = []
        size = 0
        refused: Unreadable | None = None
        for place in range(1, min(count, facts.ready) + 1):
            try:
                message = await loan.take()
            except BrokerTrouble as error:
                refused = unreadable(facts, channel, place)
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
        await loan.give_back()
        if batch:
            yield batch
        if refused is not None:
            raise refused


def unreadable(facts: Queue, channel: Channel, place: int) -> Unreadable | None:
    """The error of a message that the broker can't hand over; None where the channel ended for another reason."""
    answer = None if channel.failure is None else errors.answered_with(channel.failure)
    if answer is None or answer[0] not in UNREADABLE:
        return None
    spent = ". This look spent a delivery of it, and of those before it" if facts.limit.costs else ""
    return Unreadable(
        f"Message {place:,} from the head of {facts.name} can't be read",
        f"the broker answers {answer[1]}: it can't hand it to an AMQP 0-9-1 reader{spent}",
        "An AMQP 1.0 client can read it, or take it out.",
    )


class Loan:
    """Messages taken from one queue and not yet given back."""

    def __init__(self, facts: Queue, channel: Channel, rescuer: Rescuer) -> None:
        self._facts = facts
        self._channel = channel
        self._rescuer = rescuer
        self._acks = Acks(channel, facts.name, lambda _: True, facts.applies)
        self._over = False

    async def take(self) -> Message | None:
        """The next message; None at the end of the queue, or behind one that may be returned only once more."""
        if self._over:
            return None
        got = await self._channel.get(self._facts.name)
        if got is None:
            return None
        given, properties, body = got
        self._acks.took(given.delivery_tag)
        message = letter(self._facts.ref, given, properties, body, self._facts.limit)
        spare = self._facts.limit.spare(message.envelope.deliveries if message.envelope else None)
        if spare == 0:
            await self._rescuer.save(self._channel, given.delivery_tag, properties, body)
            self._acks.forget(given.delivery_tag)
            return message
        self._over = spare == 1
        return message

    async def give_back(self) -> None:
        """Return all that is held, in order."""
        if self._channel.failure is None:
            await self._acks.give_back()
