"""Scans any destination that is free to read: by a scan of the adapter's own, else by windows that are read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from mqtui.brokers.message_columns import MessageColumns
from mqtui.brokers.optional_port import ScansRecords
from mqtui.brokers.port import Batch, Broker
from mqtui.brokers.registry import traits_of
from mqtui.domain.message import Message, MessageFormat, Offset
from mqtui.domain.read_range import At, Edge, ReadRange, Since
from mqtui.domain.resource import Ref
from mqtui.domain.scan import Bound, Candidates, OffsetWindows, ScanRange, ScanStep, ScanTest, bound_of

ENTRIES = 1_000
"""Entries of the first window of a stream that is read by id."""

LAST: Bound = (2**64 - 1, 2**64 - 1)


async def find_ranges(broker: Broker, ref: Ref, since: int | None, partition: int | None) -> Sequence[ScanRange]:
    """The stretches of a destination from a time on (ms), up to its end as of now.

    Raises:
        NotFound: it does not exist.
    """
    reader = broker.reader
    if isinstance(reader, ScansRecords):
        return await reader.scan_ranges(ref, ReadRange(Edge.OLDEST if since is None else Since(since), partition))
    extent = await reader.extent(ref, partition)
    found: list[ScanRange] = []
    for number, end in extent.end.items():
        start = bound_of(extent.first.get(number, end))
        if since is not None:
            span = ReadRange(Since(since), number if number >= 0 else None)
            later = [message.position async for batch in reader.read(ref, span, limit=1) for message in batch]
            start = max(start, bound_of(later[0] if later else end))
        if start < bound_of(end):
            found.append(ScanRange(number, start, bound_of(end)))
    return found


def scan(
    broker: Broker, ref: Ref, ranges: Sequence[ScanRange], test: ScanTest, first: Edge
) -> AsyncGenerator[ScanStep]:
    """Scan stretches, the newest window first or in stored order. Raises MqtuiError."""
    if isinstance(broker.reader, ScansRecords):
        return broker.reader.scan(ref, ranges, test, first)
    if traits_of(broker.kind).message_format is not MessageFormat.ENTRY:
        return _scan_offsets(broker, ref, ranges, test, first)
    return _scan_entries(broker, ref, ranges, test)


async def _scan_offsets(
    broker: Broker, ref: Ref, ranges: Sequence[ScanRange], test: ScanTest, first: Edge
) -> AsyncGenerator[ScanStep]:
    windows = OffsetWindows(ranges, first)
    while window := windows.next_window():
        reached: dict[int, int] = {}
        for number, (start, end) in window.items():
            span = ReadRange(At(Offset(number, start)), number if number >= 0 else None)
            async for batch in broker.reader.read(ref, span, limit=end - start):
                inside = [message for message in batch if start <= bound_of(message.position)[0] < end]
                if inside:
                    reached[number] = bound_of(inside[-1].position)[0] + 1
                    yield _step(inside, test, windows.left(reached))
            reached[number] = end
        yield ScanStep(0, 0, None, windows.left(reached), True)


async def _scan_entries(
    broker: Broker, ref: Ref, ranges: Sequence[ScanRange], test: ScanTest
) -> AsyncGenerator[ScanStep]:
    """The newest window first: that is as quick as in stored order, where entries can be read from the end."""
    todo = sorted(ranges, key=lambda each: each.start)
    while todo:
        whole = todo.pop()
        before, width, seen = whole.end, ENTRIES, 0
        while whole.start < before:
            ms, seq = before
            newest = ReadRange(Edge.NEWEST, until=None if before >= LAST else ms + (seq > 0))
            limit, count, first, times = width + seen, 0, before, 0
            async for batch in broker.reader.read(ref, newest, limit=limit):
                count += len(batch)
                fresh = [message for message in batch if whole.start <= bound_of(message.position) < before]
                if not fresh:
                    continue
                first = min(first, bound_of(fresh[0].position))
                times += sum(bound_of(message.position)[0] == first[0] for message in fresh)
                reached = _after(fresh[-1])
                rest = (ScanRange(whole.partition, whole.start, first), ScanRange(whole.partition, reached, before))
                yield _step(fresh, test, (*todo, *(each for each in rest if each.start < each.end)))
            if first == before and count >= limit:
                width *= 4
                continue
            seen = times + (seen if first[0] == before[0] else 0)
            before = first if count >= limit else whole.start
            left = (*todo, ScanRange(whole.partition, whole.start, before)) if whole.start < before else tuple(todo)
            yield ScanStep(0, 0, None, left, True)


def _after(message: Message) -> Bound:
    ms, seq = bound_of(message.position)
    return (ms, seq + 1) if seq < LAST[1] else (ms + 1, 0)


def _step(messages: Batch, test: ScanTest, left: tuple[ScanRange, ...]) -> ScanStep:
    columns = MessageColumns(messages)
    size = sum(message.size for message in messages)
    return ScanStep(len(messages), size, Candidates(columns, test(columns)), left, False)
