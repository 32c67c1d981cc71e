"""A consumer that reads assigned partitions up to given ends and knows by position when it is there.

Offsets have gaps (transaction markers, aborted and compacted records), so neither a count nor a quiet poll tells the
end. What does: a record at or past the end, or librdkafka's end-of-partition event, which carries the next offset.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.errors import RIGHTS, topic_right, translate
from mqtui.brokers.kafka.messages import Record
from mqtui.domain.errors import TimedOut

PATIENCE = 30.0
"""Seconds without any news before a read that is not at its end is given up."""

HARMLESS = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError.GROUP_AUTHORIZATION_FAILED})
"""Events librdkafka recovers from by itself, or of the group that is only a name here."""


class Cursor:
    """Used by one thread. Only committed records are seen unless `committed` is False."""

    def __init__(
        self,
        connection: Connection,
        role: str,
        topic: str,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        *,
        committed: bool = True,
        ahead: int = 100_000,
        patience: float = PATIENCE,
    ) -> None:
        level = "read_committed" if committed else "read_uncommitted"
        self.topic = topic
        self._ends = {number: ends[number] for number, first in starts.items() if first < ends[number]}
        self._connection = connection
        self._patience = patience
        self.open = set(self._ends)
        """Partitions whose end was not reached yet."""
        self._consumer = connection.consumer(
            role,
            isolation_level=level,
            fetch_wait_max_ms=100,
            queued_min_messages=ahead,
            queued_max_messages_kbytes=32_768,
        )
        if self.open:
            self._consumer.assign([TopicPartition(topic, number, starts[number]) for number in self._ends])
        self._news = time.monotonic()

    def take(self, count: int, wait: float) -> list[Record]:
        """Up to `count` records before the ends, waiting up to `wait` seconds for the first.

        Raises:
            MqtuiError: the broker refused, or nothing at all came for `patience` seconds.
        """
        got = self.raw(count, wait)
        ends = self._ends
        kept: list[Record] = []
        last: dict[int, int] = {}
        for record in got:
            if record.error() is not None:
                self.event(record)
                continue
            number, offset = record.partition(), record.offset()
            if offset < ends[number]:
                kept.append(record)
                last[number] = offset
            else:
                self.enough(number)
        for number, offset in last.items():
            if offset + 1 >= ends[number]:
                self.enough(number)
        return kept

    def raw(self, count: int, wait: float) -> list[Record]:
        """What arrives, events and records at or past the ends included. Raises as `take`."""
        if not self.open:
            return []
        got = arrived(self._consumer, count, wait)
        if got:
            self._news = time.monotonic()
        else:
            self._check()
        return got

    def close(self) -> None:
        """Let go."""
        self._consumer.close()

    def enough(self, number: int) -> None:
        """Read no more of a partition."""
        if number in self.open:
            self.open.discard(number)
            self._consumer.pause([TopicPartition(self.topic, number)])

    def event(self, record: Record) -> None:
        """Take note of what is not a record. Raises as `take`."""
        error = record.error()
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            number, offset = record.partition(), record.offset()
            if offset >= self._ends.get(number, 0):
                self.enough(number)
        elif code in RIGHTS and code not in HARMLESS:
            raise topic_right(error, "Read", self.topic)
        elif code not in HARMLESS and not error.retriable():
            raise translate(error, f"reading {self.topic}")

    def _check(self) -> None:
        if (trouble := self._connection.health.verdict()) is not None:
            raise self._connection.explained(trouble)
        if time.monotonic() - self._news > self._patience:
            where = ", ".join(f"{self.topic}/{number}" for number in sorted(self.open))
            raise TimedOut(f"Nothing came from {self.topic}", f"for {self._patience:.0f} s from {where}", "Try again.")


def arrived(consumer: Consumer, count: int, wait: float) -> list[Record]:
    """Up to `count` records and events as soon as there is one: `consume` with a wait waits until it has them all.

    What is there is taken in one call, because each call gives the interpreter away and may get it back 5 ms later.
    """
    got: list[Record] = list(consumer.consume(count, 0))
    if got:
        return got
    first = consumer.poll(wait)
    return [] if first is None else [first, *consumer.consume(count, 0)]


def drained(cursor: Cursor, count: int = 500) -> Iterable[Record]:
    """Everything up to the ends, then the cursor is closed."""
    try:
        while cursor.open:
            yield from cursor.take(count, 0.2)
    finally:
        cursor.close()
