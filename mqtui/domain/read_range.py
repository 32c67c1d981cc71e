"""Which part of a destination is read, how much there is, and what peeking at a queue costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from mqtui.domain.figure import Figure
from mqtui.domain.message import Position


class Edge(StrEnum):
    """The two ends of a destination, as typed: `oldest`, `newest`."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class At:
    """Start at a position."""

    position: Position


@dataclass(frozen=True, slots=True)
class Since:
    """Start at a time, in milliseconds since the epoch."""

    time: int


StartPoint: TypeAlias = Edge | At | Since


@dataclass(frozen=True, slots=True)
class ReadRange:
    """Read from `start` on; `newest` means the last messages, oldest first. `until` (ms since the epoch) is exclusive.

    `partition` limits a topic to one partition. `after` has the first wanted offset of each partition.
    """

    start: StartPoint = Edge.OLDEST
    partition: int | None = None
    until: int | None = None
    after: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extent:
    """The first and the end position (exclusive) of each partition, and the number of messages."""

    count: Figure
    first: Mapping[int, Position] = field(default_factory=dict)
    end: Mapping[int, Position] = field(default_factory=dict)
    uncommitted: int = 0
    """Records beyond the last stable offset: their transaction is still open (K8)."""

    notes: tuple[str, ...] = ()
    """What is missing and why, a sentence each: "partition 1 is missing: it has no leader (...)" (K19)."""


@dataclass(frozen=True, slots=True)
class PeekCost:
    """What a peek costs (R3). `lends`: messages are taken and returned, as on queues; else it is free."""

    lends: bool
    spends: bool
    """Whether each peek uses up a delivery of the delivery limit."""

    limit: Figure
    """The delivery limit; unknown where the queue has none or it can't be read (R4)."""

    left: Figure
    text: str
    refusal: str = ""
    """Why peeking is refused whatever the consent (R3: at 1 delivery left); "" where it is not."""


FREE_PEEK = PeekCost(lends=False, spends=False, limit=Figure(0), left=Figure(0), text="free")


@dataclass(frozen=True, slots=True)
class PeekHistory:
    """Earlier peeks at a queue that went wrong (R13).

    `unanswered` got no answer and `unreadable` an error instead of a message; each used up a delivery. `mark` tells the
    queue from a later one of its name.
    """

    unanswered: int = 0
    unreadable: int = 0
    mark: str = ""
