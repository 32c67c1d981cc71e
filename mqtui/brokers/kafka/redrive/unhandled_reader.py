"""Letters nobody has handled, read ahead by the lease's thread up to the ends of the plan's snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.messages import Record
from mqtui.brokers.kafka.read.bounded_consumer import Cursor
from mqtui.brokers.kafka.read.offsets import collect, numbers
from mqtui.brokers.kafka.redrive.state_topic import State
from mqtui.domain.errors import Refused
from mqtui.domain.redrive import OffsetBounds, Source

AT_ONCE = 1_000
"""Records taken from librdkafka at once [5,000 leave the processor's caches: 7 µs a letter instead of 3.5]."""

MOST_BYTES = 4_000_000
"""Bytes of one batch; one letter may be larger (K4)."""


Item: TypeAlias = Any
"""What is made of a record: a message, or a parcel."""


class Letters:
    """Used by one thread. Offsets the consumer skips (markers, compaction, retention) count as handled.

    `make` turns each record into an item, from its partition and offset. Nothing is read before it is known, and all
    is read with the same.
    """

    def __init__(self, connection: Connection, source: Source, state: State, hand: int) -> None:
        if not isinstance(source.bounds, OffsetBounds):
            raise Refused(f"{source.ref} was not planned as a Kafka topic")
        self.make: Callable[[Record, int, int], Item] | None = None
        self._state = state
        self._hand = max(1, hand)
        self._ready: list[Item] = []
        self._sizes: list[int] = []
        self._bytes = 0
        self._next = _starts(connection, source.ref.name, source.bounds, state)
        self._ends = {number: source.bounds.end[number] for number in self._next}
        self._mixed = {number for number in self._next if _holds(state, number, self._next[number], self._ends[number])}
        """Partitions with handled letters above the watermark."""
        self._cursor = Cursor(connection, "redrive", source.ref.name, self._next, self._ends)
        self._open = set(self._cursor.open)
        self.drained = False

    @property
    def hungry(self) -> bool:
        """Whether more should be read ahead."""
        return (
            self.make is not None
            and bool(self._open)
            and not self.drained
            and len(self._ready) < self._hand
            and self._bytes < MOST_BYTES
        )

    def take(self, size: int) -> list[Item]:
        """At most `size` of them; none at the end of the snapshot, or once drained.

        Raises:
            MqtuiError: the broker refused or is gone.
        """
        while self._open and not self.drained and len(self._ready) < size and self._bytes < MOST_BYTES:
            self.fetch(0.2)
        batch = self._ready[:size]
        self._bytes -= sum(self._sizes[:size])
        del self._ready[:size], self._sizes[:size]
        return batch

    def drain(self) -> None:
        """Give no more: nothing is lent, so what was read ahead simply stays in the topic."""
        self.drained = True
        self._ready, self._sizes = [], []

    def ahead(self, seconds: float) -> None:
        """Read ahead what has arrived, for about so long at most."""
        until = time.monotonic() + seconds
        while self.hungry and self.fetch(0) and time.monotonic() < until:
            pass

    def fetch(self, wait: float) -> bool:
        """Read some ahead; whether anything came. One loop, because everything in it is paid for each letter."""
        cursor, expected, ends, mixed, make = self._cursor, self._next, self._ends, self._mixed, self.make
        if make is None:
            raise RuntimeError("nobody said what is to be made of records")
        add, weigh, before = self._ready.append, self._sizes.append, len(self._sizes)
        arrived = cursor.raw(AT_ONCE, wait)
        for record in arrived:
            if record.error() is not None:
                cursor.event(record)
                continue
            number, offset = record.partition(), record.offset()
            end = ends[number]
            if offset >= end:
                cursor.enough(number)
                continue
            if offset != expected[number] and not self._jumps(number, offset):
                continue
            expected[number] = offset + 1
            if offset + 1 == end:
                cursor.enough(number)
            if number in mixed and self._state.marks(number).has(offset):
                continue
            add(make(record, number, offset))
            weigh(len(record))
        self._bytes += sum(self._sizes[before:])
        for number in self._open - cursor.open:
            self._state.marks(number).add(expected[number], ends[number])
        self._open = set(cursor.open)
        return bool(arrived)

    def _jumps(self, number: int, offset: int) -> bool:
        """Whether a letter after a gap is wanted. The gap is handled: nobody will ever read what was there."""
        due = self._next[number]
        if offset < due:
            return False
        self._state.marks(number).add(due, offset)
        return True

    def close(self) -> None:
        """Read no more."""
        self._cursor.close()


def _starts(connection: Connection, name: str, bounds: OffsetBounds, state: State) -> dict[int, int]:
    """The first offset to read by partition: not below the log's start, the plan's wish or what is handled."""
    places = [(name, number) for number in bounds.end]
    with connection.translating(f"reading {name}"):
        low = numbers(collect(connection.admin(), places, OffsetSpec.earliest(), committed=False))
    starts = {number: max(first, bounds.first.get(number, 0)) for number, first in low.items()}
    return {number: state.marks(number).watermark(first) for number, first in starts.items()}


def _holds(state: State, number: int, first: int, end: int) -> bool:
    return first < end and state.marks(number).count(first, end) > 0
