"""What a poll finds wrong, by rules: the same predicates that mark rows of the console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

from mqtui.brokers.registry import traits_of
from mqtui.domain.alert import Condition, Finding, FindingLevel, RuleSet, level_of
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure, format_number, pluralize
from mqtui.domain.lag_advice import advise
from mqtui.domain.lag_assessment import LagAssessment, LagState
from mqtui.domain.lag_movement import duration_text
from mqtui.domain.name_quoting import join
from mqtui.domain.problems import SETTINGS, find_absent_consumers, find_full_queue, find_lost_letters, find_stopped
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.times import format_age
from mqtui.domain.topology import Group
from mqtui.services.deadletters import DeadLetterDestination
from mqtui.services.poller import STALLED_POLLS, BrokerSnapshot

FINDINGS_PER_SLICE = 100
"""Groups or destinations that are examined before the event loop gets a turn."""

OF_GROUPS = (
    *(Condition.STOPPED, Condition.CONSUMERS_GONE, Condition.LAG),
    *(Condition.TIME_LAG, Condition.LAG_GROWS, Condition.STUCK),
)
"""Conditions of groups."""

DOES_NOT_MOVE = frozenset({LagState.STUCK, LagState.STALLED})


@dataclass(frozen=True, slots=True)
class WatchedBroker:
    """A broker whose polls are judged. `stalled_polls` is over how many of them a lag has to grow."""

    target: str
    kind: BrokerKind
    rules: RuleSet
    stalled_polls: int = STALLED_POLLS


def unreachable_finding(target: str, rules: RuleSet, error: MqtuiError) -> Finding | None:
    """That a broker can't be asked; None where no rule looks for it."""
    rule = rules.find(Condition.BROKER_AWAY, target)
    if rule is None:
        return None
    return Finding(
        rule, target, None, "the broker can't be asked", ": ".join(filter(None, (error.title, error.detail)))
    )


def finding_slices(broker: WatchedBroker, snapshot: BrokerSnapshot) -> Iterator[list[Finding]]:
    """What is wrong by the newest poll, in slices."""
    if snapshot.error is not None:
        away = unreachable_finding(broker.target, broker.rules, snapshot.error)
        yield [] if away is None else [away]
        return
    yield _dead_letters(broker, snapshot)
    judge = _unread if traits_of(broker.kind).lends else _group
    for start in range(0, len(snapshot.groups), FINDINGS_PER_SLICE):
        part = snapshot.groups[start : start + FINDINGS_PER_SLICE]
        yield [finding for group in part for finding in judge(broker, snapshot, group)]
    limited = [row for row in snapshot.destinations if not SETTINGS.isdisjoint(row.facts)]
    known = {row.ref for row in snapshot.destinations} if limited else set()
    for start in range(0, len(limited), FINDINGS_PER_SLICE):
        found: list[Finding] = []
        for row in limited[start : start + FINDINGS_PER_SLICE]:
            name = row.ref.name
            for condition, problem in (
                (Condition.QUEUE_FULL, find_full_queue(row)),
                (Condition.LETTERS_LOST, find_lost_letters(row, known)),
            ):
                found += _finding(broker, condition, row.ref, name, problem)
        yield found


def _finding(
    broker: WatchedBroker,
    condition: Condition,
    ref: Ref,
    what: str,
    evidence: str,
    value: float | None = None,
    advice: str = "",
) -> list[Finding]:
    """A finding of a condition that holds, as `evidence` says; none where it is "", or no rule looks for it."""
    rule = broker.rules.find(condition, ref.name) if evidence else None
    return [] if rule is None else [Finding(rule, broker.target, ref, what, evidence, value=value, advice=advice)]


def _group(broker: WatchedBroker, snapshot: BrokerSnapshot, group: Group) -> Iterator[Finding]:
    lag, ref = snapshot.lags.get(group.ref), group.ref
    waiting = None if lag is None else lag.total.number
    if group.why:
        yield from _unknown_group(broker, group)
        return
    stopped, start = find_stopped(group, lag), "" if lag is None else advise(LagState.STOPPED, lag)
    yield from _finding(broker, Condition.STOPPED, ref, f"{ref.name} is stopped", stopped, waiting, start)
    gone = find_absent_consumers(group)
    yield from _finding(broker, Condition.CONSUMERS_GONE, ref, f"the consumers of {ref.name} are gone", gone)
    if lag is None:
        return
    if broker.rules.watches(Condition.LAG) and (rule := broker.rules.find(Condition.LAG, ref.name)) is not None:
        level = level_of(lag.total, rule)
        if level is not None:
            evidence = f"{lag.total} waiting, the limit is {format_number(floor(rule.over or 0))}"
            yield Finding(rule, broker.target, ref, f"{ref.name} is behind", evidence, level, waiting)
    report = snapshot.lag_history.reports.get(ref)
    if report is not None:
        yield from _time_lag(broker, ref, report.movement.time_lag)
    if not waiting or not group.member_count:
        return
    grows = snapshot.is_stalled(ref, broker.stalled_polls)
    how = LagAssessment(LagState.UNKNOWN, "") if report is None else report.assessment
    words = how.words if how.state is not LagState.UNKNOWN else f"{lag.total} waiting, more at each poll"
    advice = advise(how.state, lag)
    falls = words if grows else ""
    yield from _finding(broker, Condition.LAG_GROWS, ref, f"{ref.name} falls behind", falls, waiting, advice)
    still = how.words if how.state in DOES_NOT_MOVE else ""
    yield from _finding(broker, Condition.STUCK, ref, f"{ref.name} does not move", still, waiting, advice)


def _unread(broker: WatchedBroker, snapshot: BrokerSnapshot, group: Group) -> Iterator[Finding]:
    """That a queue has no consumers and only grows: one that is not meant to wait, as dead letters and retries are."""
    lag = snapshot.lags.get(group.ref)
    is_unknown = bool(group.why) or (group.size is None and not group.state)
    if is_unknown or group.member_count or lag is None or not snapshot.is_stalled(group.ref, broker.stalled_polls):
        return
    waits_on_purpose = {place.ref for place in snapshot.dead_letters} | snapshot.retry_stages.keys()
    for ref in group.reads:
        if ref not in waits_on_purpose:
            evidence = f"no consumers, {lag.total} waiting, more at each poll"
            yield from _finding(broker, Condition.UNREAD, ref, f"nobody reads {ref.name}", evidence, lag.total.number)


def _time_lag(broker: WatchedBroker, ref: Ref, age: Figure) -> Iterator[Finding]:
    """That the oldest message which a group has not read is too old, where a rule looks for it."""
    rule = broker.rules.find(Condition.TIME_LAG, ref.name) if broker.rules.watches(Condition.TIME_LAG) else None
    level = None if rule is None else level_of(age, rule)
    if rule is not None and level is not None:
        evidence = f"{duration_text(age)} behind, the limit is {format_age(rule.over or 0, units=2)}"
        yield Finding(rule, broker.target, ref, f"{ref.name} is late", evidence, level, age.number)


def _unknown_group(broker: WatchedBroker, group: Group) -> Iterator[Finding]:
    """A group that could not be asked about: what is known of it stays as it was."""
    name = group.ref.name
    for condition in OF_GROUPS:
        if (rule := broker.rules.find(condition, name)) is not None:
            yield Finding(rule, broker.target, group.ref, name, group.why, FindingLevel.UNKNOWN)


def _dead_letters(broker: WatchedBroker, snapshot: BrokerSnapshot) -> list[Finding]:
    found: list[Finding] = []
    for place in snapshot.dead_letters:
        ref, name, number = place.ref, place.ref.name, place.letters.number
        of = ", ".join(origin.name for origin in place.origins)
        if (rule := broker.rules.find(Condition.LETTERS, name)) is not None:
            level = level_of(place.letters, rule)
            if level is not None:
                evidence = pluralize(place.letters, "dead letter") + (f" of {of}" if of else "")
                found.append(Finding(rule, broker.target, ref, f"dead letters in {name}", evidence, level, number))
        found += _deaths(broker, snapshot, place)
    return found


def _deaths(broker: WatchedBroker, snapshot: BrokerSnapshot, place: DeadLetterDestination) -> list[Finding]:
    """How many letters a minute die into a destination, where a rule looks for it."""
    name, series = place.ref.name, snapshot.series["letters"].get(place.ref)
    rule = broker.rules.find(Condition.LETTERS_PER_MINUTE, name)
    rate = None if series is None or place.letters.number is None else series.rate()
    if rule is None:
        return []
    what, minute = f"letters die into {name}", 0.0 if rate is None else rate * 60
    if rate is None:
        level = FindingLevel.UNKNOWN
    elif minute > rule.clears_at:
        level = FindingLevel.OVER if minute > (rule.over or 0) else FindingLevel.BETWEEN
    else:
        return []
    evidence = f"{format_number(round(minute))} a minute, {place.letters} in all"
    return [Finding(rule, broker.target, place.ref, what, evidence, level, minute)]


def opening_command(target: str, ref: Ref | None) -> str:
    """The command that opens the console at a place; at the broker itself without one."""
    return join(("mqtui", target) if ref is None else ("mqtui", target, f"{ref.kind}:{ref.name}"))


def is_complete(snapshot: BrokerSnapshot) -> bool:
    """Whether a poll told of everything there is."""
    return snapshot.error is None and not snapshot.partial
