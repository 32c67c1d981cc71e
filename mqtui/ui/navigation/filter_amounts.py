"""What a column is compared with in a filter: `100`, `1k`, `5/s`, `4MiB`, `2h`, `14:02`, an offset or an entry id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from mqtui.domain.errors import BadInput
from mqtui.domain.message import EntryId
from mqtui.domain.times import parse_duration, parse_entry_id, parse_time
from mqtui.ui.render.table_model import Measure

Amount: TypeAlias = int | float | EntryId

NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)([kmg]?)", re.IGNORECASE)
RATE = re.compile(r"(.+?)(?:/(s|min|h))?")
BYTES = re.compile(r"(\d+(?:\.\d+)?)(?:([kmg]?)(?:i?b)?)", re.IGNORECASE)
SCALE = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
BINARY_SCALE = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
SECONDS = {"s": 1, "min": 60, "h": 3_600}

FORMS: Mapping[Measure, Sequence[str]] = {
    Measure.COUNT: ("100", "1k"),
    Measure.RATE: ("5", "3/min"),
    Measure.BYTES: ("212", "4KiB"),
    Measure.DURATION: ("30s", "2h"),
    Measure.TIME: ("14:02", "-15m"),
    Measure.POSITION: ("118203", "1795475111678-0"),
}
"""Amounts that may be typed, by measure: examples."""


def parse_amount(measure: Measure, text: str) -> Amount | None:
    """An amount as a column's values are; None where it is none of that measure."""
    return PARSERS[measure](text)


def _count(text: str) -> float | None:
    found = NUMBER.fullmatch(text)
    return None if found is None else float(found[1].replace(",", "")) * SCALE[found[2].lower()]


def _rate(text: str) -> float | None:
    found = RATE.fullmatch(text)
    count = None if found is None else _count(found[1])
    return None if found is None or count is None else count / SECONDS[found[2] or "s"]


def _bytes(text: str) -> float | None:
    found = BYTES.fullmatch(text)
    return None if found is None else float(found[1]) * BINARY_SCALE[found[2].lower()]


def _seconds(text: str) -> float | None:
    if (count := _count(text)) is not None and text.isdecimal():
        return count
    try:
        return parse_duration(text) / 1000
    except BadInput:
        return None


def _time(text: str) -> int | None:
    try:
        return parse_time(text, datetime.now().astimezone())
    except BadInput:
        return None


def _position(text: str) -> int | EntryId | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else parse_entry_id(text)


PARSERS: Mapping[Measure, Callable[[str], Amount | None]] = {
    Measure.COUNT: _count,
    Measure.RATE: _rate,
    Measure.BYTES: _bytes,
    Measure.DURATION: _seconds,
    Measure.TIME: _time,
    Measure.POSITION: _position,
}
