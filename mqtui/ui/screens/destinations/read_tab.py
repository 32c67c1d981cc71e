"""The base of tabs of a destination that show one answer of the broker as rows, asked for when they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from mqtui.domain.errors import MqtuiError
from mqtui.domain.resource import Ref
from mqtui.services.session import Session
from mqtui.ui.render.broker_status import error_lines
from mqtui.ui.render.table_model import Cell
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.destination_tab import DestinationTab
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.sessions import BrokerSession

Item = TypeVar("Item")


class ReadTab(DestinationTab, ListScreen[Item]):
    """Rows as the broker gave them; `r` asks again. Subclasses give `ask`."""

    own_order = "as the broker groups them"

    def __init__(self, broker_session: BrokerSession, ref: Ref) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.ref = ref
        self.answer: Sequence[Item] | None = None
        self.error: MqtuiError | None = None

    async def ask(self, session: Session) -> Sequence[Item]:
        """What the broker says.

        Raises:
            MqtuiError: it can't be asked.
        """
        raise NotImplementedError

    def crumbs(self) -> tuple[str, ...]:
        return ("Destinations", self.ref.name)

    def on_mount(self) -> None:
        """Ask the broker."""
        self.read()

    @handles("read.again")
    def read(self) -> None:
        """Ask the broker again."""
        self.run_worker(self._read(), exclusive=True, group="read", exit_on_error=False)

    async def _read(self) -> None:
        session = self.broker_session.session
        if session is None:
            self.prompt_line.set_status("the broker is not open", "warn")
            return
        try:
            found, self.error = await self.ask(session), None
        except MqtuiError as error:
            self.error = error
            if self.answer is not None:
                self.show_error(error)
        else:
            self.answer = found
        if self.is_attached:
            self.refresh_figures()

    def items(self) -> list[Item]:
        return list(self.answer or ())

    @property
    def is_unread(self) -> bool:
        """Whether the broker has not answered yet."""
        return self.answer is None and self.error is None

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        if self.error is not None and self.answer is None:
            return error_lines(self.error)
        return super().status_lines(lost)

    def stop_reading(self) -> bool:
        """Stop asking."""
        return bool(self.workers.cancel_group(self, "read"))
