"""A row of the table: what we tell of a place, what the broker's tool tells, what was counted, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from mqtui.domain.figure import Exactness, Figure
from mqtui.domain.printable import printable

HEADS = ("CASE", "PLACE", "WHAT", "OURS", "THEIRS", "VERDICT")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `differs` where a figure of ours is wrong."""

    case: str
    place: str
    what: str
    ours: str
    theirs: str
    verdict: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a figure is told; `case` is its number in the list of cases, or the demo."""

    case: str
    name: str
    what: str

    def compare(self, ours: Figure, theirs: int | None, counted: int | None = None) -> Row:
        """The row of a figure of ours; `theirs` is what the tool tells, `counted` what reading the broker gave."""
        wrong, verdict = judge(ours, theirs, counted)
        told = "-" if theirs is None else f"{theirs:,}"
        return Row(self.case, self.name, self.what, str(ours), told, verdict, wrong)

    def expect(self, ours: str, theirs: str, words: Sequence[str]) -> Row:
        """The row of a sentence of ours that has to hold these words."""
        missing = [word for word in words if word not in ours]
        verdict = f"DIFFERS: does not say {missing[0]!r}" if missing else "said"
        return Row(self.case, self.name, self.what, ours, theirs, verdict, bool(missing))


def judge(ours: Figure, theirs: int | None, counted: int | None) -> tuple[bool, str]:
    """Whether a figure is wrong, and the verdict: an exact one has to be the truth, a bound has to hold."""
    truth = theirs if counted is None else counted
    if ours.number is None:
        return not ours.why, f"?: {ours.why}" if ours.why else "DIFFERS: unknown without a reason"
    if truth is None:
        return (
            ours.sort is Exactness.EXACT,
            "DIFFERS: nobody else tells it" if ours.sort is Exactness.EXACT else ours.why,
        )
    beside = "" if counted is None or counted == theirs else f" ({counted:,} counted)"
    match ours.sort:
        case Exactness.EXACT if ours.number != truth:
            return True, f"DIFFERS{beside}"
        case Exactness.AT_MOST if ours.number < truth:
            return True, f"DIFFERS: more than that{beside}"
        case Exactness.AT_LEAST if ours.number > truth:
            return True, f"DIFFERS: less than that{beside}"
        case Exactness.EXACT:
            return False, "equal" if theirs == ours.number else f"counted, as theirs cannot be{beside}"
        case _:
            same = "same number" if ours.number == theirs else "another number"
            return False, f"bound, {same}{beside}: {ours.why}"


def table(rows: Iterable[Row], *, every: bool) -> Iterator[str]:
    """The lines of the table; of many alike rows of the demo only how many there are, unless all are wanted."""
    cells: list[tuple[str, ...]] = [HEADS]
    for (case, what, verdict), alike in groupby(rows, key=lambda row: (row.case, row.what, row.verdict)):
        some = list(alike)
        for row in some if every or len(some) < 4 else some[:2]:
            cells.append((case, row.place, what, row.ours, row.theirs, verdict))
        if not every and len(some) >= 4:
            cells.append((case, f"and {len(some) - 2} more", what, "", "", verdict))
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADS) - 1)]
    for line in cells:
        yield printable("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]))
