"""Columns, cells and renderers of tables, and fitting columns into a width. No widgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from rich.cells import cell_len, set_cell_size

Cell: TypeAlias = tuple[str, str]
"""Text and tone; the tone "" is plain text."""

Item_contra = TypeVar("Item_contra", contravariant=True)


class Measure(StrEnum):
    """What the values of a column are, and so how they are ordered and compared."""

    TEXT = "text"
    COUNT = "count"
    RATE = "rate"
    """Messages a second."""

    BYTES = "bytes"
    DURATION = "duration"
    """Seconds, shown as an age."""

    TIME = "time"
    """Milliseconds since the epoch."""

    POSITION = "position"
    """An offset or an entry id."""


class Column(NamedTuple):
    """One column. `width` is in terminal cells; the highest `priority` is dropped first; `grows` takes spare room.

    It shrinks down to `least` before a column is dropped. Of a `trend` the newest end is kept, of a name (`is_name`)
    both ends; `shorter` has another way to say a text in so many cells. Without a `measure` figures, which stand on the
    right, are counts, and all else is text.
    """

    key: str
    title: str
    width: int
    right: bool = False
    priority: int = 1
    grows: bool = False
    least: int = 0
    trend: bool = False
    measure: Measure | None = None
    is_name: bool = False
    shorter: Callable[[str, int], str] | None = None
    meaning: str = ""
    """Where its values come from, for `e`; "" where its title says it."""

    @property
    def measures(self) -> Measure:
        """What its values are."""
        return self.measure or (Measure.COUNT if self.right else Measure.TEXT)

    @property
    def text(self) -> bool:
        """Whether it holds other text than the name."""
        return not (self.right or self.grows)


class RowRenderer(Protocol[Item_contra]):
    """Shows items of one kind as rows."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in their order."""

    def id(self, item: Item_contra) -> Hashable:
        """The item's identity, which does not change with its figures."""

    def cells(self, item: Item_contra) -> Sequence[Cell]:
        """A cell for each column, in their order."""

    def sign(self, item: Item_contra) -> Cell:
        """The state's glyph for the gutter, or a blank."""

    def severity(self, item: Item_contra) -> int:
        """How severe its problem is: 0 for none; the largest comes first."""

    def text(self, item: Item_contra) -> str:
        """The text that a filter searches."""

    def value(self, item: Item_contra, key: str) -> Any:
        """The value that a column is ordered and compared by: of text what is shown. None where it is unknown."""


@runtime_checkable
class HasUncertainty(Protocol[Item_contra]):
    """A renderer of items whose problems may be unknown."""

    def is_uncertain(self, item: Item_contra) -> bool:
        """Whether the figures that would show a problem are not known yet."""


FittedColumns: TypeAlias = tuple[tuple[int, Column, int], ...]
"""Index in the row, column and width of each column that is drawn."""

GAP = 2
EXTRA = 3
"""Priority above which a column is shown only where all others have their full width."""

LEAST = 6
"""Terminal cells below which a name or a figure is not drawn."""

SCALES = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
ENTRY_ID = re.compile(r"\d+-\d+")
FIGURE = re.compile(r"(\D*)(\d[\d,]*)")
TENTHS = re.compile(r"(\d+)\.\d(\D+)")


def fit_columns(columns: Sequence[Column], width: int, aside: Collection[str] = ()) -> FittedColumns:
    """The columns that have room, with their widths, in their own order; those `aside` are left out.

    Columns above priority `EXTRA` are dropped before others shrink; names and figures shrink last. One whose texts have
    a shorter form has room for the whole, or for that.
    """
    kept = [(index, column) for index, column in enumerate(columns) if column.key not in aside]
    while len(kept) > 1 and _needed_width(kept, _widths(kept)) > width and kept[_last(kept)][1].priority > EXTRA:
        del kept[_last(kept)]
    while len(kept) > 1 and _needed_width(kept, _least(kept)) > width:
        del kept[_last(kept)]
    least = _least(kept)
    spare = width - _needed_width(kept, least)
    widths = dict(least)
    for index, column in sorted(kept, key=_widening):
        missing = max(0, column.width - least[index])
        wider = min(spare, missing) if column.shorter is None or missing <= spare else 0
        widths[index] += wider
        spare -= wider
    for index, column in kept:
        widths[index] += spare if column.grows else 0
    return tuple((index, column, max(1, widths[index])) for index, column in kept)


def row_as_text(renderer: RowRenderer[Item_contra], item: Item_contra) -> dict[str, str]:
    """A row as text by column key, as it is shown (with `≈` and `?`); trends are left out."""
    pairs = zip(renderer.columns, renderer.cells(item), strict=True)
    return {column.key: text.strip() for column, (text, _) in pairs if not column.trend}


def _last(kept: Sequence[tuple[int, Column]]) -> int:
    """The column to drop next: the highest priority, then text, then the rightmost."""
    return max(range(len(kept)), key=lambda at: (kept[at][1].priority, kept[at][1].text, kept[at][0]))


def _widening(pair: tuple[int, Column]) -> tuple[bool, int, bool]:
    """The order in which columns get more than their least: those with a shorter form last of their rank."""
    _, column = pair
    return not column.grows, column.priority, column.shorter is not None


def _widths(kept: Sequence[tuple[int, Column]]) -> dict[int, int]:
    return {index: column.width for index, column in kept}


def _least(kept: Sequence[tuple[int, Column]]) -> dict[int, int]:
    bare = all(column.priority <= 1 for _, column in kept)
    return {
        index: min(column.width, LEAST) if bare and not column.text else column.least or column.width
        for index, column in kept
    }


def _needed_width(kept: Sequence[tuple[int, Column]], widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * max(0, len(kept) - 1)


def align(text: str, width: int, *, right: bool) -> str:
    """Align text in its cell: figures that are too long are shortened, never cut; other text gets an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        text = shorten(text, width) if right else f"{set_cell_size(text, max(0, width - 1))}…"
        length = cell_len(text)
    blank = " " * (width - length)
    return blank + text if right else text + blank


def shorten_middle(text: str, width: int) -> str:
    """A name in less room: what it begins and ends with stays."""
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return text
    if width < LEAST // 2:
        return "…"[:width]
    tail = (width - 1) // 2
    end = text[-tail:]
    while cell_len(end) > tail:
        end = end[1:]
    return f"{set_cell_size(text, width - 1 - cell_len(end))}…{end}"


def keep_last_word(text: str, width: int) -> str:
    """A text in less room: its last word, where that has room. A topic exchange is an exchange."""
    last = text.rpartition(" ")[2]
    return last if len(text) > width >= len(last) else text


def keep_beginning(text: str, width: int) -> str:
    """A text in less room: what it begins with, without a sign."""
    return text[:width]


BROKER_COLUMN = Column("broker", "BROKER", 8, priority=2, least=6, shorter=keep_beginning)
"""The kind of broker, in lists of several."""


def shorten(text: str, width: int) -> str:
    """A figure in less room, rounded down: `57,312`, `57.3k`, `57k`, `12k/s`; `…` where nothing fits.

    Of an entry id the end is kept, which differs between neighbours.
    """
    if ENTRY_ID.fullmatch(text):
        return f"…{text[len(text) - width + 1 :]}" if width > LEAST else "…"
    if (tenths := TENTHS.fullmatch(text.strip())) and len(tenths[1] + tenths[2]) <= width:
        return tenths[1] + tenths[2]
    found = FIGURE.fullmatch(text.strip())
    if found is None:
        return "…" if any(map(str.isdigit, text)) else f"{text[: width - 1]}…"
    sign, number = found[1].strip(), int(found[2].replace(",", ""))
    forms = [f"{sign}{number:,}", f"{sign}{number}"]
    for scale, unit in SCALES:
        if number >= scale:
            forms += [f"{sign}{number * 10 // scale / 10:.1f}{unit}", f"{sign}{number // scale}{unit}"]
    return next((form for form in forms if len(form) <= width), "…")
