"""Reads records of topics for peeks, searches and tails. Joins no group, commits nothing, creates nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.thread_queue import ThreadToLoopQueue
from mqtui.brokers.kafka.read.catalog import OFFSET_GAPS
from mqtui.brokers.kafka.read.fetch import FetchSpec, fetch
from mqtui.brokers.kafka.read.newest_records import read_newest_records
from mqtui.brokers.kafka.read.newest_scan import plan_scans, scan_topics
from mqtui.brokers.kafka.read.offsets import AFTER_LAST, known_offsets, list_offsets, read_topic_bounds
from mqtui.brokers.kafka.read.record_times import read_record_times
from mqtui.brokers.kafka.read.scan import scan
from mqtui.brokers.kafka.read.tail import tail
from mqtui.brokers.kafka.read.topic_metadata import describe_configs, topic_name
from mqtui.brokers.port import Batch
from mqtui.domain.errors import BadInput
from mqtui.domain.figure import about, exact
from mqtui.domain.message import Message, Offset
from mqtui.domain.read_range import FREE_PEEK, At, Edge, Extent, PeekCost, ReadRange, Since
from mqtui.domain.resource import Ref
from mqtui.domain.scan import PlaceStep, RecordTest, ScanRange, ScanStep, ScanTest


class KafkaReader:
    """The port's Reader, with read_committed."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """First and last stable offset by partition, and the number of records in open transactions."""
        bounds = await read_topic_bounds(self._clients, ref, partition)
        held = sum(bounds.end.values()) - sum(bounds.first.values())
        return Extent(
            about(held, OFFSET_GAPS) if held else exact(0),
            {number: Offset(number, offset) for number, offset in bounds.first.items()},
            {number: Offset(number, offset) for number, offset in bounds.end.items()},
            sum(max(0, bounds.high[number] - offset) for number, offset in bounds.end.items()),
            bounds.missing_notes(),
        )

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """Free: reading a topic does not consume."""
        topic_name(ref)
        return FREE_PEEK

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Records up to the last stable offsets as of now.

        Partitions are merged by timestamp for the newest, and for a limit of at most `fetch.MERGE_LIMIT`; else records
        come as they arrive, in order within each partition.
        """
        spec = await self._plan_fetch(ref, span, limit)
        if limit == 0 or not spec.starts:
            return
        queue: ThreadToLoopQueue[Batch] = ThreadToLoopQueue()
        queue.run_producer("read", lambda: fetch(self._clients, spec, queue))
        try:
            async for batch in queue.items():
                yield batch
        finally:
            queue.close()

    async def scan_ranges(self, ref: Ref, span: ReadRange) -> Sequence[ScanRange]:
        """From the first record, or that of a time, up to the last stable offset of each partition."""
        spec = await self._plan_fetch(ref, span, None)
        return [ScanRange(number, (first, 0), (spec.ends[number], 0)) for number, first in spec.starts.items()]

    async def scan(
        self, ref: Ref, ranges: Sequence[ScanRange], test: ScanTest, first: Edge
    ) -> AsyncGenerator[ScanStep]:
        """Scan stretches in a thread, which tests records as they come from librdkafka."""
        queue: ThreadToLoopQueue[ScanStep] = ThreadToLoopQueue()
        queue.run_producer("scan", lambda: scan(self._clients, ref, ranges, test, first, queue))
        try:
            async for step in queue.items():
                yield step
        finally:
            queue.close()

    async def scan_newest(
        self, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
    ) -> AsyncGenerator[Sequence[PlaceStep]]:
        """Scan the newest records of many topics in a thread, with one consumer."""
        scans, gone = await plan_scans(self._clients, refs, depth, since)
        if gone:
            yield gone
        queue: ThreadToLoopQueue[Sequence[PlaceStep]] = ThreadToLoopQueue()
        queue.run_producer("scan", lambda: scan_topics(self._clients, scans, test, queue))
        try:
            async for steps in queue.items():
                yield steps
        finally:
            queue.close()

    async def newest(self, refs: Sequence[Ref]) -> Mapping[Ref, Message | None]:
        """The newest committed record of each topic, read by one consumer."""
        return await read_newest_records(self._clients, refs)

    async def times_from(self, ref: Ref, starts: Mapping[int, int]) -> Mapping[int, int]:
        """The times of records up to the end as of now, those of open transactions too."""
        bounds = await read_topic_bounds(self._clients, ref)
        known = {number: max(first, starts[number]) for number, first in bounds.first.items() if number in starts}
        return await read_record_times(self._clients, ref.name, known, bounds.high)

    async def retention(self, ref: Ref) -> int | None:
        """The topic's `retention.ms`; None for a topic that is only compacted."""
        config = (await describe_configs(self._clients, [topic_name(ref)])).get(ref.name, {})
        kept = config.get("retention.ms", "")
        return int(kept) if kept.isdigit() and "delete" in config.get("cleanup.policy", "") else None

    async def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Records that become readable from now on."""
        bounds = await read_topic_bounds(self._clients, ref, partition)
        async for batch in tail(self._clients, ref, bounds.end):
            yield batch

    async def _plan_fetch(self, ref: Ref, span: ReadRange, limit: int | None) -> FetchSpec:
        partition = span.partition
        if isinstance(span.start, At):
            place = span.start.position
            if not isinstance(place, Offset):
                raise BadInput(f"{place} is no place in a topic", "An offset is written 118203 or 4/118203.")
            if place.partition < 0 and partition is None:
                raise BadInput(f"The offset {place} needs a partition", hint=f"Write 0/{place.offset}.")
            if partition is not None and place.partition not in (partition, -1):
                raise BadInput(f"{place} is not in partition {partition}")
            partition = place.partition if place.partition >= 0 else partition
        bounds = await read_topic_bounds(self._clients, ref, partition)
        starts = dict(bounds.first)
        match span.start:
            case At(Offset(offset=offset)):
                starts = {number: max(first, offset) for number, first in starts.items()}
            case Since(time):
                offset_spec = OffsetSpec.for_timestamp(time)
                offsets = await list_offsets(self._clients, [(ref.name, number) for number in starts], offset_spec)
                found = known_offsets(offsets)
                starts = {
                    number: bounds.end[number]
                    if found.get(number, AFTER_LAST) == AFTER_LAST
                    else max(first, found[number])
                    for number, first in starts.items()
                }
        starts = {number: max(first, span.after.get(number, 0)) for number, first in starts.items()}
        starts = {number: first for number, first in starts.items() if first < bounds.end[number]}
        since = span.start.time if isinstance(span.start, Since) else None
        newest = span.start is Edge.NEWEST and limit is not None
        return FetchSpec(ref, starts, bounds.end, limit, since, span.until, newest)
