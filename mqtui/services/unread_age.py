"""When the first message was written that a group has not read: its exact time lag, and when retention deletes it.

It costs a read, so it is asked for one group at a time, never at a poll.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from mqtui.brokers.optional_port import TellsAges
from mqtui.domain.figure import Figure, about, exact
from mqtui.domain.lag_movement import Movement
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.read_range import At, ReadRange
from mqtui.domain.resource import Ref
from mqtui.domain.times import format_age, parse_entry_id
from mqtui.domain.topology import GroupLag, PartitionLag
from mqtui.services.session import Session

MAX_PARTITIONS = 100
"""Partitions that are read from, those with most lag first."""

RISK_SECONDS = 86_400.0
"""A first unread message that is deleted within a day is told of, whatever the lag does."""

AHEAD = "the message's time is ahead of this machine's clock"


@dataclass(frozen=True, slots=True)
class FirstUnread:
    """The first message of a partition that a group has not read. Times are milliseconds."""

    time: int
    """When it was written, since the epoch."""

    position: str = ""
    """Where the group stood when it was read: it is the first unread one only as long as it stands there."""

    kept_for: int | None = None
    """For how long the broker keeps a message; None where that is without limit, or not known."""

    def age(self, now: float) -> Figure:
        """Its age in seconds; `now` is in seconds since the epoch."""
        seconds = now - self.time / 1000
        return exact(seconds) if seconds >= 0 else about(0, AHEAD)

    def deleted_in(self, now: float) -> float | None:
        """Seconds until retention may delete it, below 0 where it may do so at any time; None where nothing does."""
        return None if self.kept_for is None else (self.time + self.kept_for) / 1000 - now


FirstUnreads: TypeAlias = Mapping[tuple[Ref, int], FirstUnread]

NOTHING_READ: FirstUnreads = {}


async def read_first_unread(session: Session, lag: GroupLag) -> FirstUnreads:
    """The first unread message of each partition with lag; left out where it can't be read.

    Raises:
        MqtuiError: a destination can't be read.
    """
    waiting = [part for part in lag.parts if part.lag.number]
    waiting = sorted(waiting, key=lambda part: -(part.lag.number or 0))[:MAX_PARTITIONS]
    found: dict[tuple[Ref, int], FirstUnread] = {}
    for resource in dict.fromkeys(part.resource for part in waiting):
        found |= await _read_resource(session, resource, [part for part in waiting if part.resource == resource])
    return found


def add_age(movement: Movement, part: PartitionLag, firsts: FirstUnreads, now: float) -> Movement:
    """The movement of a partition with the exact age of its first unread message, where that was read."""
    first = firsts.get((part.resource, part.partition))
    is_first = first is not None and first.position == part.committed and bool(part.lag.number)
    return replace(movement, time_lag=first.age(now)) if first is not None and is_first else movement


def retention_words(firsts: FirstUnreads, eta: Figure, now: float) -> str:
    """That the first unread messages are deleted soon, or before they are read; "" where they are not."""
    ends = [left for first in firsts.values() if (left := first.deleted_in(now)) is not None]
    left = min(ends, default=None)
    if left is None or (left > RISK_SECONDS and (eta.number is None or eta.number < left)):
        return ""
    if left <= 0:
        return "the first unread may be deleted at any time"
    return f"the first unread are deleted in {format_age(left)}"


async def _read_resource(session: Session, resource: Ref, parts: Sequence[PartitionLag]) -> FirstUnreads:
    reader = session.broker.reader
    if isinstance(reader, TellsAges):
        offsets = {part.partition: int(part.committed) for part in parts if part.committed.isdigit()}
        times = await reader.times_from(resource, offsets)
        kept_for = await reader.retention(resource) if times else None
        return {(resource, number): FirstUnread(time, str(offsets[number]), kept_for) for number, time in times.items()}
    found: dict[tuple[Ref, int], FirstUnread] = {}
    for part in parts:
        if (start := next_position(part)) is None:
            continue
        async for batch in session.broker.reader.read(resource, ReadRange(At(start)), limit=1):
            for message in batch:
                if message.timestamp is not None:
                    found[resource, part.partition] = FirstUnread(message.timestamp, part.committed)
    return found


def next_position(part: PartitionLag) -> Offset | EntryId | None:
    """Where a group reads on in a partition; None where that is not known."""
    if part.committed.isdigit():
        return Offset(part.partition, int(part.committed))
    delivered = parse_entry_id(part.committed)
    return None if delivered is None else EntryId(delivered.ms, delivered.seq + 1)
