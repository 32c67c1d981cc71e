"""Figures over time: samples, rates, trends. Times are seconds of any steady clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A figure at a time; `value` is None where it could not be had."""

    time: float
    value: float | None


class Series:
    """A ring of the last samples, at least `step` seconds apart: a sooner one takes the place of the last."""

    __slots__ = ("_samples", "step")

    def __init__(self, length: int = 60, step: float = 0.0) -> None:
        self._samples: deque[Sample] = deque(maxlen=length)
        self.step = step

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, time: float, value: float | None) -> None:
        """Take a sample."""
        if self._samples and time - self._samples[-1].time < self.step and len(self._samples) > 1:
            self._samples.pop()
        self._samples.append(Sample(time, value))

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self._samples[-1].value if self._samples else None

    def values(self, length: int) -> list[float | None]:
        """The newest values, the oldest first."""
        return [sample.value for sample in list(self._samples)[-length:]]

    def rate(self, over: float = 60.0) -> float | None:
        """Change a second over the last `over` seconds; None before there are two samples."""
        known = [sample for sample in self._samples if sample.value is not None]
        if len(known) < 2:
            return None
        newest = known[-1]
        first = next((sample for sample in known if newest.time - sample.time <= over), known[-2])
        if first is newest:
            first = known[-2]
        span = newest.time - first.time
        if span <= 0 or newest.value is None or first.value is None:
            return None
        return (newest.value - first.value) / span


def time_to_clear(backlog: float, out_rate: float, in_rate: float) -> float | None:
    """Seconds until a backlog is gone; None where it does not shrink."""
    gain = out_rate - in_rate
    if backlog <= 0:
        return 0.0
    return backlog / gain if gain > 0 else None


def grows(values: Sequence[float | None]) -> bool:
    """Whether the newest known value is above the oldest known one."""
    known = [value for value in values if value is not None]
    return len(known) > 1 and known[-1] > known[0]
