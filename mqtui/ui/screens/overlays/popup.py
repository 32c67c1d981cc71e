"""The base of popups: a box with lists over a screen. It handles actions by id, and esc closes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from mqtui.domain.errors import MqtuiError
from mqtui.ui import keymap
from mqtui.ui.render.overlays.menu_items import MenuItem
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi, ScreenApi


class Popup(ModalScreen[None]):
    """A box over `screen_below`. Subclasses give `inside` and `box_title`; what is chosen is done on that screen."""

    DEFAULT_CSS = """
    Popup { background: transparent; align: center middle; }
    Popup > #box { background: $surface; border: solid $accent; border-title-color: $accent;
                     border-subtitle-color: $muted; width: 90%; height: 80%; }
    Popup.-ascii > #box { border: ascii $accent; }
    Popup #status { height: 1; width: 1fr; padding: 0 1; color: $muted; background: $raised; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(binding.key, f"app.{binding.action}", show=False, id=binding.id)
        for binding in keymap.default().bindings()
    ]
    own: ClassVar[tuple[str, ...]] = ("nav.next_pane", "nav.previous_pane")
    """Ids of actions it handles itself, beside those of lists."""

    def __init__(self, screen: ScreenApi) -> None:
        super().__init__()
        self.screen_below = screen

    @property
    def console(self) -> ConsoleApi:
        return cast("ConsoleApi", self.app)

    def inside(self) -> Iterable[Widget]:
        """The widgets in the box."""
        return ()

    def box_title(self) -> str:
        return ""

    def box_subtitle(self) -> str:
        """The box's subtitle: its keys."""
        return "enter does it · esc back"

    def compose(self) -> ComposeResult:
        """Lay out the box, with a status line about the row under the cursor."""
        with Vertical(id="box"):
            yield from self.inside()
            yield Static("", id="status", markup=False)

    def on_mount(self) -> None:
        """Set titles and glyphs, and fill the lists."""
        glyphs = self.console.glyphs
        self.set_class(glyphs.ascii_only, "-ascii")
        box = self.query_one("#box", Vertical)
        box.border_title = Content(glyphs(self.box_title()))
        box.border_subtitle = Content(glyphs(self.box_subtitle()))
        for table in self.query(RowTable):
            table.glyphs = glyphs
        self.show_items()

    def show_items(self) -> None:
        """Fill the lists."""

    def set_status(self, text: str) -> None:
        """Show a text in the box's status line."""
        self.query_one("#status", Static).update(self.console.glyphs(text), layout=False)

    @property
    def table(self) -> RowTable[MenuItem]:
        """The list with the focus, else the first."""
        focused = self.focused
        return focused if isinstance(focused, RowTable) else self.query(RowTable).first()

    # -- what it does

    async def perform(self, action_id: str) -> None:
        """Handle list movement, enter and esc; any other action closes the box and is done on the screen below."""
        if action_id == "nav.open":
            self.choose(self.table.current)
        elif action_id == "nav.next_pane":
            self.focus_next(RowTable)
        elif action_id == "nav.previous_pane":
            self.focus_previous(RowTable)
        elif action_id == "nav.back":
            self.leave()
        elif not self.table.perform(action_id):
            self.leave()
            self.console.call_later(self.screen_below.perform, action_id)

    def choose(self, item: MenuItem | None) -> None:
        """Close the box and do it; a disabled item says why."""
        if item is None:
            return
        if item.reason:
            self.set_status(f"{item.title}: {item.reason}")
            return
        self.leave()
        self.console.call_later(self._do, item)

    async def _do(self, item: MenuItem) -> None:
        try:
            outcome = item.do()
            if outcome is not None and hasattr(outcome, "__await__"):
                await outcome
        except MqtuiError as error:
            self.screen_below.show_error(error)

    def leave(self) -> None:
        if self.is_current:
            self.dismiss()

    @on(RowTable.Opened)
    def _opened(self, event: RowTable.Opened) -> None:
        event.stop()
        self.choose(event.item)

    @on(RowTable.Highlighted)
    def _highlighted(self, event: RowTable.Highlighted) -> None:
        event.stop()
        if event.table is self.table:
            self.set_status(self.describe_item(event.item))

    def describe_item(self, item: Any) -> str:
        """The status text of a row."""
        if item is None:
            return ""
        return f"{item.key or item.kind} {item.title}: {item.reason or item.help}"
