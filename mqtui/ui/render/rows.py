"""What a list shows of its items: columns, cells, order. Renderers are pure and know no widget."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

Cell: TypeAlias = tuple[str, str]
"""Text and tone; the tone "" is plain text."""

Item_contra = TypeVar("Item_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` is in cells; columns leave from the highest `priority` on; `grows` takes the rest."""

    key: str
    title: str
    width: int
    right: bool = False
    priority: int = 1
    grows: bool = False


class Renderer(Protocol[Item_contra]):
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

    def trouble(self, item: Item_contra) -> int:
        """How wrong it is: 0 is well, the largest comes first."""

    def text(self, item: Item_contra) -> str:
        """The words a filter looks at."""

    def value(self, item: Item_contra, key: str) -> Any:
        """What a column's order and a comparison in a filter look at; None where it is not known."""


Fitted: TypeAlias = tuple[tuple[int, Column, int], ...]
"""Place in the row, column and width of each column that is drawn."""

GAP = 2


def fitted(columns: Sequence[Column], width: int) -> Fitted:
    """The columns that have room, with their widths, in their own order."""
    kept = list(enumerate(columns))
    while len(kept) > 1 and _needed(kept) > width:
        last = max(kept, key=lambda pair: (pair[1].priority, pair[0]))
        kept.remove(last)
    spare = max(0, width - _needed(kept))
    return tuple((place, column, column.width + (spare if column.grows else 0)) for place, column in kept)


def _needed(kept: Sequence[tuple[int, Column]]) -> int:
    return sum(column.width for _, column in kept) + GAP * max(0, len(kept) - 1)


def aligned(text: str, width: int, *, right: bool) -> str:
    """Text in its cell: figures are never cut, names give way with an ellipsis."""
    if len(text) > width:
        text = text[:width] if right else f"{text[: max(0, width - 1)]}…"
    return text.rjust(width) if right else text.ljust(width)
