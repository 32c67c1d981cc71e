"""Where a consumer group stands in a destination, where it is to stand, and what that skips or reads again.

A position is where the group reads on: on Kafka the committed offset, which is read next; on Redis the last delivered
id, after which is read. None: the group has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from mqtui.domain.errors import BadInput
from mqtui.domain.figure import Figure
from mqtui.domain.message import Position
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import Ref
from mqtui.domain.times import parse_start_point
from mqtui.domain.topology import Member

FORMS = "oldest, newest, an offset or entry id, a time, shift:-10, group:NAME or file:FILE"


@dataclass(frozen=True, slots=True)
class Shift:
    """So many messages forward, or back where it is negative."""

    by: int


@dataclass(frozen=True, slots=True)
class Positions:
    """A position for each partition by destination and number; those that are not named stay. None deletes it."""

    by_partition: Mapping[tuple[Ref, int], Position | None]


@dataclass(frozen=True, slots=True)
class AsGroup:
    """Where another group stands."""

    name: str


@dataclass(frozen=True, slots=True)
class AsFile:
    """What a file says."""

    path: str


OffsetTarget: TypeAlias = Edge | At | Since | Shift | Positions
"""Where a group is to stand, as a broker understands it."""

RequestedTarget: TypeAlias = OffsetTarget | AsGroup | AsFile


@dataclass(frozen=True, slots=True)
class OffsetMove:
    """A partition, where its group stands, and where it is to stand.

    `skips` are the messages that the group will not read, `reads_again` those that it has read before. Times are those
    of the messages that are read next, in ms since the epoch; None: there is none, or it is not known.
    """

    resource: Ref
    partition: int
    before: Position | None
    after: Position | None
    skips: Figure
    reads_again: Figure
    before_time: int | None = None
    after_time: int | None = None

    @property
    def changes(self) -> bool:
        """Whether the group would stand elsewhere."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class OffsetPreview:
    """What would become of the offsets of a group. `members` are those that read there now.

    `must_leave`: the broker takes no offsets while there are any. `notes`: what is left out, and why, a sentence each.
    """

    group: Ref
    state: str
    exists: bool
    moves: tuple[OffsetMove, ...]
    members: tuple[Member, ...] = ()
    must_leave: bool = True
    notes: tuple[str, ...] = field(default=())


def parse_offset_target(text: str, partition: int | None, now: datetime) -> RequestedTarget:
    """Where a group is to stand, as typed.

    Raises:
        BadInput: it is nothing of that kind.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind == "shift":
        if re.fullmatch(r"[+-]?\d{1,18}", rest) is None:
            raise BadInput(f"Not a number of messages: {rest!r}", "", "Write it as shift:-10 or shift:10.")
        return Shift(int(rest))
    if colon and kind in ("group", "file") and rest:
        return AsGroup(rest) if kind == "group" else AsFile(rest)
    try:
        return parse_start_point(text, partition, now)
    except BadInput as error:
        raise BadInput(f"Not a position of a group: {text!r}", "", f"Give {FORMS}.") from error
