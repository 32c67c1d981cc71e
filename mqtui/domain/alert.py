"""Alerts: rules, what a look finds by them, and the events that are told. Durations are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from mqtui.domain.errors import BadInput
from mqtui.domain.figure import Exactness, Figure
from mqtui.domain.resource import Ref

CLEARED_AT = 0.8
"""The part of its limit below which a figure is no alert any more, where a rule names no other."""

ANY_NAME = "*"


class Condition(StrEnum):
    """What a rule looks for."""

    LAG = "lag"
    TIME_LAG = "time_lag"
    LAG_GROWS = "lag_grows"
    STUCK = "stuck"
    STOPPED = "stopped"
    CONSUMERS_GONE = "consumers_gone"
    LETTERS = "letters"
    LETTERS_PER_MINUTE = "letters_per_minute"
    UNREAD = "unread"
    QUEUE_FULL = "queue_full"
    LETTERS_LOST = "letters_lost"
    BROKER_AWAY = "broker_away"

    __hash__ = str.__hash__


class AlertSeverity(StrEnum):
    """How much an alert matters."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ConditionTraits:
    """What holds for all rules of a condition that do not say otherwise.

    `meaning` is for the manual. `over` is the limit, None where the condition has none. `hold` is for how long it has
    to hold. `limited`: the condition compares a figure with a limit, `timed`: which is in seconds. `usual`: it is
    watched without any rule.
    """

    meaning: str
    hold: float
    severity: AlertSeverity = AlertSeverity.WARNING
    over: float | None = None
    limited: bool = False
    timed: bool = False
    usual: bool = True


CONDITIONS: Mapping[Condition, ConditionTraits] = {
    Condition.LAG: ConditionTraits("a group is behind by more than `over`", 60, limited=True, usual=False),
    Condition.TIME_LAG: ConditionTraits(
        "the oldest message that a group has not read is older than `over`", 60, limited=True, timed=True, usual=False
    ),
    Condition.LAG_GROWS: ConditionTraits("the lag of a group only grew, poll by poll", 300),
    Condition.STUCK: ConditionTraits(
        "a group has members and one of its partitions, or none, moves", 300, AlertSeverity.CRITICAL
    ),
    Condition.STOPPED: ConditionTraits(
        "a group has no members while messages wait or are pending", 60, AlertSeverity.CRITICAL
    ),
    Condition.CONSUMERS_GONE: ConditionTraits("entries are pending with consumers that are idle for hours", 60),
    Condition.LETTERS: ConditionTraits("a destination holds more than `over` dead letters", 0, over=0, limited=True),
    Condition.LETTERS_PER_MINUTE: ConditionTraits(
        "more than `over` letters a minute die", 60, AlertSeverity.CRITICAL, over=10, limited=True
    ),
    Condition.UNREAD: ConditionTraits("a queue without consumers only grew, poll by poll", 120),
    Condition.QUEUE_FULL: ConditionTraits("a queue is at its max-length", 60, AlertSeverity.CRITICAL),
    Condition.LETTERS_LOST: ConditionTraits("a queue dead-letters to what does not exist", 0, AlertSeverity.CRITICAL),
    Condition.BROKER_AWAY: ConditionTraits("a broker can't be asked", 30, AlertSeverity.CRITICAL),
}


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule. `on` is a glob of names; `over` a limit, `clear` the figure up to which an alert goes on.

    `hold` is for how long the condition has to hold before an alert is raised, `settle` for how long it has to be gone
    before the alert is cleared. A rule that is `off` silences its condition for the names it fits.

    Raises:
        BadInput: a limit is missing, or where there is none to give.
    """

    when: Condition
    on: str = ANY_NAME
    over: float | None = None
    clear: float | None = None
    hold: float = 0.0
    settle: float = 0.0
    severity: AlertSeverity = AlertSeverity.WARNING
    owner: str = ""
    off: bool = False

    def __post_init__(self) -> None:
        if self.off:
            return
        if CONDITIONS[self.when].limited != (self.over is not None):
            wants = "needs a limit" if self.over is None else "has no limit"
            raise BadInput(
                f"The condition {self.when} {wants}",
                "",
                'Write over = 1000 with lag and letters, over = "15m" with time_lag.',
            )
        if self.over is None and self.clear is not None:
            raise BadInput(f"The condition {self.when} has no limit that could be cleared", "", "Leave clear out.")
        if self.over is not None and self.clear is not None and self.clear > self.over:
            raise BadInput("clear is above over", f"{self.clear:g} > {self.over:g}", "It is cleared below its limit.")
        if min(self.hold, self.settle, self.over or 0) < 0:
            raise BadInput("A limit or a duration is below 0")

    @property
    def clears_at(self) -> float:
        """The figure up to which an alert goes on."""
        if self.clear is not None:
            return self.clear
        return (self.over or 0.0) * CLEARED_AT

    def fits(self, name: str) -> bool:
        """Whether the rule is for a thing of that name."""
        return self.on == ANY_NAME or fnmatchcase(name, self.on)


def usual_rules() -> tuple[AlertRule, ...]:
    """The rules that hold where no other does."""
    return tuple(
        AlertRule(condition, over=traits.over, hold=traits.hold, severity=traits.severity)
        for condition, traits in CONDITIONS.items()
        if traits.usual
    )


class RuleSet:
    """Rules in their order: of each condition the first that fits a name decides. The usual ones come last."""

    def __init__(self, rules: Iterable[AlertRule] = ()) -> None:
        self._rules: dict[Condition, list[AlertRule]] = {}
        for rule in (*rules, *usual_rules()):
            self._rules.setdefault(rule.when, []).append(rule)

    def with_holds_up_to(self, seconds: float) -> RuleSet:
        """The same rules, none of which waits longer: for looks that are over sooner."""
        shorter = RuleSet()
        shorter._rules = {
            condition: [replace(rule, hold=min(rule.hold, seconds), settle=0.0) for rule in rules]
            for condition, rules in self._rules.items()
        }
        return shorter

    def find(self, condition: Condition, name: str) -> AlertRule | None:
        """The rule of a condition for a thing of that name; None where it is not watched."""
        found = next((rule for rule in self._rules.get(condition, ()) if rule.fits(name)), None)
        return None if found is None or found.off else found

    def watches_cause(self, cause: str, target: str) -> bool:
        """Whether a rule looks for a cause, `condition:name`, or without a name on a target itself."""
        condition, _, name = cause.partition(":")
        return condition in set(Condition) and self.find(Condition(condition), name or target) is not None

    def watches(self, condition: Condition) -> bool:
        """Whether any rule looks for it."""
        return any(not rule.off for rule in self._rules.get(condition, ()))


class FindingLevel(StrEnum):
    """Where a figure is against the limits of a rule. What is below both is no finding."""

    OVER = "over"
    """The condition holds."""

    BETWEEN = "between"
    """It is below the limit, and not yet below what clears an alert."""

    UNKNOWN = "unknown"
    """A look did not tell: an alert neither begins nor ends by it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found by a rule. `source` is the target, `ref` None where it is the broker itself.

    `what` names it in a few words, `evidence` has the figures. `value` is the figure that the rule compares, None where
    it has none; a mute ends when it doubles.
    """

    rule: AlertRule
    source: str
    ref: Ref | None
    what: str
    evidence: str
    level: FindingLevel = FindingLevel.OVER
    value: float | None = None
    advice: str = ""
    """What to do about it; "" where the figures do not tell."""

    @property
    def cause(self) -> str:
        """What mutes and receivers know it by: condition and name."""
        return str(self.rule.when) if self.ref is None else f"{self.rule.when}:{self.ref.name}"


def level_of(figure: Figure, rule: AlertRule) -> FindingLevel | None:
    """Where a figure is against a rule; None below its limits. A bound counts only where it decides."""
    if figure.number is None:
        return FindingLevel.UNKNOWN
    if figure.number > (rule.over or 0.0):
        return FindingLevel.UNKNOWN if figure.sort is Exactness.AT_MOST else FindingLevel.OVER
    if figure.sort is Exactness.AT_LEAST:
        return FindingLevel.UNKNOWN
    return FindingLevel.BETWEEN if figure.number > rule.clears_at else None


class EventState(StrEnum):
    """What became of an alert."""

    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is raised. `since` is when its condition was first seen, in seconds since the epoch.

    `told`: its event was given to the receivers. `id` is the same in the events that raise and clear it.
    """

    id: str
    source: str
    cause: str
    ref: Ref | None
    since: float
    what: str
    evidence: str
    severity: AlertSeverity
    owner: str = ""
    value: float | None = None
    told: bool = False
    advice: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What it is about: one alert of a key is raised at a time."""
        return self.source, self.cause


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """That an alert was raised or cleared, at a time in seconds since the epoch."""

    alert: Alert
    state: EventState
    time: float


@dataclass(frozen=True, slots=True)
class Mute:
    """A cause that is not told, from `since` until `until`, in seconds since the epoch.

    `cause` is a glob. `baseline` has the figure of each alert, by its key, when the mute first met it.
    """

    cause: str
    since: float
    until: float
    by: str = ""
    source: str = ANY_NAME
    baseline: dict[tuple[str, str], float] = field(default_factory=dict)

    def covers(self, alert: Alert, now: float) -> bool:
        """Whether an alert is muted now. It is not any more once its figure has doubled, or the clock went back."""
        if not (self.since - CLOCK_SLACK <= now < self.until) or not fnmatchcase(alert.cause, self.cause):
            return False
        if self.source != ANY_NAME and alert.source != self.source:
            return False
        if alert.value is None:
            return True
        return alert.value < 2 * max(self.baseline.setdefault(alert.key, alert.value), 1.0)


CLOCK_SLACK = 60.0
"""Seconds by which the clock may be set back without ending a mute."""
