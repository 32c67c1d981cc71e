"""How many letters of a run had each outcome, in one line."""

from __future__ import annotations

from mqtui.domain.plan import Result
from mqtui.ui.render.styled_text import StyledLine


def outcomes_line(totals: Result, left: int | None, room: int) -> StyledLine:
    """How many letters had each outcome, on one line where there is room for that."""
    counts = (
        ("moved", totals.moved, "ok"),
        ("passed", totals.passed, "ok"),
        ("waiting", totals.waiting, "lag"),
        ("came back", totals.came_back, "danger"),
        ("refused", totals.refused, "danger"),
        ("unknown", totals.unknown, "warn"),
        ("left", left, "muted"),
    )
    shown = [(name, "?" if each is None else f"{each:,}", tone if each else "muted") for name, each, tone in counts]
    needed = sum(len(f"{name} {number}") for name, number, _ in shown)
    gap = " " * next((each for each in (3, 2) if needed + each * (len(shown) - 1) <= room), 1)
    line: list[tuple[str, str]] = []
    for name, number, tone in shown:
        line += [(f"{gap if line else ''}{name} ", "muted"), (number, tone)]
    return line
