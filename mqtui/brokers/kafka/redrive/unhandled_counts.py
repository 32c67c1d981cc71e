"""Counts the unhandled letters of dead-letter topics. Every poll asks for it, so it has to be cheap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.catalog import OFFSET_GAPS
from mqtui.brokers.kafka.read.offsets import OffsetResults, list_offsets
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_topics, state_topic_name, topic_name
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure, about, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Destination

if TYPE_CHECKING:
    from mqtui.brokers.kafka.redrive.state_topic import TopicProgress


class UnhandledCounter:
    """Counts by offsets, less the handled ones. Of the state topic it reads only what is new since the last count."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._progress: dict[str, TopicProgress] = {}
        self._read_topic_id = ""
        self._next_offset = 0

    async def count(self, rows: Sequence[Destination]) -> dict[Ref, Figure]:
        """Unhandled letters by topic, for rows of a listing; unknown if the topic can't be described.

        Raises:
            MqtuiError: nobody answers, or the state topic can't be read.
        """
        found = {row.ref: row.messages for row in rows}
        names = {topic_name(row.ref): row.ref for row in rows if row.messages.number}
        if not names:
            return found
        state_topic = state_topic_name(self._clients.prefix)
        described = await describe_topics(self._clients, [*names, state_topic])
        if not isinstance(state := described[state_topic], Topic):
            return found
        topics = [topic for name in names if isinstance(topic := described[name], Topic)]
        await self._read_updates(state, topics)
        found |= {
            names[name]: unknown(error.title) for name, error in described.items() if isinstance(error, MqtuiError)
        }
        return found | await self._subtract_handled(
            [topic for topic in topics if self._progress[topic.identity].partitions]
        )

    async def _read_updates(self, state: Topic, topics: Sequence[Topic]) -> None:
        from mqtui.brokers.kafka.redrive.state_topic import (  # most clusters have no state topic
            TopicProgress,
            read_updates,
        )

        wanted = {topic.identity for topic in topics}
        if state.identity != self._read_topic_id or not wanted <= self._progress.keys():
            self._read_topic_id, self._next_offset = state.identity, 0
            self._progress = {identity: TopicProgress() for identity in wanted}
        states, since = self._progress, self._next_offset
        try:
            self._next_offset = await self._clients.run_in_thread(
                "reading the state", lambda: read_updates(self._clients, states, since)
            )
        except MqtuiError:
            self._read_topic_id = ""
            raise

    async def _subtract_handled(self, topics: Sequence[Topic]) -> dict[Ref, Figure]:
        if not topics:
            return {}
        keys = [(topic.name, number) for topic in topics for number in topic.partitions]
        first, end = await asyncio.gather(
            list_offsets(self._clients, keys, OffsetSpec.earliest()),
            list_offsets(self._clients, keys, OffsetSpec.latest(), committed=True),
        )
        return {
            Ref(Kind.TOPIC, topic.name): _unhandled_figure(topic, self._progress[topic.identity], first, end)
            for topic in topics
        }


def _unhandled_figure(topic: Topic, progress: TopicProgress, first: OffsetResults, end: OffsetResults) -> Figure:
    parts: list[Figure] = []
    for number in topic.partitions:
        low, high = first.get((topic.name, number)), end.get((topic.name, number))
        if not isinstance(low, int) or not isinstance(high, int):
            parts.append(unknown(f"partition {number} tells no offsets"))
            continue
        offsets = progress.handled_in(number)
        mark = min(offsets.watermark(low), high)
        left = high - mark - offsets.count(mark, high)
        parts.append(about(left, OFFSET_GAPS) if left else exact(0))
    return total(parts)
