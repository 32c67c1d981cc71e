"""A consumer that reads assigned partitions up to given end offsets.

Offsets have gaps (transaction markers, aborted and compacted records), so neither a count of records nor an empty poll
proves that the end was reached. A record at or past the end does, or librdkafka's end-of-partition event, which has the
next offset.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaRecord

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, missing_topic_right, translate
from mqtui.brokers.kafka.messages import Record
from mqtui.domain.errors import TimedOut

SILENCE_TIMEOUT = 30.0
"""Seconds without any record or event after which an unfinished read is given up."""

FETCH_WAIT_MS = 10
"""fetch.wait.max.ms. Where the last offset is a transaction marker, the end is known only once a fetch of nothing has
waited so long [with 100: 0.1 s for each look at the state topic]."""

RECOVERABLE = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError.GROUP_AUTHORIZATION_FAILED})
"""Errors that librdkafka recovers from, or about the consumer group, which is never joined (assign only)."""


RECORD_ERROR: Callable[[Record], KafkaError | None] = KafkaRecord.error
RECORD_PARTITION: Callable[[Record], Any] = KafkaRecord.partition
RECORD_OFFSET: Callable[[Record], Any] = KafkaRecord.offset
"""For `map`, which calls them without a step of byte code for each record [0.03 µs instead of 0.1]."""


class BoundedConsumer:
    """Used by one thread. Reads read_committed unless `committed` is False."""

    def __init__(
        self,
        clients: KafkaClients,
        role: str,
        topic: str,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        *,
        committed: bool = True,
        prefetch: int = 100_000,
        timeout: float = SILENCE_TIMEOUT,
    ) -> None:
        level = "read_committed" if committed else "read_uncommitted"
        self.topic = topic
        self._ends = {number: ends[number] for number, first in starts.items() if first < ends[number]}
        self._clients = clients
        self._timeout = timeout
        self.open_partitions = set(self._ends)
        """Partitions whose end has not been reached."""

        self.reached: dict[int, int] = {}
        """By partition the offset after the last record that `poll_records` gave."""

        self._consumer = clients.create_consumer(
            role,
            isolation_level=level,
            fetch_wait_max_ms=FETCH_WAIT_MS,
            queued_min_messages=prefetch,
            queued_max_messages_kbytes=32_768,
        )
        if self.open_partitions:
            self._consumer.assign([TopicPartition(topic, number, starts[number]) for number in self._ends])
        self._last_event_at = time.monotonic()

    def poll_records(self, count: int, wait: float) -> list[Record]:
        """Up to `count` records before the ends, waiting up to `wait` seconds for the first.

        Raises:
            MqtuiError: the broker refused, or nothing came for `timeout` seconds.
        """
        got = self.poll_raw(count, wait)
        if any(map(RECORD_ERROR, got)):
            events = [record for record in got if record.error() is not None]
            got = [record for record in got if record.error() is None]
            for event in events:
                self.handle_event(event)
        ends = self._ends
        last: dict[int, int] = dict(zip(map(RECORD_PARTITION, got), map(RECORD_OFFSET, got), strict=True))
        if any(offset >= ends[number] for number, offset in last.items()):
            got = [record for record in got if record.offset() < ends[record.partition()]]
        for number, offset in last.items():
            self.reached[number] = min(offset + 1, ends[number])
            if offset + 1 >= ends[number]:
                self.finish_partition(number)
        return got

    def read_next(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Read these offsets from now on: the connections stay."""
        self._ends = {number: ends[number] for number, first in starts.items() if first < ends[number]}
        self.open_partitions, self.reached = set(self._ends), {}
        self._consumer.assign([TopicPartition(self.topic, number, starts[number]) for number in self._ends])
        self._last_event_at = time.monotonic()

    def poll_raw(self, count: int, wait: float) -> list[Record]:
        """Everything that arrived: events too, and records at or past the ends. Raises as `poll_records`."""
        if not self.open_partitions:
            return []
        got = poll_available(self._consumer, count, wait)
        if got:
            self._last_event_at = time.monotonic()
        else:
            self._check_silence()
        return got

    def close(self) -> None:
        self._consumer.close()

    def finish_partition(self, number: int) -> None:
        """Read no more of a partition."""
        if number in self.open_partitions:
            self.open_partitions.discard(number)
            self._consumer.pause([TopicPartition(self.topic, number)])

    def handle_event(self, record: Record) -> None:
        """Handle an event that is no record: end of partition or error. Raises as `poll_records`."""
        error = record.error()
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            number, offset = record.partition(), record.offset()
            if offset >= self._ends.get(number, 0):
                self.finish_partition(number)
        elif code in MISSING_RIGHTS and code not in RECOVERABLE:
            raise missing_topic_right(error, "Read", self.topic)
        elif code not in RECOVERABLE and not error.retriable():
            raise translate(error, f"reading {self.topic}")

    def _check_silence(self) -> None:
        if (trouble := self._clients.health.error()) is not None:
            raise self._clients.explain(trouble)
        if time.monotonic() - self._last_event_at > self._timeout:
            where = ", ".join(f"{self.topic}/{number}" for number in sorted(self.open_partitions))
            raise TimedOut(f"Nothing came from {self.topic}", f"for {self._timeout:.0f} s from {where}", "Try again.")


def poll_available(consumer: Consumer, count: int, wait: float) -> list[Record]:
    """Up to `count` records and events as soon as there is one; `consume` with a timeout would wait for all of them.

    They are taken in one call, because each call releases the GIL and may get it back only 5 ms later.
    """
    got: list[Record] = list(consumer.consume(count, 0))
    if got:
        return got
    first = consumer.poll(wait)
    return [] if first is None else [first, *consumer.consume(count, 0)]


def read_all(consumer: BoundedConsumer, count: int = 500) -> Iterable[Record]:
    """All records up to the ends; then the consumer is closed."""
    try:
        while consumer.open_partitions:
            yield from consumer.poll_records(count, 0.2)
    finally:
        consumer.close()
