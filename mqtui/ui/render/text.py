"""Toned text: what papers and details are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Run: TypeAlias = tuple[str, str]
"""Text and tone."""

Text: TypeAlias = Sequence[Run]
"""One line."""


INDENT = "    "


def folded(line: Text, width: int) -> list[Text]:
    """A line in parts that fit, later parts a little to the right. `width` is 10 at least."""
    parts: list[Text] = []
    current: list[Run] = []
    room, fresh = width, True
    for text, tone in line:
        rest = text
        while len(rest) > room:
            cut = rest.rfind(" ", 0, room + 1)
            if cut <= 0:
                cut = room if fresh else 0
            if cut:
                current.append((rest[:cut], tone))
            parts.append(current)
            rest = rest[cut:].lstrip(" ")
            current, room, fresh = [(INDENT, "")], width - len(INDENT), True
        if rest:
            current.append((rest, tone))
            room -= len(rest)
            fresh = False
    parts.append(current)
    return parts


BRIEF = 80
"""Bytes of a value that are shown in a row."""


def brief(raw: bytes) -> str:
    """The beginning of a value on one line; hex where it is no text."""
    head = raw[:BRIEF]
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.start >= BRIEF - 4 else head[:24].hex(" ")
    return "".join(sign if sign.isprintable() else "␀" if sign == "\0" else " " for sign in text)
