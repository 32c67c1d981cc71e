"""Where partitions ended at earlier looks: from it follows about when a message arrived that nobody has read.

As kafka-lag-exporter does it: the time of a position is interpolated between two looks. What is older than the first
look has a bound only.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Hashable
from typing import Generic, TypeVar

from mqtui.domain.figure import Figure, about, at_least, exact, unknown
from mqtui.domain.times import parse_entry_id

Key = TypeVar("Key", bound=Hashable)

CAPACITY = 64
"""Looks that are kept. Where there are more, every second one of the older half goes: the oldest stays."""

NOT_SEEN = -1.0
"""The end of a partition at a look that did not see it."""

INTERPOLATED = "interpolated between two looks"
OLDER_THAN_LOOKS = "it arrived before the first look"
ONE_LOOK = "one look does not tell when it arrived"


def position_number(text: str) -> float | None:
    """An offset, or the milliseconds of an entry id with its number behind the point; None for anything else."""
    if text.isdigit():
        return float(text)
    entry = parse_entry_id(text)
    return None if entry is None else entry.ms + min(entry.seq, 999) / 1000


class EndTimeline(Generic[Key]):
    """The ends of partitions at the looks kept. Times are seconds of one clock; a sample takes 8 bytes."""

    def __init__(self) -> None:
        self._times = array("d")
        self._ends: dict[Key, array[float]] = {}

    def begin(self, time: float) -> None:
        """Begin a look, later than all before."""
        if len(self._times) >= CAPACITY:
            self._thin()
        self._times.append(time)

    def set(self, key: Key, end: float) -> None:
        """Note where a partition ends at this look. An end below an earlier one is that of another partition."""
        ends = self._ends.get(key)
        count = len(self._times)
        if ends is None:
            ends = self._ends[key] = array("d")
        elif len(ends) == count:
            ends.pop()
        if len(ends) < count - 1:
            ends.extend([ends[-1] if ends else NOT_SEEN] * (count - 1 - len(ends)))
        if ends and ends[-1] > end:
            ends[:] = array("d", [NOT_SEEN] * len(ends))
        ends.append(end)

    def age_of(self, key: Key, position: float) -> Figure | None:
        """How many seconds before the last look the message at a position arrived; None where no look tells.

        0 where none had arrived there by the last look.
        """
        ends, times = self._ends.get(key), self._times
        if ends is None or len(ends) < len(times):
            return None
        after = bisect_right(ends, position)
        now = times[-1]
        if after >= len(ends):
            return exact(0)
        if after == 0 or ends[after - 1] == NOT_SEEN:
            watched = now - times[after]
            return at_least(watched, OLDER_THAN_LOOKS) if watched else unknown(ONE_LOOK)
        low, high = ends[after - 1], ends[after]
        arrived = times[after - 1] + (times[after] - times[after - 1]) * (position - low) / (high - low)
        return about(now - arrived, INTERPOLATED)

    def _thin(self) -> None:
        half = CAPACITY // 2
        kept = [*range(0, half, 2), *range(half, CAPACITY)]
        last = len(self._times)
        self._times = array("d", [self._times[place] for place in kept])
        self._ends = {
            key: array("d", [ends[place] for place in kept if place < len(ends)])
            for key, ends in self._ends.items()
            if len(ends) > last - half
        }
