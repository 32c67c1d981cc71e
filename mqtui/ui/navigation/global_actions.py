"""Global actions, available on every screen: home, views, back, go to, help, palette, menu, quit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mqtui.ui.navigation.screen_classes import SCREENS, load, screen_class

if TYPE_CHECKING:
    from textual.worker import WorkType

    from mqtui.ui.console_api import ConsoleApi

SESSION_VIEWS = ("nav.view_1", "nav.view_2")
"""Views that need an open session; the others show this machine, or all open brokers."""

OVERLAYS = {
    "app.help": ("overlays.help", "open_help"),
    "app.manual": ("overlays.manual", "open_manual"),
    "app.palette": ("overlays.palette.palette", "open_palette"),
    "app.menu": ("overlays.menu", "open_menu"),
    "nav.goto": ("overlays.palette.goto_prompt", "ask_goto"),
    "app.quit": ("overlays.quit", "quit_or_ask"),
}
"""Actions that open an overlay or ask on the prompt line: module and function."""


def global_actions(console: ConsoleApi) -> dict[str, Callable[[], Any]]:
    """The global actions by action id."""
    known: dict[str, Callable[[], Any]] = {
        "start": lambda: _start(console),
        "nav.home": console.home,
        "nav.back": console.back,
        "nav.last": console.history.last,
        "nav.next_pane": lambda: console.screen.focus_next(),
        "nav.previous_pane": lambda: console.screen.focus_previous(),
        "list.next": _view(console, "nav.view_1"),
        "list.previous": _view(console, "nav.view_1"),
        "app.suspend": console.action_suspend_process,
    }
    for name in SCREENS:
        if name.startswith("nav.view_"):
            known[name] = _view(console, name)
    for name in OVERLAYS:
        known[name] = _float(console, name)
    return known


def disabled_reason(console: ConsoleApi, action_id: str) -> str | None:
    """Why a global action is not available now; None where it is."""
    if action_id in SESSION_VIEWS and not console.target:
        return "no session is shown: enter opens a profile"
    if action_id in ("list.next", "list.previous") and not console.target:
        return "nothing is open: enter opens a profile"
    if action_id == "nav.last" and console.history.start:
        return "there is no place before this one"
    if action_id == "app.suspend":
        if console.sessions.running_tasks:
            return f"a run is under way: {console.sessions.running_tasks[0].describe()}"
        if console.is_headless or console.is_web:
            return "there is no shell to go to"
    return None


async def _start(console: ConsoleApi) -> None:
    await import_module("mqtui.ui.startup").show_first_screen(console)
    greeting: WorkType[None] = partial(_greet, console)
    console.call_after_refresh(lambda: console.run_worker(greeting, exit_on_error=False, name="greeting"))


async def _greet(console: ConsoleApi) -> None:
    greeting = await asyncio.to_thread(import_module, "mqtui.ui.screens.runs.resume_notice")
    console.gc_scheduler.start()
    await greeting.show_resume_notice(console)


def _view(console: ConsoleApi, name: str) -> Callable[[], Any]:
    return lambda: console.history.to_view(screen_class(name))


def _float(console: ConsoleApi, name: str) -> Callable[[], Any]:
    module, function = OVERLAYS[name]
    return lambda: load(module, function)(console)
