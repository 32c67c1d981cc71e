"""The lag of a queue's consumers: messages that are ready, and those that are delivered and not yet acknowledged."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.domain.figure import Figure, about, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag, PartitionLag

STREAM_LAG = unknown("the management API does not report the offsets of a stream's consumers")


def queue_lag(ref: Ref, row: Row, state: str, waiting: Figure) -> GroupLag:
    """What waiting in one queue, as the lag of its consumers."""
    part = PartitionLag(destination_of(row), 0, "", "", waiting)
    return GroupLag(ref, state, (part,), total((part.lag,)))


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
