"""Quitting: at once, or after a question where runs are under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mqtui.domain.figure import pluralize
from mqtui.ui.screens.console_screen import ConsoleScreen

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

RUNS_NAMED = 3
"""Runs named in the question."""

RESERVED_COLUMNS = 8
"""Columns of the prompt line that hold no words."""


def quit_or_ask(console: ConsoleApi) -> None:
    """Quit; where runs are under way, ask first."""
    screen = console.screen
    if not console.sessions.running_tasks or not isinstance(screen, ConsoleScreen):
        console.exit()
        return
    screen.run_worker(_ask(console, screen), exclusive=True, group="line", exit_on_error=False)


async def _ask(console: ConsoleApi, screen: ConsoleScreen) -> None:
    """Only `s`, a key nobody presses by habit, stops the runs and quits; any other key stays."""
    stops = False

    def heard(text: str) -> None:
        nonlocal stops
        stops = text[:1].lower() == "s"
        screen.prompt_line.cancel()

    beside = "s stops after the hand and quits · esc stays"
    words = describe_running(console)
    short = f"{pluralize(len(console.sessions.running_tasks), 'run')} under way"
    asked = words if len(words) + len(beside) < screen.size.width - RESERVED_COLUMNS else short
    await screen.prompt_line.ask(asked, beside=beside, changed=heard)
    if not stops:
        screen.prompt_line.flash("stayed: it goes on", "live")
        return
    active = console.sessions.running_tasks
    for task in active:
        task.stop()
    screen.prompt_line.set_status("the batch in flight is finished; then it quits", "live")
    for task in active:
        await task.wait()
    console.exit()


def describe_running(console: ConsoleApi) -> str:
    """The runs under way, in words."""
    active = console.sessions.running_tasks
    named = "; ".join(task.describe() for task in active[:RUNS_NAMED])
    more = f" and {len(active) - RUNS_NAMED} more" if len(active) > RUNS_NAMED else ""
    return f"under way: {named}{more}"
