"""Reading streams over AMQP: consumers with manual acknowledgement as credit, which a stream never counts.

A stream gives whole chunks: what lies before the wanted offset is dropped. It does not say where it ends; its last
chunk does. The broker's channel sends a chunk in one go, so an answer on the same channel that brings nothing new
means that the chunk is complete.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection.amqp_frames import Given
from mqtui.brokers.rabbitmq.connection.channel import Channel, Got
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.messages import record
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import Ref
from mqtui.domain.times import EARLIEST, LATEST, calendar_time

CREDIT = 1_000
BATCH = 1_000
BATCH_BYTES = 1024 * 1024
FIRST = 5.0
"""Seconds until the first message of a stream that holds some must be there."""

EMPTY = 1.0
"""The same where the stream seems to hold none, or none behind the wanted time."""


@dataclass(frozen=True, slots=True)
class Start:
    """From that offset on; from the chunk of that time (ms since the epoch); or the newest so many messages."""

    offset: int = 0
    time: int | None = None
    newest: int | None = None

    @property
    def argument(self) -> Any:
        """The value of the consumer's argument `x-stream-offset`."""
        if self.time is not None:
            return calendar_time(self.time) or (EARLIEST if self.time < 0 else LATEST)
        return self.offset if self.offset else "first"


class Inflow:
    """A consumer's arrivals, in order."""

    def __init__(self, channel: Channel, ref: Ref) -> None:
        self._channel = channel
        self._ref = ref
        self._arrived: deque[Got] = deque()
        self._news = asyncio.Event()
        channel.on_lost.append(lambda _: self._news.set())

    async def open(self, argument: Any) -> None:
        """Start the consumer."""
        await self._channel.consume(self._ref.name, CREDIT, self._came, {"x-stream-offset": argument})

    def _came(self, given: Given, properties: bytes, body: bytes) -> None:
        self._arrived.append((given, properties, body))
        self._news.set()

    async def wait(self, seconds: float | None) -> bool:
        """Whether something arrived in time.

        Raises:
            BrokerTrouble: the channel was lost.
        """
        if not self._arrived:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), seconds)
            except TimeoutError:
                return False
        if self._channel.failure is not None:
            raise errors.talking(self._channel.failure, f"Reading stream {self._ref.name}")
        return bool(self._arrived)

    async def more(self) -> bool:
        """Whether the broker has sent something more by the time it answers."""
        if not self._arrived:
            await self._channel.barrier()
        return bool(self._arrived)

    def take(self) -> tuple[list[Message], bool]:
        """What arrived, at most a batch; and whether more waits. It gives the broker credit for as many."""
        batch: list[Message] = []
        size = tag = 0
        while self._arrived and len(batch) < BATCH and size < BATCH_BYTES:
            given, properties, body = self._arrived.popleft()
            tag = given.delivery_tag
            message = record(self._ref, given, properties, body)
            size += message.size
            batch.append(message)
        if tag:
            self._channel.ack(tag, multiple=True)
        return batch, bool(self._arrived)


async def _inflow(access: Access, stack: AsyncExitStack, ref: Ref, argument: Any) -> Inflow:
    link = await stack.enter_async_context(access.link())
    inflow = Inflow(await link.channel(), ref)
    await inflow.open(argument)
    return inflow


def offset_of(message: Message) -> int:
    """Its place in the stream."""
    return message.position.offset if isinstance(message.position, Offset) else 0


async def last_chunk(access: Access, ref: Ref, ready: int) -> list[Message]:
    """The messages of the last chunk; none where the stream is empty. `ready` is what the stream says it holds."""
    found: list[Message] = []
    async with AsyncExitStack() as stack:
        inflow = await _inflow(access, stack, ref, "last")
        if await inflow.wait(FIRST if ready else EMPTY):
            while await inflow.more():
                found += inflow.take()[0]
    return found


async def ends(access: Access, ref: Ref, ready: int) -> tuple[int, int] | None:
    """First and last offset; None where the stream is empty."""
    chunk = await last_chunk(access, ref, ready)
    if not chunk:
        return None
    async with AsyncExitStack() as stack:
        inflow = await _inflow(access, stack, ref, "first")
        await inflow.wait(FIRST)
        first = inflow.take()[0]
    return offset_of(first[0] if first else chunk[0]), offset_of(chunk[-1])


async def read(
    access: Access, ref: Ref, start: Start, ready: int, limit: int | None, until: int | None
) -> AsyncGenerator[Sequence[Message], None]:
    """Messages from `start` to the end as of now, at most `limit`."""
    chunk = await last_chunk(access, ref, ready)
    if not chunk:
        return
    end = offset_of(chunk[-1])
    if start.newest is not None:
        start = Start(max(start.offset, end - start.newest + 1))
    if start.offset > end:
        return
    left = limit
    async with AsyncExitStack() as stack:
        inflow = await _inflow(access, stack, ref, start.argument)
        while await inflow.wait(FIRST if start.time is None else EMPTY):
            batch, _ = inflow.take()
            reached = offset_of(batch[-1])
            wanted = [message for message in batch if start.offset <= offset_of(message) <= end]
            if until is not None:
                wanted = [message for message in wanted if message.timestamp is None or message.timestamp < until]
            if left is not None:
                wanted = wanted[:left]
                left -= len(wanted)
            if wanted:
                yield wanted
            if reached >= end or left == 0:
                return


async def follow(access: Access, ref: Ref) -> AsyncGenerator[Sequence[Message], None]:
    """Messages as they arrive, until it is closed."""
    async with AsyncExitStack() as stack:
        inflow = await _inflow(access, stack, ref, "next")
        while await inflow.wait(None):
            yield inflow.take()[0]
