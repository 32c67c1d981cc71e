"""The menu of a row, near the prompt line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.widget import Widget

from mqtui.ui.render.overlays.menu_items import ActionRenderer, MenuItem
from mqtui.ui.screens.overlays.menu_items import row_menu_items
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.wrapped_table import WrappedTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

FRAME = 3
"""Lines of the box without an action: border and status."""


async def open_menu(console: ConsoleApi) -> None:
    """Open the menu of the row under the cursor."""
    if console.current_screen is not None:
        await console.push_screen(MenuPopup(console.current_screen))


class MenuPopup(Popup):
    """Actions for one row; their keys work here too."""

    DEFAULT_CSS = """
    MenuPopup { align: left bottom; }
    MenuPopup > #box { width: 72; max-width: 100%; margin: 0 0 2 2; }
    """

    def inside(self) -> Iterable[Widget]:
        yield WrappedTable[MenuItem](ActionRenderer())

    def box_title(self) -> str:
        return self.screen_below.crumbs()[-1] if self.screen_below.crumbs() else "menu"

    def show_items(self) -> None:
        """Show the actions, in a box of their height."""
        self.table.replace(row_menu_items(self.screen_below))
        self._fit()
        self.watch(self.table, "virtual_size", self._fit, init=False)  # how many lines is known once there is a width

    def _fit(self) -> None:
        lines = len(self.table.model.shown)
        self.query_one("#box").styles.height = min(lines + FRAME, max(FRAME + 1, self.size.height - 3))
