"""The lag of a queue's consumers: messages that are ready, and those that are delivered and not yet acknowledged."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.domain.figure import Figure, about, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag, PartitionLag

STREAM_LAG = unknown("the management API does not report the offsets of a stream's consumers")


REMOVAL_COUNTERS = ("ack", "deliver_no_ack", "get_no_ack")
"""Counters of the management API of messages that consumers took for good."""


def queue_lag(ref: Ref, row: Row, state: str, waiting: Figure) -> GroupLag:
    """What waits in one queue, as the lag of its consumers. `row` may have the statistics of the management API."""
    removed = _removed(row)
    arrived = removed + int(waiting.number) if removed is not None and waiting.number is not None else None
    part = PartitionLag(destination_of(row), 0, "", "", waiting, arrived=arrived, read=removed)
    consumers = row.get("consumers")
    members = consumers if isinstance(consumers, int) else None
    return GroupLag(ref, state, (part,), total((part.lag,)), members)


def _removed(row: Row) -> int | None:
    """How many messages consumers took for good, as the API samples it; None where it has no statistics."""
    if "node" not in row or row.get("type") == "stream":
        return None
    stats = row.get("message_stats") or {}
    return sum(int(stats.get(name, 0)) for name in REMOVAL_COUNTERS)


def destination_of(row: Row) -> Ref:
    """The queue or stream of a row."""
    return Ref(Kind.STREAM if row.get("type") == "stream" else Kind.QUEUE, row["name"])


def waiting_messages(row: Row) -> Figure:
    """Ready and unacknowledged messages of a queue."""
    if row.get("type") == "stream":
        return STREAM_LAG
    if isinstance(row.get("messages"), int):
        return exact(row["messages"])
    ready, taken = row.get("messages_ready"), row.get("messages_unacknowledged")
    if isinstance(ready, int) and isinstance(taken, int):
        return about(ready + taken)
    return unknown(f"the queue does not answer: {row.get('state', 'state unknown')}")
