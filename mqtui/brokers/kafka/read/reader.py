"""Looking at records. Nothing here joins a group, commits or creates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.connection.thread_queue import Feed
from mqtui.brokers.kafka.read.catalog import GAPS
from mqtui.brokers.kafka.read.fetch import Pick, pick
from mqtui.brokers.kafka.read.newest_records import read_newest
from mqtui.brokers.kafka.read.offsets import NOBODY, ask_offsets, ends_of, numbers
from mqtui.brokers.kafka.read.tail import following
from mqtui.brokers.kafka.read.topic_metadata import topic_name
from mqtui.brokers.port import Batch
from mqtui.domain.errors import BadInput
from mqtui.domain.figure import about, exact
from mqtui.domain.message import Message, Offset
from mqtui.domain.read_range import FREE_PEEK, At, Edge, Extent, PeekCost, ReadRange, Since
from mqtui.domain.resource import Ref


class KafkaReader:
    """Records of topics, committed ones only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """First and last stable offset by partition, and how many records lie behind an open transaction."""
        known = await ends_of(self._connection, ref, partition)
        held = sum(known.end.values()) - sum(known.first.values())
        return Extent(
            about(held, GAPS) if held else exact(0),
            {number: Offset(number, offset) for number, offset in known.first.items()},
            {number: Offset(number, offset) for number, offset in known.end.items()},
            sum(max(0, known.high[number] - offset) for number, offset in known.end.items()),
            known.notes(),
        )

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """Looking is free."""
        topic_name(ref)
        return FREE_PEEK

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Records up to the last stable offsets as of now.

        With a limit of at most `picking.MERGED`, and for the newest, partitions are merged by timestamp; else they
        come as they arrive, in order within each partition.
        """
        chosen = await self._pick(ref, span, limit)
        if limit == 0 or not chosen.starts:
            return
        feed: Feed[Batch] = Feed()
        feed.fill("read", lambda: pick(self._connection, chosen, feed))
        try:
            async for batch in feed.items():
                yield batch
        finally:
            feed.close()

    async def newest(self, refs: Sequence[Ref]) -> Mapping[Ref, Message | None]:
        """The newest committed record of each topic, by one consumer."""
        return await read_newest(self._connection, refs)

    async def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Records that become readable from now on."""
        known = await ends_of(self._connection, ref, partition)
        async for batch in following(self._connection, ref, known.end):
            yield batch

    async def _pick(self, ref: Ref, span: ReadRange, limit: int | None) -> Pick:
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
        known = await ends_of(self._connection, ref, partition)
        starts = dict(known.first)
        match span.start:
            case At(Offset(offset=offset)):
                starts = {number: max(first, offset) for number, first in starts.items()}
            case Since(time):
                spec = OffsetSpec.for_timestamp(time)
                asked = await ask_offsets(self._connection, [(ref.name, number) for number in starts], spec)
                found = numbers(asked)
                starts = {
                    number: known.end[number] if found.get(number, NOBODY) == NOBODY else max(first, found[number])
                    for number, first in starts.items()
                }
        starts = {number: max(first, span.after.get(number, 0)) for number, first in starts.items()}
        starts = {number: first for number, first in starts.items() if first < known.end[number]}
        since = span.start.time if isinstance(span.start, Since) else None
        newest = span.start is Edge.NEWEST and limit is not None
        return Pick(ref, starts, known.end, limit, since, span.until, newest)
