"""Fetches the records of a range in the order asked for: newest, oldest or as they arrive. Runs in a thread."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.thread_queue import ThreadToLoopQueue
from mqtui.brokers.kafka.messages import to_message
from mqtui.brokers.kafka.read.bounded_consumer import BoundedConsumer
from mqtui.brokers.port import Batch
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import Ref

MAX_MESSAGES = 1_000
MAX_BYTES = 1 << 20
"""The port's limits for one batch."""

MERGE_LIMIT = 1_000
"""Up to so many records, a read forward merges the partitions by timestamp."""


@dataclass(frozen=True, slots=True)
class FetchSpec:
    """What to fetch: start and end offsets by partition; `since` and `until` in ms, `until` exclusive."""

    ref: Ref
    starts: Mapping[int, int]
    ends: Mapping[int, int]
    limit: int | None
    since: int | None
    until: int | None
    newest: bool

    def is_in_time_range(self, candidate: Message) -> bool:
        """Whether the message's timestamp lies between `since` and `until`."""
        time = candidate.timestamp
        if time is None:
            return True
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)


def fetch(clients: KafkaClients, spec: FetchSpec, queue: ThreadToLoopQueue[Batch]) -> None:
    """Fetch the records and put them into the queue, in batches, until its reader closes it."""
    for batch in into_batches(_select(clients, spec)):
        if not queue.put(batch):
            return


def _select(clients: KafkaClients, spec: FetchSpec) -> Iterator[Message]:
    limit = spec.limit
    if limit is None:
        yield from _in_arrival_order(clients, spec, spec.starts, spec.ends)
    elif spec.newest:
        yield from _newest(clients, spec, limit)
    elif limit <= MERGE_LIMIT and len(spec.starts) > 1:
        yield from _oldest(clients, spec, limit)
    else:
        for taken, found in enumerate(_in_arrival_order(clients, spec, spec.starts, spec.ends, limit), 1):
            yield found
            if taken >= limit:
                return


def _in_arrival_order(
    clients: KafkaClients,
    spec: FetchSpec,
    starts: Mapping[int, int],
    ends: Mapping[int, int],
    limit: int | None = None,
) -> Iterator[Message]:
    """Records as they arrive, in order within each partition."""
    prefetch = 100_000 if limit is None else max(100, min(limit, 100_000))
    consumer = BoundedConsumer(clients, "reader", spec.ref.name, starts, ends, prefetch=prefetch)
    ref, is_in_time_range = spec.ref, spec.is_in_time_range
    everything = spec.since is None and spec.until is None
    try:
        while consumer.open_partitions:
            for record in consumer.poll_records(500, 0.2):
                found = to_message(ref, record, record.partition(), record.offset())
                if everything or is_in_time_range(found):
                    yield found
    finally:
        consumer.close()


def _oldest(clients: KafkaClients, spec: FetchSpec, limit: int) -> Iterator[Message]:
    """The first `limit` of all partitions, merged by timestamp; each partition keeps its order."""
    queues: dict[int, list[Message]] = {number: [] for number in spec.starts}
    consumer = BoundedConsumer(clients, "reader", spec.ref.name, spec.starts, spec.ends, prefetch=limit)
    try:
        while consumer.open_partitions:
            for record in consumer.poll_records(500, 0.2):
                found = to_message(spec.ref, record, record.partition(), record.offset())
                queue = queues[record.partition()]
                if len(queue) < limit and spec.is_in_time_range(found):
                    queue.append(found)
                if len(queue) >= limit:
                    consumer.finish_partition(record.partition())
    finally:
        consumer.close()
    for taken, found in enumerate(heapq.merge(*queues.values(), key=_merge_key), 1):
        yield found
        if taken >= limit:
            return


def _newest(clients: KafkaClients, spec: FetchSpec, limit: int) -> Iterator[Message]:
    """The last `limit` of all partitions, oldest first.

    Each round reads a window of offsets before the last one, and a wider one where gaps or times left too few.
    """
    queues: dict[int, list[Message]] = {number: [] for number in spec.starts}
    ends = {number: spec.ends[number] for number in queues}
    width = limit
    while ends:
        starts = {number: max(spec.starts[number], end - width) for number, end in ends.items()}
        window: dict[int, list[Message]] = {number: [] for number in ends}
        for found in _in_arrival_order(clients, spec, starts, ends, limit):
            window[_partition_of(found)].append(found)
        for number, earlier in window.items():
            queues[number] = (earlier + queues[number])[-limit:]
        ends = {
            number: first
            for number, first in starts.items()
            if first > spec.starts[number] and len(queues[number]) < limit
        }
        width *= 4
    yield from list(heapq.merge(*queues.values(), key=_merge_key))[-limit:]


def _partition_of(found: Message) -> int:
    position = found.position
    return position.partition if isinstance(position, Offset) else 0


def _merge_key(found: Message) -> tuple[int, int]:
    return (found.timestamp or 0, _partition_of(found))


def into_batches(messages: Iterable[Message]) -> Iterator[Batch]:
    """Batches of at most `MAX_MESSAGES` and `MAX_BYTES`; a larger message comes alone."""
    batch: list[Message] = []
    size = 0
    for one in messages:
        weight = one.size
        if batch and (len(batch) >= MAX_MESSAGES or size + weight > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += weight
    if batch:
        yield batch
