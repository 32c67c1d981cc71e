"""The stages of a run, and its outcomes, in one line each."""

from __future__ import annotations

import pytest

from mqtui.domain.plan import Result
from mqtui.services.redrive.request import CanaryStages
from mqtui.ui.render.runs.canary_stages import stages_line
from mqtui.ui.render.runs.outcomes import outcomes_line

WATCHED = CanaryStages((1, 10), watch=60.0)


@pytest.mark.parametrize(
    ("planned", "done", "active", "watching", "line"),
    [
        (19, 0, True, False, "▸ first 1 ── · next 10 ── · rest 8 ── · watch"),
        (19, 1, True, True, "▸ first 1 ── · next 10 ── · rest 8 ── · watch"),
        (19, 1, True, False, "✓ first 1 ── ▸ next 10 ── · rest 8 ── · watch"),
        (19, 11, True, True, "✓ first 1 ── ▸ next 10 ── · rest 8 ── · watch"),
        (19, 14, True, False, "✓ first 1 ── ✓ next 10 ── ▸ rest 8 ── · watch"),
        (19, 19, True, True, "✓ first 1 ── ✓ next 10 ── ✓ rest 8 ── ▸ watch"),
        (19, 19, False, False, "✓ first 1 ── ✓ next 10 ── ✓ rest 8 ── ✓ watch"),
        (19, 1, False, False, "✓ first 1 ── · next 10 ── · rest 8 ── · watch"),
        (1, 1, True, True, "✓ first 1 ── ▸ watch"),
        (4, 1, True, False, "✓ first 1 ── ▸ next 3 ── · watch"),
        (None, 1, True, True, "▸ first 1 ── · next 10 ── · rest ── · watch"),
        (None, 1, False, False, "✓ first 1 ── · next 10 ── · rest ── · watch"),
    ],
)
def test_line(planned: int | None, done: int, active: bool, watching: bool, line: str) -> None:
    assert stages_line(WATCHED, planned, done, active=active, watching=watching) == line


def test_unwatched() -> None:
    assert stages_line(CanaryStages(), 19, 4, active=True, watching=False) == "▸ rest 19"


@pytest.mark.parametrize(("letters", "room", "gaps"), [(19, 118, 3), (9, 78, 3), (19, 78, 2), (123_456, 78, 1)])
def test_outcomes_stay_on_one_line(letters: int, room: int, gaps: int) -> None:
    line = "".join(text for text, _ in outcomes_line(Result("94C2", letters, moved=letters, passed=letters), 0, room))
    assert line.startswith(f"moved {letters:,}{' ' * gaps}passed")
    assert line.endswith("left 0")
    assert len(line) <= room
