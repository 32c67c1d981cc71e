"""Help: what works here, from the registry. Looks on the left, CAPITALS on the right; dim ones say why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from mqtui.ui.render.help import Keys, Offer
from mqtui.ui.screens.menu_float import Float
from mqtui.ui.screens.menu_offers import offers
from mqtui.ui.screens.palette_rank import ranked
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.app import Console


async def open_help(console: Console) -> None:
    """The help of the place that is shown."""
    if console.place is not None:
        await console.push_screen(Help(console.place))


class Help(Float):
    """`/` finds an action by a word, `enter` does it, `tab` walks between looks and CAPITALS."""

    DEFAULT_CSS = """
    Help > #float { width: 100%; height: 1fr; margin: 1 0 0 0; }
    Help Input { height: 1; border: none; padding: 0 1; display: none; background: $raised; }
    Help Input:focus { border: none; }
    Help.-finding Input { display: block; }
    Help.-narrow Horizontal { layout: vertical; }
    Help.-narrow .beside { border-left: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal")]  # noqa: RUF012 - Textual's own name and type

    def inside(self) -> Iterable[Widget]:
        """Two lists and the field that finds."""
        self.looks: RowTable[Offer] = RowTable(Keys(), parted=False, id="looks")
        self.changes: RowTable[Offer] = RowTable(Keys(), parted=False, id="changes")
        beside = Pane(self.changes, name="CHANGE: the plan first, always")
        beside.add_class("beside")
        yield Horizontal(Pane(self.looks, name="look: never changes anything"), beside)
        yield Input(placeholder="a word", id="find", select_on_focus=False)

    def name_shown(self) -> str:
        """Which place."""
        return f"keys of {type(self.place).__name__.removesuffix('Place')}"

    def keys_shown(self) -> str:
        """What stands below the box."""
        return "/ finds · tab other side · enter does it · esc"

    def on_mount(self) -> None:
        """The looks have the focus."""
        self.looks.focus()

    def show_offers(self) -> None:
        """What the place offers, as far as it has the words."""
        found = ranked(self.query_one(Input).value, offers(self.place), lambda offer: f"{offer.key} {offer.words}")
        self.looks.show([offer for offer in found if not offer.changes])
        self.changes.show([offer for offer in found if offer.changes])

    async def perform(self, action_id: str) -> None:
        """`/` asks for a word; esc leaves the word first."""
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

    def _found(self) -> None:
        self.set_class(bool(self.query_one(Input).value), "-finding")
        (self.looks if self.looks.lines.count or not self.changes.lines.count else self.changes).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.show_offers()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._found()
