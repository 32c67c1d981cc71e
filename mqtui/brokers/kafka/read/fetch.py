"""Which records of a span are given, and in which order. Runs in a thread of its own."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.connection.thread_queue import Feed
from mqtui.brokers.kafka.messages import message
from mqtui.brokers.kafka.read.bounded_consumer import Cursor
from mqtui.brokers.port import Batch
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import Ref

MOST_MESSAGES = 1_000
MOST_BYTES = 1 << 20
"""The port's limit for one batch."""

MERGED = 1_000
"""Up to this limit the partitions of a forward look are merged by timestamp."""


@dataclass(frozen=True, slots=True)
class Pick:
    """What to read: offsets to start from and ends by partition; `since` and `until` are ms, `until` exclusive."""

    ref: Ref
    starts: Mapping[int, int]
    ends: Mapping[int, int]
    limit: int | None
    since: int | None
    until: int | None
    newest: bool

    def wants(self, candidate: Message) -> bool:
        """Whether a record lies between the times."""
        time = candidate.timestamp
        if time is None:
            return True
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


def pick(connection: Connection, chosen: Pick, feed: Feed[Batch]) -> None:
    """Read and hand over, until nobody reads any more."""
    for batch in batched(_chosen(connection, chosen)):
        if not feed.give(batch):
            return


def _chosen(connection: Connection, chosen: Pick) -> Iterator[Message]:
    limit = chosen.limit
    if limit is None:
        yield from _forward(connection, chosen, chosen.starts, chosen.ends)
    elif chosen.newest:
        yield from _newest(connection, chosen, limit)
    elif limit <= MERGED and len(chosen.starts) > 1:
        yield from _oldest(connection, chosen, limit)
    else:
        for taken, found in enumerate(_forward(connection, chosen, chosen.starts, chosen.ends, limit), 1):
            yield found
            if taken >= limit:
                return


def _forward(
    connection: Connection,
    chosen: Pick,
    starts: Mapping[int, int],
    ends: Mapping[int, int],
    limit: int | None = None,
) -> Iterator[Message]:
    """Records as they arrive."""
    ahead = 100_000 if limit is None else max(100, min(limit, 100_000))
    cursor = Cursor(connection, "reader", chosen.ref.name, starts, ends, ahead=ahead)
    ref, wants = chosen.ref, chosen.wants
    everything = chosen.since is None and chosen.until is None
    try:
        while cursor.open:
            for record in cursor.take(500, 0.2):
                found = message(ref, record, record.partition(), record.offset())
                if everything or wants(found):
                    yield found
    finally:
        cursor.close()


def _oldest(connection: Connection, chosen: Pick, limit: int) -> Iterator[Message]:
    """The first `limit` of all partitions, merged by timestamp; each partition keeps its order."""
    queues: dict[int, list[Message]] = {number: [] for number in chosen.starts}
    cursor = Cursor(connection, "reader", chosen.ref.name, chosen.starts, chosen.ends, ahead=limit)
    try:
        while cursor.open:
            for record in cursor.take(500, 0.2):
                found = message(chosen.ref, record, record.partition(), record.offset())
                queue = queues[record.partition()]
                if len(queue) < limit and chosen.wants(found):
                    queue.append(found)
                if len(queue) >= limit:
                    cursor.enough(record.partition())
    finally:
        cursor.close()
    for taken, found in enumerate(heapq.merge(*queues.values(), key=_age), 1):
        yield found
        if taken >= limit:
            return


def _newest(connection: Connection, chosen: Pick, limit: int) -> Iterator[Message]:
    """The last `limit` of all partitions, oldest first. Windows grow backwards where gaps or times leave too few."""
    queues: dict[int, list[Message]] = {number: [] for number in chosen.starts}
    ends = {number: chosen.ends[number] for number in queues}
    width = limit
    while ends:
        starts = {number: max(chosen.starts[number], end - width) for number, end in ends.items()}
        window: dict[int, list[Message]] = {number: [] for number in ends}
        for found in _forward(connection, chosen, starts, ends, limit):
            window[_partition(found)].append(found)
        for number, earlier in window.items():
            queues[number] = (earlier + queues[number])[-limit:]
        ends = {
            number: first
            for number, first in starts.items()
            if first > chosen.starts[number] and len(queues[number]) < limit
        }
        width *= 4
    yield from list(heapq.merge(*queues.values(), key=_age))[-limit:]


def _partition(found: Message) -> int:
    position = found.position
    return position.partition if isinstance(position, Offset) else 0


def _age(found: Message) -> tuple[int, int]:
    return (found.timestamp or 0, _partition(found))


def batched(messages: Iterable[Message]) -> Iterator[Batch]:
    """Batches of at most `MOST_MESSAGES` and `MOST_BYTES`; a larger message comes alone."""
    batch: list[Message] = []
    size = 0
    for one in messages:
        weight = one.size
        if batch and (len(batch) >= MOST_MESSAGES or size + weight > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += weight
    if batch:
        yield batch
