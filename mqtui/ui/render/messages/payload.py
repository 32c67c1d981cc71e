"""Payloads as lines of coloured text, laid out only as far as they are viewed.

`grow` lays out further lines and may run in a thread; `line` and `text` give a line that is laid out.
Control characters never reach the terminal: they are shown as control pictures.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

from rich.cells import cell_len, chop_cells

from mqtui.codecs.base64_hex import to_base64
from mqtui.domain.printable import printable
from mqtui.ui.render.table_model import Cell

MAX_LINE = 4_000
"""Characters of a line; longer lines are split, so that no step handles megabytes."""

TAB = "    "


def clean(text: str) -> str:
    """The text as it can be drawn: tabs as blanks, control characters as control pictures."""
    return text if text.isascii() and text.isprintable() else printable(text.replace("\t", TAB))


class Document(Protocol):
    """A payload as lines with tones."""

    def __len__(self) -> int:
        """How many lines are laid out."""

    @property
    def done(self) -> bool:
        """Whether all lines are laid out."""

    @property
    def widest(self) -> int:
        """Characters of the longest line so far."""

    def grow(self, lines: int) -> None:
        """Lay out so many further lines."""

    def text(self, number: int) -> str:
        """A line, clean."""

    def line(self, number: int) -> Sequence[Cell]:
        """A line in pieces with tones."""


class FixedLines:
    """Lines that are laid out already."""

    done = True

    def __init__(self, lines: Sequence[Sequence[Cell]]) -> None:
        self._lines = [[(clean(text), tone) for text, tone in line] for line in lines]
        self.widest = max((sum(len(text) for text, _ in line) for line in self._lines), default=0)

    def __len__(self) -> int:
        return len(self._lines)

    def grow(self, lines: int) -> None:
        """Nothing is left to do."""

    def text(self, number: int) -> str:
        return "".join(text for text, _ in self._lines[number])

    def line(self, number: int) -> Sequence[Cell]:
        return self._lines[number]


class PlainText:
    """Text split at its line ends."""

    def __init__(self, text: str, tone: str = "") -> None:
        self._text = text
        self._tone = tone
        self._starts: array[int] = array("L")
        self._ends: array[int] = array("L")
        self._at = 0
        self.done = False
        self.widest = 0

    def __len__(self) -> int:
        return len(self._ends)

    def grow(self, lines: int) -> None:
        text, at = self._text, self._at
        for _ in range(lines):
            end = text.find("\n", at, at + MAX_LINE)
            after = end + 1
            if end < 0:
                end = after = min(at + MAX_LINE, len(text))
                self.done = after == len(text)
            self._starts.append(at)
            self._ends.append(end)
            self.widest = max(self.widest, end - at)
            at = after
            if self.done:
                break
        self._at = at

    def text(self, number: int) -> str:
        return clean(self._text[self._starts[number] : self._ends[number]].removesuffix("\r"))

    def line(self, number: int) -> Sequence[Cell]:
        return ((self.text(number), self._tone),)


class HexDump:
    """Bytes in hex, sixteen a line, with their ASCII characters."""

    PER_LINE = 16
    done = True
    widest = 10 + 3 * PER_LINE + 2 + PER_LINE

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __len__(self) -> int:
        return max(1, -(-len(self._value) // self.PER_LINE))

    def grow(self, lines: int) -> None:
        """Nothing is left to do."""

    def text(self, number: int) -> str:
        return "".join(text for text, _ in self.line(number))

    def line(self, number: int) -> Sequence[Cell]:
        """Offset, bytes, and their ASCII characters."""
        at = number * self.PER_LINE
        part = self._value[at : at + self.PER_LINE]
        signs = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        return (f"{at:08x}  ", "muted"), (f"{part.hex(' '):<{3 * self.PER_LINE}} ", ""), (signs, "ok")


class Base64Text:
    """Bytes in base64 (RFC 4648), 76 characters a line."""

    PER_LINE = 57
    done = True
    widest = 76

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __len__(self) -> int:
        return max(1, -(-len(self._value) // self.PER_LINE))

    def grow(self, lines: int) -> None:
        """Nothing is left to do."""

    def text(self, number: int) -> str:
        at = number * self.PER_LINE
        return to_base64(self._value[at : at + self.PER_LINE])

    def line(self, number: int) -> Sequence[Cell]:
        return ((self.text(number), ""),)


class WrappedRows:
    """A document as screen rows: one a line, or wrapped at a width."""

    def __init__(self, document: Document, width: int = 0) -> None:
        """A `width` of 0 wraps nothing."""
        self.document = document
        self._width = width
        self._lines: array[int] = array("L")
        self._starts: array[int] = array("L")
        self._ends: array[int] = array("L")
        self._wrapped = 0

    def __len__(self) -> int:
        return len(self._ends) if self._width else len(self.document)

    @property
    def done(self) -> bool:
        """Whether all rows are laid out."""
        return self.document.done and (not self._width or self._wrapped == len(self.document))

    def grow(self, lines: int) -> None:
        if not self.document.done and (not self._width or self._wrapped + lines > len(self.document)):
            self.document.grow(lines)
        if self._width:
            for number in range(self._wrapped, min(self._wrapped + lines, len(self.document))):
                self._wrap(number)
                self._wrapped = number + 1

    def _wrap(self, number: int) -> None:
        text, width = self.document.text(number), self._width
        if text.isascii():
            cuts = [*range(0, len(text), width), len(text)] if text else [0, 0]
        else:
            cuts = [0]
            for piece in chop_cells(text, width):
                cuts.append(cuts[-1] + len(piece))
        for start, end in pairwise(cuts):
            self._lines.append(number)
            self._starts.append(start)
            self._ends.append(end)

    def row(self, number: int) -> tuple[int, int, int]:
        """Line, and first and last character of it (exclusive; -1 is its end) on a row."""
        if not self._width:
            return number, 0, -1
        return self._lines[number], self._starts[number], self._ends[number]

    def cells(self, number: int) -> Sequence[Cell]:
        line, start, end = self.row(number)
        pieces = self.document.line(line)
        return pieces if end < 0 else _cut(pieces, start, end)

    def text(self, first: int, last: int) -> list[tuple[int, str]]:
        """Line number and text of the rows from `first` to `last`, both included."""
        found = []
        for number in range(first, min(last, len(self) - 1) + 1):
            line, start, end = self.row(number)
            text = self.document.text(line)
            found.append((line, text if end < 0 else text[start:end]))
        return found


def _cut(pieces: Sequence[Cell], start: int, end: int) -> list[Cell]:
    found: list[Cell] = []
    at = 0
    for text, tone in pieces:
        if at < end and at + len(text) > start:
            found.append((text[max(0, start - at) : end - at], tone))
        at += len(text)
    return found


def width_of(cells: Sequence[Cell]) -> int:
    """The width of pieces in terminal cells."""
    return sum(cell_len(text) for text, _ in cells)
