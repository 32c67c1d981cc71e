"""How a consumer group goes, in a word and in a sentence with its figures, from one or two looks at its lag.

One look tells a group that has read all from one that nobody is in; whether a group moves shows in a second look only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mqtui.domain.figure import format_number, pluralize
from mqtui.domain.metrics import time_to_clear
from mqtui.domain.times import format_age, parse_entry_id
from mqtui.domain.topology import GroupLag, PartitionLag

NO_MEMBERS = frozenset({"Empty", "Dead", "empty"})
"""States, in the brokers' terms, of groups that nobody is in."""

SHORT_BACKLOG_SECONDS = 5.0
"""A backlog that is read in less is no trouble."""

SKEW_SHARE = 0.8
"""The part of the lag that a quarter of the partitions carry where a group counts as skewed."""

MIN_SKEW_PARTITIONS = 4
RARE_COMMITS = "or its consumers commit more rarely"


class LagState(StrEnum):
    """How a group goes."""

    OK = "ok"
    SLOW = "slow"
    """It reads less than arrives."""

    STALLED = "stalled"
    """It has members, and nothing moves."""

    STUCK = "stuck"
    """One partition does not move, and others do."""

    STOPPED = "stopped"
    """Nobody is in it, and messages wait."""

    SKEWED = "skewed"
    """Few partitions carry most of its lag."""

    RECOVERING = "recovering"
    """It reads more than arrives."""

    REWOUND = "rewound"
    """It went back to an earlier position."""

    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LagAssessment:
    """How a group goes: a word, and a sentence with the figures."""

    state: LagState
    words: str


@dataclass(frozen=True, slots=True)
class PartitionChange:
    """A partition at two looks."""

    before: PartitionLag
    now: PartitionLag

    @property
    def has_moved(self) -> bool:
        """Whether the group's position changed."""
        return self.before.committed != self.now.committed

    @property
    def went_back(self) -> bool:
        """Whether the group's position is an earlier one now."""
        was, now = _position(self.before.committed), _position(self.now.committed)
        return was is not None and now is not None and now < was

    @property
    def waits(self) -> bool:
        """Whether messages waited at both looks."""
        return bool(self.before.lag.number) and bool(self.now.lag.number)

    @property
    def place(self) -> str:
        """The position the group stands at, as it is typed."""
        return f"{self.now.partition}/{self.now.committed}" if self.now.committed.isdigit() else self.now.committed


def assess(now: GroupLag, before: GroupLag | None = None, seconds: float = 0.0) -> LagAssessment:
    """How a group goes, by its lag now and, where there was one, at a look so many seconds before."""
    lag = now.total.number
    if lag is None:
        return LagAssessment(LagState.UNKNOWN, f"not known: {now.total.why}")
    waiting = f"{now.total} waiting"
    changes = [] if before is None else _changes(before, now)
    back = [change for change in changes if change.went_back]
    if back:
        return LagAssessment(LagState.REWOUND, _rewound(back))
    if now.state in NO_MEMBERS and lag:
        arriving = _rate(changes, "end", seconds)
        more = f", {_per_second(arriving)} arrive" if arriving else ""
        return LagAssessment(LagState.STOPPED, f"stopped: no members, {waiting}{more}")
    if not lag:
        return LagAssessment(LagState.OK, "nothing waits")
    if before is None or seconds <= 0:
        return LagAssessment(LagState.UNKNOWN, f"{waiting}: one look does not tell whether it moves")
    return _assess_movement(now, before, changes, seconds)


def _assess_movement(
    now: GroupLag, before: GroupLag, changes: Sequence[PartitionChange], seconds: float
) -> LagAssessment:
    within, waiting = format_age(max(1.0, seconds)), f"{now.total} waiting"
    behind = [change for change in changes if change.waits and change.now.committed]
    still = [change for change in behind if not change.has_moved]
    moves = any(change.has_moved for change in changes)
    if behind and not moves:
        words = f"stalled: nothing was committed in {within}, {RARE_COMMITS}; {waiting}"
        return LagAssessment(LagState.STALLED, words)
    if still and moves:
        worst = max(still, key=lambda change: change.now.lag.number or 0)
        words = f"stuck on {worst.place} for {within}, while others move; {worst.now.lag} waiting there"
        return LagAssessment(LagState.STUCK, words)
    arriving, reading = _rate(changes, "end", seconds), _rate(changes, "committed", seconds)
    if arriving is None or reading is None:
        return _assess_totals(now, before, seconds)
    rates = f"{_per_second(arriving)} in, {_per_second(reading)} out"
    lag = now.total.number or 0
    if lag < SHORT_BACKLOG_SECONDS * max(arriving, reading):
        return LagAssessment(LagState.OK, f"{rates}, {waiting}")
    done = time_to_clear(lag, reading, arriving)
    if done is not None:
        words = f"recovering: {rates}, done in {format_age(done, units=2)}"
        return LagAssessment(LagState.RECOVERING, words)
    if skew := _skew(now.parts):
        return LagAssessment(LagState.SKEWED, skew)
    return LagAssessment(LagState.SLOW, f"slow: {rates}: falls behind {_per_second(arriving - reading)}")


def _assess_totals(now: GroupLag, before: GroupLag, seconds: float) -> LagAssessment:
    """Where positions are no numbers, the change of what waits tells."""
    lag, was = now.total.number or 0, before.total.number
    if was is None or lag == was:
        return LagAssessment(LagState.OK, f"moves, {now.total} waiting as before")
    change = (lag - was) / seconds
    if change > 0:
        return LagAssessment(LagState.SLOW, f"slow: falls behind {_per_second(change)}, {now.total} waiting")
    done = format_age(lag / -change, units=2)
    return LagAssessment(LagState.RECOVERING, f"recovering: {_per_second(-change)} less, done in {done}")


def _changes(before: GroupLag, now: GroupLag) -> list[PartitionChange]:
    earlier = {(part.resource, part.partition): part for part in before.parts}
    return [
        PartitionChange(was, part)
        for part in now.parts
        if (was := earlier.get((part.resource, part.partition))) is not None
    ]


def _rewound(back: Sequence[PartitionChange]) -> str:
    change = back[0]
    where = f"partition {change.now.partition} of {change.now.resource.name}"
    more = f", and {pluralize(len(back) - 1, 'partition')} more" if len(back) > 1 else ""
    return f"rewound: {where} from {change.before.committed} back to {change.now.committed}{more}"


def _rate(changes: Sequence[PartitionChange], side: str, seconds: float) -> float | None:
    """Messages a second by the change of positions; None where these are no numbers."""
    ends = [(getattr(change.before, side), getattr(change.now, side)) for change in changes]
    known = [(int(was), int(now)) for was, now in ends if was.isdigit() and now.isdigit()]
    if not known or len(known) < len(ends) or seconds <= 0:
        return None
    return sum(now - was for was, now in known) / seconds


def _skew(parts: Sequence[PartitionLag]) -> str:
    """That few partitions carry most of the lag; "" where they do not."""
    lags = sorted((part.lag.number or 0 for part in parts), reverse=True)
    total = sum(lags)
    if len(lags) < MIN_SKEW_PARTITIONS or not total:
        return ""
    few = len(lags) // 4
    share = sum(lags[:few]) / total
    if share < SKEW_SHARE:
        return ""
    carry = "carries" if few == 1 else "carry"
    return f"skewed: {few} of {len(lags)} partitions {carry} {share:.0%}: more consumers will not help"


def _per_second(rate: float) -> str:
    return f"{format_number(round(rate))}/s" if rate >= 1 or not rate else "<1/s"


def _position(text: str) -> tuple[int, int] | None:
    """A position that can be compared; None for one that cannot."""
    if text.isdigit():
        return int(text), 0
    entry = parse_entry_id(text)
    return None if entry is None else (entry.ms, entry.seq)
