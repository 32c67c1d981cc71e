"""Checks of dead letters pass only on what is certain."""

from __future__ import annotations

import pytest

from mqtui.domain.cause import Cause
from mqtui.domain.figure import Figure, about, at_least, at_most, exact, unknown
from mqtui.services.letter_checks import check_causes, check_counts

NOW = 10_000_000


@pytest.mark.parametrize(
    ("figure", "why"),
    [
        (exact(9), ""),
        (at_most(9), ""),
        (exact(10), "d: 10 dead letters, 10 or more"),
        (at_least(9), "d: ≥ 9 dead letters, may be 10 or more"),
        (about(11), "d: ≈ 11 dead letters, may be 10 or more"),
        (unknown("no right"), "d: the number of dead letters is unknown: no right"),
    ],
)
def test_how_many(figure: Figure, why: str) -> None:
    assert check_counts([("d", figure)], 10) == ([why] if why else [])
    assert check_counts([("d", figure)], None) == []


def test_how_old() -> None:
    causes = [cause("new", NOW - 1_000), cause("old", NOW - 7_200_000), cause("odd", None)]
    assert check_causes("d", causes, 7, 3_600_000, NOW) == [
        "d: the oldest letter of old died 2h ago, more than 1h",
        "d: it is not known when the letters of odd died",
    ]
    assert check_causes("d", causes, 6, None, NOW) == ["d: 6 dead letters, 6 or more"]


def cause(name: str, first: int | None) -> Cause:
    return Cause(name, "text", "", "", "", 2, first, first)
