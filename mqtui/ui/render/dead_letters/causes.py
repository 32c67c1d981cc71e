"""Causes as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

from mqtui.domain.cause import NO_REASON, Cause
from mqtui.ui.glyphs import BARS
from mqtui.ui.render import figures
from mqtui.ui.render.sparkline import histogram
from mqtui.ui.render.table_model import Cell, Column, Measure

HOUR = 60


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A cause, with its letters over the last hour."""

    cause: Cause
    trend: tuple[float, ...]


class CauseRenderer:
    """How causes are shown in a list."""

    columns = (
        Column("letters", "LETTERS", 7, right=True, meaning="letters of this cause, among all that were read"),
        Column(
            "cause",
            "CAUSE",
            30,
            grows=True,
            meaning="the root exception with its message; numbers, ids and quotes in it are made alike",
        ),
        Column("from", "FROM", 12, priority=3, meaning="where the letters died first, by their headers"),
        Column(
            "first",
            "FIRST",
            6,
            right=True,
            priority=4,
            measure=Measure.DURATION,
            meaning="the time of the oldest letter of this cause",
        ),
        Column(
            "last", "LAST", 6, right=True, priority=2, measure=Measure.DURATION, meaning="the time of the newest one"
        ),
        Column(
            "trend",
            "TREND 1h",
            12,
            priority=5,
            trend=True,
            measure=Measure.COUNT,
            meaning="letters of this cause in each five minutes of the last hour, by their times",
        ),
    )

    def __init__(self, bars: str = BARS) -> None:
        self._bars = bars

    def id(self, item: CauseRow) -> Hashable:
        return item.cause.id

    def cells(self, item: CauseRow) -> Sequence[Cell]:
        cause, now = item.cause, time() * 1000
        unknown = cause.text == NO_REASON
        return (
            (f"{cause.count:,}", "dead"),
            (f"? {cause.text}" if unknown else cause.text, "muted" if unknown else ""),
            (cause.origin.partition(":")[2], "muted"),
            (figures.since(cause.first, now), "muted"),
            (figures.since(cause.last, now), "muted"),
            (histogram(item.trend, 12, self._bars), "dead"),
        )

    def sign(self, item: CauseRow) -> Cell:
        """No sign: every row is a problem."""
        return " ", ""

    def severity(self, item: CauseRow) -> int:
        return item.cause.count

    def text(self, item: CauseRow) -> str:
        cause = item.cause
        return f"{cause.text} {cause.exception} {cause.origin} {cause.id}"

    def value(self, item: CauseRow, key: str) -> Any:
        cause = item.cause
        known: dict[str, Any] = {
            "letters": cause.count,
            "cause": None if cause.text == NO_REASON else cause.text,
            "from": cause.origin.partition(":")[2],
            "first": figures.seconds_since(cause.first),
            "last": figures.seconds_since(cause.last),
            "trend": sum(item.trend),
        }
        return known[key]


def by_minute(trend: dict[int, int], now: float, length: int = 12) -> tuple[float, ...]:
    """Letters of the last hour in `length` bars, the newest last. `trend` counts them by minute since the epoch."""
    span = HOUR // length
    minute = int(now // 60)
    bars = [0.0] * length
    for at, count in trend.items():
        index = length - 1 - (minute - at) // span
        if 0 <= index < length:
            bars[index] += count
    return tuple(bars)
