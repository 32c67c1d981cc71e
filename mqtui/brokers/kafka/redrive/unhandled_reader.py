"""Reads the unhandled letters of a dead-letter topic, with prefetch, up to the ends of the plan's snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self, TypeAlias

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.messages import Record
from mqtui.brokers.kafka.read.bounded_consumer import BoundedConsumer
from mqtui.brokers.kafka.read.offsets import known_offsets, list_offsets_blocking
from mqtui.brokers.kafka.redrive.state_topic import TopicProgress
from mqtui.domain.errors import Refused
from mqtui.domain.redrive import OffsetBounds, Source

POLL_SIZE = 1_000
"""Records per poll [with 5,000 they do not fit into the CPU's caches: 7 µs per letter instead of 3.5]."""

MAX_BUFFERED_BYTES = 4_000_000
"""Bytes that are prefetched; a single letter may be larger (K4)."""


Item: TypeAlias = Any
"""What is made of a record: a Message or a RawRecord."""


class UnhandledReader:
    """Used by one thread. Offsets that the consumer skips (markers, compaction, retention) are marked handled.

    `make_item` turns each record into an item, given its partition and offset. It must be set before the first read and
    not changed afterwards.
    """

    def __init__(self, clients: KafkaClients, source: Source, progress: TopicProgress, max_buffered: int) -> None:
        if not isinstance(source.bounds, OffsetBounds):
            raise Refused(f"{source.ref} was not planned as a Kafka topic")
        self.make_item: Callable[[Record, int, int], Item] | None = None
        self._progress = progress
        self._max_buffered = max(1, max_buffered)
        self._buffer: list[Item] = []
        self._sizes: list[int] = []
        self._bytes = 0
        self._expected = _start_offsets(clients, source.ref.name, source.bounds, progress)
        self._ends = {partition: source.bounds.end[partition] for partition in self._expected}
        self._partly_handled = {
            partition
            for partition in self._expected
            if _has_handled(progress, partition, self._expected[partition], self._ends[partition])
        }
        """Partitions with handled letters after the first unhandled one."""
        self._consumer = BoundedConsumer(clients, "redrive", source.ref.name, self._expected, self._ends)
        self._open = set(self._consumer.open_partitions)
        self.drained = False

    @classmethod
    def of_snapshot(cls, clients: KafkaClients, source: Source, max_buffered: int) -> Self:
        """A reader of the letters that were unhandled when the snapshot was taken, whatever became of them since."""
        if not isinstance(source.bounds, OffsetBounds):
            raise Refused(f"{source.ref} was not planned as a Kafka topic")
        first, end, handled = source.bounds.first, source.bounds.end, source.handled
        starts = {number: max(first.get(number, 0), handled.watermark.get(number, 0)) for number in end}
        known = TopicProgress()
        for number, offsets in handled.above.items():
            for begin, after in offsets.spans():
                known.handled_in(number).add_range(begin, after)
        return cls(clients, replace(source, bounds=OffsetBounds(starts, end)), known, max_buffered)

    @property
    def wants_more(self) -> bool:
        return (
            self.make_item is not None
            and bool(self._open)
            and not self.drained
            and len(self._buffer) < self._max_buffered
            and self._bytes < MAX_BUFFERED_BYTES
        )

    def next_items(self, size: int) -> list[Item]:
        """At most `size` items; empty at the end of the snapshot, or once drained.

        Raises:
            MqtuiError: the broker refused or is gone.
        """
        while self._open and not self.drained and len(self._buffer) < size and self._bytes < MAX_BUFFERED_BYTES:
            self.read_more(0.2)
        batch = self._buffer[:size]
        self._bytes -= sum(self._sizes[:size])
        del self._buffer[:size], self._sizes[:size]
        return batch

    def drain(self) -> None:
        """Give out no more. Prefetched letters are simply dropped: they are still in the topic."""
        self.drained = True
        self._buffer, self._sizes = [], []

    def prefetch(self, seconds: float) -> None:
        """Prefetch what has arrived, for about so many seconds at most."""
        until = time.monotonic() + seconds
        while self.wants_more and self.read_more(0) and time.monotonic() < until:
            pass

    def read_more(self, wait: float) -> bool:
        """Prefetch one poll of records; whether any came. One long loop, because each call in it costs per letter."""
        consumer, expected, ends, partly_handled, make = (
            self._consumer,
            self._expected,
            self._ends,
            self._partly_handled,
            self.make_item,
        )
        if make is None:
            raise RuntimeError("make_item was not set")
        add, weigh, before = self._buffer.append, self._sizes.append, len(self._sizes)
        arrived = consumer.poll_raw(POLL_SIZE, wait)
        for record in arrived:
            if record.error() is not None:
                consumer.handle_event(record)
                continue
            partition, offset = record.partition(), record.offset()
            end = ends[partition]
            if offset >= end:
                consumer.finish_partition(partition)
                continue
            if offset != expected[partition] and not self._accept_after_gap(partition, offset):
                continue
            expected[partition] = offset + 1
            if offset + 1 == end:
                consumer.finish_partition(partition)
            if partition in partly_handled and self._progress.handled_in(partition).contains(offset):
                continue
            add(make(record, partition, offset))
            weigh(len(record))
        self._bytes += sum(self._sizes[before:])
        for partition in self._open - consumer.open_partitions:
            self._progress.handled_in(partition).add_range(expected[partition], ends[partition])
        self._open = set(consumer.open_partitions)
        return bool(arrived)

    def _accept_after_gap(self, partition: int, offset: int) -> bool:
        """Whether to take a letter after a gap in the offsets. The gap is marked handled: it can never be read."""
        due = self._expected[partition]
        if offset < due:
            return False
        self._progress.handled_in(partition).add_range(due, offset)
        return True

    def close(self) -> None:
        self._consumer.close()


def _start_offsets(clients: KafkaClients, name: str, bounds: OffsetBounds, progress: TopicProgress) -> dict[int, int]:
    """By partition the first unhandled offset, from the log start offset and the plan's first offset on."""
    keys = [(name, partition) for partition in bounds.end]
    with clients.translate_errors(f"reading {name}"):
        low = known_offsets(
            list_offsets_blocking(clients.admin_blocking(), keys, OffsetSpec.earliest(), committed=False)
        )
    starts = {partition: max(first, bounds.first.get(partition, 0)) for partition, first in low.items()}
    return {partition: progress.handled_in(partition).watermark(first) for partition, first in starts.items()}


def _has_handled(progress: TopicProgress, partition: int, first: int, end: int) -> bool:
    return first < end and progress.handled_in(partition).count(first, end) > 0
