"""Sparklines: bars of a window of samples, a mark where they do not start at zero, and which way it goes."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.ui.glyphs import BARS

SUFFIX = 2
"""Cells after the bars: the mark of a raised baseline, and the direction."""

RAISED = "▏"
"""Stands after bars whose lowest is the window's minimum and not zero."""

UP, DOWN = "↑", "↓"
STEADY = 0.02
"""The part of the window's maximum that a change has to exceed to have a direction."""


def sparkline(samples: Sequence[float | None], width: int, bars: str = BARS) -> str:
    """The last samples as bars in `width` cells, padded with blanks on the left; a missing sample is blank.

    The lowest bar is zero; where the least sample is above half of the largest it is that sample, and a mark says so.
    The last cell is an arrow while the window's newest sample is above or below its oldest.
    """
    shown = list(samples[-(width - SUFFIX) :]) if width > SUFFIX else []
    known = [sample for sample in shown if sample is not None]
    top, least = max(known, default=0.0), min(known, default=0.0)
    base = least if least > top / 2 else 0.0
    drawn = "".join(" " if sample is None else _bar(sample - base, top - base, bars) for sample in shown)
    return (drawn + (RAISED if base > 0 else " ") + _direction(known, top)).rjust(width)


def histogram(counts: Sequence[float | None], width: int, bars: str = BARS) -> str:
    """How often something happened in each of the last `width` spans of time: the lowest bar is none."""
    shown = list(counts[-width:]) if width else []
    top = max((count for count in shown if count is not None), default=0.0)
    return "".join(" " if count is None else _bar(count, top, bars) for count in shown).rjust(width)


def _bar(sample: float, top: float, bars: str) -> str:
    if sample <= 0 or top <= 0:
        return bars[0]
    return bars[max(1, min(len(bars) - 1, round(sample / top * (len(bars) - 1))))]


def _direction(known: Sequence[float], top: float) -> str:
    change = known[-1] - known[0] if known else 0.0
    if abs(change) <= STEADY * top:
        return " "
    return UP if change > 0 else DOWN
