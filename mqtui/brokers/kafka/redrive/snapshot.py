"""Takes the snapshot of a dead-letter topic: offset bounds, handled offsets, lock owner, and reading groups."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.catalog import OFFSET_GAPS
from mqtui.brokers.kafka.read.groups import KafkaGroups
from mqtui.brokers.kafka.read.offsets import TopicBounds, read_topic_bounds
from mqtui.brokers.kafka.read.topic_metadata import describe_topic, topic_name
from mqtui.brokers.kafka.redrive.state_topic import LockRecord, TopicProgress, read_progress, watch_lock
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.figure import Figure, about, exact
from mqtui.domain.redrive import OffsetBounds, Source
from mqtui.domain.resource import Ref


async def take_snapshot(clients: KafkaClients, ref: Ref) -> Source:
    """The source as of now. Opens no producer: `init_transactions` would fence a running redrive (K3).

    Raises:
        NotFound: there is no such topic.
    """
    topic = await describe_topic(clients, topic_name(ref))
    bounds, progress, lock, groups = await asyncio.gather(
        read_topic_bounds(clients, ref),
        progress_or_empty(clients, topic.identity),
        lock_or_none(clients, topic.identity),
        KafkaGroups(clients).list_groups(ref),
    )
    handled = progress.to_handled(dict(bounds.first))
    first = {number: min(mark, bounds.end[number]) for number, mark in handled.watermark.items()}
    return Source(
        ref,
        topic.identity,
        OffsetBounds(first, bounds.end),
        _count_unhandled(bounds, first, progress),
        handled,
        lock.to_lock_owner() if lock is not None else None,
        tuple(group.ref.name for group in groups),
    )


async def progress_or_empty(clients: KafkaClients, identity: str) -> TopicProgress:
    """The committed progress; empty if there is no state topic or it may not be read."""
    try:
        return await clients.run_in_thread(
            "reading the state", lambda: read_progress(clients, identity, to_high_watermark=False)
        )
    except (NotFound, NotAuthorised):
        return TopicProgress()


async def lock_or_none(clients: KafkaClients, identity: str) -> LockRecord | None:
    """The lock record; None if there is no state topic or it may not be read."""
    try:
        return await clients.run_in_thread("reading the lock", lambda: watch_lock(clients, identity))
    except (NotFound, NotAuthorised):
        return None


def _count_unhandled(bounds: TopicBounds, first: Mapping[int, int], progress: TopicProgress) -> Figure:
    number = sum(
        bounds.end[place] - mark - progress.handled_in(place).count(mark, bounds.end[place])
        for place, mark in first.items()
    )
    return about(number, OFFSET_GAPS) if number else exact(0)
