"""The paid look at a queue (R3, R5): read one by one, given back in order, rescued where no delivery is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.acks import Acks
from mqtui.brokers.rabbitmq.channel import Channel
from mqtui.brokers.rabbitmq.facts import Queue
from mqtui.brokers.rabbitmq.letters import letter
from mqtui.brokers.rabbitmq.rescue import Rescuer
from mqtui.brokers.rabbitmq.streams import BATCH, BATCH_BYTES
from mqtui.domain.message import Message


async def borrow(access: Access, facts: Queue, count: int) -> AsyncGenerator[list[Message], None]:
    """Up to `count` messages from the head, in batches.

    Runs on the I/O thread. However it ends, what was taken goes back, in order.

    Raises:
        NotAuthorised: no right to read, or to put a message back that has no delivery left.
    """
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(access.link())
        rescuer = Rescuer(link, facts.name, access.options.prefix)
        if facts.limit.costs:
            await rescuer.ready()
        channel = await link.channel()
        loan = Loan(facts, channel, rescuer)
        stack.push_async_callback(channel.close)
        stack.push_async_callback(loan.give_back)
        batch: list[Message] = []
        size = 0
        for _ in range(min(count, facts.ready)):
            message = await loan.take()
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
        message = letter(self._facts.ref, given, properties, body, self._facts.limit)
        spare = self._facts.limit.spare(message.envelope.deliveries if message.envelope else None)
        self._acks.took(given.delivery_tag)
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
