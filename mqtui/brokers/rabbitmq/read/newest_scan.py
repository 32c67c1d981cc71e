"""Scans the newest messages of many streams over one connection, with a channel for each read.

The last chunk of all streams comes first; then each is read from its depth up to that chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from mqtui.brokers.message_columns import MessageColumns
from mqtui.brokers.rabbitmq.connection.channel import Connection
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.streams import FIRST_MESSAGE_TIMEOUT, StreamConsumer, offset_of
from mqtui.domain.errors import CannotConnect, MqtuiError, TimedOut
from mqtui.domain.message import Message
from mqtui.domain.resource import Ref
from mqtui.domain.scan import PlaceStep, RecordTest

STREAMS_AT_ONCE = 8
EMPTY_TIMEOUT = 0.3
"""Seconds in which a stream that counts no messages may deliver one all the same."""


@dataclass(slots=True)
class StreamDepthScan:
    """A stream that is scanned. [start, end) are the offsets that are left."""

    ref: Ref
    depth: int
    since: int | None
    test: RecordTest
    start: int = 0
    end: int = 0

    def step(self, messages: Sequence[Message], *, is_last: bool, has_older: bool = False) -> PlaceStep:
        """What some messages have."""
        if self.since is not None:
            messages = [each for each in messages if each.timestamp is None or each.timestamp >= self.since]
        candidates = [(messages[index], is_sure) for index, is_sure in self.test(MessageColumns(messages))]
        size = sum(message.size for message in messages)
        return PlaceStep(self.ref, len(messages), size, candidates, is_last, has_older)

    async def read_last_chunk(self, connection: Connection) -> PlaceStep:
        """The newest messages."""
        chunk: list[Message] = []
        channel = await connection.channel()
        try:
            ready, _ = await channel.queue_counts(self.ref.name)
            consumer = StreamConsumer(channel, self.ref)
            await consumer.open("last")
            if await consumer.wait(FIRST_MESSAGE_TIMEOUT if ready else EMPTY_TIMEOUT):
                while await consumer.more():
                    chunk += consumer.take()
        finally:
            await channel.close()
        if not chunk:
            return self.step([], is_last=True)
        self.end = offset_of(chunk[0])
        self.start = max(0, offset_of(chunk[-1]) - self.depth + 1)
        return self.step(
            chunk[-self.depth :], is_last=self.start >= self.end, has_older=self.start > 0 and self.start >= self.end
        )

    async def read_before(self, connection: Connection) -> AsyncGenerator[PlaceStep]:
        """The rest of the depth; the broker begins with the chunk that has its first offset, or the first there is."""
        channel = await connection.channel()
        first: int | None = None
        try:
            consumer = StreamConsumer(channel, self.ref)
            await consumer.open(self.start or "first")
            reached = self.start
            while reached < self.end:
                if not await consumer.wait(FIRST_MESSAGE_TIMEOUT):
                    raise TimedOut(f"Nothing came from {self.ref.name}", f"for {FIRST_MESSAGE_TIMEOUT:.0f} s")
                batch = consumer.take()
                first = offset_of(batch[0]) if first is None else first
                reached = offset_of(batch[-1]) + 1
                wanted = [message for message in batch if self.start <= offset_of(message) < self.end]
                has_older = self.start > 0 and first <= self.start
                yield self.step(wanted, is_last=reached >= self.end, has_older=has_older)
        finally:
            await channel.close()


async def scan_newest(
    session: RabbitSession, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
) -> AsyncGenerator[Sequence[PlaceStep]]:
    """The last chunk of each stream, then the rest of its depth. Only on the I/O thread."""
    async with session.connection() as connection:
        scans = [StreamDepthScan(ref, depth, since, test) for ref in refs]
        async with aclosing(_side_by_side(connection, scans, is_first=True)) as steps:
            async for step in steps:
                yield [step]
        left = [scan for scan in scans if scan.start < scan.end]
        async with aclosing(_side_by_side(connection, left, is_first=False)) as steps:
            async for step in steps:
                yield [step]


async def _side_by_side(
    connection: Connection, scans: Sequence[StreamDepthScan], *, is_first: bool
) -> AsyncGenerator[PlaceStep]:
    """The steps of some streams, a few at once. A stream that can't be read ends by itself."""
    results: asyncio.Queue[PlaceStep | None] = asyncio.Queue()
    gate = asyncio.Semaphore(STREAMS_AT_ONCE)

    async def read(scan: StreamDepthScan) -> None:
        async with gate:
            try:
                if is_first:
                    results.put_nowait(await scan.read_last_chunk(connection))
                else:
                    async with aclosing(scan.read_before(connection)) as steps:
                        async for step in steps:
                            results.put_nowait(step)
            except CannotConnect:
                raise
            except MqtuiError as error:
                scan.end = scan.start
                results.put_nowait(PlaceStep(scan.ref, is_last=True, error=error))
            finally:
                results.put_nowait(None)

    tasks = [asyncio.ensure_future(read(scan)) for scan in scans]
    open_tasks = len(tasks)
    try:
        while open_tasks:
            step = await results.get()
            if step is None:
                open_tasks -= 1
            else:
                yield step
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
