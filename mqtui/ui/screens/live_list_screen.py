"""A list of what the brokers' own looks bring, however long it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TypeVar

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.ui.screens.list_screen import ListScreen, is_not_read
from mqtui.ui.session.sessions import BrokerSession

Item = TypeVar("Item")
AT_ONCE = 1_000
"""Rows that are shown in one go; more are made and ordered in turns, so that keys are answered meanwhile."""

LONGEST = 10.0
"""Seconds for which no row is under the cursor of a list whose order is not known yet."""


class LiveListScreen(ListScreen[Item]):
    """Subclasses give `slices` instead of `items`."""

    _showing = False
    _changed = False

    def slices(self) -> Iterator[Sequence[Item]]:
        """The list's rows in parts, from what is known now."""
        yield ()

    def items(self) -> list[Item]:
        """All of them."""
        return [item for part in self.slices() for item in part]

    def refresh_figures(self) -> None:
        """Show what is known now."""
        if not self.is_ready:
            return
        self.table.is_loading = any(map(_awaited, self.console.broker_sessions))
        seen = [
            broker_session.seen for broker_session in self.console.broker_sessions if broker_session.seen is not None
        ]
        if self._showing:
            self._changed = True
        elif sum(len(each.destinations) + len(each.groups) for each in seen) <= AT_ONCE:
            super().refresh_figures()
        else:
            self._showing = True
            self.run_worker(self._show_in_turns(), group="figures", exit_on_error=False)

    async def _show_in_turns(self) -> None:
        """The same while keys are answered; what changed meanwhile is shown after."""
        try:
            self._changed = True
            while self._changed:
                self._changed = False
                rows: list[Item] = []
                for part in self.slices():
                    rows += part
                    await yield_to_loop()
                await self.table.show_in_slices(rows)
                if not self.is_ready:
                    return
                self.draw_status()
        finally:
            self._showing = False


def _awaited(broker_session: BrokerSession) -> bool:
    """Whether the first figures of a broker are on their way, and not for long."""
    seen = broker_session.seen
    return (
        is_not_read(broker_session)
        and (seen is None or seen.error is None)
        and monotonic() - broker_session.opening_since < LONGEST
    )
