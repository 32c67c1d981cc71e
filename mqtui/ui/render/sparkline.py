"""Sparklines: the lowest bar is zero, the highest the row's own maximum, a blank a missing sample."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.ui.glyphs import BARS


def sparkline(samples: Sequence[float | None], width: int, bars: str = BARS) -> str:
    """The last `width` samples as bars, padded with blanks on the left."""
    shown = list(samples[-width:]) if width else []
    top = max((sample for sample in shown if sample is not None), default=0)
    drawn = "".join(" " if sample is None else _bar(sample, top, bars) for sample in shown)
    return drawn.rjust(width)


def _bar(sample: float, top: float, bars: str) -> str:
    if sample <= 0 or top <= 0:
        return bars[0]
    return bars[max(1, min(len(bars) - 1, round(sample / top * (len(bars) - 1))))]
