"""Which part of a destination is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from mqtui.domain.figure import Figure
from mqtui.domain.message import Position


class Edge(StrEnum):
    """The two ends of a destination."""

    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class At:
    """From a position on."""

    position: Position


@dataclass(frozen=True, slots=True)
class Since:
    """From a time on, in milliseconds since the epoch."""

    time: int


StartPoint: TypeAlias = Edge | At | Since


@dataclass(frozen=True, slots=True)
class ReadRange:
    """Read from `start`; newest means the last messages, given oldest first. `until` (ms since the epoch) is exclusive.

    `partition` limits a topic to one partition. `after` skips what lies before, by partition: the first offset wanted.
    """

    start: StartPoint = Edge.OLDEST
    partition: int | None = None
    until: int | None = None
    after: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is: first and end position by partition (end is exclusive), and the count."""

    count: Figure
    first: Mapping[int, Position] = field(default_factory=dict)
    end: Mapping[int, Position] = field(default_factory=dict)
    uncommitted: int = 0
    """Records behind an open transaction: not yet committed by their writer (K8)."""

    notes: tuple[str, ...] = ()
    """What is not in it, and why, a sentence each: "partition 1 is missing: it has no leader (...)" (K19)."""


@dataclass(frozen=True, slots=True)
class PeekCost:
    """What a look costs. Free where nothing is lent."""

    lends: bool
    spends: bool
    """Whether each look takes a delivery off a limit."""

    limit: Figure
    """Deliveries allowed in all; unknown where the queue has none or it can't be read."""

    left: Figure
    text: str
    refusal: str = ""
    """Why it can't be paid at all, whatever the consent (R3: at 1 left)."""


FREE_PEEK = PeekCost(lends=False, spends=False, limit=Figure(0), left=Figure(0), text="free")


@dataclass(frozen=True, slots=True)
class PeekHistory:
    """What looks at a queue left behind (R13). `unanswered` ended without an answer, `unreadable` got an error instead
    of a message; each of them spent a delivery. `mark` tells the queue from a later one of its name.
    """

    unanswered: int = 0
    unreadable: int = 0
    mark: str = ""
