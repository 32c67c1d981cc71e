"""The paid look at a queue (R3, R5): read one by one, given back in order, rescued where no delivery is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from mqtui.brokers.rabbitmq import errors, probes
from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.acks import Acks
from mqtui.brokers.rabbitmq.channel import Channel
from mqtui.brokers.rabbitmq.facts import UNKNOWN, Queue
from mqtui.brokers.rabbitmq.letters import letter
from mqtui.brokers.rabbitmq.options import HINT
from mqtui.brokers.rabbitmq.rescue import Rescuer
from mqtui.brokers.rabbitmq.streams import BATCH, BATCH_BYTES
from mqtui.domain.errors import BrokerTrouble, NotAuthorised
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
            await probes.may_write(link, "", facts.name)
        except NotAuthorised as error:
            raise NotAuthorised(
                f"{facts.name} can't be looked at without the right to publish",
                f"A message with no delivery left would be lost by the look: it is published again. {error.detail}",
                error.hint
                if facts.sort != UNKNOWN
                else f"{error.hint} Where it has no such limit, that can be read: {HINT}",
            ) from error


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
