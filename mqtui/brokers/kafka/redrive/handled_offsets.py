"""A set of offsets of one partition, those that were handled, with the encoding of the state topic.

In memory it has one byte per offset, in segments of 200,000 offsets. Bytes instead of bits, so that ranges are set,
found and counted by C code. Only segments with a handled offset are in memory; those that are handled whole share one,
so that a gap of a billion offsets costs nothing.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator

from mqtui.domain.errors import BrokerTrouble

SEGMENT_SIZE = 200_000
"""Offsets per record of the state topic (K2)."""

ZERO, ONE = b"\x00", b"\x01"
EMPTY, WHOLE = ZERO * SEGMENT_SIZE, ONE * SEGMENT_SIZE
TO_DIGITS = bytes.maketrans(ZERO + ONE, b"01")
TO_BYTES = bytes.maketrans(b"01", ZERO + ONE)


class OffsetSet:
    """The handled offsets of one partition."""

    def __init__(self) -> None:
        self._segments: dict[int, bytes | bytearray] = {}
        """By number; `WHOLE` where all its offsets are handled."""

        self.changed_segments: set[int] = set()
        """Segments that changed since their records were last committed."""

    def add_range(self, first: int, end: int) -> None:
        """Add the offsets from `first` up to but not including `end`."""
        for segment, low, high in _split_range(first, end):
            if high - low == SEGMENT_SIZE:
                self._segments[segment] = WHOLE
            else:
                self._writable(segment)[low:high] = ONE * (high - low)
            self.changed_segments.add(segment)

    def remove(self, offsets: Iterable[int]) -> None:
        for offset in offsets:
            segment = offset // SEGMENT_SIZE
            self._writable(segment)[offset % SEGMENT_SIZE] = 0
            self.changed_segments.add(segment)

    def contains(self, offset: int) -> bool:
        flags = self._segments.get(offset // SEGMENT_SIZE)
        return flags is not None and flags[offset % SEGMENT_SIZE] == 1

    def watermark(self, low: int) -> int:
        """The first offset from `low` on that is not in the set."""
        at = low
        while (flags := self._segments.get(at // SEGMENT_SIZE)) is not None:
            found = flags.find(ZERO, at % SEGMENT_SIZE)
            base = at // SEGMENT_SIZE * SEGMENT_SIZE
            if found >= 0:
                return base + found
            at = base + SEGMENT_SIZE
        return at

    def spans_from(self, first: int) -> Iterator[tuple[int, int]]:
        """The offsets in the set from `first` on, in order, as spans (first, end); a span ends with its segment."""
        for segment in sorted(self._segments):
            base, flags = segment * SEGMENT_SIZE, self._segments[segment]
            at = flags.find(ONE, max(0, first - base))
            while at >= 0:
                after = flags.find(ZERO, at)
                end = after if after >= 0 else SEGMENT_SIZE
                yield base + at, base + end
                at = flags.find(ONE, end)

    def count(self, first: int, end: int) -> int:
        """How many offsets from `first` up to but not including `end` are in the set."""
        parts = _split_range(first, end)
        return sum(
            self._segments[segment].count(ONE, low, high) for segment, low, high in parts if segment in self._segments
        )

    def encode(self, segment: int) -> tuple[int, str]:
        """A segment for the state topic: its first unhandled offset, and the bitmap from there on ("" if it is empty).

        The bitmap has the first offset in its highest bit, is deflated and base64-encoded.
        """
        flags, base = self._segments.get(segment, EMPTY), segment * SEGMENT_SIZE
        found = flags.find(ZERO)
        if found < 0:
            return base + SEGMENT_SIZE, ""
        rest = bytes(flags[found:]).rstrip(ZERO)
        if not rest:
            return base + found, ""
        digits = rest.translate(TO_DIGITS)
        digits += b"0" * (-len(digits) % 8)
        bits = int(digits, 2).to_bytes(len(digits) // 8, "big")
        return base + found, base64.b64encode(zlib.compress(bits, 1)).decode()

    def decode(self, segment: int, watermark: int, bitmap: str) -> None:
        """Replace a segment by a record of the state topic.

        Raises:
            BrokerTrouble: the record is damaged.
        """
        base = segment * SEGMENT_SIZE
        within = watermark - base
        try:
            bits = zlib.decompress(base64.b64decode(bitmap, validate=True)) if bitmap else b""
        except (ValueError, zlib.error) as error:
            raise BrokerTrouble("A record of what was handled is damaged", str(error)) from error
        if not 0 <= within <= SEGMENT_SIZE or within + len(bits) * 8 > SEGMENT_SIZE + 7:
            raise BrokerTrouble(
                "A record of what was handled is damaged", f"watermark {watermark} in segment {segment}"
            )
        if within == SEGMENT_SIZE:
            self._segments[segment] = WHOLE
            return
        digits = bin(int.from_bytes(b"\x01" + bits, "big"))[3:].encode() if bits else b""
        flags = ONE * within + digits.translate(TO_BYTES)
        self._segments[segment] = bytearray(flags[:SEGMENT_SIZE].ljust(SEGMENT_SIZE, ZERO))

    def _writable(self, segment: int) -> bytearray:
        flags = self._segments.get(segment, EMPTY)
        if not isinstance(flags, bytearray):
            flags = self._segments[segment] = bytearray(flags)
        return flags


def _split_range(first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The range, split by segment: (segment, first, end), relative to the segment's start."""
    while first < end:
        segment, low = divmod(first, SEGMENT_SIZE)
        high = min(SEGMENT_SIZE, low + end - first)
        yield segment, low, high
        first += high - low
