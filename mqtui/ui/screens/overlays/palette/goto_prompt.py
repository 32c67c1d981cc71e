"""The `:` prompt: completes names of known resources, and goes to what was entered."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.ui.actions import BY_ID
from mqtui.ui.navigation.goto import (
    SYNTAX,
    AuditTarget,
    FoundResource,
    GotoTarget,
    KnownResource,
    PositionTarget,
    ResourceTarget,
    RunTarget,
    SessionTarget,
    ViewTarget,
    parse,
    resolve,
    to_typed,
)
from mqtui.ui.navigation.screen_classes import screen_class
from mqtui.ui.screens.console_screen import ConsoleScreen
from mqtui.ui.screens.overlays.palette.items import known_resources, resource_item, session_items
from mqtui.ui.screens.overlays.palette.navigate import open_one_by_one, open_run, open_session, show_resource
from mqtui.ui.screens.overlays.palette.palette import PalettePopup
from mqtui.ui.screens.overlays.palette.rank import rank
from mqtui.ui.session.sessions import BrokerSession

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi, ScreenApi

NAMES_SHOWN = 4
"""Names shown beside the field."""

NAMES_SEARCHED = 5_000
"""Names that are searched at each key."""


def ask_goto(console: ConsoleApi) -> None:
    """Ask on the prompt line of the screen that is shown."""
    screen = console.screen
    if isinstance(screen, ConsoleScreen):
        screen.run_worker(_ask(console, screen), exclusive=True, group="line", exit_on_error=False)


class GotoCompletion:
    """Completion by tab: the first name that matches, then the next ones."""

    def __init__(self, screen: ScreenApi, names: list[str]) -> None:
        self._screen = screen
        self._names = names
        self._typed = ""
        self._taken = ""
        self._next = 0

    def heard(self, text: str) -> None:
        """Show the names that match."""
        if text == self._taken:
            return
        self._typed, self._next = text, 0
        fits = self._fits()[:NAMES_SHOWN]
        self._screen.prompt_line.set_hint("tab " + " · ".join(fits) if fits and text else "esc")

    def take(self, text: str) -> str:
        """The text after tab."""
        fits = self._fits()
        if not fits:
            return text
        self._taken = fits[self._next % len(fits)]
        self._next += 1
        return self._taken

    def _fits(self) -> list[str]:
        return rank(self._typed, self._names, str)


async def _ask(console: ConsoleApi, screen: ScreenApi) -> None:
    known = known_resources(console)
    profiles = [item.title for item in session_items(console)]
    names = [to_typed(each, console.target, profiles) for each in known[:NAMES_SEARCHED]] + [
        f"{name}/" for name in profiles
    ]
    completion = GotoCompletion(screen, list(dict.fromkeys(names)))
    entered = await screen.prompt_line.ask(
        ":", beside=f"{SYNTAX.partition(' · 14')[0]} · esc", changed=completion.heard, complete=completion.take
    )
    if not entered or not entered.strip():
        return
    try:
        await _go(console, screen, parse(entered, datetime.now().astimezone(), profiles), known)
    except MqtuiError as error:
        if screen.is_attached:
            screen.show_error(error)


async def _go(console: ConsoleApi, screen: ScreenApi, goal: GotoTarget, known: list[KnownResource]) -> None:
    match goal:
        case ViewTarget(id=name):
            await _view(console, screen, name)
        case RunTarget(prefix=prefix):
            await open_run(console, prefix)
        case AuditTarget(number=number):
            await console.go.audit(number)
        case PositionTarget(at=at):
            await show_resource(console, FoundResource(_here(screen), at))
        case SessionTarget(target=target):
            await open_session(console, target)
        case ResourceTarget():
            await _thing(console, screen, goal, known)
        case _:
            assert_never(goal)


async def _view(console: ConsoleApi, screen: ScreenApi, name: str) -> None:
    if name in BY_ID:
        await screen.perform(name)
    elif name in console.global_action_ids:
        await console.run_global_action(name)
    else:
        await console.show(screen_class(name)())


def _here(screen: ScreenApi) -> KnownResource:
    """The destination that the screen shows.

    Raises:
        BadInput: it shows none.
    """
    broker_session, ref = getattr(screen, "broker_session", None), getattr(screen, "ref", None)
    if not isinstance(broker_session, BrokerSession) or ref is None:
        raise BadInput("A position of what?", "", "Open a destination first, or write orders@4/118203.")
    return KnownResource(broker_session.target, broker_session.kind, ref)


async def _thing(console: ConsoleApi, screen: ScreenApi, goal: ResourceTarget, known: list[KnownResource]) -> None:
    found = await asyncio.to_thread(resolve, goal, known, console.target)
    target = goal.target or goal.host
    if not found and target and not console.sessions.for_target(target) and target in _profiles(console):
        found = await _once_open(console, goal, target)
    if not found:
        near = rank(goal.named.name, known[:NAMES_SEARCHED], lambda each: each.ref.name)[:NAMES_SHOWN]
        hint = f"Near it: {', '.join(to_typed(each, console.target) for each in near)}." if near else ""
        raise NotFound(
            f"Nothing open is called {goal.named.name}", "", hint or "Open its profile first, or write profile/name."
        )
    if len(found) == 1:
        await show_resource(console, found[0])
        return
    offered = [resource_item(console, spot) for spot in found]
    await console.push_screen(PalettePopup(screen, offered))


async def _once_open(console: ConsoleApi, goal: ResourceTarget, target: str) -> list[FoundResource]:
    async with aclosing(open_one_by_one(console, target)) as broker_sessions:
        async for _ in broker_sessions:
            found = resolve(goal, known_resources(console), target)
            if found:
                return found
    return []


def _profiles(console: ConsoleApi) -> set[str]:
    return {item.title for item in session_items(console)}
