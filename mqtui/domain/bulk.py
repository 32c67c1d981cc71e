"""Values of bulk moves and counts, which make no `Message` of each letter.

Offset ranges and raw entries, routes, receipts, counts.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mqtui.domain.errors import Held
from mqtui.domain.message import Header, Message, Offset, Position
from mqtui.domain.raw_entries import RawEntries
from mqtui.domain.redrive import Receipt
from mqtui.domain.resource import Ref

UNKNOWN_POSITION = -1
"""In a column of offsets or partitions: not known."""

OriginOf: TypeAlias = Callable[[int, int, int | None], bytes]
"""Makes the value of the origin header from partition, offset and timestamp (ms; None: it has none)."""


@dataclass(frozen=True, slots=True)
class RouteTemplate:
    """Target and headers of all letters with the same header names. The fields of a stream entry count as headers.

    Headers at the indexes `kept` are sent in their order. Then follows the origin header, whose value is different for
    each letter (`origin` None: they get none, or have it from an earlier run), then the headers `added` to all.
    """

    target: Ref
    kept: tuple[int, ...]
    origin_name: str
    origin: OriginOf | None
    added: tuple[Header, ...]
    keeps_time: bool = False
    group: str = ""
    """The consumer group in which these letters failed, by their headers."""


class RouteTemplates(Protocol):
    """Makes route templates. Called by a single thread."""

    def discriminating_headers(self, letter: Message) -> tuple[int, ...]:
        """Indexes of the headers on whose values the route of letters with these header names depends."""

    def route_for(self, letter: Message) -> RouteTemplate | None:
        """The route of letters with these headers; None: each has to be moved as a message of its own."""


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Consecutive letters of a partition: `count` from the offset `first` on."""

    partition: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class OffsetRanges:
    """The offsets of letters in their order, as ranges. Iterating gives each offset."""

    ranges: tuple[OffsetRange, ...]

    @classmethod
    def of(cls, partitions: Sequence[int], offsets: Sequence[int]) -> OffsetRanges:
        """The ranges of letters with these partitions and offsets, pairwise."""
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

    @classmethod
    def of_partition(cls, partition: int, offsets: Sequence[int]) -> OffsetRanges:
        """The ranges of letters of one partition."""
        return cls.of(array("i", (partition,)) * len(offsets), offsets)

    def __len__(self) -> int:
        return sum([one.count for one in self.ranges])

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, Offset) and any(
            one.partition == offset.partition and one.first <= offset.offset < one.first + one.count
            for one in self.ranges
        )

    def __iter__(self) -> Iterator[Offset]:
        for one in self.ranges:
            for offset in range(one.first, one.first + one.count):
                yield Offset(one.partition, offset)


@dataclass(frozen=True, slots=True)
class BulkReceipts:
    """Where the letters from `sources` were stored, as columns with a value for each letter.

    `topic_indexes` is the index of the target in `topics`; `partitions` and `offsets` are the position there. They are
    arrays of native integers of 32, 32 and 64 bits, with `UNKNOWN_POSITION` where a position is not known.
    """

    sources: OffsetRanges
    topics: tuple[str, ...]
    topic_indexes: bytes
    partitions: bytes
    offsets: bytes

    def __len__(self) -> int:
        return len(self.sources)

    def __iter__(self) -> Iterator[tuple[Offset, str, Offset | None]]:
        """For each letter: its offset, the topic of its copy, and the offset of the copy (None: not known)."""
        columns = (array("i", self.topic_indexes), array("i", self.partitions), array("q", self.offsets))
        for source, topic, partition, offset in zip(self.sources, *columns, strict=True):
            yield source, self.topics[topic], None if offset == UNKNOWN_POSITION else Offset(partition, offset)


@dataclass(frozen=True, slots=True)
class EntryReceipts:
    """Where the stream entries `sources` were stored, as columns with a value for each of them.

    `target_indexes` is the index of the target in `targets`, an array of native 32-bit integers; `copies` is the id
    there.
    """

    sources: Sequence[bytes]
    targets: tuple[str, ...]
    target_indexes: bytes
    copies: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.sources)


RawLetters: TypeAlias = OffsetRanges | RawEntries
"""The letters of a raw batch, as the journal and the bundle take them."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The result of a raw batch: the letters that were moved, and each other one with its position and target."""

    moved: BulkReceipts | EntryReceipts
    others: Sequence[tuple[Position, Ref, Receipt]] = ()
    routes: bytes = b""
    """For each moved letter the index of its route in `RawBatch.routes`: an array of native 32-bit integers."""


@dataclass(frozen=True, slots=True)
class AlikeLetters:
    """Letters with the same header names and the same values of the headers that their route depends on.

    `first` is the first of them. Sizes are bytes of key, value and headers. Times are ms since the epoch, None where no
    letter has one.
    """

    first: Message
    count: int
    size: int
    largest: int
    keyless: int
    oldest: int | None
    newest: int | None


@dataclass(frozen=True, slots=True)
class CountedLetters:
    """Some letters of a source: those counted with others that are alike, and those to look at one by one."""

    alike: Sequence[AlikeLetters]
    letters: Sequence[Message]

    def __len__(self) -> int:
        return sum([each.count for each in self.alike]) + len(self.letters)


class Alikeness(Protocol):
    """Says which letters are counted together. Called by a single thread."""

    def deciding_headers(self, letter: Message) -> tuple[int, ...] | None:
        """Indexes of the headers whose values have to be the same, for letters with these header names; None: such
        letters are looked at one by one.
        """

    def samples_from(self, letter: Message) -> bool:
        """Whether samples are wanted from the letters that are alike to this one."""

    def takes_sample(self, letter: Message) -> bool:
        """Whether this letter, which has a key, is wanted as a sample: it is then looked at by itself."""


class FencedDuringMove(Held):
    """Another run took the source over while letters were moved.

    `results` has the fate of each: stored before that, gone where the other run handled it, returned where it is still
    in the source (C8).
    """

    def __init__(self, error: Held, results: Sequence[Receipt] | BulkResult) -> None:
        super().__init__(error.title, error.detail, error.hint)
        self.results = results
