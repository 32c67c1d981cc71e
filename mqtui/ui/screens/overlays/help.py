"""Help: the actions of a screen, those that only look first, then those that change something; then the signs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from mqtui.ui.render.overlays.legend import legend_lines
from mqtui.ui.render.overlays.menu_items import ActionRenderer, MenuItem
from mqtui.ui.screens.overlays.menu_items import menu_items
from mqtui.ui.screens.overlays.palette.rank import rank
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.pane import Pane, PaneTitle
from mqtui.ui.widgets.wrapped_table import WrappedTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi


async def open_help(console: ConsoleApi) -> None:
    """Open the help of the screen that is shown."""
    if console.current_screen is not None:
        await console.push_screen(HelpPopup(console.current_screen))


class HelpPopup(Popup):
    """`/` finds an action by a word, `enter` does it, `tab` moves between the two lists."""

    DEFAULT_CSS = """
    HelpPopup > #box { width: 100%; height: 1fr; margin: 1 0 0 0; }
    HelpPopup Input { height: 1; border: none; padding: 0 1; display: none; background: $raised; }
    HelpPopup Input:focus { border: none; }
    HelpPopup.-finding Input { display: block; }
    HelpPopup #look-pane { height: 3fr; }
    HelpPopup #change-pane { height: 2fr; }
    HelpPopup #legend { height: auto; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("M", "manual", show=False)]

    def inside(self) -> Iterable[Widget]:
        """Two lists, the signs, and the field that finds."""
        self.looks: WrappedTable[MenuItem] = WrappedTable(ActionRenderer(), id="looks")
        self.changes: WrappedTable[MenuItem] = WrappedTable(ActionRenderer(), id="changes")
        yield Pane(self.looks, name="look: never changes anything", id="look-pane")
        yield Pane(self.changes, name="CHANGE: the plan first, always", id="change-pane")
        yield PaneTitle()
        yield Static("", id="legend", markup=False)
        yield Input(placeholder="a word", id="find", select_on_focus=False)

    def box_title(self) -> str:
        return f"keys of {self.screen_below.screen_name}"

    def box_subtitle(self) -> str:
        return "/ finds · tab other list · enter does it · M manual · esc"

    def on_mount(self) -> None:
        self.looks.focus()
        self.query_one("HelpPopup > #box > PaneTitle", PaneTitle).name_shown = "signs"

    def on_resize(self) -> None:
        """Lay out the legend in the width there is."""
        legend = self.query_one("#legend", Static)
        legend.update("\n".join(map(self.console.glyphs, legend_lines(self.size.width - 4))))

    def show_items(self) -> None:
        """Show the actions of the screen that match the words."""
        found = rank(
            self.query_one(Input).value, menu_items(self.screen_below), lambda item: f"{item.key} {item.words}"
        )
        self.looks.replace([item for item in found if not item.changes])
        self.changes.replace([item for item in found if item.changes])

    async def perform(self, action_id: str) -> None:
        """`/` asks for words; esc clears them first."""
        field = self.query_one(Input)
        if action_id == "list.filter":
            self.set_class(True, "-finding")
            field.focus()
        elif action_id == "nav.back" and self.has_class("-finding"):
            field.value = ""
            self._found()
        elif action_id == "app.help":
            self.leave()
        else:
            await super().perform(action_id)

    async def action_manual(self) -> None:
        """Open the manual in place of this box."""
        self.leave()
        await self.console.run_global_action("app.manual")

    def _found(self) -> None:
        self.set_class(bool(self.query_one(Input).value), "-finding")
        (self.looks if self.looks.model.count or not self.changes.model.count else self.changes).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.show_items()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._found()
