"""Keys and text never mix: the short form of `python -m tests.ui.bursts.run 10000`."""

from __future__ import annotations

from pathlib import Path

from tests.ui.bursts.run import play

BURSTS = 25


def test_no_verb_runs_from_what_is_typed_for_a_question_or_a_form(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir(exist_ok=True)
    play(tmp_path, range(BURSTS))
