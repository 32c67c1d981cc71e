"""What two looks at the lag of a group tell in figures: rates, how long the backlog lasts, and how old it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mqtui.domain.end_timeline import position_number
from mqtui.domain.figure import SIGN, Figure, about, at_least, exact, format_rate, unknown
from mqtui.domain.metrics import time_to_clear
from mqtui.domain.times import format_age
from mqtui.domain.topology import GroupLag, PartitionLag

COUNTER_SECONDS = 10.0
"""Counters of a broker are compared from so many seconds on: some are samples, taken every few seconds."""

NO_SECOND_LOOK = unknown("a second look tells")
NOT_COUNTED = unknown("the broker does not count it")
NO_POSITIONS = unknown("the broker does not say when what waits arrived")
NEVER = unknown("the lag does not shrink")


@dataclass(frozen=True, slots=True)
class Movement:
    """How a group, or one partition of it, moves. Rates are messages a second.

    `eta` is the seconds until nothing waits (`NEVER` where the lag does not shrink), `time_lag` the age in seconds of
    the oldest message that is not read.
    """

    rate_in: Figure = NO_SECOND_LOOK
    rate_out: Figure = NO_SECOND_LOOK
    eta: Figure = NO_SECOND_LOOK
    time_lag: Figure = NO_POSITIONS


class PartitionChange(NamedTuple):
    """A partition at two looks. There may be 10,000 at each poll: a dataclass takes three times as long to make."""

    before: PartitionLag
    now: PartitionLag

    @property
    def has_moved(self) -> bool:
        """Whether the group has read on, or went back."""
        return (self.before.committed, self.before.read) != (self.now.committed, self.now.read)

    @property
    def went_back(self) -> bool:
        """Whether the group's position is an earlier one now."""
        was, now = position_number(self.before.committed), position_number(self.now.committed)
        return was is not None and now is not None and now < was

    @property
    def waits(self) -> bool:
        """Whether messages waited at both looks."""
        return bool(self.before.lag.number) and bool(self.now.lag.number)

    def tells_position(self, seconds: float) -> bool:
        """Whether the two looks tell if the group reads."""
        return bool(self.now.committed) or (self.now.read is not None and seconds >= COUNTER_SECONDS)

    @property
    def place(self) -> str:
        """The position the group stands at, as it is typed."""
        at = self.now.committed
        return f"{self.now.partition}/{at}" if at.isdigit() else at or self.now.resource.name


def duration_text(figure: Figure) -> str:
    """Seconds as an age with the sign of its exactness: `≈ 3m`, `≥ 2h`, `?`; `never` where the lag does not shrink."""
    if figure is NEVER:
        return "never"
    return "?" if figure.number is None else SIGN[figure.sort] + format_age(figure.number)


def rate_text(figure: Figure) -> str:
    """Messages a second, as `812/s` or `?`."""
    return format_rate(figure.number)


def compare(before: GroupLag, now: GroupLag) -> list[PartitionChange]:
    """The partitions that both looks have."""
    pairs = list(zip(before.parts, now.parts, strict=False))
    if len(before.parts) == len(now.parts) and all(
        was.partition == part.partition and was.resource == part.resource for was, part in pairs
    ):
        return [PartitionChange(was, part) for was, part in pairs]
    earlier = {(part.resource, part.partition): part for part in before.parts}
    return [
        PartitionChange(was, part)
        for part in now.parts
        if (was := earlier.get((part.resource, part.partition))) is not None
    ]


class Rates(NamedTuple):
    """Messages a second that arrive and that the group reads; None where the looks do not tell."""

    arriving: float | None
    reading: float | None


def rates_of(changes: Sequence[PartitionChange], seconds: float) -> Rates:
    """The rates between two looks so many seconds apart."""
    return Rates(arrival_rate(changes, seconds), read_rate(changes, seconds))


def arrival_rate(changes: Sequence[PartitionChange], seconds: float) -> float | None:
    """Messages that arrive in a second; None where the looks do not tell."""
    ends = [
        (_number(each.before.end, each.before.arrived), _number(each.now.end, each.now.arrived)) for each in changes
    ]
    return _rate(ends, changes, seconds)


def read_rate(changes: Sequence[PartitionChange], seconds: float) -> float | None:
    """Messages that the group reads in a second; None where the looks do not tell."""
    ends = [
        (_number(each.before.committed, each.before.read), _number(each.now.committed, each.now.read))
        for each in changes
    ]
    return _rate(ends, changes, seconds)


def measure(
    changes: Sequence[PartitionChange], lag: Figure, seconds: float, time_lag: Figure, rates: Rates | None = None
) -> Movement:
    """The figures of a group, or of one partition, at the last of two looks so many seconds apart.

    `rates` are those of the changes, where they are known already.
    """
    if seconds <= 0 or not changes:
        return Movement(eta=exact(0) if lag.number == 0 else NO_SECOND_LOOK, time_lag=time_lag)
    arriving, reading = rates or rates_of(changes, seconds)
    if arriving is None or reading is None:
        was = [change.before.lag.number for change in changes]
        known = [number for number in was if number is not None]
        shrinks = (sum(known) - lag.number) / seconds if lag.number is not None and len(known) == len(was) else None
    else:
        shrinks = reading - arriving
    return Movement(_figure(arriving, seconds), _figure(reading, seconds), _eta(lag, shrinks), time_lag)


def oldest(ages: Sequence[Figure]) -> Figure:
    """The greatest of several ages; those that are not known make it a lower bound."""
    known = [age for age in ages if age.number is not None]
    if not known:
        return ages[0] if ages else exact(0)
    greatest = max(known, key=lambda age: age.number or 0)
    if len(known) == len(ages) or greatest.number is None:
        return greatest
    return at_least(greatest.number, next(age.why for age in ages if age.number is None))


def _eta(lag: Figure, shrinks: float | None) -> Figure:
    if lag.number == 0:
        return exact(0)
    if lag.number is None:
        return unknown(lag.why)
    if shrinks is None:
        return NOT_COUNTED
    left = time_to_clear(lag.number, shrinks, 0.0)
    return NEVER if left is None else about(left, "lag divided by how fast it shrank")


def _figure(rate: float | None, seconds: float) -> Figure:
    return NOT_COUNTED if rate is None else about(max(0.0, rate), f"over {seconds:.0f} s")


def _number(position: str, counter: int | None) -> int | None:
    return int(position) if position.isdigit() else counter


def _rate(
    ends: Sequence[tuple[int | None, int | None]], changes: Sequence[PartitionChange], seconds: float
) -> float | None:
    known = [(was, now) for was, now in ends if was is not None and now is not None]
    counters = any(not change.now.end.isdigit() for change in changes)
    if not known or len(known) < len(ends) or seconds <= 0 or (counters and seconds < COUNTER_SECONDS):
        return None
    return sum(now - was for was, now in known) / seconds
