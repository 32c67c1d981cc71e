"""Toned text: what papers and details are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Run: TypeAlias = tuple[str, str]
"""Text and tone."""

Text: TypeAlias = Sequence[Run]
"""One line."""


def folded(line: Text, width: int) -> list[Text]:
    """A line in parts that fit, later parts a little to the right."""
    parts: list[Text] = []
    current: list[Run] = []
    room = width
    for text, tone in line:
        rest = text
        while len(rest) > room:
            cut = rest.rfind(" ", 0, room + 1)
            if cut <= 0:
                cut = room if room == width or not current else 0
            if cut:
                current.append((rest[:cut], tone))
            parts.append(current)
            rest = rest[cut:].lstrip(" ")
            current, room = [("    ", "")], width - 4
        if rest:
            current.append((rest, tone))
            room -= len(rest)
    parts.append(current)
    return parts
