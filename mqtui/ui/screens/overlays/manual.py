"""The manual in the console: its pages on the left, the page under the cursor beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Markdown

from mqtui.services.manual import list_pages
from mqtui.ui.render.overlays.menu_items import ActionRenderer, MenuItem
from mqtui.ui.render.table_model import Cell, Column
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi, ScreenApi


async def open_manual(console: ConsoleApi) -> None:
    """The manual over the screen that is shown."""
    if console.current_screen is not None:
        await console.push_screen(ManualPopup(console.current_screen))


class PageRenderer(ActionRenderer):
    """How pages are listed."""

    columns = (Column("title", "", 12, grows=True),)

    def cells(self, item: MenuItem) -> Sequence[Cell]:
        return ((item.title, ""),)


class ManualPopup(Popup):
    """`enter` or `tab` goes into the page, `tab` back to the list."""

    DEFAULT_CSS = """
    ManualPopup > #box { width: 100%; height: 1fr; margin: 1 0 0 0; }
    ManualPopup #pages { width: 30; }
    ManualPopup #page { width: 1fr; border-left: vkey $rule; padding: 0 1; }
    ManualPopup.-ascii #page { border-left: ascii $rule; }
    ManualPopup Markdown { background: $surface; padding: 0; margin: 0; }
    """
    SCROLLS: ClassVar[dict[str, str]] = {
        "nav.down": "scroll_down",
        "nav.up": "scroll_up",
        "nav.page_down": "scroll_page_down",
        "nav.page_up": "scroll_page_up",
        "nav.top": "scroll_home",
        "nav.bottom": "scroll_end",
    }
    """What the page does for an action while it has the focus."""

    def __init__(self, screen: ScreenApi) -> None:
        super().__init__(screen)
        self.pages = {page.name: page for page in list_pages()}

    def inside(self) -> Iterable[Widget]:
        """The list of pages, and one page."""
        self.names: RowTable[MenuItem] = RowTable(PageRenderer(), with_divider=False, id="pages")
        self.page = VerticalScroll(Markdown(open_links=False), id="page")
        yield Horizontal(self.names, self.page)

    def box_title(self) -> str:
        return "manual"

    def box_subtitle(self) -> str:
        """What stands below the box."""
        return "tab into the page and back · esc"

    def show_items(self) -> None:
        self.names.replace([MenuItem(page.name, page.title, "", self.leave) for page in self.pages.values()])
        self.names.focus()

    def describe_item(self, item: MenuItem | None) -> str:
        """How the page is read on the command line."""
        return f"mqtui help {item.id}" if item is not None else ""

    async def perform(self, action_id: str) -> None:
        """Scroll the page while it has the focus; `enter` goes into it."""
        if action_id in ("nav.next_pane", "nav.previous_pane", "nav.open"):
            (self.names if self.page.has_focus else self.page).focus()
        elif self.page.has_focus and action_id in self.SCROLLS:
            getattr(self.page, self.SCROLLS[action_id])(animate=False)
        else:
            await super().perform(action_id)

    @on(RowTable.Highlighted)
    async def _choose_page(self, event: RowTable.Highlighted) -> None:
        event.stop()
        self.set_status(self.describe_item(event.item))
        if event.item is not None:
            await self.page.query_one(Markdown).update(self.pages[event.item.id].text)
            self.page.scroll_home(animate=False)

    @on(Markdown.LinkClicked)
    def _follow_link(self, event: Markdown.LinkClicked) -> None:
        event.stop()
        name = event.href.removesuffix(".md")
        if name in self.pages:
            self.names.go_to(name)
