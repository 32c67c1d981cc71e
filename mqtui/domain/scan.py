"""A scan tests every record of a destination: which stretches are left, and what one step of it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Protocol, TypeAlias

import msgspec

from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId, Message, Offset, Position
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Ref

Bound: TypeAlias = tuple[int, int]
"""A position within a partition: offset and 0, or the two numbers of an entry id."""

Window: TypeAlias = Mapping[int, tuple[int, int]]
"""By partition the offsets of one step back: the first, and the end (exclusive)."""

FIRST_WINDOW = 10_000
"""Offsets of the first window of a scan from the newest on, in all partitions together."""

MAX_WINDOW = 1_000_000
WINDOW_GROWTH = 4


class ScanRange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stretch of one partition that is left to scan: from `start` up to before `end`."""

    partition: int
    start: Bound
    end: Bound


class RecordColumns(Protocol):
    """Records by column: most are rejected by their value, before a message is made of them."""

    @property
    def values(self) -> Sequence[bytes | None]:
        """The values of all."""

    def keys(self) -> Sequence[bytes | None]:
        """The keys of all."""

    def times(self) -> Sequence[int | None]:
        """The timestamps of all, in ms."""

    def extras(self) -> Sequence[Sequence[bytes | None]]:
        """What each has beside key and value: names and values of headers, properties and fields, untyped."""


class ScannedRecords(RecordColumns, Protocol):
    """Records of a scan, of which some are made messages later."""

    def messages(self, indexes: Iterable[int]) -> Sequence[Message]:
        """The messages of some."""


RecordTest: TypeAlias = Callable[[RecordColumns], Sequence[tuple[int, bool]]]
"""The candidates among records: the index of each, and whether it surely matches; the others surely do not."""


class Certainty(IntEnum):
    """What is known of a record that may match."""

    UNSURE = 0
    """Nothing yet: it is decoded and tested as a message."""

    PROGRAM = 1
    """All but the query's program holds, whose input is the record's value as it stands."""

    SURE = 2
    """It matches."""


Finding: TypeAlias = tuple[int, Certainty]
"""The index of a record that may match, and what is known of it."""

ScanTest: TypeAlias = Callable[[RecordColumns], Sequence[Finding]]
"""The candidates among the records of a scan; the others surely do not match."""


class Candidates(msgspec.Struct, frozen=True, gc=False):
    """Records, and which of them may match. A message is made only of one that does."""

    records: ScannedRecords
    found: Sequence[Finding]


class ScanStep(msgspec.Struct, frozen=True, gc=False):
    """What a part of a scan found. `scanned` records of `size` bytes were tested.

    `left` is what is to be scanned after this step. `is_settled` says that no later step finds anything newer: a
    window is read from its start, the newest window first.
    """

    scanned: int
    size: int
    candidates: Candidates | None
    left: tuple[ScanRange, ...]
    is_settled: bool


class PlaceStep(msgspec.Struct, frozen=True, gc=False):
    """What a part of a scan of many destinations found in one of them.

    With `is_last` nothing more comes of it; `has_older` then says whether it has messages that were not scanned, and
    `error` why it could not be scanned to its end.
    """

    ref: Ref
    scanned: int = 0
    size: int = 0
    candidates: Sequence[tuple[Message, bool]] = ()
    is_last: bool = False
    has_older: bool = False
    uncommitted: int = 0
    """Records behind an open transaction, which are not scanned (K8)."""

    error: MqtuiError | None = None


def bound_of(position: Position) -> Bound:
    """The place of a position within its partition."""
    match position:
        case Offset(offset=offset):
            return offset, 0
        case EntryId(ms=ms, seq=seq):
            return ms, seq
    return position.tag, 0


def count_offsets(ranges: Iterable[ScanRange]) -> int:
    """The offsets in some stretches."""
    return sum(max(0, each.end[0] - each.start[0]) for each in ranges)


def split_ranges(ranges: Sequence[ScanRange], count: int) -> list[tuple[ScanRange, ...]]:
    """Stretches of offsets in `count` shares of about the same size; a share is a stretch of few partitions."""
    size = -(-count_offsets(ranges) // count)
    shares: list[list[ScanRange]] = [[]]
    room = size
    for each in sorted(ranges, key=lambda each: (each.partition, each.start)):
        start, end = each.start[0], each.end[0]
        while start < end:
            if not room:
                shares.append([])
                room = size
            cut = min(end, start + room)
            shares[-1].append(ScanRange(each.partition, (start, 0), (cut, 0)))
            start, room = cut, room - (cut - start)
    return [tuple(share) for share in shares if share]


class OffsetWindows:
    """Splits stretches of offsets into windows: from the newest on, each wider than the last; or each stretch whole."""

    def __init__(self, ranges: Iterable[ScanRange], first: Edge) -> None:
        self._first = first
        self._width = FIRST_WINDOW
        self._todo: dict[int, list[tuple[int, int]]] = {}
        for each in sorted(ranges, key=lambda each: each.start):
            if each.start < each.end:
                self._todo.setdefault(each.partition, []).append((each.start[0], each.end[0]))
        self.window: Window = {}
        """The window that was given last."""

    def next_window(self) -> Window:
        """The next window; empty at the end."""
        self._todo = {number: parts for number, parts in self._todo.items() if parts}
        if self._first is Edge.NEWEST:
            width = max(1, self._width // max(1, len(self._todo)))
            self._width = min(MAX_WINDOW, self._width * WINDOW_GROWTH)
            self.window = {number: _cut_last(parts, width) for number, parts in self._todo.items()}
        else:
            self.window = {number: parts.pop(0) for number, parts in self._todo.items()}
        return self.window

    def left(self, reached: Mapping[int, int]) -> tuple[ScanRange, ...]:
        """What is left, where the current window was scanned up to before these offsets."""
        parts = [(number, max(start, reached.get(number, start)), end) for number, (start, end) in self.window.items()]
        parts += [(number, start, end) for number, each in self._todo.items() for start, end in each]
        return tuple(ScanRange(number, (start, 0), (end, 0)) for number, start, end in parts if start < end)


def _cut_last(parts: list[tuple[int, int]], width: int) -> tuple[int, int]:
    """Take the last `width` offsets from the last of some stretches."""
    start, end = parts.pop()
    cut = max(start, end - width)
    if cut > start:
        parts.append((start, cut))
    return cut, end
