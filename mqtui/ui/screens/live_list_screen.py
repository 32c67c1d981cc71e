"""A list of what pollers bring, of any length: long ones are rebuilt in slices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TypeVar

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.ui.render.broker_status import is_not_read
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.sessions import BrokerSession

Item = TypeVar("Item")
MAX_ROWS_AT_ONCE = 1_000
"""Rows up to which a list is rebuilt in one step."""

MAX_LOADING_SECONDS = 30.0
"""Seconds for which the cursor stays off the rows while their order is not final."""


class LiveListScreen(ListScreen[Item]):
    """Subclasses give `slices` instead of `items`."""

    _showing = False
    _changed = False
    _began = 0.0
    """When it was opened, in monotonic seconds."""

    def slices(self) -> Iterator[Sequence[Item]]:
        """The rows in parts, from what is known now."""
        yield ()

    def items(self) -> list[Item]:
        return [item for part in self.slices() for item in part]

    def on_mount(self) -> None:
        self._began = monotonic()

    @property
    def _expects_figures(self) -> bool:
        """Whether the first figures of a broker are expected soon, also of one of the demo that is still starting."""
        starting = bool(self.console.broker_startup) and monotonic() - self._began < MAX_LOADING_SECONDS
        return starting or any(map(_expects_figures, self.console.broker_sessions))

    def refresh_figures(self) -> None:
        if not self.is_ready:
            return
        self.table.is_loading = self._expects_figures
        snapshots = [
            broker_session.snapshot
            for broker_session in self.console.broker_sessions
            if broker_session.snapshot is not None
        ]
        if self._showing:
            self._changed = True
        elif sum(len(each.destinations) + len(each.groups) for each in snapshots) <= MAX_ROWS_AT_ONCE:
            super().refresh_figures()
        else:
            self._showing = True
            self.run_worker(self._show_in_turns(), group="figures", exit_on_error=False)

    def show_waiting(self) -> None:
        """Say how long brokers have been opening; after `MAX_LOADING_SECONDS` the order counts as final."""
        if self.table.is_loading and not self._expects_figures:
            self.refresh_figures()
        else:
            self.draw_status()

    async def _show_in_turns(self) -> None:
        """Rebuild a long list in slices, so that keys are answered; again where figures changed meanwhile."""
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


def _expects_figures(broker_session: BrokerSession) -> bool:
    """Whether the first figures of a broker are expected soon."""
    snapshot = broker_session.snapshot
    return (
        is_not_read(broker_session)
        and (snapshot is None or snapshot.error is None)
        and monotonic() - broker_session.opening_since < MAX_LOADING_SECONDS
    )
