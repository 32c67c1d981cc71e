"""Tails a topic: records from given offsets on, read in a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from confluent_kafka import KafkaError, TopicPartition

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.thread_queue import ThreadToLoopQueue
from mqtui.brokers.kafka.errors import translate
from mqtui.brokers.kafka.messages import Record, to_message
from mqtui.brokers.kafka.read.bounded_consumer import RECOVERABLE, poll_available
from mqtui.brokers.kafka.read.fetch import into_batches
from mqtui.brokers.port import Batch
from mqtui.domain.resource import Ref

POLL_INTERVAL = 0.2
"""Seconds until the thread notices that the tail was closed."""


async def tail(clients: KafkaClients, ref: Ref, starts: Mapping[int, int]) -> AsyncIterator[Batch]:
    """Records from these offsets on, until the iterator is closed."""
    queue: ThreadToLoopQueue[Batch] = ThreadToLoopQueue()
    queue.run_producer("tail", lambda: _tail_blocking(clients, ref, starts, queue))
    try:
        async for batch in queue.items():
            yield batch
    finally:
        queue.close()


def _tail_blocking(clients: KafkaClients, ref: Ref, starts: Mapping[int, int], queue: ThreadToLoopQueue[Batch]) -> None:
    """Put records into the queue until its reader closes it. While that is slow, librdkafka buffers at most 16 MiB."""
    consumer = clients.create_consumer(
        "tail", isolation_level="read_committed", fetch_wait_max_ms=100, queued_max_messages_kbytes=16_384
    )
    consumer.assign([TopicPartition(ref.name, number, first) for number, first in starts.items()])
    try:
        while not queue.closed.is_set():
            records = [record for record in poll_available(consumer, 500, POLL_INTERVAL) if _is_record(record, ref)]
            for batch in into_batches(
                to_message(ref, record, record.partition(), record.offset()) for record in records
            ):
                if not queue.put(batch):
                    return
    finally:
        consumer.close()


def _is_record(record: Record, ref: Ref) -> bool:
    error = record.error()
    if error is None:
        return True
    code = error.code()
    if code != KafkaError._PARTITION_EOF and code not in RECOVERABLE and not error.retriable():
        raise translate(error, f"following {ref.name}")
    return False
