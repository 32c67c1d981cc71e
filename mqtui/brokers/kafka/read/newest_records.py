"""The newest record of many topics, read by one consumer: its first requests cost more than the records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.messages import Record, message
from mqtui.brokers.kafka.read.bounded_consumer import HARMLESS, arrived
from mqtui.brokers.kafka.read.offsets import Place, ask_offsets
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_each, topic_name
from mqtui.domain.errors import NotFound
from mqtui.domain.message import Message
from mqtui.domain.resource import Ref

PATIENCE = 10.0
"""Seconds without any news after which the partitions that are left are given up."""

WIDER = 4
"""How much wider the next window is where the last offsets hold no record: transaction markers, aborted records."""


@dataclass(frozen=True, slots=True)
class Window:
    """Offsets of a partition that are read, the last exclusive; `first` is where the partition begins."""

    first: int
    start: int
    end: int

    def before(self, width: int) -> Window:
        """The offsets before these."""
        return Window(self.first, max(self.first, self.start - width), self.start)


async def read_newest(connection: Connection, refs: Sequence[Ref]) -> dict[Ref, Message | None]:
    """The newest committed record of each topic by its timestamp, None where there is none; without those that can't
    be read.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    names: dict[str, Ref] = {}
    for ref in refs:
        with suppress(NotFound):
            names[topic_name(ref)] = ref
    if not names:
        return {}
    described = await describe_each(connection, list(names))
    topics = [topic for topic in described.values() if isinstance(topic, Topic)]
    places = [(topic.name, number) for topic in topics for number in topic.partitions]
    if not places:
        return {}
    first, end = await asyncio.gather(
        ask_offsets(connection, places, OffsetSpec.earliest()),
        ask_offsets(connection, places, OffsetSpec.latest(), committed=True),
    )
    told: set[str] = set()
    windows: dict[Place, Window] = {}
    for place in places:
        low, high = first.get(place), end.get(place)
        if isinstance(low, int) and isinstance(high, int):
            told.add(place[0])
            if low < high:
                windows[place] = Window(low, high - 1, high)
    records, closed = await connection.call("reading the newest records", lambda: _read(connection, windows))
    return {
        names[name]: message(names[name], found, found.partition(), found.offset()) if found is not None else None
        for name in told - closed
        for found in (records.get(name),)
    }


def _read(connection: Connection, windows: Mapping[Place, Window]) -> tuple[dict[str, Record], set[str]]:
    """The newest record of each topic, and the topics that can't be read. Windows grow backwards. Blocks."""
    newest: dict[str, Record] = {}
    closed: set[str] = set()
    width = 1
    consumer = connection.consumer("search", isolation_level="read_committed", fetch_wait_max_ms=100)
    try:
        while windows:
            found, refused = _read_windows(consumer, windows)
            closed |= refused
            for (name, _), record in found.items():
                if name not in newest or _age(record) > _age(newest[name]):
                    newest[name] = record
            width *= WIDER
            windows = {
                place: window.before(width)
                for place, window in windows.items()
                if place not in found and place[0] not in closed and window.start > window.first
            }
    finally:
        consumer.close()
    return newest, closed


def _read_windows(consumer: Consumer, windows: Mapping[Place, Window]) -> tuple[dict[Place, Record], set[str]]:
    """The last record in each window, and the topics that can't be read. Blocks."""
    found: dict[Place, Record] = {}
    refused: set[str] = set()
    consumer.assign([TopicPartition(*place, window.start) for place, window in windows.items()])
    left, news = set(windows), time.monotonic()
    while left:
        got = arrived(consumer, 500, 0.2)
        if got:
            news = time.monotonic()
        elif time.monotonic() > news + PATIENCE:
            return found, refused | {name for name, _ in left}
        for record in got:
            place, error = (record.topic(), record.partition()), record.error()
            if place not in windows:
                continue
            if error is None and record.offset() < windows[place].end:
                found[place] = record
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                if record.offset() + (error is None) >= windows[place].end:
                    left.discard(place)
            elif not error.retriable() and error.code() not in HARMLESS:
                refused.add(place[0])
                left = {other for other in left if other[0] != place[0]}
    return found, refused


def _age(record: Record) -> tuple[int, int]:
    return record.timestamp()[1], record.partition()
