"""What the console shows first: home, a target and resource, or the brokers of the demo while they start."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from mqtui.domain.errors import MqtuiError
from mqtui.ui.navigation.screen_classes import screen_class

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi
    from mqtui.ui.session.demo_brokers import DemoBrokers

FIRST_ROWS_TIMEOUT, CHECK_SECONDS = 1.0, 0.02
"""Seconds to wait for the rows of a resource named on the command line, and between two looks for them."""


async def show_first_screen(console: ConsoleApi) -> None:
    """Show home, then the target of the command line."""
    await console.home()
    if console.demo_brokers is not None:
        console.run_worker(open_as_started(console, console.demo_brokers), exit_on_error=False, name="demo brokers")
    elif console.start[0]:
        console.run_worker(_straight_to(console, *console.start), exit_on_error=False, name="start")


async def _straight_to(console: ConsoleApi, target: str, resource: str) -> None:
    if resource:
        console.sessions.first_resource_shown.clear()
    try:
        await console.open_target(target)
        if resource:
            await console.go.resource_by_name(console.target, resource)
            await _has_rows(console)
    except MqtuiError as error:
        if console.current_screen is not None:
            console.current_screen.show_error(error)
    finally:
        console.sessions.first_resource_shown.set()


async def _has_rows(console: ConsoleApi) -> None:
    """Wait until the screen has rows, a moment at most: an empty destination never has any."""
    until = monotonic() + FIRST_ROWS_TIMEOUT
    while monotonic() < until:
        table = console.current_screen.focused_table if console.current_screen is not None else None
        if table is not None and table.model.count:
            return
        await asyncio.sleep(CHECK_SECONDS)


async def start_demo(console: ConsoleApi) -> None:
    """Start the demo's brokers, where the command line gave a way to; show them where they run already."""
    if console.demo_brokers is not None:
        name = console.demo_brokers.name
        await console.open_session(name, [each.kind for each in console.sessions.for_target(name)])
    elif console.demo is None:
        console.flash("leave with q and call: mqtui demo", "text")
    else:
        console.demo_brokers = console.demo()
        console.run_worker(open_as_started(console, console.demo_brokers), exit_on_error=False, name="demo brokers")


async def open_as_started(console: ConsoleApi, demo_brokers: DemoBrokers) -> None:
    """Show the session of brokers that are starting; each opens as soon as it is up."""
    console.target = demo_brokers.name
    console.tour.hidden = False
    await console.show(screen_class("nav.view_1")())
    stages: dict[str, str] = {}
    async for event in demo_brokers.events():
        stages[event.kind] = event.error or event.stage or ("up" if event.url else "")
        if event.url:
            console.sessions.open(demo_brokers.name, [event.kind], event.url)
            stages.pop(event.kind)
        elif event.error:
            console.sessions.notify(f"{event.kind}: {event.error}", "warn")
        screen = console.current_screen
        if stages and screen is not None and not console.tour.hint(screen.screen_name):
            screen.prompt_line.set_status(" · ".join(f"{kind} {stage}" for kind, stage in stages.items()), "live")
        console.broker_startup = dict(stages)
        console.figures_changed()
