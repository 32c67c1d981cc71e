"""What the palette and `:` offer beside actions: resources of open brokers, sessions, runs, themes, notifications."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import MqtuiError
from mqtui.ui.actions import BY_ID
from mqtui.ui.navigation.goto import FoundResource, KnownResource
from mqtui.ui.navigation.screen_classes import screen_class
from mqtui.ui.render.overlays.menu_items import MenuItem
from mqtui.ui.render.runs.runs import RunRow, when
from mqtui.ui.screens.overlays.palette.navigate import open_run, open_session, show_resource
from mqtui.ui.screens.runs.journal import RunListReader
from mqtui.ui.session.sessions import BrokerSession

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi


def known_resources(console: ConsoleApi) -> list[KnownResource]:
    """The destinations and groups of open brokers, as last polled; those of the session that is shown come first."""
    broker_sessions = sorted(
        console.sessions.broker_sessions.values(), key=lambda broker_session: broker_session.target != console.target
    )
    return [known for broker_session in broker_sessions for known in _of(broker_session)]


def _of(broker_session: BrokerSession) -> list[KnownResource]:
    snapshot, session = broker_session.snapshot, broker_session.session
    if snapshot is None or session is None:
        return []
    own_groups = not traits_of(broker_session.kind).lends  # else they are the consumers of a queue, under its name
    hosts = [name for host, port in session.address.hosts for name in (host, f"{host}:{port}")]
    refs = [row.ref for row in snapshot.destinations] + [group.ref for group in snapshot.groups if own_groups]
    return [KnownResource(broker_session.target, broker_session.kind, ref, hosts) for ref in refs]


def resource_items(console: ConsoleApi) -> list[MenuItem]:
    """The destinations and groups of open brokers."""
    return [resource_item(console, FoundResource(known)) for known in known_resources(console)]


def resource_item(console: ConsoleApi, spot: FoundResource) -> MenuItem:
    """A destination or a group."""
    known = spot.known
    return MenuItem(
        id=f"{known.target}/{known.broker}/{known.ref}",
        title=known.ref.name,
        help=f"{known.broker}, {known.target}",
        do=partial(show_resource, console, spot),
        kind=str(known.ref.kind),
    )


def screen_items(console: ConsoleApi) -> list[MenuItem]:
    """Screens without a key."""
    return [
        MenuItem(
            "notes", "notes", "what was said in toasts", lambda: console.show(screen_class("notes")()), kind="place"
        )
    ]


def session_items(console: ConsoleApi) -> list[MenuItem]:
    """The profiles; a file with a mistake offers none."""
    try:
        profiles = console.sessions.profiles()
    except MqtuiError:
        return []
    return [
        MenuItem(
            id=f"profile {profile.name}",
            title=profile.name,
            help=", ".join(profile.brokers),
            do=partial(open_session, console, profile.name),
            kind="profile",
        )
        for profile in profiles
    ]


def theme_items(console: ConsoleApi) -> list[MenuItem]:
    """The themes; one is shown at once."""
    return [
        MenuItem(
            id=f"theme {theme.name}",
            title=f"theme: {theme.name}",
            help=theme.title + (", worn now" if theme.name == console.ui_state.current_theme else ""),
            do=partial(console.ui_state.wear, theme.name),
            kind="theme",
        )
        for theme in console.themes.known.values()
    ]


def run_items(console: ConsoleApi) -> list[MenuItem]:
    """The runs of this machine. It blocks: call it in a thread.

    Raises:
        StorageFailed: the journal can't be read.
    """
    return [_run(console, line) for line in RunListReader().lines()]


def _run(console: ConsoleApi, line: RunRow) -> MenuItem:
    return MenuItem(
        id=f"run {line.id}",
        title=f"run {line.short}",
        help=f"{line.verb} of {line.source}, {line.state}, {when(line.started)}",
        do=partial(open_run, console, line.id),
        key=BY_ID["nav.view_5"].keys[0] if line.is_interrupted else "",
        kind="run",
    )
