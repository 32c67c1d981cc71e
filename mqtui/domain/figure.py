"""Figures that do not lie: exact, about (≈), at least (≥), at most (≤) or unknown (?)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """How much a figure is worth."""

    EXACT = "exact"
    ABOUT = "about"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    UNKNOWN = "unknown"


SIGN = {Sort.EXACT: "", Sort.ABOUT: "≈ ", Sort.AT_LEAST: "≥ ", Sort.AT_MOST: "≤ ", Sort.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and what it is worth; `why` says where an inexact one comes from."""

    number: int | float | None
    sort: Sort = Sort.EXACT
    why: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number at all."""
        return self.number is not None

    def __str__(self) -> str:
        if self.number is None:
            return SIGN[Sort.UNKNOWN]
        return SIGN[self.sort] + written(self.number)


def exact(number: int | float) -> Figure:
    """Counted by the broker itself."""
    return Figure(number)


def about(number: int | float, why: str = "") -> Figure:
    """Near the truth: a gauge sampled a while ago, a difference of offsets in a compacted topic."""
    return Figure(number, Sort.ABOUT, why)


def at_least(number: int | float, why: str = "") -> Figure:
    """A bound: counting stopped there."""
    return Figure(number, Sort.AT_LEAST, why)


def at_most(number: int | float, why: str = "") -> Figure:
    """A bound: there are no more, and perhaps fewer."""
    return Figure(number, Sort.AT_MOST, why)


def unknown(why: str) -> Figure:
    """Not known, and why."""
    return Figure(None, Sort.UNKNOWN, why)


def total(figures: Iterable[Figure]) -> Figure:
    """The sum. With an unknown part it is a bound; with an estimated one an estimate; nothing summed is an exact 0."""
    number: int | float = 0
    sort, why = Sort.EXACT, ""
    seen_known = seen_unknown = False
    for figure in figures:
        if figure.number is None:
            seen_unknown, why = True, figure.why
            continue
        seen_known = True
        number += figure.number
        if figure.sort is Sort.AT_LEAST or (figure.sort is Sort.ABOUT and sort is Sort.EXACT):
            sort, why = figure.sort, figure.why
    if seen_unknown:
        return at_least(number, why) if seen_known else unknown(why)
    return Figure(number, sort, why)


def counted(number: int | Figure, noun: str) -> str:
    """A number with its noun: `1 letter`, `1,204 letters`, `2 copies`, `≈ 31 letters`."""
    figure = exact(number) if isinstance(number, int) else number
    if figure.number == 1:
        return f"{figure} {noun}"
    return f"{figure} {noun[:-1]}ies" if noun.endswith("y") else f"{figure} {noun}s"


def written(number: int | float) -> str:
    """Separators up to 9,999,999, a short form above."""
    if abs(number) < 10_000_000:
        return f"{number:,}" if isinstance(number, int) else f"{number:,.1f}"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(number) >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)
