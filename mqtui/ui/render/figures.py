"""Formatting figures for a table cell: sizes, rates, ages, times."""

from __future__ import annotations

from time import time

from mqtui.domain.figure import Figure, format_rate
from mqtui.domain.times import format_age, format_time, to_datetime


def size(number: int) -> str:
    """Bytes: `212 B`, `14.1 KiB`."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{number} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")


def rate(per_second: float | None) -> str:
    """Messages a second: `812/s`, `8.1k/s`, `3/min`, `<1/h`; a known zero is `0`, unknown is `?`."""
    return format_rate(per_second)


def age(seconds: float | None, *, units: int = 1) -> str:
    """`40s`, `3m`, `2h`, `6d`; with two units `2h 7m`; unknown is `?`."""
    return "?" if seconds is None else format_age(seconds, units=units)


def since(time_ms: int | None, now_ms: float, *, units: int = 1) -> str:
    """The age of a time in ms since the epoch; the bare number where it is no valid date."""
    if time_ms is not None and to_datetime(time_ms) is None:
        return str(time_ms)
    return "?" if time_ms is None else age((now_ms - time_ms) / 1000, units=units)


def seconds_since(time_ms: int | None) -> float | None:
    """The age of a time in ms since the epoch, in seconds; None where there is none."""
    return None if time_ms is None else time() - time_ms / 1000


def clock(time_ms: int | None) -> str:
    """Local time of day with milliseconds."""
    return format_time(time_ms, "%H:%M:%S.%f")


def cell(figure: Figure) -> str:
    """A figure; blank where it was not asked for."""
    return "" if figure.why == "not asked" else str(figure)
