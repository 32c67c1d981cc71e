"""Figures with their nouns."""

from __future__ import annotations

import pytest

from mqtui.domain.figure import Figure, about, counted, unknown


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
def test_counted(number: int | Figure, noun: str, written: str) -> None:
    assert counted(number, noun) == written
