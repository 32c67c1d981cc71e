"""Explaining a figure in one sentence: what the broker was asked, how exact and how old the answer is."""

from __future__ import annotations

from mqtui.brokers.registry import traits_of
from mqtui.domain.figure import Exactness, Figure
from mqtui.domain.topology import NOT_ASKED
from mqtui.services.deadletters import DeadLetterDestination
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
    """Explain a group's lag."""
    stalled = f" · stalled: it only grew over {STALLED_POLLS} looks and more" if item.stalled else ""
    beside = "".join(f" · {note}" for note in beside_lag(item.lag))
    return _explain("lag", item.total, traits_of(item.broker).groups.lag, snapshot, now) + beside + stalled


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
