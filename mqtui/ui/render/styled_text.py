"""Text with tones (names of theme colours), and wrapping it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from rich.cells import cell_len

from mqtui.domain.printable import printable

StyledSpan: TypeAlias = tuple[str, str]
"""Text and tone."""

StyledLine: TypeAlias = Sequence[StyledSpan]
"""One line."""


INDENT = "    "


def wrap_line(line: StyledLine, width: int) -> list[StyledLine]:
    """Wrap a line; continuation lines are indented. `width` is in terminal cells, 10 at least."""
    parts: list[StyledLine] = []
    current: list[StyledSpan] = []
    room, fresh = width, True
    for text, tone in line:
        rest = text
        while cell_len(rest) > room:
            fits = _fitting(rest, room)
            cut = rest.rfind(" ", 0, fits + 1)
            if cut <= 0:
                cut = fits if fresh else 0
            if cut:
                current.append((rest[:cut], tone))
            parts.append(current)
            rest = rest[cut:].lstrip(" ")
            current, room, fresh = [(INDENT, "")], width - len(INDENT), True
        if rest:
            current.append((rest, tone))
            room -= cell_len(rest)
            fresh = False
    parts.append(current)
    return parts


def _fitting(text: str, cells: int) -> int:
    """How many characters fit in so many terminal cells."""
    if text.isascii():
        return cells
    taken = 0
    for number, sign in enumerate(text):
        taken += cell_len(sign)
        if taken > cells:
            return number
    return len(text)


PREVIEW_BYTES = 80
"""Bytes of a value that a row previews."""

BREAKS = re.compile(r"[\t\n\r]")


def preview_bytes(raw: bytes) -> str:
    """A preview of a value on one line; hex where it is not text."""
    head = raw[:PREVIEW_BYTES]
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.start >= PREVIEW_BYTES - 4 else head[:24].hex(" ")
    return printable(BREAKS.sub(" ", text))
