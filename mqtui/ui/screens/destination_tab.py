"""The base of screens that are a tab of one destination: its causes, its messages, its description."""

from __future__ import annotations

from mqtui.domain.resource import Ref
from mqtui.ui.actions import Action
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.session.sessions import BrokerSession


class DestinationTab(ConsoleScreen):
    """`.` and `,` go to the destination's next and previous tab; one that was open is as it was left."""

    broker_session: BrokerSession
    ref: Ref

    def tabs(self) -> tuple[str, ...]:
        return self.console.go.tabs(self.broker_session, self.ref)

    def action_title(self, action: Action) -> str:
        """The name of the tab that a key goes to."""
        if action.id in TAB_STEPS:
            return self._tab_after(TAB_STEPS[action.id]) or action.title
        return super().action_title(action)

    def _tab_after(self, step: int) -> str:
        """The name of the tab some steps on; "" where it has one only."""
        names = self.tabs()
        place = names.index(self.tab_name) if self.tab_name in names else -1
        name = names[(place + step) % len(names)]
        return "" if name == self.tab_name else name

    @handles("nav.next_tab")
    async def next_tab(self) -> None:
        """Go to the next tab of the destination."""
        await self.console.go.tab(self.broker_session, self.ref, self._tab_after(1))

    @handles("nav.previous_tab")
    async def previous_tab(self) -> None:
        """Go to the previous tab of the destination."""
        await self.console.go.tab(self.broker_session, self.ref, self._tab_after(-1))


TAB_STEPS = {"nav.next_tab": 1, "nav.previous_tab": -1}
"""Steps between tabs by action."""
