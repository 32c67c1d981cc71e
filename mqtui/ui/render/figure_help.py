"""Explaining a figure in one sentence: what the broker was asked, how exact and how old the answer is."""

from __future__ import annotations

from mqtui.brokers.registry import traits_of
from mqtui.domain.figure import Exactness, Figure, pluralize
from mqtui.domain.lag_assessment import LAG_RULES
from mqtui.domain.topology import NOT_ASKED
from mqtui.services.deadletters import DeadLetterDestination
from mqtui.services.lag_history import LagReport
from mqtui.services.poller import STALLED_POLLS, BrokerSnapshot
from mqtui.ui.render import figures
from mqtui.ui.render.destinations.destinations import DestinationRow
from mqtui.ui.render.destinations.groups import GroupRow, beside_lag


def explain_destination(item: DestinationRow, now: float) -> str:
    """Explain a destination's backlog, or its number of dead letters. `now` is in seconds since the epoch."""
    if item.letters is not None:
        return explain_letters(item.letters, item.snapshot, now)
    stuck = f" · {item.stuck[0]} is stuck: its lag only grew over {STALLED_POLLS} looks and more" if item.stuck else ""
    return _explain("backlog", item.backlog, traits_of(item.broker).groups.backlog, item.snapshot, now) + stuck


def explain_group(item: GroupRow, snapshot: BrokerSnapshot, now: float) -> str:
    """Explain how a group goes, by which rule, and its lag."""
    report = item.report
    beside = "".join(f" · {note}" for note in beside_lag(item.lag))
    told = _explain("lag", item.total, traits_of(item.broker).groups.lag, snapshot, now) + beside
    if report is None or not (report.assessment.is_settled or report.assessment.seconds):
        stalled = f" · stalled: it only grew over {STALLED_POLLS} looks and more" if item.stalled else ""
        return told + stalled
    rule = f"{report.state}: {LAG_RULES[report.state]}"
    return f"{report.assessment.words} · {rule} · {_since(report, now)} · {told}{_rebalances(report, now)}"


def _since(report: LagReport, now: float) -> str:
    """For how long it has gone that way."""
    least = "at least " if report.is_since_first_look else ""
    return f"so for {least}{figures.age(now - report.since)}"


def _rebalances(report: LagReport, now: float) -> str:
    if not report.rebalances:
        return ""
    return f" · {pluralize(report.rebalances, 'rebalance')} seen, the last {figures.age(now - report.rebalanced)} ago"


def explain_letters(destination: DeadLetterDestination, snapshot: BrokerSnapshot, now: float) -> str:
    """Explain a destination's number of dead letters."""
    what = f"what lies there less what runs of mqtui handled, known by {destination.detected_by}"
    return _explain("letters", destination.letters, what, snapshot, now)


def _explain(name: str, figure: Figure, what: str, snapshot: BrokerSnapshot, now: float) -> str:
    if figure is NOT_ASKED:
        return f"{name}: nothing is asked of this one"
    worth = "exact" if figure.sort is Exactness.EXACT else figure.why or "not exact"
    asked = f"asked {figures.age(now - snapshot.as_of)} ago in {snapshot.poll_seconds * 1000:.0f} ms"
    return f"{name} {figure}: {what} · {asked} · {worth}"
