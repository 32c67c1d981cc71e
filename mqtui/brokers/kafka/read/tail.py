"""Following a topic from its end, in a thread of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from confluent_kafka import KafkaError, TopicPartition

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.connection.thread_queue import Feed
from mqtui.brokers.kafka.errors import translate
from mqtui.brokers.kafka.messages import Record, message
from mqtui.brokers.kafka.read.bounded_consumer import HARMLESS, arrived
from mqtui.brokers.kafka.read.fetch import batched
from mqtui.brokers.port import Batch
from mqtui.domain.resource import Ref

LOOK = 0.2
"""Seconds until a closed tail is noticed."""


async def following(connection: Connection, ref: Ref, starts: Mapping[int, int]) -> AsyncIterator[Batch]:
    """Records from these offsets on, until the iterator is closed."""
    feed: Feed[Batch] = Feed()
    feed.fill("tail", lambda: follow(connection, ref, starts, feed))
    try:
        async for batch in feed.items():
            yield batch
    finally:
        feed.close()


def follow(connection: Connection, ref: Ref, starts: Mapping[int, int], feed: Feed[Batch]) -> None:
    """Hand over what arrives until nobody reads any more. Held back, librdkafka keeps at most 16 MiB."""
    consumer = connection.consumer(
        "tail", isolation_level="read_committed", fetch_wait_max_ms=100, queued_max_messages_kbytes=16_384
    )
    consumer.assign([TopicPartition(ref.name, number, first) for number, first in starts.items()])
    try:
        while not feed.closed.is_set():
            records = [record for record in arrived(consumer, 500, LOOK) if _is_record(record, ref)]
            for batch in batched(message(ref, record, record.partition(), record.offset()) for record in records):
                if not feed.give(batch):
                    return
    finally:
        consumer.close()


def _is_record(record: Record, ref: Ref) -> bool:
    error = record.error()
    if error is None:
        return True
    code = error.code()
    if code != KafkaError._PARTITION_EOF and code not in HARMLESS and not error.retriable():
        raise translate(error, f"following {ref.name}")
    return False
