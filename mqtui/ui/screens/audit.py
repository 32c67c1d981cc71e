"""View 6: what was changed from this machine, by whom, how it ended, and as which command."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from textual import on
from textual.widget import Widget

from mqtui.domain.audit import AuditEntry, Damage
from mqtui.domain.errors import MqtuiError
from mqtui.profiles.keys import audit_key
from mqtui.services.command_line import equivalent_command
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal, RunRecord
from mqtui.ui.actions import Action
from mqtui.ui.navigation.navigator import AUDIT_TABS
from mqtui.ui.render.audit import MAX_ENTRIES, AuditRenderer, AuditRow, merge_begin_and_end
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.run_sessions import session_of_run
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The audit as it was read: the newest entries, damage to the chain, and the runs that the journal has of them."""

    entries: Sequence[AuditEntry] = ()
    damages: Sequence[Damage] = ()
    keyed: bool = True
    runs: dict[str, RunRecord] = field(default_factory=dict)
    going_on: frozenset[str] = frozenset()


def read() -> AuditReport:
    """Read the audit and check its chain. It blocks: call it in a thread.

    Raises:
        StorageFailed: it can't be read.
    """
    found = Audit(key=audit_key).read()
    with Journal() as opened:
        known = {record.id: record for record in opened.list_runs(limit=MAX_ENTRIES)}
    going_on = frozenset(run for run, each in known.items() if each.state == "running" and not each.interrupted)
    return AuditReport(found.entries[-MAX_ENTRIES:], found.damages, not found.unkeyed, known, going_on)


class AuditScreen(ListScreen[AuditRow]):
    """The changes made from this machine, the newest first."""

    screen_name = "Audit"
    tab_name = "audit"

    hint_actions = ("nav.open", "nav.next_tab", "list.filter", "list.order", "read.again", "thing.copy", "run.restore")
    empty_text = "nothing was changed from this machine yet"
    own_order = "newest first"

    def __init__(self, number: int | None = None) -> None:
        """With a `number` the cursor goes to that line of the audit."""
        super().__init__()
        self.report: AuditReport | None = None
        self.requested_number = number
        self.not_found = ""

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[AuditRow] = RowTable(AuditRenderer(), with_divider=False)
        yield Pane(self.table, name="Audit of this machine")

    def tabs(self) -> tuple[str, ...]:
        return AUDIT_TABS

    def crumbs(self) -> tuple[str, ...]:
        return ("Audit",)

    def on_screen_resume(self) -> None:
        """Shown, or shown again: read and check it."""
        self.read_again()

    @handles("read.again")
    def read_again(self) -> None:
        """Read and check it."""
        self.run_worker(self._read(), exclusive=True, group="audit", exit_on_error=False)

    async def _read(self) -> None:
        try:
            known = await asyncio.to_thread(read)
        except MqtuiError as error:
            self.prompt_line.set_status(f"✗ {error.title}. {error.detail}", "danger")
            return
        if not self.is_attached:
            return
        self.report, self.not_found = known, ""
        self.refresh_figures()
        wanted, self.requested_number = self.requested_number, None
        if wanted is not None and not self._go_to(wanted):
            self.not_found = f"there is no line {wanted} in the audit · "
        item = self.table.current
        if item is not None:
            self.prompt_line.set_status(self.describe_row(item), "warn" if self.not_found else "")

    def _go_to(self, number: int) -> bool:
        """Put the cursor on a change by the number of its first or last line."""
        lines = self.table.model.items
        found = next((line for line in lines if number in (line.n, line.end.n if line.end else line.n)), None)
        return found is not None and self.table.go_to(found.n)

    # -- showing

    def refresh_figures(self) -> None:
        if not self.is_ready:
            return
        if self.report is None:
            self.prompt_line.set_status("reading and checking the audit …")
            return
        self.table.show(self.items())
        self.draw_facts()
        if not self.table.model.items:
            self.prompt_line.set_status(self.empty_text)
        elif not self.table.model.count:
            self.prompt_line.set_status(
                f"nothing matches {self.filter_text}: {len(self.table.model.items):,} hidden; esc clears it"
            )

    def items(self) -> list[AuditRow]:
        """The changes, with those marked that are under way."""
        assert self.report is not None
        return merge_begin_and_end(self.report.entries, self.report.going_on)

    def facts(self) -> str:
        if self.report is None:
            return ""
        whole = "chain ✓" if self.report.keyed else "chain ✓ unkeyed"
        chain = f"✗ chain broken at {self.report.damages[0].line}" if self.report.damages else whole
        return f"{chain} · {super().facts()}"

    def describe_row(self, item: AuditRow) -> str:
        """The equivalent command; a damaged chain is reported before it."""
        description = f"{self.not_found}{self.command(item)}   by {item.begin.operator}@{item.begin.host}"
        if self.report is None or not self.report.damages:
            return description
        more = len(self.report.damages) - 1
        return (
            f"✗ the audit is damaged at {self.report.damages[0]}{f', and {more} more' if more else ''} · {description}"
        )

    def command(self, item: AuditRow) -> str:
        return equivalent_command(item.begin, self._record(item))

    def _record(self, item: AuditRow | None) -> RunRecord | None:
        return None if item is None or self.report is None else self.report.runs.get(item.begin.run)

    # -- verbs

    def disabled_reason(self, action: Action) -> str | None:
        """Enter and U need a run that the journal has."""
        reason = super().disabled_reason(action)
        if reason is None and action.id in ("nav.open", "run.restore"):
            item = self.table.current
            if item is None:
                return self.empty_text
            if self._record(item) is None:
                return f"a {item.begin.verb} is no run: the journal keeps no letters of it"
        return reason

    def action_title(self, action: Action) -> str:
        return "requests" if action.id == "nav.next_tab" else super().action_title(action)

    @handles("nav.next_tab", "nav.previous_tab")
    async def requests(self) -> None:
        """Show what this console sent to the brokers."""
        await self.console.go.requests()

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        if self._record(event.item) is None:
            self.prompt_line.flash(f"a {event.item.begin.verb} is no run: the journal keeps no letters of it")
            return
        await self.console.go.run(event.item.begin.run)

    @handles("run.restore")
    async def restore(self) -> None:
        """Put the letters of the run back."""
        record = self._record(self.table.current)
        if record is not None:
            broker_session = session_of_run(self.console.sessions, record.target, record.broker)
            await self.console.go.put_back(broker_session, record.id)

    def copy_choices(self, item: AuditRow) -> dict[str, tuple[str, str]]:
        """The command, or the change in one line."""
        begin = item.begin
        description = (
            f"audit {begin.n}: {begin.verb} on {item.on}, {begin.profile}, {begin.operator}@{begin.host}: {item.result}"
        )
        return {"c": ("command", self.command(item)), "y": ("entry", description)}
