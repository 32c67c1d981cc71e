"""A list whose last column goes on below its row where it is too long; the cursor skips these lines."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mqtui.ui.render.table_model import RowRenderer
from mqtui.ui.widgets.row_canvas import MARGIN
from mqtui.ui.widgets.row_model import ArrangedRows, Divider, Notice, RowModel
from mqtui.ui.widgets.row_table import RowTable

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class WrappingRenderer(RowRenderer[Item_contra], Protocol[Item_contra]):
    """Shows items whose last column may take several lines."""

    def make_room(self, items: Sequence[Item_contra]) -> None:
        """These items are shown from now on: give the columns before the last one the cells that they need."""

    def wrap_at(self, width: int) -> None:
        """The last column has so many cells from now on."""

    def more_lines(self, item: Item_contra) -> Sequence[str]:
        """What does not fit into the row's own line."""


@dataclass(slots=True)
class WrappedRowModel(RowModel[Item]):
    """Rows, each followed by the lines that its text takes more."""

    wrapping: WrappingRenderer[Item] | None = None
    indent: int = 0

    def put(self, arranged: ArrangedRows[Item]) -> None:
        """Show an arrangement."""
        RowModel.put(self, arranged)  # `super()` finds no class where a dataclass has slots
        shown: list[Item | Divider] = []
        positions: dict[Hashable, int] = {}
        for each in self.shown:
            if not isinstance(each, Divider):
                positions[self.renderer.id(each)] = len(shown) - len(self.notices)
            shown.append(each)
            if not isinstance(each, Divider) and self.wrapping is not None:
                shown += [Notice([(" " * self.indent, ""), (text, "muted")]) for text in self.wrapping.more_lines(each)]
        self.shown, self.positions = shown, positions


class WrappedTable(RowTable[Item]):
    """Rows of one or more lines."""

    def __init__(self, renderer: WrappingRenderer[Item], *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(renderer, id=id, with_divider=False)
        self.wrapping = renderer
        self.model: WrappedRowModel[Item] = WrappedRowModel(renderer, False, wrapping=renderer)

    def replace(self, items: Sequence[Item]) -> None:
        """Show another list, in columns that are made for it."""
        self.wrapping.make_room(items)
        self._wrap()
        super().replace(items)

    def on_resize(self) -> None:
        """Wrap anew at the width there is."""
        self._wrap()
        self._change(self.model.arrange, self._here)

    def _wrap(self) -> None:
        last = self.renderer.columns[-1].key
        room = next((width for _, column, width in self.fitted if column.key == last), 0)
        self.wrapping.wrap_at(room)
        self.model.indent = self.scrollable_content_region.width - MARGIN - room
