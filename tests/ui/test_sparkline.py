"""TREND tells something: never a solid wall, and growing is no shrinking without colour."""

from __future__ import annotations

import pytest

from mqtui.ui.glyphs import ASCII_BARS, Glyphs
from mqtui.ui.render.sparkline import histogram, sparkline


@pytest.mark.parametrize(
    ("samples", "shown"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█ ↑"),
        ([7, 6, 5, 4, 3, 2, 1, 0], "█▇▆▅▄▃▂▁ ↓"),
        ([0, 0, 0, 0, 0, 0, 0, 0], "▁▁▁▁▁▁▁▁  "),
        ([58, 58, 58, 58], "    ▁▁▁▁▏ "),
        ([1_000, 1_010, 1_020, 1_030, 1_040, 1_050, 1_060, 1_070], "▁▂▃▄▅▆▇█▏↑"),
        ([1_070, 1_060, 1_050, 1_040, 1_030, 1_020, 1_010, 1_000], "█▇▆▅▄▃▂▁▏↓"),
        ([100, 101, 100, 101], "    ▁█▁█▏ "),
        ([None, 4, None, 8], "     ▅ █ ↑"),
        ([5], "       ▁▏ "),
        ([], "          "),
        ([None, None], "          "),
    ],
)
def test_bars_mark_and_direction(samples: list[float | None], shown: str) -> None:
    assert sparkline(samples, 10) == shown


def test_counts_by_span_start_at_none() -> None:
    assert histogram([0, 1, 7, 7, None, 0], 8) == "  ▁▂██ ▁"


def test_the_newest_end_has_what_matters() -> None:
    """A narrow column keeps the newest bars, the mark and the direction."""
    drawn = sparkline([1_000 + 10 * number for number in range(13)], 15)
    assert (len(drawn), drawn[-3:]) == (15, "█▏↑")


def test_in_ascii_it_says_the_same() -> None:
    drawn = Glyphs(ascii_only=True)(sparkline([1_000, 1_030, 1_060], 5, ASCII_BARS))
    assert drawn == " =#|^"


@pytest.mark.parametrize("level", [1, 7, 58, 10_000])
def test_a_steady_backlog_is_no_wall(level: int) -> None:
    assert "█" not in sparkline([level] * 20, 15)
