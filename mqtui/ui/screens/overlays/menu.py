"""The menu: the verbs for one row, near the line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.widget import Widget

from mqtui.ui.render.overlays.menu_items import ActionRenderer, MenuItem
from mqtui.ui.screens.overlays.menu_items import verbs
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

FRAME = 3
"""Lines of the box that hold no verb: its border and its own line."""


async def open_menu(console: ConsoleApi) -> None:
    """The menu of the row under the cursor."""
    if console.current_screen is not None:
        await console.push_screen(MenuPopup(console.current_screen))


class MenuPopup(Popup):
    """Verbs; the key of a verb does it, too."""

    DEFAULT_CSS = """
    MenuPopup { align: left bottom; }
    MenuPopup > #float { width: 64; max-width: 100%; margin: 0 0 2 2; }
    """

    def inside(self) -> Iterable[Widget]:
        """One list."""
        yield RowTable[MenuItem](ActionRenderer(), with_divider=False)

    def name_shown(self) -> str:
        """The place the verbs are of."""
        return self.screen_below.crumbs()[-1] if self.screen_below.crumbs() else "menu"

    def show_offers(self) -> None:
        """The verbs, in a box that is as high as they need."""
        found = verbs(self.screen_below)
        self.table.show(found)
        self.query_one("#float").styles.height = min(len(found) + FRAME, max(FRAME + 1, self.size.height - 3))
