"""What this console sent to the brokers: when, what, and how long it took. A tab of view 6."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from mqtui.brokers.request_log import REQUEST_HISTORY, Request
from mqtui.ui.actions import Action
from mqtui.ui.navigation.navigator import AUDIT_TABS
from mqtui.ui.render.requests import RequestRenderer, describe_request
from mqtui.ui.render.table_model import Cell
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class RequestsScreen(ListScreen[Request]):
    """Requests as rows, the newest first. They are names only: no content, and no argument of a command."""

    screen_name = "Requests"
    tab_name = "requests"

    hint_actions = ("nav.next_tab", "list.filter", "list.order", "thing.copy", "thing.export", "nav.back")
    own_order = "newest first"
    empty_text = "nothing was sent to a broker yet"

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[Request] = RowTable(RequestRenderer(), with_divider=False)
        yield Pane(self.table, name="Requests of this session")

    def tabs(self) -> tuple[str, ...]:
        return AUDIT_TABS

    def crumbs(self) -> tuple[str, ...]:
        return ("Audit",)

    def items(self) -> list[Request]:
        return list(reversed(REQUEST_HISTORY.requests))

    def facts(self) -> str:
        """How many are shown, and how many are kept no more."""
        dropped = REQUEST_HISTORY.dropped
        return f"{super().facts()} · {dropped:,} older are gone" if dropped else super().facts()

    @property
    def is_unread(self) -> bool:
        """Never: they are in memory."""
        return False

    def is_stale(self, item: Request, lost: Sequence[BrokerSession]) -> bool:
        """Never: they are what was, whatever the link is now."""
        return False

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        return super().status_lines(())

    def describe_row(self, item: Request) -> str:
        return describe_request(item)

    def copy_choices(self, item: Request) -> dict[str, tuple[str, str]]:
        return {"y": ("request", describe_request(item))}

    def action_title(self, action: Action) -> str:
        return "audit" if action.id == "nav.next_tab" else super().action_title(action)

    @handles("nav.next_tab", "nav.previous_tab")
    async def audit(self) -> None:
        """Show the audit of this machine."""
        await self.console.run_global_action("nav.view_6")
