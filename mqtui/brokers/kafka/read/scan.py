"""Scans topics: most records are rejected by column, before a domain message is made of them. Runs in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE
from confluent_kafka import Message as KafkaRecord

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.thread_queue import ThreadToLoopQueue
from mqtui.brokers.kafka.messages import NO_TIME, Record, WireHeaders, read_headers, to_message
from mqtui.brokers.kafka.read.bounded_consumer import BoundedConsumer
from mqtui.domain.message import Message
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Ref
from mqtui.domain.scan import Candidates, OffsetWindows, ScanRange, ScanStep, ScanTest

BATCH = 10_000
"""Records that are tested at once, at most."""

PREFETCH = 100_000
"""Records that librdkafka fetches ahead of each partition, at most."""


class KafkaColumns:
    """Records of one poll by column."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self.values: list[bytes | None] = list(map(KafkaRecord.value, records))

    def keys(self) -> list[bytes | None]:
        return list(map(KafkaRecord.key, self._records))

    def times(self) -> list[int | None]:
        found = map(KafkaRecord.timestamp, self._records)
        return [None if kind == TIMESTAMP_NOT_AVAILABLE or time == NO_TIME else time for kind, time in found]

    def extras(self) -> list[Sequence[bytes | None]]:
        try:
            headers = list(map(read_headers, self._records))
        except SystemError:  # of one record a name is not UTF-8, and nothing can be read
            headers = [_readable_headers(record) for record in self._records]
        return [_flatten(each) if each else () for each in headers]


class TopicColumns(KafkaColumns):
    """Records of one topic, of which some are made messages later."""

    def __init__(self, ref: Ref, records: Sequence[Record]) -> None:
        super().__init__(records)
        self._ref = ref

    def messages(self, indexes: Iterable[int]) -> list[Message]:
        chosen = map(self._records.__getitem__, indexes)
        return [to_message(self._ref, record, record.partition(), record.offset()) for record in chosen]


def _readable_headers(record: Record) -> WireHeaders | None:
    try:
        found: WireHeaders | None = read_headers(record)
    except SystemError:
        return None
    return found


def _flatten(headers: WireHeaders) -> list[bytes | None]:
    """Names and values."""
    return [each.encode() if isinstance(each, str) else each for pair in headers for each in pair]


def scan(
    clients: KafkaClients,
    ref: Ref,
    ranges: Sequence[ScanRange],
    test: ScanTest,
    first: Edge,
    queue: ThreadToLoopQueue[ScanStep],
) -> None:
    """Scan stretches of a topic and put each step into the queue, until its reader closes it."""
    windows = OffsetWindows(ranges, first)
    consumer = BoundedConsumer(clients, "search", ref.name, {}, {}, prefetch=PREFETCH)
    try:
        while window := windows.next_window():
            starts, ends = ({number: part[side] for number, part in window.items()} for side in (0, 1))
            consumer.read_next(starts, ends)
            while consumer.open_partitions:
                records = consumer.poll_records(BATCH, 0.2)
                done = {**consumer.reached, **_finished(consumer, ends)}
                step = _test(ref, records, test, windows.left(done), is_settled=not consumer.open_partitions)
                if (records or step.is_settled) and not queue.put(step):
                    return
                if queue.closed.is_set():
                    return
    finally:
        consumer.close()


def _finished(consumer: BoundedConsumer, ends: dict[int, int]) -> dict[int, int]:
    """The ends of the partitions that were read to their end, which may be a gap."""
    return {number: end for number, end in ends.items() if number not in consumer.open_partitions}


def _test(
    ref: Ref, records: Sequence[Record], test: ScanTest, left: tuple[ScanRange, ...], *, is_settled: bool
) -> ScanStep:
    columns = TopicColumns(ref, records)
    found = test(columns) if records else ()
    candidates = Candidates(columns, found) if found else None
    return ScanStep(len(records), sum(map(len, records)), candidates, left, is_settled)
