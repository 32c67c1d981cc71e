"""Which offsets of one partition are handled: a byte an offset, in segments of 200,000.

A byte rather than a bit, because runs of offsets are then set, found and counted by C code. Only segments that hold
something are in memory.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator

from mqtui.domain.errors import BrokerTrouble

SEGMENT = 200_000
"""Offsets a state record covers (K2)."""

ZERO, ONE = b"\x00", b"\x01"
TO_DIGITS = bytes.maketrans(ZERO + ONE, b"01")
TO_BYTES = bytes.maketrans(b"01", ZERO + ONE)


class Marks:
    """Handled offsets of one partition."""

    def __init__(self) -> None:
        self._segments: dict[int, bytearray] = {}
        self.touched: set[int] = set()
        """Segments changed since their records were last written."""

    def add(self, first: int, end: int) -> None:
        """Offsets from `first` up to but not including `end` are handled."""
        for segment, low, high in _parts(first, end):
            self._segment(segment)[low:high] = ONE * (high - low)
            self.touched.add(segment)

    def drop(self, offsets: Iterable[int]) -> None:
        """These offsets are not handled after all."""
        for offset in offsets:
            segment = offset // SEGMENT
            self._segment(segment)[offset % SEGMENT] = 0
            self.touched.add(segment)

    def has(self, offset: int) -> bool:
        """Whether an offset is handled."""
        held = self._segments.get(offset // SEGMENT)
        return held is not None and held[offset % SEGMENT] == 1

    def watermark(self, low: int) -> int:
        """The first offset from `low` on that is not handled."""
        at = low
        while (held := self._segments.get(at // SEGMENT)) is not None:
            found = held.find(ZERO, at % SEGMENT)
            base = at // SEGMENT * SEGMENT
            if found >= 0:
                return base + found
            at = base + SEGMENT
        return at

    def above(self, first: int) -> Iterator[int]:
        """Handled offsets from `first` on."""
        for segment in sorted(self._segments):
            base, held = segment * SEGMENT, self._segments[segment]
            at = held.find(ONE, max(0, first - base))
            while at >= 0:
                yield base + at
                at = held.find(ONE, at + 1)

    def count(self, first: int, end: int) -> int:
        """Handled offsets from `first` up to but not including `end`."""
        parts = _parts(first, end)
        return sum(
            self._segments[segment].count(ONE, low, high) for segment, low, high in parts if segment in self._segments
        )

    def written(self, segment: int) -> tuple[int, str]:
        """A segment's watermark, and its bitmap from there on as base64 of deflated bits ("" for none)."""
        held, base = self._segment(segment), segment * SEGMENT
        found = held.find(ZERO)
        if found < 0:
            return base + SEGMENT, ""
        rest = bytes(held[found:]).rstrip(ZERO)
        if not rest:
            return base + found, ""
        digits = rest.translate(TO_DIGITS)
        digits += b"0" * (-len(digits) % 8)
        bits = int(digits, 2).to_bytes(len(digits) // 8, "big")
        return base + found, base64.b64encode(zlib.compress(bits, 1)).decode()

    def read(self, segment: int, watermark: int, bitmap: str) -> None:
        """Take over what a record says of its segment.

        Raises:
            BrokerTrouble: the record is damaged.
        """
        base = segment * SEGMENT
        within = watermark - base
        try:
            bits = zlib.decompress(base64.b64decode(bitmap, validate=True)) if bitmap else b""
        except (ValueError, zlib.error) as error:
            raise BrokerTrouble("A record of what was handled is damaged", str(error)) from error
        if not 0 <= within <= SEGMENT or within + len(bits) * 8 > SEGMENT + 7:
            raise BrokerTrouble(
                "A record of what was handled is damaged", f"watermark {watermark} in segment {segment}"
            )
        digits = bin(int.from_bytes(b"\x01" + bits, "big"))[3:].encode() if bits else b""
        held = ONE * within + digits.translate(TO_BYTES)
        self._segments[segment] = bytearray(held[:SEGMENT].ljust(SEGMENT, ZERO))

    def _segment(self, segment: int) -> bytearray:
        held = self._segments.get(segment)
        if held is None:
            held = self._segments[segment] = bytearray(SEGMENT)
        return held


def _parts(first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The range as (segment, first, end) within each segment."""
    while first < end:
        segment, low = divmod(first, SEGMENT)
        high = min(SEGMENT, low + end - first)
        yield segment, low, high
        first += high - low
