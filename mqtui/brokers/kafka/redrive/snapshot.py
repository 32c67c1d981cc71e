"""A dead-letter topic at one instant: its bounds, what was handled, who holds it, who reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.read.catalog import GAPS
from mqtui.brokers.kafka.read.groups import KafkaGroups
from mqtui.brokers.kafka.read.offsets import Ends, ends_of
from mqtui.brokers.kafka.read.topic_metadata import describe, topic_name
from mqtui.brokers.kafka.redrive.state_topic import HolderRecord, State, read_state, watch_holder
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.figure import Figure, about, exact
from mqtui.domain.redrive import OffsetBounds, Source
from mqtui.domain.resource import Ref


async def snapshot(connection: Connection, ref: Ref) -> Source:
    """The source as of now. Opens no producer: calling `init_transactions` would end another run (K3).

    Raises:
        NotFound: there is no such topic.
    """
    topic = await describe(connection, topic_name(ref))
    known = await ends_of(connection, ref)
    state, holder = await asyncio.gather(state_of(connection, topic.identity), holder_of(connection, topic.identity))
    handled = state.handled(dict(known.first))
    first = {number: min(mark, known.end[number]) for number, mark in handled.watermark.items()}
    groups = await KafkaGroups(connection).list_groups(ref)
    return Source(
        ref,
        topic.identity,
        OffsetBounds(first, known.end),
        _count(known, first, state),
        handled,
        holder.shown() if holder is not None else None,
        tuple(group.ref.name for group in groups),
    )


async def state_of(connection: Connection, identity: str) -> State:
    """What is committed in the state topic; an empty state where there is none, or where it may not be read."""
    try:
        return await connection.call("reading the state", lambda: read_state(connection, identity, settled=False))
    except (NotFound, NotAuthorised):
        return State()


async def holder_of(connection: Connection, identity: str) -> HolderRecord | None:
    """Who holds the topic, as far as that may be read."""
    try:
        return await connection.call("reading the holder", lambda: watch_holder(connection, identity))
    except (NotFound, NotAuthorised):
        return None


def _count(known: Ends, first: Mapping[int, int], state: State) -> Figure:
    number = sum(
        known.end[place] - mark - state.marks(place).count(mark, known.end[place]) for place, mark in first.items()
    )
    return about(number, GAPS) if number else exact(0)
