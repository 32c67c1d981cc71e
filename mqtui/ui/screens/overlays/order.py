"""The columns that a list can be ordered by."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from mqtui.ui.render.overlays.menu_items import MenuItem, OrderRenderer
from mqtui.ui.render.table_model import Column, Measure
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi, ScreenApi

FRAME = 3
"""Lines of the box without a column: border and status."""

OWN_ORDER = "own order"
WORDS = {
    Measure.TEXT: ("A to Z", "Z to A"),
    Measure.TIME: ("oldest first", "newest first"),
    Measure.DURATION: ("shortest first", "longest first"),
}
"""What ascending and descending are called."""


async def open_order(console: ConsoleApi, table: RowTable[Any], own_order: str) -> None:
    """Open the columns of a list."""
    if console.current_screen is not None:
        await console.push_screen(OrderPopup(console.current_screen, table, own_order))


class OrderPopup(Popup):
    """Enter orders by a column; by the one that is chosen already it reverses, as `o` does."""

    DEFAULT_CSS = """
    OrderPopup { align: left bottom; }
    OrderPopup > #box { width: 56; max-width: 100%; margin: 0 0 2 2; }
    """

    def __init__(self, screen: ScreenApi, ordered: RowTable[Any], own_order: str) -> None:
        """`own_order` is the list's order where none is chosen, in a few words."""
        super().__init__(screen)
        self.ordered = ordered
        self.own_order = own_order.removeprefix("order ")

    def inside(self) -> Iterable[Widget]:
        yield RowTable[MenuItem](OrderRenderer(), with_divider=False)

    def box_title(self) -> str:
        return "order by"

    def box_subtitle(self) -> str:
        return "enter orders · o reverses · esc"

    def show_items(self) -> None:
        """Show the columns, in a box of their height, with the cursor on the one that is chosen."""
        found = [self._own_item(), *map(self._item, self._columns())]
        self.table.replace(found)
        self.query_one("#box").styles.height = min(len(found) + FRAME, max(FRAME + 1, self.size.height - 3))
        self.table.go_to(self.ordered.model.order.column or OWN_ORDER)

    def _columns(self) -> list[Column]:
        """The columns that are drawn, then those that have no room."""
        drawn = [column for _, column, _ in self.ordered.fitted]
        all_columns = [*drawn, *(column for column in self.ordered.renderer.columns if column not in drawn)]
        return [column for column in all_columns if column.title]

    def _own_item(self) -> MenuItem:
        order = partial(self.ordered.order_by, None)
        return MenuItem(OWN_ORDER, "as it comes", self.own_order, order, kind="order")

    def _item(self, column: Column) -> MenuItem:
        order = self.ordered.model.order
        chosen = column.key == order.column
        drawn = any(column is each for _, each, _ in self.ordered.fitted)
        words = WORDS.get(column.measures, ("smallest first", "largest first"))[order.would_descend(column)]
        way = f"again: {words}" if chosen else words
        help_text = way if drawn else f"{way}, c shows it"
        return MenuItem(
            column.key,
            column.title,
            help_text,
            partial(self.ordered.order_by, column),
            key=order.arrow if chosen else "",
            kind="order",
        )

    async def perform(self, action_id: str) -> None:
        """The key that opened it reverses the order that is chosen."""
        column = self.ordered.model.order_column
        if action_id == "list.order" and column is not None:
            self.leave()
            self.console.call_later(self.ordered.order_by, column)
        elif action_id != "list.order":
            await super().perform(action_id)
