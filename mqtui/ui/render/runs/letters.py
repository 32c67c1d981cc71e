"""The letters of a run as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mqtui.domain.redrive import Outcome
from mqtui.state.journal import OutcomeRow
from mqtui.ui.render.table_model import Cell, Column

TONES = {Outcome.MOVED: "ok", Outcome.REFUSED: "danger", Outcome.UNKNOWN: "warn", Outcome.SKIPPED: "muted"}
WORST = (Outcome.REFUSED, Outcome.UNKNOWN)


class RunLetterRenderer:
    """How the letters of a run are shown in a list. A letter is (position, outcome, where it is now, reason)."""

    columns = (
        Column("letter", "LETTER", 20, meaning="where it lay"),
        Column("outcome", "OUTCOME", 9, meaning="moved: stored and removed; unknown: look at its bundle"),
        Column("at", "WHERE IT IS NOW", 18, priority=2, meaning="where its copy was stored"),
        Column("why", "WHY", 20, priority=3, grows=True, meaning="why it was not moved"),
    )

    def id(self, item: OutcomeRow) -> Hashable:
        return item[0]

    def cells(self, item: OutcomeRow) -> Sequence[Cell]:
        tone = TONES.get(Outcome(item[1]), "")
        return (item[0], ""), (item[1], tone), (item[2], "muted"), (item[3], "warn" if item[3] else "")

    def sign(self, item: OutcomeRow) -> Cell:
        """✗ refused, ▲ unknown."""
        signs = {Outcome.REFUSED: ("✗", "danger"), Outcome.UNKNOWN: ("▲", "warn")}
        return signs.get(Outcome(item[1]), (" ", ""))

    def severity(self, item: OutcomeRow) -> int:
        return WORST.index(Outcome(item[1])) + 1 if item[1] in WORST else 0

    def text(self, item: OutcomeRow) -> str:
        return " ".join(item)

    def value(self, item: OutcomeRow, key: str) -> Any:
        return dict(zip(("letter", "outcome", "at", "why"), item, strict=True))[key]


def describe_letter(item: OutcomeRow) -> str:
    """What became of a letter, in one sentence."""
    where = f", it is now {item[2]}" if item[2] else ""
    why = f": {item[3]}" if item[3] else ""
    return f"{item[0]}: {item[1]}{where}{why}"
