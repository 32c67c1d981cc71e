"""View 7: what is wrong now, since when, by which figures. The engine is that of `mqtui watch`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from textual import on
from textual.widget import Widget

from mqtui.domain.alert import CONDITIONS, Condition
from mqtui.domain.name_quoting import join
from mqtui.services.alerts.findings import opening_command
from mqtui.ui.navigation.goto import FoundResource, KnownResource
from mqtui.ui.render.alerts import AlertRenderer, AlertRow
from mqtui.ui.screens.live_list_screen import LiveListScreen
from mqtui.ui.screens.overlays.palette.navigate import show_resource
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class AlertsScreen(LiveListScreen[AlertRow]):
    """Alerts as rows, critical ones first."""

    screen_name = "Alerts"

    hint_actions = ("nav.open", "list.filter", "list.order", "thing.explain", "thing.copy", "thing.export")
    own_order = "worst first"
    empty_text = "nothing is wrong by the rules: `mqtui help alerts` has them"

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[AlertRow] = RowTable(AlertRenderer(), with_divider=False)
        yield Pane(self.table, name="Alerts")

    def crumbs(self) -> tuple[str, ...]:
        return ("Alerts",)

    def slices(self) -> Iterator[Sequence[AlertRow]]:
        alerts = self.console.sessions.alerts
        brokers = {each.session.target: each.kind for each in self.console.broker_sessions if each.session is not None}
        yield [AlertRow(alert, alerts.mute_of(alert), brokers[alert.source]) for alert in alerts.of(brokers)]

    def describe_row(self, item: AlertRow) -> str:
        alert = item.alert
        told = f"{alert.source}: {alert.what}: {alert.evidence}"
        return " · ".join(filter(None, (told, alert.advice, item.note)))

    def explain_figures(self, item: AlertRow) -> str:
        """The condition of its rule, and its name for mutes."""
        condition = Condition(item.alert.cause.partition(":")[0])
        traits = CONDITIONS[condition]
        return f"{item.alert.cause}: {traits.meaning}; judged after each poll, as mqtui watch does"

    def copy_choices(self, item: AlertRow) -> dict[str, tuple[str, str]]:
        """The alert in one line, the command that opens its place, and the one that mutes it."""
        alert = item.alert
        mute = join(("mqtui", "watch", "--mute", alert.cause, "2h"))
        return {
            "y": ("alert", f"{alert.source}: {alert.what}: {alert.evidence}"),
            "c": ("command", opening_command(alert.source, alert.ref)),
            "m": ("mute", mute),
        }

    def is_stale(self, item: AlertRow, lost: Sequence[BrokerSession]) -> bool:
        sources = {each.session.target for each in lost if each.session is not None}
        return item.alert.source in sources and item.alert.ref is not None

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        """Show what the alert is about."""
        alert = event.item.alert
        for each in self.console.broker_sessions:
            if each.session is not None and each.session.target == alert.source:
                if alert.ref is None:
                    self.prompt_line.flash(alert.evidence)
                else:
                    await show_resource(self.console, FoundResource(KnownResource(each.target, each.kind, alert.ref)))
                return
