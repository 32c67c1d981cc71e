"""Letters that go home by the thousand, without a look at each: where they lie, how their kind goes, where they came.

What is said once for many letters is said here by stretches and columns, never letter by letter.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mqtui.domain.errors import Held
from mqtui.domain.message import Header, Message, Offset
from mqtui.domain.redrive import Receipt
from mqtui.domain.resource import Ref

UNKNOWN_POSITION = -1
"""In a column: not known."""

OriginOf: TypeAlias = Callable[[int, int, int | None], bytes]
"""The value of the header that says where a letter lay, from its partition, offset and time."""


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """How all letters of one shape go: the same header names, the same target.

    Headers at the places `kept` go along in their order; then follow the one that tells where each lay (None: they
    have it from an earlier run) and those that are `added` to all.
    """

    target: Ref
    kept: tuple[int, ...]
    origin_name: str
    origin: OriginOf | None
    added: tuple[Header, ...]
    keeps_time: bool = False
    group: str = ""
    """The consumer group that such letters say they failed in."""


class RouteTemplates(Protocol):
    """Says how letters go, once for each shape. Asked by one thread."""

    def discriminating_headers(self, letter: Message) -> tuple[int, ...]:
        """Places of the headers whose values tell apart lanes of letters with these header names."""

    def route_for(self, letter: Message) -> RouteTemplate | None:
        """How letters of this shape go; None: each of them needs a look of its own."""


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Neighbours in a partition: `count` letters from the offset `first` on."""

    partition: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class OffsetRanges:
    """Where letters lie, in their order."""

    ranges: tuple[OffsetRange, ...]

    @classmethod
    def of(cls, partitions: Sequence[int], offsets: Sequence[int]) -> OffsetRanges:
        """Of letters by their partitions and offsets."""
        found: list[OffsetRange] = []
        at, first, end = UNKNOWN_POSITION, 0, 0
        for partition, offset in zip(partitions, offsets, strict=True):
            if offset == end and partition == at:
                end += 1
                continue
            if end > first:
                found.append(OffsetRange(at, first, end - first))
            at, first, end = partition, offset, offset + 1
        if end > first:
            found.append(OffsetRange(at, first, end - first))
        return cls(tuple(found))

    def __len__(self) -> int:
        return sum([stretch.count for stretch in self.ranges])

    def __iter__(self) -> Iterator[Offset]:
        for stretch in self.ranges:
            for offset in range(stretch.first, stretch.first + stretch.count):
                yield Offset(stretch.partition, offset)


@dataclass(frozen=True, slots=True)
class BulkReceipts:
    """Where letters from `places` were stored: a row a letter in each column.

    `which` is the letter's topic among `topics`, `partitions` and `offsets` its place there, as arrays of this
    machine's 32, 32 and 64 bit numbers; `UNKNOWN_POSITION` where it is not known.
    """

    sources: OffsetRanges
    topics: tuple[str, ...]
    topic_indexes: bytes
    partitions: bytes
    offsets: bytes

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[tuple[Offset, str, Offset | None]]:
        """Each letter's place, the topic of its copy, and the copy's place there."""
        columns = (array("i", self.topic_indexes), array("i", self.partitions), array("q", self.offsets))
        for place, topic, partition, offset in zip(self.sources, *columns, strict=True):
            yield place, self.topics[topic], None if offset == UNKNOWN_POSITION else Offset(partition, offset)


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of a load: letters that were moved, and the others one by one, each with its place and its target."""

    moved: BulkReceipts
    others: Sequence[tuple[Offset, Ref, Receipt]] = ()
    routes: bytes = b""
    """The lane of each letter that was moved, by its place among the load's lanes: an array of 32 bit numbers."""


class FencedDuringMove(Held):
    """Another run took the source over while letters were moved. `told` is what became of each of them all the same:
    moved before, gone where the other run handled it, returned where it is still in the source (C8).
    """

    def __init__(self, error: Held, told: Sequence[Receipt] | BulkResult) -> None:
        super().__init__(error.title, error.detail, error.hint)
        self.results = told
