"""Where the figures of a row come from: every column with its value, uncut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from mqtui.ui.render.overlays.menu_items import FigureRenderer, MenuItem
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.row_table import RowTable
from mqtui.ui.widgets.wrapped_table import WrappedTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi, ScreenApi

FRAME = 3
"""Lines of the box without a column: border and status."""

WHOLE_ROW = "this row"


async def open_figures(console: ConsoleApi, table: RowTable[Any], explanation: str) -> None:
    """Open the columns of the row under the cursor. `explanation` is a sentence about the whole of it."""
    if console.current_screen is not None and table.current is not None:
        await console.push_screen(FiguresPopup(console.current_screen, table, explanation))


class FiguresPopup(Popup):
    """The columns of one row, also those that have no room in the list."""

    DEFAULT_CSS = """
    FiguresPopup { align: left bottom; }
    FiguresPopup > #box { width: 90; max-width: 100%; margin: 0 0 2 2; }
    """

    def __init__(self, screen: ScreenApi, explained: RowTable[Any], explanation: str) -> None:
        super().__init__(screen)
        self.explained, self.item, self.explanation = explained, explained.current, explanation

    def inside(self) -> Iterable[Widget]:
        yield WrappedTable[MenuItem](FigureRenderer())

    def box_title(self) -> str:
        return "where it comes from"

    def box_subtitle(self) -> str:
        return "e or esc closes"

    def show_items(self) -> None:
        """Show the columns, in a box of their height."""
        self.table.replace([*self._items()])
        self._fit()
        self.watch(self.table, "virtual_size", self._fit, init=False)  # how many lines is known once there is a width

    def _fit(self) -> None:
        lines = len(self.table.model.shown)
        self.query_one("#box").styles.height = min(lines + FRAME, max(FRAME + 1, self.size.height - 3))

    def _items(self) -> Iterator[MenuItem]:
        renderer = self.explained.renderer
        if self.explanation:
            yield self._line(WHOLE_ROW, WHOLE_ROW, self.explanation)
        for column, (shown, _) in zip(renderer.columns, renderer.cells(self.item), strict=True):
            if column.title:
                text = " · ".join(filter(None, (shown.strip() or "blank: does not apply", column.meaning)))
                yield self._line(column.key, column.title, text)

    def _line(self, key: str, title: str, text: str) -> MenuItem:
        return MenuItem(key, title, text, lambda: None, kind="figure")

    def describe_item(self, item: Any) -> str:
        """Nothing: the row says it all."""
        return ""

    async def perform(self, action_id: str) -> None:
        """The key that opened it closes it."""
        if action_id == "thing.explain":
            self.leave()
        else:
            await super().perform(action_id)
