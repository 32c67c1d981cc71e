"""Figures with their nouns."""

from __future__ import annotations

import pytest

from mqtui.domain.figure import Exactness, Figure, about, at_least, at_most, exact, pluralize, total, unknown


@pytest.mark.parametrize(
    ("number", "noun", "written"),
    [
        (0, "letter", "0 letters"),
        (1, "letter", "1 letter"),
        (1204, "letter", "1,204 letters"),
        (1, "copy", "1 copy"),
        (2, "copy", "2 copies"),
        (about(31), "letter", "≈ 31 letters"),
        (unknown("not read"), "letter", "? letters"),
    ],
)
def test_pluralize(number: int | Figure, noun: str, written: str) -> None:
    assert pluralize(number, noun) == written


@pytest.mark.parametrize(
    ("parts", "number", "sort"),
    [
        ([], 0, Exactness.EXACT),
        ([exact(1), exact(2)], 3, Exactness.EXACT),
        ([exact(1), about(2)], 3, Exactness.ABOUT),
        ([exact(1), at_most(2)], 3, Exactness.AT_MOST),
        ([about(1), at_most(2)], 3, Exactness.ABOUT),
        ([exact(1), at_least(2)], 3, Exactness.AT_LEAST),
        ([exact(1), unknown("closed")], 1, Exactness.AT_LEAST),
        ([at_most(1), unknown("closed")], 1, Exactness.ABOUT),
        ([at_most(1), at_least(2)], 3, Exactness.ABOUT),
        ([unknown("closed")], None, Exactness.UNKNOWN),
    ],
)
def test_a_sum_is_as_exact_as_its_parts(parts: list[Figure], number: int | None, sort: Exactness) -> None:
    found = total(parts)
    assert (found.number, found.sort) == (number, sort)
