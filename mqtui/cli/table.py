"""Tables on stdout: aligned columns, and at a terminal one line a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

GAP = "  "

FIGURE_SIGNS = ("≈", "≥", "≤")
"""Signs before figures, one terminal cell each: a column may have one in each row."""

LEAST_TEXT = 16
"""Cells below which no text is cut: columns leave instead."""

LEAST_NAME = 24
"""Cells below which no name is cut."""

UNCUT = re.compile(r"[\d\W]*")
"""Figures, times, positions and ids of entries: a part of one would mislead."""


class Columns(NamedTuple):
    """The columns of a table. Those of `right` are figures.

    `first_to_go` has titles in the order in which their columns leave where a row has no room. The others stay: their
    texts are names, of which both ends are kept.
    """

    titles: Sequence[str]
    right: Sequence[int] = ()
    first_to_go: Sequence[str] = ()


class MeasuredTexts(NamedTuple):
    """The printable texts of a column."""

    texts: list[str]
    plain: bool
    """Whether each of their characters takes one cell."""


class TableLayout:
    """Makes lines of rows as they come, aligned with the previous ones; a column widens where a later part needs it.

    With `room`, the columns of a terminal, a row is one line: text is cut with `…`, the widest first; where that is
    not enough, columns leave.
    """

    def __init__(self, columns: Columns, shown: Callable[[str], str], *, ascii_only: bool, room: int | None) -> None:
        self._columns = columns
        self._shown = shown
        self._ascii_only = ascii_only
        self._ellipsis = ellipsis_of(ascii_only=ascii_only)
        self._room = room
        self._waiting = [tuple(columns.titles)]
        """The titles, until the first rows determine the column widths."""

        self._widths = [0] * len(columns.titles)
        self._least = list(self._widths)
        self._left_out: set[int] = set()

    def lines(self, rows: Iterable[Sequence[object]]) -> list[str]:
        """Some rows as lines, the first time below the titles."""
        whole: list[Sequence[object]] = [*self._waiting, *rows]
        self._waiting = []
        columns = [
            self._measure(number, list(map(str, cells))) for number, cells in enumerate(zip(*whole, strict=True))
        ]
        if not columns:
            return []
        padded = [self._pad(number, columns[number], width) for number, width in self._fit().items()]
        lines = [GAP.join(cells).rstrip() for cells in zip(*padded, strict=True)]
        return lines if self._room is None else [cut(line, self._room, self._ellipsis) for line in lines]

    @property
    def left_out(self) -> list[str]:
        """The titles of the columns that have no room."""
        return [title for number, title in enumerate(self._columns.titles) if number in self._left_out]

    def _measure(self, number: int, texts: list[str]) -> MeasuredTexts:
        """Measure the texts of a column. Most need no escaping, which one test of all of them tells."""
        together = "".join(texts)
        if not together.isascii() and not self._ascii_only:
            for sign in FIGURE_SIGNS:
                together = together.replace(sign, "")
        plain = together.isascii() and together.isprintable()
        if not plain:
            texts = list(map(self._shown, texts))
        width = max(map(len if plain else cell_width, texts))
        self._widths[number] = max(self._widths[number], width)
        if self._room is not None:
            self._least[number] = max(self._least[number], self._least_width(number, texts, width))
        return MeasuredTexts(texts, plain)

    def _least_width(self, number: int, texts: Sequence[str], width: int) -> int:
        """The cells that the texts of a column need at least."""
        title = self._columns.titles[number]
        if number in self._columns.right or all(UNCUT.fullmatch(text) for text in texts if text != title):
            return width
        return min(width, max(LEAST_NAME if self._is_name(number) else LEAST_TEXT, len(title)))

    def _is_name(self, number: int) -> bool:
        return self._columns.titles[number] not in self._columns.first_to_go

    def _fit(self) -> dict[int, int]:
        """The width of each column that is shown, by its number."""
        widths = {number: width for number, width in enumerate(self._widths) if number not in self._left_out}
        if self._room is None:
            return widths
        titles = self._columns.titles
        leaving = [titles.index(title) for title in self._columns.first_to_go if title in titles]
        for number in leaving:
            if _line_width([self._least[each] for each in widths]) > self._room and number in widths:
                self._left_out.add(number)
                del widths[number]
        level = max(widths.values())
        while _line_width(widths.values()) > self._room and level > 0:
            level -= 1
            widths = {number: min(width, max(level, self._least[number])) for number, width in widths.items()}
        return widths

    def _pad(self, number: int, column: MeasuredTexts, width: int) -> list[str]:
        texts, plain = column
        if width < self._widths[number]:
            kept_end = width // 2 - 1 if self._is_name(number) else 0
            texts = [cut(text, width, self._ellipsis, kept_end) for text in texts]
        if number in self._columns.right:
            return [text.rjust(width) if plain else _blank(text, width) + text for text in texts]
        return [text.ljust(width) if plain else text + _blank(text, width) for text in texts]


def cut(text: str, width: int, sign: str, kept_end: int = 0) -> str:
    """A text in at most so many cells: where there is more, its beginning, a sign, and its last `kept_end` cells."""
    if cell_width(text) <= width:
        return text
    from rich.cells import cell_len, set_cell_size

    end = text[len(text) - kept_end :]
    while cell_len(end) > kept_end:
        end = end[1:]
    return set_cell_size(text, max(0, width - len(sign) - cell_len(end))) + sign[:width] + end


def ellipsis_of(*, ascii_only: bool) -> str:
    """What stands where text was cut."""
    return "..." if ascii_only else "…"


def cell_width(text: str) -> int:
    """Terminal cells of printable text."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _blank(text: str, width: int) -> str:
    return " " * (width - cell_width(text))


def _line_width(widths: Iterable[int]) -> int:
    each = list(widths)
    return sum(each) + len(GAP) * (len(each) - 1)
