"""Counts the letters of a topic for a plan: those with the same headers together, without a `Message` of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.brokers.alike_tally import AlikeTally
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.thread_queue import ThreadToLoopQueue
from mqtui.brokers.kafka.messages import NO_TIME, Record, read_headers, to_message
from mqtui.brokers.kafka.redrive.unhandled_reader import POLL_SIZE, UnhandledReader
from mqtui.domain.bulk import Alikeness, CountedLetters
from mqtui.domain.redrive import Source
from mqtui.domain.resource import Ref


class RecordTally:
    """Counts librdkafka's records. Used by one thread."""

    def __init__(self, ref: Ref, alikeness: Alikeness) -> None:
        self._message = partial(to_message, ref)
        self._tally = AlikeTally(alikeness)
        self.take = self._tally.take

    def __call__(self, record: Record, partition: int, offset: int) -> None:
        """Count one record at that partition and offset. One long function, because each call costs per letter."""
        tally, message = self._tally, self._message
        try:
            headers = read_headers(record)
        except SystemError:  # a header name that is not UTF-8
            tally.letters.append(message(record, partition, offset))
            return
        names, values = zip(*headers, strict=True) if headers else ((), ())
        shape = tally.shapes.get(names) or tally.learn(names, message(record, partition, offset))
        if shape.deciding is None:
            tally.letters.append(message(record, partition, offset))
            return
        deciding = shape.deciding(values)
        alike = shape.alike.get(deciding) or tally.open(shape, deciding, message(record, partition, offset))
        key = record.key()
        if key is None:
            size = shape.name_size + len(record)
            alike.keyless += 1
        elif alike.is_sampled and tally.takes_sample(message(record, partition, offset)):
            return
        else:
            size = shape.name_size + len(record) + len(key)
        try:
            size += sum(map(len, values))
        except TypeError:  # a header without a value
            size += sum([len(value) for value in values if value is not None])
        if alike.first is None:
            alike.first = message(record, partition, offset)
        alike.sizes.append(size)
        kind, time = record.timestamp()
        if kind != TIMESTAMP_NOT_AVAILABLE and time != NO_TIME:
            alike.times.append(time)


async def count_alike(clients: KafkaClients, source: Source, alikeness: Alikeness) -> AsyncIterator[CountedLetters]:
    """The letters of a snapshot, counted in a thread as they arrive."""
    queue: ThreadToLoopQueue[CountedLetters] = ThreadToLoopQueue()
    queue.run_producer("count", partial(_count, clients, source, RecordTally(source.ref, alikeness), queue))
    try:
        async for counted in queue.items():
            yield counted
    finally:
        queue.close()


def _count(clients: KafkaClients, source: Source, tally: RecordTally, queue: ThreadToLoopQueue[CountedLetters]) -> None:
    reader = UnhandledReader.of_snapshot(clients, source, POLL_SIZE)
    reader.make_item = tally
    try:
        while reader.next_items(POLL_SIZE) and queue.put(tally.take()):
            pass
    finally:
        reader.close()
