"""Reads the newest record of many topics with one consumer: a consumer's start costs more than the records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.messages import Record, to_message
from mqtui.brokers.kafka.read.bounded_consumer import RECOVERABLE, poll_available
from mqtui.brokers.kafka.read.offsets import TopicPartitionKey, list_offsets
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_topics, topic_name
from mqtui.domain.errors import NotFound
from mqtui.domain.message import Message
from mqtui.domain.resource import Ref

SILENCE_TIMEOUT = 10.0
"""Seconds without any record or event after which the remaining partitions are given up."""

WINDOW_GROWTH = 4
"""How much wider the next window is if this one had no record: only transaction markers or aborted records."""


@dataclass(frozen=True, slots=True)
class Window:
    """The offsets of a partition to read, `end` exclusive; `first` is the partition's first offset."""

    first: int
    start: int
    end: int

    def earlier(self, width: int) -> Window:
        """The window of so many offsets before this one."""
        return Window(self.first, max(self.first, self.start - width), self.start)


async def read_newest_records(clients: KafkaClients, refs: Sequence[Ref]) -> dict[Ref, Message | None]:
    """By topic the newest committed record by timestamp, None if it has none; topics that can't be read are left out.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    names: dict[str, Ref] = {}
    for ref in refs:
        with suppress(NotFound):
            names[topic_name(ref)] = ref
    if not names:
        return {}
    described = await describe_topics(clients, list(names))
    topics = [topic for topic in described.values() if isinstance(topic, Topic)]
    keys = [(topic.name, number) for topic in topics for number in topic.partitions]
    if not keys:
        return {}
    first, end = await asyncio.gather(
        list_offsets(clients, keys, OffsetSpec.earliest()),
        list_offsets(clients, keys, OffsetSpec.latest(), committed=True),
    )
    readable: set[str] = set()
    windows: dict[TopicPartitionKey, Window] = {}
    for key in keys:
        low, high = first.get(key), end.get(key)
        if isinstance(low, int) and isinstance(high, int):
            readable.add(key[0])
            if low < high:
                windows[key] = Window(low, high - 1, high)
    records, unreadable = await clients.run_in_thread(
        "reading the newest records", lambda: _read_blocking(clients, windows)
    )
    return {
        names[name]: to_message(names[name], found, found.partition(), found.offset()) if found is not None else None
        for name in readable - unreadable
        for found in (records.get(name),)
    }


def _read_blocking(
    clients: KafkaClients, windows: Mapping[TopicPartitionKey, Window]
) -> tuple[dict[str, Record], set[str]]:
    """The newest record of each topic, and the topics that can't be read. Blocks."""
    newest: dict[str, Record] = {}
    unreadable: set[str] = set()
    width = 1
    consumer = clients.create_consumer("search", isolation_level="read_committed", fetch_wait_max_ms=100)
    try:
        while windows:
            found, refused = _read_windows(consumer, windows)
            unreadable |= refused
            for (name, _), record in found.items():
                if name not in newest or _merge_key(record) > _merge_key(newest[name]):
                    newest[name] = record
            width *= WINDOW_GROWTH
            windows = {
                key: window.earlier(width)
                for key, window in windows.items()
                if key not in found and key[0] not in unreadable and window.start > window.first
            }
    finally:
        consumer.close()
    return newest, unreadable


def _read_windows(
    consumer: Consumer, windows: Mapping[TopicPartitionKey, Window]
) -> tuple[dict[TopicPartitionKey, Record], set[str]]:
    """The last record in each window, and the topics that can't be read. Blocks."""
    found: dict[TopicPartitionKey, Record] = {}
    refused: set[str] = set()
    consumer.assign([TopicPartition(*key, window.start) for key, window in windows.items()])
    left, news = set(windows), time.monotonic()
    while left:
        got = poll_available(consumer, 500, 0.2)
        if got:
            news = time.monotonic()
        elif time.monotonic() > news + SILENCE_TIMEOUT:
            return found, refused | {name for name, _ in left}
        for record in got:
            key, error = (record.topic(), record.partition()), record.error()
            if key not in windows:
                continue
            if error is None and record.offset() < windows[key].end:
                found[key] = record
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                if record.offset() + (error is None) >= windows[key].end:
                    left.discard(key)
            elif not error.retriable() and error.code() not in RECOVERABLE:
                refused.add(key[0])
                left = {other for other in left if other[0] != key[0]}
    return found, refused


def _merge_key(record: Record) -> tuple[int, int]:
    return record.timestamp()[1], record.partition()
