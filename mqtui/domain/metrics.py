"""Time series: samples, rates, trends. Times are seconds of a monotonic clock."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import zip_longest
from math import isnan, nan


class Series:
    """The last `length` samples, at least `step` seconds apart: an earlier one replaces the last.

    A value is None where it is unknown. A sample takes 16 bytes, since there may be 20,000 series.
    """

    __slots__ = ("_times", "_values", "length", "step")

    def __init__(self, length: int = 60, step: float = 0.0) -> None:
        self._times = array("d")
        self._values = array("d")
        self.length = length
        self.step = step

    def __len__(self) -> int:
        return min(len(self._times), self.length)

    def add(self, time: float, value: float | None) -> None:
        """Append a sample."""
        times, values = self._times, self._values
        if len(times) > 1 and time - times[-1] < self.step:
            times.pop()
            values.pop()
        times.append(time)
        values.append(nan if value is None else value)
        if len(times) >= 2 * self.length:
            del times[: -self.length], values[: -self.length]

    @property
    def last(self) -> float | None:
        """The newest value."""
        return _known(self._values[-1]) if self._values else None

    def values(self, length: int) -> list[float | None]:
        """The newest values, the oldest first."""
        return [_known(value) for value in self._values[-min(length, self.length) :]]

    def is_increasing(self, length: int, least: int) -> bool:
        """Whether the last `length` values never fall and end above their start; at least `least` must be known."""
        newest = self._values[-min(length, self.length) :]
        if not newest or newest[-1] <= newest[0]:
            return False
        known = [value for value in newest if not isnan(value)]
        return len(known) >= least and known[-1] > known[0] and known == sorted(known)

    def rate(self, over: float = 60.0) -> float | None:
        """The change per second over the last `over` seconds; None with fewer than two known samples."""
        times, values = self._times, self._values
        known = [place for place in range(len(times) - len(self), len(times)) if not isnan(values[place])]
        if len(known) < 2:
            return None
        newest = known[-1]
        first = next(place for place in known if times[newest] - times[place] <= over)
        if first == newest:
            first = known[-2]
        span = times[newest] - times[first]
        return (values[newest] - values[first]) / span if span > 0 else None


def sum_series(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The sums of several series, aligned at their newest values; None where no value is known."""
    columns = zip_longest(*(reversed(row) for row in rows))
    known = [[value for value in column if value is not None] for column in columns]
    return [sum(values) if values else None for values in reversed(known)]


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def time_to_clear(backlog: float, out_rate: float, in_rate: float) -> float | None:
    """Seconds until a backlog is gone; None where it does not shrink."""
    gain = out_rate - in_rate
    if backlog <= 0:
        return 0.0
    return backlog / gain if gain > 0 else None


def has_grown(values: Sequence[float | None]) -> bool:
    """Whether the newest known value is above the oldest known one."""
    known = [value for value in values if value is not None]
    return len(known) > 1 and known[-1] > known[0]
