"""Past notifications: toasts, and what was ignored at start-up."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from mqtui.ui.render.overlays.notifications import NotificationRenderer, NotificationRow
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class NotificationsScreen(ListScreen[NotificationRow]):
    """Notifications as rows, the newest first."""

    screen_name = "Notes"

    hint_actions = ("list.filter", "list.next", "thing.copy", "nav.back")
    empty_text = "nothing happened elsewhere yet"

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[NotificationRow] = RowTable(NotificationRenderer(), with_divider=False)
        yield Pane(self.table, name="Notes")

    def crumbs(self) -> tuple[str, ...]:
        return ("Notes",)

    def refresh_figures(self) -> None:
        """Show the notifications; they do not depend on a connection."""
        if not self.is_ready:
            return
        self.table.show(self.items())
        self.draw_facts()
        if not self.table.model.items:
            self.prompt_line.set_status(self.empty_text)

    def items(self) -> list[NotificationRow]:
        return [
            NotificationRow(screen, note)
            for screen, note in reversed(list(enumerate(self.console.sessions.notifications)))
        ]

    def describe_row(self, item: NotificationRow) -> str:
        return item.note.text

    def copy_choices(self, item: NotificationRow) -> dict[str, tuple[str, str]]:
        return {"y": ("note", item.note.text)}
