"""Figures: numbers with their exactness, written 12, ≈ 12, ≥ 12, ≤ 12 or ?. An unknown number is never 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Exactness(StrEnum):
    """How exact a figure is."""

    EXACT = "exact"
    ABOUT = "about"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    UNKNOWN = "unknown"


SIGN = {
    Exactness.EXACT: "",
    Exactness.ABOUT: "≈ ",
    Exactness.AT_LEAST: "≥ ",
    Exactness.AT_MOST: "≤ ",
    Exactness.UNKNOWN: "?",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its exactness, and why it is not exact.

    `sort` is the exactness; bundles on disk have it under that name.
    """

    number: int | float | None
    sort: Exactness = Exactness.EXACT
    why: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.number is not None

    def __str__(self) -> str:
        if self.number is None:
            return SIGN[Exactness.UNKNOWN]
        return SIGN[self.sort] + format_number(self.number)


def exact(number: int | float) -> Figure:
    """An exact number, counted by the broker."""
    return Figure(number)


def about(number: int | float, why: str = "") -> Figure:
    """An estimate: a gauge that was sampled before, a difference of offsets in a compacted topic, a sum of bounds."""
    return Figure(number, Exactness.ABOUT, why)


def at_least(number: int | float, why: str = "") -> Figure:
    """A lower bound: counting stopped there."""
    return Figure(number, Exactness.AT_LEAST, why)


def at_most(number: int | float, why: str = "") -> Figure:
    """An upper bound."""
    return Figure(number, Exactness.AT_MOST, why)


def unknown(why: str) -> Figure:
    """An unknown number, and why it is unknown."""
    return Figure(None, Exactness.UNKNOWN, why)


def total(figures: Iterable[Figure]) -> Figure:
    """The sum; of no figures an exact 0.

    An unknown part makes it a lower bound, an estimated part an estimate, a lower and an upper bound an estimate too.
    """
    number: int | float = 0
    some = False
    missing: Figure | None = None
    inexact: dict[Exactness, Figure] = {}
    for figure in figures:
        if figure.number is None:
            missing = figure
            continue
        some = True
        number += figure.number
        if figure.sort is not Exactness.EXACT:
            inexact[figure.sort] = figure
    if missing is not None:
        if not some:
            return unknown(missing.why)
        inexact[Exactness.AT_LEAST] = missing
    if not inexact:
        return exact(number)
    below, above, near = (inexact.get(sort) for sort in (Exactness.AT_LEAST, Exactness.AT_MOST, Exactness.ABOUT))
    if below is not None and above is not None:
        return about(number, below.why)
    part = below or near or above
    return exact(number) if part is None else Figure(number, Exactness.AT_LEAST if below else part.sort, part.why)


def at_least_of(figure: Figure, why: str) -> Figure:
    """The figure as a lower bound, where a part could not be counted; an unknown one stays unknown."""
    return unknown(why) if figure.number is None else at_least(figure.number, why)


def pluralize(number: int | Figure, noun: str) -> str:
    """A number with its noun: `1 letter`, `1,204 letters`, `2 copies`, `≈ 31 letters`."""
    figure = exact(number) if isinstance(number, int) else number
    if figure.number == 1:
        return f"{figure} {noun}"
    return f"{figure} {noun[:-1]}ies" if noun.endswith("y") else f"{figure} {noun}s"


def format_number(number: int | float) -> str:
    """With thousands separators up to 9,999,999, else as 12.3M, 4.5G."""
    if abs(number) < 10_000_000:
        return f"{number:,}" if isinstance(number, int) else f"{number:,.1f}"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(number) >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


def format_rate(per_second: float | None) -> str:
    """Messages a second: `812/s`, `8.1k/s`, `3/min`, `<1/h`; a known zero is `0`, unknown is `?`."""
    if per_second is None:
        return "?"
    if per_second <= 0:
        return "0"
    if per_second >= 1_000_000:
        return f"{per_second / 1e6:.1f}M/s"
    if per_second >= 10_000:
        return f"{per_second / 1000:.1f}k/s"
    if per_second >= 1:
        return f"{per_second:.0f}/s"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f}/min"
    return f"{per_second * 3600:.0f}/h" if per_second * 3600 >= 1 else "<1/h"
