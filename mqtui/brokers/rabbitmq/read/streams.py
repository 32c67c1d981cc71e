"""Read and follow streams over AMQP 0-9-1. Acknowledgements are credit only; reading a stream removes nothing.

A stream is delivered in whole chunks, so messages before the wanted offset are dropped here. AMQP does not report the
last offset; it is that of the last message in the last chunk. The broker's channel sends a chunk at once: when it
answers a method and no message has arrived before, the chunk is complete.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection.amqp_frames import DeliveryInfo
from mqtui.brokers.rabbitmq.connection.channel import Channel, RawDelivery
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.messages import stream_message
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import Ref
from mqtui.domain.times import EARLIEST, LATEST, to_datetime

CREDIT = 1_000
BATCH = 1_000
BATCH_BYTES = 1024 * 1024
FIRST_MESSAGE_TIMEOUT = 5.0
"""Seconds within which a stream that is not empty must deliver its first message."""

EMPTY_STREAM_TIMEOUT = 1.0
"""The same where the stream seems to be empty, or holds nothing after the wanted time."""


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Where to start: an offset, the chunk of a time (ms since the epoch), or `newest` messages before the end."""

    offset: int = 0
    time: int | None = None
    newest: int | None = None

    @property
    def argument(self) -> Any:
        """The value of the consumer's argument `x-stream-offset`."""
        if self.time is not None:
            return to_datetime(self.time) or (EARLIEST if self.time < 0 else LATEST)
        return self.offset if self.offset else "first"


class StreamConsumer:
    """A consumer of one stream, and the messages that it received, in order."""

    def __init__(self, channel: Channel, ref: Ref) -> None:
        self._channel = channel
        self._ref = ref
        self._received: deque[RawDelivery] = deque()
        self._changed = asyncio.Event()
        channel.on_close.append(lambda _: self._changed.set())

    async def open(self, argument: Any) -> None:
        """Start the consumer; `argument` is the value of `x-stream-offset`."""
        await self._channel.consume(self._ref.name, CREDIT, self._on_delivery, {"x-stream-offset": argument})

    def _on_delivery(self, info: DeliveryInfo, properties: bytes, body: bytes) -> None:
        self._received.append((info, properties, body))
        self._changed.set()

    async def wait(self, seconds: float | None) -> bool:
        """Wait for messages; False where none arrive within `seconds`.

        Raises:
            BrokerTrouble: the channel was lost.
        """
        if not self._received:
            self._changed.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return False
        if self._channel.close_reason is not None:
            raise errors.amqp_error(self._channel.close_reason, f"Reading stream {self._ref.name}")
        return bool(self._received)

    async def more(self) -> bool:
        """Whether the chunk has more messages: the broker sends those before it answers a method."""
        if not self._received:
            await self._channel.sync()
        return bool(self._received)

    def take(self) -> list[Message]:
        """The messages received, at most a batch. They are acknowledged, which gives the broker credit for as many."""
        batch: list[Message] = []
        size = tag = 0
        while self._received and len(batch) < BATCH and size < BATCH_BYTES:
            info, properties, body = self._received.popleft()
            tag = info.delivery_tag
            message = stream_message(self._ref, info, properties, body)
            size += message.size
            batch.append(message)
        if tag:
            self._channel.ack(tag, multiple=True)
        return batch


async def _open_consumer(session: RabbitSession, stack: AsyncExitStack, ref: Ref, argument: Any) -> StreamConsumer:
    connection = await stack.enter_async_context(session.connection())
    consumer = StreamConsumer(await connection.channel(), ref)
    await consumer.open(argument)
    return consumer


def offset_of(message: Message) -> int:
    """The offset of a message in its stream."""
    return message.position.offset if isinstance(message.position, Offset) else 0


async def last_chunk(session: RabbitSession, ref: Ref, ready: int) -> list[Message]:
    """The messages of the last chunk; none where the stream is empty. `ready` is the count that the stream reports."""
    found: list[Message] = []
    async with AsyncExitStack() as stack:
        consumer = await _open_consumer(session, stack, ref, "last")
        if await consumer.wait(FIRST_MESSAGE_TIMEOUT if ready else EMPTY_STREAM_TIMEOUT):
            while await consumer.more():
                found += consumer.take()
    return found


async def first_and_last(session: RabbitSession, ref: Ref, ready: int) -> tuple[int, int] | None:
    """First and last offset; None where the stream is empty."""
    chunk = await last_chunk(session, ref, ready)
    if not chunk:
        return None
    async with AsyncExitStack() as stack:
        consumer = await _open_consumer(session, stack, ref, "first")
        await consumer.wait(FIRST_MESSAGE_TIMEOUT)
        first = consumer.take()
    return offset_of(first[0] if first else chunk[0]), offset_of(chunk[-1])


async def read_stream(
    session: RabbitSession, ref: Ref, start: StreamStart, ready: int, limit: int | None, until: int | None
) -> AsyncGenerator[Sequence[Message], None]:
    """Messages from `start` to the last offset as of now, at most `limit`, with timestamps before `until` (ms)."""
    chunk = await last_chunk(session, ref, ready)
    if not chunk:
        return
    end = offset_of(chunk[-1])
    if start.newest is not None:
        start = StreamStart(max(start.offset, end - start.newest + 1))
    if start.offset > end:
        return
    left = limit
    async with AsyncExitStack() as stack:
        consumer = await _open_consumer(session, stack, ref, start.argument)
        while await consumer.wait(FIRST_MESSAGE_TIMEOUT if start.time is None else EMPTY_STREAM_TIMEOUT):
            batch = consumer.take()
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


async def follow_stream(session: RabbitSession, ref: Ref) -> AsyncGenerator[Sequence[Message], None]:
    """Messages that arrive from now on, until the generator is closed."""
    async with AsyncExitStack() as stack:
        consumer = await _open_consumer(session, stack, ref, "next")
        while await consumer.wait(None):
            yield consumer.take()
