"""How many letters nobody has handled lie in dead-letter topics: asked at every poll, so that it has to be cheap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.read.catalog import GAPS
from mqtui.brokers.kafka.read.offsets import Answers, ask_offsets
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_each, state_topic, topic_name
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure, about, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Destination

if TYPE_CHECKING:
    from mqtui.brokers.kafka.redrive.state_topic import State


class LetterCounter:
    """Counts by offsets, less what the state topic says was handled. The state topic is read on, never again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._states: dict[str, State] = {}
        self._read_in = ""
        self._read_to = 0

    async def count(self, rows: Sequence[Destination]) -> dict[Ref, Figure]:
        """Letters by topic, out of rows of a listing; unknown where the topic can't be described.

        Raises:
            MqtuiError: nobody answers, or the state topic can't be read.
        """
        found = {row.ref: row.messages for row in rows}
        names = {topic_name(row.ref): row.ref for row in rows if row.messages.number}
        if not names:
            return found
        state = state_topic(self._connection.prefix)
        told = await describe_each(self._connection, [*names, state])
        if not isinstance(kept := told[state], Topic):
            return found
        topics = [topic for name in names if isinstance(topic := told[name], Topic)]
        await self._read_on(kept, topics)
        found |= {names[name]: unknown(error.title) for name, error in told.items() if isinstance(error, MqtuiError)}
        return found | await self._less_handled([topic for topic in topics if self._states[topic.identity].partitions])

    async def _read_on(self, kept: Topic, topics: Sequence[Topic]) -> None:
        from mqtui.brokers.kafka.redrive.state_topic import State, read_on  # most clusters have no state topic

        wanted = {topic.identity for topic in topics}
        if kept.identity != self._read_in or not wanted <= self._states.keys():
            self._read_in, self._read_to = kept.identity, 0
            self._states = {identity: State() for identity in wanted}
        states, since = self._states, self._read_to
        try:
            self._read_to = await self._connection.call(
                "reading the state", lambda: read_on(self._connection, states, since)
            )
        except MqtuiError:
            self._read_in = ""
            raise

    async def _less_handled(self, topics: Sequence[Topic]) -> dict[Ref, Figure]:
        if not topics:
            return {}
        places = [(topic.name, number) for topic in topics for number in topic.partitions]
        first, end = await asyncio.gather(
            ask_offsets(self._connection, places, OffsetSpec.earliest()),
            ask_offsets(self._connection, places, OffsetSpec.latest(), committed=True),
        )
        return {
            Ref(Kind.TOPIC, topic.name): _unhandled(topic, self._states[topic.identity], first, end) for topic in topics
        }


def _unhandled(topic: Topic, state: State, first: Answers, end: Answers) -> Figure:
    parts: list[Figure] = []
    for number in topic.partitions:
        low, high = first.get((topic.name, number)), end.get((topic.name, number))
        if not isinstance(low, int) or not isinstance(high, int):
            parts.append(unknown(f"partition {number} tells no offsets"))
            continue
        marks = state.marks(number)
        mark = min(marks.watermark(low), high)
        left = high - mark - marks.count(mark, high)
        parts.append(about(left, GAPS) if left else exact(0))
    return total(parts)
