"""How a consumer group goes, in a word and in a sentence with its figures, from one or two looks at its lag.

One look tells a group that has read all from one that nobody is in; whether a group moves shows in a second look only.
The words of Burrow (ok, slow, stalled, stopped, rewound), and three more: `LAG_RULES` says when each is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mqtui.domain.figure import format_number, pluralize
from mqtui.domain.lag_movement import PartitionChange, Rates, compare, rates_of
from mqtui.domain.metrics import time_to_clear
from mqtui.domain.times import format_age
from mqtui.domain.topology import GroupLag, PartitionLag

NO_MEMBERS = frozenset({"Empty", "Dead", "empty", "no consumers"})
"""States, in the brokers' terms, of groups that nobody is in."""

SHORT_BACKLOG_SECONDS = 5.0
"""A backlog that is read in less is no trouble."""

SKEW_SHARE = 0.8
"""The part of the lag that a quarter of the partitions carry where a group counts as skewed."""

MIN_SKEW_PARTITIONS = 4

SETTLED_SECONDS = 10.0
"""Consumers commit every few seconds: whether a group moves counts as known when looks are so far apart."""

UNIQUE_END = re.compile(r"(?<=.)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
"""What a broker adds to a client's own name."""

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


TROUBLE = frozenset(
    {LagState.SLOW, LagState.STALLED, LagState.STUCK, LagState.STOPPED, LagState.SKEWED, LagState.REWOUND}
)
"""States in which a group needs somebody to look at it."""

LAG_RULES: Mapping[LagState, str] = {
    LagState.OK: f"nothing waits, or less than is read in {SHORT_BACKLOG_SECONDS:.0f} s",
    LagState.SLOW: "more arrived than was read between the two looks",
    LagState.STALLED: "it has members, messages waited at both looks, and no position changed",
    LagState.STUCK: "messages waited at both looks in a partition whose position did not change, and others changed",
    LagState.STOPPED: "messages wait, and it has no members",
    LagState.SKEWED: f"it falls behind, and a quarter of its partitions carries {SKEW_SHARE:.0%} of the lag",
    LagState.RECOVERING: "more was read than arrived between the two looks",
    LagState.REWOUND: "a position is an earlier one than at the look before",
    LagState.UNKNOWN: "its lag is not known, or there was one look only",
}
"""When each word is given."""


@dataclass(frozen=True, slots=True)
class LagAssessment:
    """How a group goes: a word, and a sentence with the figures."""

    state: LagState
    words: str
    seconds: float = 0.0
    """How far apart the two looks were; 0 for one look."""

    @property
    def is_settled(self) -> bool:
        """Whether the state is known for sure: by one look, or by two that are far enough apart."""
        by_one_look = self.state in (LagState.STOPPED, LagState.REWOUND) or self.words == NOTHING_WAITS
        return self.state is not LagState.UNKNOWN and (by_one_look or self.seconds >= SETTLED_SECONDS)


NOTHING_WAITS = "nothing waits"


@dataclass(frozen=True, slots=True)
class Standstill:
    """For how many seconds a partition stands at its position with messages waiting; `at_least` of those at the first
    look.
    """

    seconds: float
    at_least: bool = False

    def __str__(self) -> str:
        return ("at least " if self.at_least else "") + format_age(max(1.0, self.seconds))


def _unseen(part: PartitionLag) -> Standstill | None:
    return None


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier looks told: since when a group is stopped (in words), and how long a partition stands."""

    stopped: str = ""
    standstill: Callable[[PartitionLag], Standstill | None] = _unseen


NO_MEMORY = Memory()


def is_stopped(lag: GroupLag) -> bool:
    """Whether messages wait for a group that nobody is in."""
    return bool(lag.total.number) and lag.state in NO_MEMBERS


def assess(
    now: GroupLag, before: GroupLag | None = None, seconds: float = 0.0, memory: Memory = NO_MEMORY
) -> LagAssessment:
    """How a group goes, by its lag now and, where there was one, at a look so many seconds before."""
    changes = [] if before is None else compare(before, now)
    return assess_changes(now, before, changes, seconds, memory, rates_of(changes, seconds))


def assess_changes(
    now: GroupLag,
    before: GroupLag | None,
    changes: Sequence[PartitionChange],
    seconds: float,
    memory: Memory,
    rates: Rates,
) -> LagAssessment:
    """The same where both looks were compared already."""
    lag = now.total.number
    if lag is None:
        return LagAssessment(LagState.UNKNOWN, f"not known: {now.total.why}")
    waiting = f"{now.total} waiting"
    back = [change for change in changes if change.went_back]
    if back:
        return LagAssessment(LagState.REWOUND, _rewound(back), seconds)
    if is_stopped(now):
        more = f", {_per_second(rates.arriving)} arrive" if rates.arriving else ""
        stopped = f"stopped {memory.stopped}".rstrip()
        return LagAssessment(LagState.STOPPED, f"{stopped}: no members, {waiting}{more}", seconds)
    if not lag:
        return LagAssessment(LagState.OK, NOTHING_WAITS, seconds)
    if before is None or seconds <= 0:
        return LagAssessment(LagState.UNKNOWN, f"{waiting}: one look does not tell whether it moves")
    state, words = _assess_movement(now, before, changes, seconds, memory, rates)
    return LagAssessment(state, words + (_crowd(now) if state in TROUBLE else ""), seconds)


def _assess_movement(
    now: GroupLag,
    before: GroupLag,
    changes: Sequence[PartitionChange],
    seconds: float,
    memory: Memory,
    rates: Rates,
) -> tuple[LagState, str]:
    behind = [change for change in changes if change.waits and change.tells_position(seconds)]
    still = [change for change in behind if not change.has_moved]
    moves = any(change.has_moved for change in changes)
    if behind and not moves:
        return LagState.STALLED, _stalled(now, behind, seconds, memory)
    if still and moves:
        worst = max(still, key=lambda change: change.now.lag.number or 0)
        stands = memory.standstill(worst.now) or Standstill(seconds)
        rarely = f", {RARE_COMMITS}" if stands.seconds < SETTLED_SECONDS else ""
        while_ = f"while others move{_alive(worst.now)}{rarely}; {worst.now.lag} waiting there"
        return LagState.STUCK, f"stuck on {worst.place} for {stands}, {while_}"
    arriving, reading = rates
    if arriving is None or reading is None:
        return _assess_totals(now, before, seconds)
    told = f"{_per_second(arriving)} in, {_per_second(reading)} out"
    lag = now.total.number or 0
    if lag < SHORT_BACKLOG_SECONDS * max(arriving, reading):
        return LagState.OK, f"{told}, {now.total} waiting"
    done = time_to_clear(lag, reading, arriving)
    if done is not None:
        return LagState.RECOVERING, f"recovering: {told}, done in {format_age(done, units=2)}"
    if skew := _skew(now.parts):
        return LagState.SKEWED, f"{skew}; {told}"
    if arriving <= reading:
        return LagState.SLOW, f"slow: {told}: does not catch up, {now.total} waiting"
    return LagState.SLOW, f"slow: {told}: falls behind {_per_second(arriving - reading)}"


def _stalled(now: GroupLag, behind: Sequence[PartitionChange], seconds: float, memory: Memory) -> str:
    """The sentence of a group in which nothing moves."""
    found = [stands for change in behind if (stands := memory.standstill(change.now)) is not None]
    stands = min(found, key=lambda each: each.seconds, default=Standstill(seconds))
    rarely = f", {RARE_COMMITS}" if stands.seconds < SETTLED_SECONDS else ""
    only = behind[0] if len(behind) == 1 else None
    at = f" at {only.place}" if only is not None else ""
    alive = _alive(only.now) if only is not None else ""
    did = "committed" if behind[0].now.committed else "read"
    return f"stalled{at}: nothing was {did} in {stands}{rarely}{alive}; {now.total} waiting"


def _alive(part: PartitionLag) -> str:
    return f" and its member {UNIQUE_END.sub('', part.member)} is alive" if part.member else ""


def _crowd(now: GroupLag) -> str:
    """That a group has more members than partitions, where each partition has one member; "" where it has not."""
    if now.members is None or now.members <= len(now.parts) or not all(part.member for part in now.parts):
        return ""
    idle = now.members - len(now.parts)
    return f"; {now.members} members for {pluralize(len(now.parts), 'partition')}: {idle} have nothing to do"


def _assess_totals(now: GroupLag, before: GroupLag, seconds: float) -> tuple[LagState, str]:
    """Where positions are no numbers, the change of what waits tells."""
    lag, was = now.total.number or 0, before.total.number
    if was is None or lag == was:
        return LagState.OK, f"moves, {now.total} waiting as before"
    change = (lag - was) / seconds
    if change > 0:
        return LagState.SLOW, f"slow: falls behind {_per_second(change)}, {now.total} waiting"
    done = format_age(lag / -change, units=2)
    return LagState.RECOVERING, f"recovering: {_per_second(-change)} less, done in {done}"


def _rewound(back: Sequence[PartitionChange]) -> str:
    change = back[0]
    where = f"partition {change.now.partition} of {change.now.resource.name}"
    more = f", and {pluralize(len(back) - 1, 'partition')} more" if len(back) > 1 else ""
    return f"rewound: {where} from {change.before.committed} back to {change.now.committed}{more}"


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
