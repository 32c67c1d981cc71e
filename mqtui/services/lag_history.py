"""What earlier looks saw of the lag of a broker's groups, so that a later look tells how each goes, and since when.

The console's poller and `mqtui lag` have one of these a broker. Memory is bounded: three looks, and samples of ends
that are thinned with age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from mqtui.domain.end_timeline import EndTimeline, position_number
from mqtui.domain.figure import Figure, exact
from mqtui.domain.lag_assessment import (
    LagAssessment,
    LagState,
    Memory,
    Standstill,
    assess_changes,
    is_stopped,
)
from mqtui.domain.lag_movement import NO_POSITIONS, Movement, PartitionChange, compare, measure, oldest, rates_of
from mqtui.domain.resource import Ref
from mqtui.domain.topology import GroupLag, PartitionLag

PartitionKey: TypeAlias = tuple[Ref, int]
GroupPartition: TypeAlias = tuple[Ref, Ref, int]
StandstillOf: TypeAlias = Callable[[PartitionLag], Standstill | None]

COMPARED_SECONDS = 30.0
"""The least age of the look that is compared with, once there is one: Java's consumers commit every 5 s."""

NO_AGE = exact(0)
"""Nothing waits."""

SLICE = 200
"""Partitions that are looked at in one step."""


@dataclass(frozen=True, slots=True)
class LagReport:
    """How a group goes at the last look. `since` is when it was first seen so, in seconds since the epoch."""

    assessment: LagAssessment
    movement: Movement
    since: float
    is_since_first_look: bool
    """Whether it was so at the first look already: it may be so for longer."""

    rebalances: int = 0
    """How often its partitions went to other members, as far as two looks in a row show it."""

    rebalanced: float = 0.0
    """When that was seen last, in seconds since the epoch; 0 where never."""

    @property
    def state(self) -> LagState:
        """Its state in one word."""
        return self.assessment.state


@dataclass(frozen=True, slots=True)
class Look:
    """The lags at one time. `time` only compares with other looks; `clock` is in seconds since the epoch."""

    time: float
    clock: float
    lags: Mapping[Ref, GroupLag]


@dataclass(frozen=True, slots=True)
class Begun:
    """Since when something is so: the time of the look that saw it first, and whether that was the first of all."""

    time: float
    at_first_look: bool


class LagHistory:
    """The last look and at most two before it, the ends of partitions over time, and since when things are so."""

    def __init__(self) -> None:
        self.reports: Mapping[Ref, LagReport] = {}
        """How each group goes, at the last look."""

        self._looks: list[Look] = []
        self._ends: EndTimeline[PartitionKey] = EndTimeline()
        self._standing: dict[GroupPartition, tuple[str, Begun]] = {}
        self._stopped: dict[Ref, Begun] = {}

    def add(self, time: float, clock: float, lags: Mapping[Ref, GroupLag]) -> None:
        """Take a look into account at once; see `record`."""
        for _ in self.record(time, clock, lags):
            pass

    def record(self, time: float, clock: float, lags: Mapping[Ref, GroupLag]) -> Iterator[None]:
        """Take a look into account, in steps that are short enough for the event loop.

        `time` is in seconds of a clock that never jumps, `clock` in seconds since the epoch.
        """
        previous = self._looks[-1] if self._looks else None
        if previous is not None and time <= previous.time:
            return
        self._keep(look := Look(time, clock, lags))
        self._ends.begin(time)
        standing: dict[GroupPartition, tuple[str, Begun]] = {}
        stopped: dict[Ref, Begun] = {}
        for group, lag in lags.items():
            known = previous is not None and group in previous.lags
            if is_stopped(lag):
                stopped[group] = self._stopped.get(group) or Begun(time, not known)
            for start in range(0, len(lag.parts), SLICE):
                for part in lag.parts[start : start + SLICE]:
                    self._note(group, part, standing, Begun(time, not known))
                yield
        self._standing, self._stopped = standing, stopped
        reports: dict[Ref, LagReport] = {}
        for group, lag in lags.items():
            reports[group] = self._report(look, previous, lag)
            yield
        self.reports = reports

    @property
    def tells_movement(self) -> bool:
        """Whether there is more than one look."""
        return len(self._looks) > 1

    def movements_of(self, lag: GroupLag) -> list[Movement]:
        """How each partition of a group moves, in the order of its parts."""
        before, seconds = self._compared(lag.group)
        was = {(part.resource, part.partition): part for part in (before.parts if before is not None else ())}
        found: list[Movement] = []
        for part in lag.parts:
            earlier = was.get((part.resource, part.partition))
            changes = [] if earlier is None else [PartitionChange(earlier, part)]
            found.append(measure(changes, part.lag, seconds, self._age(part) if part.lag.number != 0 else NO_AGE))
        return found

    def standstill_of(self, group: Ref, part: PartitionLag) -> Standstill | None:
        """How long a partition stands at its position with messages waiting; None where it was not seen to."""
        found = self._standing.get((group, part.resource, part.partition))
        if found is None or found[0] != _position(part) or not self._looks:
            return None
        begun = found[1]
        seconds = self._looks[-1].time - begun.time
        return Standstill(seconds, begun.at_first_look) if seconds > 0 else None

    def _keep(self, look: Look) -> None:
        looks = self._looks
        if len(looks) == 3:
            looks = looks[1:] if look.time - looks[1].time >= COMPARED_SECONDS else looks[:2]
        self._looks = [*looks, look]

    def _note(
        self, group: Ref, part: PartitionLag, standing: dict[GroupPartition, tuple[str, Begun]], begun: Begun
    ) -> None:
        """Note the end of a partition, and since when the group stands there with messages waiting."""
        end = position_number(part.end)
        if end is not None:
            self._ends.set((part.resource, part.partition), end)
        if part.lag.number and (at := _position(part)):
            key = group, part.resource, part.partition
            before = self._standing.get(key)
            standing[key] = before if before is not None and before[0] == at else (at, begun)

    def _report(self, look: Look, previous: Look | None, lag: GroupLag) -> LagReport:
        group = lag.group
        before, seconds = self._compared(group)
        changes = [] if before is None else compare(before, lag)
        memory = Memory(self._stopped_since(look, group), self._standstills(group))
        rates = rates_of(changes, seconds)
        assessment = assess_changes(lag, before, changes, seconds, memory, rates)
        known = self.reports.get(group)
        same = known is not None and known.state is assessment.state
        shows_at_once = assessment.state in (LagState.STOPPED, LagState.REWOUND)
        since, first = look.clock, known is None or (known.state is LagState.UNKNOWN and not shows_at_once)
        if known is not None and same:
            since, first = known.since, known.is_since_first_look
        moved = previous is not None and _was_rebalanced(previous.lags.get(group), lag)
        rebalances = (known.rebalances if known is not None else 0) + moved
        rebalanced = look.clock if moved else known.rebalanced if known is not None else 0.0
        movement = measure(changes, lag.total, seconds, self._oldest(lag.parts), rates)
        return LagReport(assessment, movement, since, first, rebalances, rebalanced)

    def _compared(self, group: Ref) -> tuple[GroupLag | None, float]:
        """The oldest look but the last that has a group, and how many seconds before the last it was."""
        for look in self._looks[:-1]:
            if (before := look.lags.get(group)) is not None:
                return before, self._looks[-1].time - look.time
        return None, 0.0

    def _standstills(self, group: Ref) -> StandstillOf:
        return lambda part: self.standstill_of(group, part)

    def _stopped_since(self, look: Look, group: Ref) -> str:
        begun = self._stopped.get(group)
        if begun is None or begun.time == look.time:
            return ""
        at = datetime.fromtimestamp(look.clock - (look.time - begun.time)).strftime("%H:%M")
        return f"since before {at}" if begun.at_first_look else f"since {at}"

    def _oldest(self, parts: Sequence[PartitionLag]) -> Figure:
        """The age of the oldest message that waits in any of these partitions."""
        return oldest([self._age(part) for part in parts if part.lag.number != 0])

    def _age(self, part: PartitionLag) -> Figure:
        at = position_number(part.committed)
        age = None if at is None else self._ends.age_of((part.resource, part.partition), at)
        return NO_POSITIONS if age is None else age


def _position(part: PartitionLag) -> str:
    """Where a group stands, or how much it has read; "" where neither is known."""
    return part.committed or ("" if part.read is None else str(part.read))


def _was_rebalanced(before: GroupLag | None, now: GroupLag) -> bool:
    """Whether partitions that had a member have another one."""
    if before is None or not any(part.member for part in now.parts):
        return False
    members = {(part.resource, part.partition): part.member for part in before.parts if part.member}
    return any(
        part.member and members.get((part.resource, part.partition), part.member) != part.member for part in now.parts
    )
