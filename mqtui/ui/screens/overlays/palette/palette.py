"""The command palette: actions of the screen, resources of open brokers, profiles, runs and themes in one list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from mqtui.domain.errors import MqtuiError
from mqtui.ui.render.overlays.menu_items import MenuItem, PaletteRenderer
from mqtui.ui.screens.overlays.menu_items import MOVES, menu_items
from mqtui.ui.screens.overlays.palette.items import resource_items, run_items, screen_items, session_items, theme_items
from mqtui.ui.screens.overlays.palette.rank import rank
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi, ScreenApi

THREAD_THRESHOLD = 2_000
"""Items from which the search runs in a thread."""


async def open_palette(console: ConsoleApi) -> None:
    """Open the palette of the screen that is shown."""
    if console.current_screen is not None:
        await console.push_screen(PalettePopup(console.current_screen))


class PalettePopup(Popup):
    """A field and the items that match it; `enter` does the one under the cursor."""

    DEFAULT_CSS = """
    PalettePopup { align: center top; }
    PalettePopup > #box { width: 100; max-width: 100%; height: 80%; margin: 1 0 0 0; }
    PalettePopup Input { height: 1; border: none; padding: 0 1; background: $raised; }
    PalettePopup Input:focus { border: none; }
    """

    def __init__(self, screen: ScreenApi, only: Sequence[MenuItem] = ()) -> None:
        """With `only` it offers these items and nothing else."""
        super().__init__(screen)
        self.only = only
        self.items: list[MenuItem] = []
        self._found_for = ""
        """The query of the list that is shown."""

    def inside(self) -> Iterable[Widget]:
        yield Input(placeholder="an action, a destination, a profile, a run, theme: …", select_on_focus=False)
        yield RowTable[MenuItem](PaletteRenderer(), with_divider=False)

    def box_title(self) -> str:
        return "which one" if self.only else "palette"

    def on_mount(self) -> None:
        """Offer what is known now, then what the journal and the brokers have."""
        self.items = list(self.only) or [
            *(item for item in menu_items(self.screen_below) if item.id not in MOVES),
            *screen_items(self.console),
            *session_items(self.console),
            *theme_items(self.console),
        ]
        self.query_one(Input).focus()
        if not self.only:
            self.run_worker(self._gather(), group="gather", exit_on_error=False)

    async def _gather(self) -> None:
        console = self.console
        try:
            known = await asyncio.to_thread(run_items, console)
        except MqtuiError as error:
            self.set_status(f"✗ {error.title}")
            known = []
        named = await asyncio.to_thread(resource_items, console)
        self.items += [*named, *known]
        if self.is_attached:
            await self._find()

    def show_items(self) -> None:
        """Show the items that are known so far."""
        self.table.replace(self.items)

    async def _find(self) -> None:
        query, offered = self.query_one(Input).value, self.items
        if len(offered) < THREAD_THRESHOLD:
            found = rank(query, offered, _words)
        else:
            found = await asyncio.to_thread(rank, query, offered, _words)
        if self.is_attached and query == self.query_one(Input).value:
            self._found_for = query
            self.table.replace(found)
            self.table.move_to(0)
            if not found:
                self.set_status(f"nothing is called {query}")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.run_worker(self._find(), exclusive=True, group="find", exit_on_error=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.run_worker(self._find_and_choose(), exclusive=True, group="find", exit_on_error=False)

    async def _find_and_choose(self) -> None:
        if self.query_one(Input).value != self._found_for:
            await self._find()
        self.choose(self.table.current)

    async def perform(self, action_id: str) -> None:
        """Keys that are not text move in the list; ctrl+p closes the palette."""
        if action_id == "app.palette":
            self.leave()
        else:
            await super().perform(action_id)


def _words(item: MenuItem) -> str:
    return f"{item.title} {item.kind} {item.help}"
