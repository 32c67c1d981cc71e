"""The top bar and the list of views, the same on every screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mqtui.domain.figure import exact, total, unknown
from mqtui.domain.metrics import sum_series
from mqtui.domain.policy import Environment
from mqtui.domain.topology import NOTHING_WAITS
from mqtui.ui.render.sparkline import sparkline
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.bar import BarItem

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

Side = tuple[BarItem, ...]
VIEWS = {1: "dest", 2: "groups", 3: "dead", 5: "runs", 6: "audit", 7: "alerts", 8: "schemas"}
"""Names of the views that this version has."""

SCHEMAS_VIEW = 8


def top_bar(console: ConsoleApi) -> tuple[Side, Side]:
    """Left and right part: profile, environment, mode and links; backlog, dead letters, runs, clock."""
    left = [BarItem(f" {console.target or 'mqtui'} ", "text", bold=True, shrinks=True)]
    policy = console.policy
    if policy is not None and policy.environment is not Environment.NONE:
        word = policy.environment.upper()
        shown = f"[{word}]" if console.no_color else f" {word} "
        left.append(BarItem(shown, "env_text", bold=True, ground=f"env_{policy.environment}"))
    if policy is not None and (policy.read_only or policy.protected):
        left.append(BarItem(" read-only " if policy.read_only else " protected ", "warn"))
    for broker_session in console.broker_sessions if console.target else ():
        tone, (sign, took) = _link_tone(broker_session), _link(broker_session)
        left.append(BarItem(f" {broker_session.kind} {sign}", tone, 1))
        left.append(BarItem(took, tone, 3))
        left.append(BarItem(" ", tone, 1))
    return tuple(left), _badges(console)


def _badges(console: ConsoleApi) -> Side:
    snapshots = [
        broker_session.snapshot for broker_session in console.broker_sessions if broker_session.snapshot is not None
    ]
    unread = [unknown("not read yet") for broker_session in console.broker_sessions if not broker_session.has_figures]
    if not console.broker_sessions:
        unread = [unknown("nothing is open")]
    waiting = total(
        [*(each.backlog for each in snapshots if each.as_of and each.backlog is not NOTHING_WAITS), *unread]
    )
    letters = total([*(destination.letters for each in snapshots for destination in each.dead_letters), *unread])
    trend = sum_series([each.waiting.values(8) for each in snapshots])
    clock = datetime.now().astimezone().strftime("%H:%M %Z")
    runs = len(console.sessions.running_tasks)
    sources = {each.session.target for each in console.broker_sessions if each.session is not None}
    told = console.sessions.alerts
    raised = sum(told.mute_of(alert) is None for alert in told.of(sources))
    alerts = total([*([exact(raised)] if raised else ()), *unread])
    return (
        BarItem(f" backlog {waiting} ", "muted", 2),
        BarItem(f"{sparkline(trend, 8, console.glyphs.bars)} ", "lag", 4),
        BarItem(f" † {letters} ", "dead", 0, "nav.view_3", bold=bool(letters.number)),
        BarItem(f" ▲ {alerts} ", "warn" if raised else "muted", 0, "nav.view_7", bold=bool(raised)),
        BarItem(f" ▸ {runs} ", "live" if runs else "muted", 0, "nav.view_5"),
        BarItem(f" {clock} ", "muted", 5),
    )


def tabs_and_views(console: ConsoleApi, tabs: Sequence[str], shown: str) -> Side:
    """The tabs of what is shown, with their keys, then the views; the names of views leave before those of tabs."""
    if len(tabs) < 2 or shown not in tabs:
        return views(console)
    place = tabs.index(shown)
    steps = {tabs[place - 1]: "nav.previous_tab", tabs[(place + 1) % len(tabs)]: "nav.next_tab"}
    pieces = [
        BarItem(f" ▸{name} ", "text", bold=True)
        if name == shown
        else BarItem(f"  {name} ", "muted", 1, steps.get(name, ""))
        for name in tabs
    ]
    keys = " ".join(console.keymap.shown(action) for action in ("nav.previous_tab", "nav.next_tab"))
    names_first = (piece._replace(priority=2 * piece.priority) for piece in views(console))
    return (*pieces, BarItem(f" {keys} ", "accent"), BarItem("│", "rule", 1), *names_first)


def views(console: ConsoleApi) -> Side:
    """The views of a session; only their numbers where there is little room. Schemas only where a registry is named."""
    if not console.target:
        return ()
    has_registry = any(broker_session.has_registry for broker_session in console.broker_sessions)
    pieces: list[BarItem] = []
    for number, name in VIEWS.items():
        if number != SCHEMAS_VIEW or has_registry:
            pieces.append(BarItem(f" {number}", "accent", 0, f"nav.view_{number}"))
            pieces.append(BarItem(f" {name} ", "muted", 1, f"nav.view_{number}"))
    return tuple(pieces)


def _link(broker_session: BrokerSession) -> tuple[str, str]:
    """The link's sign, and how long the last poll took or what is wrong."""
    snapshot = broker_session.snapshot
    if broker_session.error is not None:
        return "✗", ""
    if snapshot is None or not snapshot.as_of:
        return ("✗", " retry") if snapshot is not None and snapshot.error is not None else ("·", "")
    return ("✗", " lost") if snapshot.error is not None else ("●", f"{snapshot.poll_seconds * 1000:.0f}ms")


def _link_tone(broker_session: BrokerSession) -> str:
    failed = broker_session.error is not None or (
        broker_session.snapshot is not None and broker_session.snapshot.error is not None
    )
    return (
        "danger"
        if failed
        else "muted"
        if broker_session.snapshot is None or not broker_session.snapshot.as_of
        else "live"
    )
