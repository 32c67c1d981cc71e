"""What a list shows of its items: columns, cells, order. Renderers are pure and know no widget."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from rich.cells import cell_len, set_cell_size

Cell: TypeAlias = tuple[str, str]
"""Text and tone; the tone "" is plain text."""

Item_contra = TypeVar("Item_contra", contravariant=True)


class Column(NamedTuple):
    """One column. `width` is in cells; columns leave from the highest `priority` on; `grows` takes the rest.

    With `least` it gets narrower, down to that, before a column leaves. Of a `trend` the newest end is kept.
    """

    key: str
    title: str
    width: int
    right: bool = False
    priority: int = 1
    grows: bool = False
    least: int = 0
    trend: bool = False

    @property
    def text(self) -> bool:
        """Whether it holds words, neither the name nor a figure."""
        return not (self.right or self.grows)


class RowRenderer(Protocol[Item_contra]):
    """How items of one kind stand in a list."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in their order."""

    def id(self, item: Item_contra) -> Hashable:
        """What names the item, whatever its figures are."""

    def cells(self, item: Item_contra) -> Sequence[Cell]:
        """A cell for each column, in their order."""

    def sign(self, item: Item_contra) -> Cell:
        """The state's glyph in the gutter, or a blank."""

    def severity(self, item: Item_contra) -> int:
        """How wrong it is: 0 is well, the largest comes first."""

    def text(self, item: Item_contra) -> str:
        """The words a filter looks at."""

    def value(self, item: Item_contra, key: str) -> Any:
        """What a column's order and a comparison in a filter look at; None where it is not known."""


@runtime_checkable
class HasUncertainty(Protocol[Item_contra]):
    """A renderer of items that may be wrong without anybody knowing."""

    def is_uncertain(self, item: Item_contra) -> bool:
        """Whether the figures that would tell have not come."""


FittedColumns: TypeAlias = tuple[tuple[int, Column, int], ...]
"""Place in the row, column and width of each column that is drawn."""

GAP = 2
EXTRA = 3
"""Priority above which a column is only shown where all others have their full width."""

LEAST = 6
"""Cells below which a name or a figure is not drawn."""

SCALES = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))
ENTRY_ID = re.compile(r"\d+-\d+")
FIGURE = re.compile(r"(\D*)(\d[\d,]*)")


def fit_columns(columns: Sequence[Column], width: int, aside: Collection[str] = ()) -> FittedColumns:
    """The columns that have room, with their widths, in their own order; those `aside` are left out.

    Extras leave before another column gets narrower; a name, or a figure, only where nothing but priority 1 is left.
    """
    kept = [(place, column) for place, column in enumerate(columns) if column.key not in aside]
    while len(kept) > 1 and _needed(kept, _widths(kept)) > width and kept[_last(kept)][1].priority > EXTRA:
        del kept[_last(kept)]
    while len(kept) > 1 and _needed(kept, _least(kept)) > width:
        del kept[_last(kept)]
    least = _least(kept)
    spare = width - _needed(kept, least)
    widths = dict(least)
    for place, column in sorted(kept, key=lambda pair: (not pair[1].grows, pair[1].priority)):
        wider = max(0, min(spare, column.width - least[place]))
        widths[place] += wider
        spare -= wider
    for place, column in kept:
        widths[place] += spare if column.grows else 0
    return tuple((place, column, max(1, widths[place])) for place, column in kept)


def row_as_text(renderer: RowRenderer[Item_contra], item: Item_contra) -> dict[str, str]:
    """A row as text by its columns' keys, as it is shown: `≈` and `?` stay with their figures. Trends are left out."""
    pairs = zip(renderer.columns, renderer.cells(item), strict=True)
    return {column.key: text.strip() for column, (text, _) in pairs if not column.trend}


def _last(kept: Sequence[tuple[int, Column]]) -> int:
    """What leaves first: the highest priority, then text, then the rightmost."""
    return max(range(len(kept)), key=lambda at: (kept[at][1].priority, kept[at][1].text, kept[at][0]))


def _widths(kept: Sequence[tuple[int, Column]]) -> dict[int, int]:
    return {place: column.width for place, column in kept}


def _least(kept: Sequence[tuple[int, Column]]) -> dict[int, int]:
    bare = all(column.priority <= 1 for _, column in kept)
    return {
        place: min(column.width, LEAST) if bare and not column.text else column.least or column.width
        for place, column in kept
    }


def _needed(kept: Sequence[tuple[int, Column]], widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * max(0, len(kept) - 1)


def align(text: str, width: int, *, right: bool) -> str:
    """Text in its cell: figures get a shorter form and are never cut, names give way with an ellipsis."""
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        text = shorten(text, width) if right else f"{set_cell_size(text, max(0, width - 1))}…"
        length = cell_len(text)
    blank = " " * (width - length)
    return blank + text if right else text + blank


def shorten(text: str, width: int) -> str:
    """A figure in less room: `57,312`, `57.3k`, `57k`, never more than it is; `…` where nothing fits.

    Of an entry's id the end is kept, which tells it from its neighbours.
    """
    if ENTRY_ID.fullmatch(text):
        return f"…{text[len(text) - width + 1 :]}" if width > LEAST else "…"
    found = FIGURE.fullmatch(text.strip())
    if found is None:
        return "…" if any(map(str.isdigit, text)) else f"{text[: width - 1]}…"
    sign, number = found[1].strip(), int(found[2].replace(",", ""))
    forms = [f"{sign}{number:,}", f"{sign}{number}"]
    for scale, unit in SCALES:
        if number >= scale:
            forms += [f"{sign}{number * 10 // scale / 10:.1f}{unit}", f"{sign}{number // scale}{unit}"]
    return next((form for form in forms if len(form) <= width), "…")
