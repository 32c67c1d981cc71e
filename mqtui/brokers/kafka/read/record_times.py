"""The times of single records, by their offsets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.messages import NO_TIME
from mqtui.brokers.kafka.read.bounded_consumer import BoundedConsumer
from mqtui.domain.errors import MqtuiError

SILENCE_TIMEOUT = 5.0
"""Seconds without a record after which the times that are missing stay unknown."""


async def read_record_times(
    clients: KafkaClients, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]
) -> dict[int, int]:
    """By partition the time, in ms, of the first record from an offset on; left out where there is none before `ends`.

    A record of an open transaction counts.
    """
    if not starts:
        return {}
    return await clients.run_in_thread("reading times", partial(_read_blocking, clients, topic, starts, ends))


def _read_blocking(
    clients: KafkaClients, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]
) -> dict[int, int]:
    found: dict[int, int] = {}
    consumer = BoundedConsumer(
        clients, "offsets", topic, starts, ends, committed=False, prefetch=1, timeout=SILENCE_TIMEOUT
    )
    try:
        with suppress(MqtuiError):
            while consumer.open_partitions:
                for record in consumer.poll_records(500, 0.2):
                    kind, time = record.timestamp()
                    if kind != TIMESTAMP_NOT_AVAILABLE and time != NO_TIME:
                        found.setdefault(record.partition(), time)
                    consumer.finish_partition(record.partition())
    finally:
        consumer.close()
    return found
