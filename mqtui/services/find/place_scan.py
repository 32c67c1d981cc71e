"""Scans the newest messages of many places: by the adapter at once, else some places side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from mqtui.brokers.message_columns import MessageColumns
from mqtui.brokers.optional_port import ScansNewest
from mqtui.brokers.port import Batch, Broker, Reader
from mqtui.domain.errors import CannotConnect, MqtuiError
from mqtui.domain.message import Message, Position
from mqtui.domain.read_range import Edge, ReadRange
from mqtui.domain.resource import Ref
from mqtui.domain.scan import PlaceStep, RecordTest

FIRST_MESSAGES = 100
"""Messages of each place that are read before any place is read further."""

PLACES_AT_ONCE = 8


def scan_places(
    broker: Broker, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
) -> AsyncGenerator[Sequence[PlaceStep]]:
    """The newest `depth` messages of each place, or fewer from a time on: the newest few of all places come first.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    if isinstance(broker.reader, ScansNewest):
        return broker.reader.scan_newest(refs, depth, since, test)
    return _scan_side_by_side(broker, refs, depth, since, test)


async def _scan_side_by_side(
    broker: Broker, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
) -> AsyncGenerator[Sequence[PlaceStep]]:
    scans = [_PlaceScan(broker, ref, depth, since, test) for ref in refs]
    for limit in sorted({min(FIRST_MESSAGES, depth), depth}):
        gate = asyncio.Semaphore(PLACES_AT_ONCE)
        tasks = [asyncio.ensure_future(scan.look(gate, limit)) for scan in scans]
        try:
            for each in asyncio.as_completed(tasks):
                yield [await each]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        scans = [scan for scan in scans if not scan.has_ended]


class _PlaceScan:
    """One place that is read by itself: its newest few messages first, then the rest of the depth."""

    def __init__(self, broker: Broker, ref: Ref, depth: int, since: int | None, test: RecordTest) -> None:
        self._broker, self._ref, self._depth, self._since, self._test = broker, ref, depth, since, test
        self._seen: set[Position] = set()
        self.has_ended = False

    async def look(self, gate: asyncio.Semaphore, limit: int) -> PlaceStep:
        """Read the newest `limit` messages, without those that were read before; one more tells of older ones."""
        async with gate:
            try:
                return await self._look(limit)
            except CannotConnect:
                raise
            except MqtuiError as error:
                self.has_ended = True
                return PlaceStep(self._ref, is_last=True, error=error)

    async def _look(self, limit: int) -> PlaceStep:
        messages: list[Message] = []
        reader = self._broker.reader
        async with aclosing(_batches(reader, self._ref, limit + 1)) as batches:
            async for batch in batches:
                messages += batch
        has_older = len(messages) > limit
        fresh = [message for message in messages[-limit:] if message.position not in self._seen]
        if self._since is not None:
            fresh = [message for message in fresh if message.timestamp is None or message.timestamp >= self._since]
            has_older = has_older and len(fresh) + len(self._seen) >= limit
        self.has_ended = limit == self._depth or not has_older
        self._seen.update(message.position for message in fresh)
        candidates = [(fresh[index], is_sure) for index, is_sure in self._test(MessageColumns(fresh))]
        size = sum(message.size for message in fresh)
        return PlaceStep(self._ref, len(fresh), size, candidates, self.has_ended, has_older and self.has_ended)


async def _batches(reader: Reader, ref: Ref, limit: int) -> AsyncGenerator[Batch]:
    async for batch in reader.read(ref, ReadRange(Edge.NEWEST), limit=limit):
        yield batch
