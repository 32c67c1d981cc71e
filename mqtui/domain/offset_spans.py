"""Sets of offsets of one partition as spans: a gap of a billion offsets costs no more than a gap of one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OffsetSpans:
    """Offsets from each of `firsts` up to but not including that of `ends`; in order, apart from each other."""

    firsts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> OffsetSpans:
        """The offsets of spans (first, end) in any order, which may overlap."""
        firsts: list[int] = []
        ends: list[int] = []
        for first, end in sorted(spans):
            if first >= end:
                continue
            if ends and first <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                firsts.append(first)
                ends.append(end)
        return cls(tuple(firsts), tuple(ends))

    @classmethod
    def of_offsets(cls, offsets: Iterable[int]) -> OffsetSpans:
        """Single offsets."""
        return cls.of((offset, offset + 1) for offset in offsets)

    def __len__(self) -> int:
        """How many offsets it has."""
        return sum(self.ends) - sum(self.firsts)

    def __contains__(self, offset: object) -> bool:
        if not isinstance(offset, int):
            return False
        at = bisect_right(self.firsts, offset) - 1
        return at >= 0 and offset < self.ends[at]

    def spans(self) -> Iterator[tuple[int, int]]:
        """Each span as (first, end)."""
        return zip(self.firsts, self.ends, strict=True)

    def count(self, first: int, end: int) -> int:
        """How many of them lie from `first` up to but not including `end`."""
        return sum(max(0, min(end, last) - max(first, begin)) for begin, last in self.spans())


NO_OFFSETS = OffsetSpans()
