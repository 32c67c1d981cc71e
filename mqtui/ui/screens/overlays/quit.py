"""Quitting: at once where nothing is under way, else it lists what is and asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mqtui.domain.figure import pluralize
from mqtui.ui.screens.console_screen import ConsoleScreen

if TYPE_CHECKING:
    from mqtui.ui.app import Console

SHOWN = 3
"""Runs that are named in the question."""

FIELD = 8
"""Columns of the line that are not words."""


def leave(console: Console) -> None:
    """Quit, or ask on the line of the place that is shown."""
    place = console.screen
    if not console.bench.active or not isinstance(place, ConsoleScreen):
        console.exit()
        return
    place.run_worker(_ask(console, place), exclusive=True, group="line", exit_on_error=False)


async def _ask(console: Console, place: ConsoleScreen) -> None:
    """Stop and quit by one key that is no habit; everything else stays."""
    stops = False

    def heard(text: str) -> None:
        nonlocal stops
        stops = text[:1].lower() == "s"
        place.line.leave()

    beside = "s stops after the hand and quits · esc stays"
    words = under_way(console)
    short = f"{pluralize(len(console.bench.active), 'run')} under way"
    asked = words if len(words) + len(beside) < place.size.width - FIELD else short
    await place.line.ask(asked, beside=beside, changed=heard)
    if not stops:
        place.line.why_not("stayed: it goes on", "live")
        return
    active = console.bench.active
    for flight in active:
        flight.stop()
    place.line.tell("what is in hand is finished; then it quits", "live")
    for flight in active:
        await flight.over()
    console.exit()


def under_way(console: Console) -> str:
    """What is under way, in words."""
    active = console.bench.active
    named = "; ".join(flight.words() for flight in active[:SHOWN])
    more = f" and {len(active) - SHOWN} more" if len(active) > SHOWN else ""
    return f"under way: {named}{more}"
