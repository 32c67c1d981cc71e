"""What was said in toasts, and what was left out at the start: kept, the newest first."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from mqtui.ui.render.overlays.notifications import NotificationRenderer, NotificationRow
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class NotificationsScreen(ListScreen[NotificationRow]):
    """All notes."""

    screen_name = "Notes"

    hinted = ("list.filter", "list.next", "thing.copy", "nav.back")
    empty = "nothing happened elsewhere yet"

    def body(self) -> Iterable[Widget]:
        """One list."""
        self.table: RowTable[NotificationRow] = RowTable(NotificationRenderer(), parted=False)
        yield Pane(self.table, name="Notes")

    def crumbs(self) -> tuple[str, ...]:
        """This place."""
        return ("Notes",)

    def refresh_figures(self) -> None:
        """The notes, with or without a link."""
        if not self.stands:
            return
        self.table.show(self.items())
        self.draw_facts()
        if not self.table.lines.items:
            self.line.tell(self.empty)

    def items(self) -> list[NotificationRow]:
        """The notes, the newest first."""
        return [NotificationRow(place, note) for place, note in reversed(list(enumerate(self.console.bench.notes)))]

    def sentence(self, item: NotificationRow) -> str:
        """The whole note."""
        return item.note.text

    def copies(self, item: NotificationRow) -> dict[str, tuple[str, str]]:
        """The note."""
        return {"y": ("note", item.note.text)}
