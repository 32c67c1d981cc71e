"""The message that a group reads next in a partition, among its neighbours, with what keeps the group there."""

from __future__ import annotations

from time import time

from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.resource import Ref
from mqtui.domain.topology import GroupLag, PartitionLag
from mqtui.services.stuck_record import StuckRecord, inspect_stuck_record
from mqtui.services.unread_age import next_position
from mqtui.ui.screens.messages.messages import MessagesScreen
from mqtui.ui.session.sessions import BrokerSession


class StuckRecordScreen(MessagesScreen):
    """Messages around the position of a group; the report of the one it reads next stands on the prompt line, `e`
    shows all of it.
    """

    screen_name = "Stuck record"

    def __init__(self, broker_session: BrokerSession, lag: GroupLag, part: PartitionLag) -> None:
        super().__init__(broker_session, part.resource, next_position(part))
        self.lag = lag
        self.part = part
        self.report: StuckRecord | None = None
        """What was found out of the message; None before."""

    def on_mount(self) -> None:
        self.run_worker(self._inspect(), exclusive=True, group="inspect", exit_on_error=False)

    async def _inspect(self) -> None:
        session = self.broker_session.session
        if session is None:
            return
        try:
            self.report = await inspect_stuck_record(session, self.broker_session.decoder, self.lag, self.part)
        except MqtuiError as error:
            self.show_error(error)
            return
        if self.is_attached and self.table.current is not None:
            self.tell_row(self.table.current)

    @property
    def group(self) -> Ref:
        """The group that reads."""
        return self.lag.group

    def facts(self) -> str:
        """Whose position it is, how far behind, and how much was read."""
        whose = f"{self.group.name.rpartition('/')[2]} reads {self.position} next, {self.part.lag} behind"
        return f"{whose} · {super().facts()}"

    def _report_of(self, item: Message) -> str:
        if self.report is None or self.report.message is None or item.position != self.report.message.position:
            return ""
        snapshot = self.broker_session.snapshot
        stands = None if snapshot is None else snapshot.lag_history.standstill_of(self.group, self.part)
        return " · ".join(self.report.describe(time(), stands))

    def describe_row(self, item: Message) -> str:
        """Of the message that is read next its report first."""
        told = self._report_of(item)
        plain = super().describe_row(item)
        place, _, rest = plain.partition(": ")
        return f"{place}: {told} · {rest}" if told else plain

    def explain_figures(self, item: Message) -> str:
        """The whole report."""
        return self._report_of(item)
