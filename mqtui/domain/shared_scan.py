"""A scan that several processes share: where each partition of it stands, and what was perhaps scanned twice."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mqtui.domain.resource import Kind, Ref
from mqtui.domain.scan import ScanRange

MOST_AT_ONCE, LEAST_AT_ONCE, PARTS = 100_000, 1_000, 8
"""Offsets that a process takes at once: an eighth of a partition, within these bounds."""


class SharedProgress(msgspec.Struct, frozen=True):
    """Where the scan of one partition stands, as it is committed beside the offset that was reached."""

    scan: str
    """Which scan it is: a hash of what is looked for, and where."""

    start: int
    end: int
    """The offsets of the whole partition that are scanned, `end` exclusive, as its first process saw them."""

    holder: str = ""
    """The process that is scanning it; "" for none."""

    def next_end(self, reached: int) -> int:
        """The end of what is taken at once, from an offset on: so much may be lost with the process that took it."""
        size = max(LEAST_AT_ONCE, min(MOST_AT_ONCE, (self.end - self.start) // PARTS))
        return min(self.end, reached + size)

    def encode(self) -> str:
        """As it is committed."""
        return msgspec.json.encode(self).decode()


def decode_progress(text: str | None) -> SharedProgress | None:
    """Committed progress; None where the commit is not one of a shared scan."""
    try:
        return msgspec.json.decode(text or "", type=SharedProgress)
    except (msgspec.DecodeError, UnicodeError):
        return None


class SharedPart(msgspec.Struct, frozen=True):
    """What one process scans at once."""

    ref: Ref
    range: ScanRange


class RepeatedPart(msgspec.Struct, frozen=True):
    """What was perhaps scanned twice, and whose hits were perhaps given twice; `why` is a sentence."""

    part: SharedPart
    why: str


def group_of(prefix: str, name: str) -> Ref:
    """The consumer group of a shared scan."""
    return Ref(Kind.GROUP, f"{prefix}.search.{name}")


def ranges_by_partition(ranges: Sequence[ScanRange]) -> dict[int, tuple[int, int]]:
    """Start and end of each partition; stretches of one partition follow each other."""
    found: dict[int, tuple[int, int]] = {}
    for each in ranges:
        start, end = found.get(each.partition, (each.start[0], each.end[0]))
        found[each.partition] = min(start, each.start[0]), max(end, each.end[0])
    return found
