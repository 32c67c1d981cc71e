"""View 5: the runs of this machine; interrupted ones are resumed from here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from textual import on
from textual.widget import Widget

from mqtui.domain.errors import MqtuiError
from mqtui.services.ticket_report import read_markdown_report
from mqtui.ui.actions import Action
from mqtui.ui.render.runs.runs import (
    RunRenderer,
    RunRow,
    describe_run,
    put_back_disabled_reason,
    resume_disabled_reason,
)
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.copy import CopyChoices
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.screens.runs.journal import RunListReader
from mqtui.ui.session.run_sessions import session_of_run
from mqtui.ui.session.run_task import RunTask
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

REFRESH_SECONDS = 2.0
"""Seconds between two reads of the journal while a run is under way, here or elsewhere."""


class RunsScreen(ListScreen[RunRow]):
    """Runs as rows, interrupted ones first."""

    screen_name = "Runs"

    hint_actions = (
        "nav.open",
        "view.detail",
        "list.filter",
        "list.order",
        "read.again",
        "thing.copy",
        "run.resume",
        "run.stop",
        "run.restore",
    )
    empty_text = "no runs yet: R on dead letters plans the first one"
    own_order = "interrupted, then newest"

    def body(self) -> Iterable[Widget]:
        self.read = RunListReader()
        self.rows: list[RunRow] = []
        self.is_read = False
        self.error = ""
        """Why the journal can't be read; the list then shows what was read last."""

        self.table: RowTable[RunRow] = RowTable(RunRenderer(), with_divider=False)
        yield Pane(self.table, name="Runs of this machine")

    def crumbs(self) -> tuple[str, ...]:
        return ("Runs",)

    def on_mount(self) -> None:
        """Read the journal regularly while a run is under way."""
        self.set_interval(REFRESH_SECONDS, self._read_if_moving, name="journal")

    def on_screen_resume(self) -> None:
        """The screen is shown (again): runs may have ended."""
        self.read_again()

    def _read_if_moving(self) -> None:
        moving = self.console.sessions.running_tasks or any(line.state == "running" for line in self.rows)
        if moving and self.is_current:
            self.read_again()

    @handles("read.again")
    def read_again(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="journal", exit_on_error=False)

    async def _read(self) -> None:
        try:
            known = await asyncio.to_thread(self.read.lines)
        except MqtuiError as error:
            self.error = f"✗ {error.title}. {error.detail}"
        else:
            self.rows, self.is_read, self.error = known, True, ""
        if self.is_attached:
            self.refresh_figures()

    # -- showing

    def refresh_figures(self) -> None:
        """Show the journal as last read, with live figures of this console's runs."""
        if not self.is_ready:
            return
        if not self.is_read:
            self.prompt_line.set_status(self.error or "reading the journal …", "danger" if self.error else "")
            return
        self.table.stale = bool(self.error)
        self.table.show(self.items())
        self.draw_facts()
        if self.error:
            self.prompt_line.set_status(self.error, "danger")
        elif not self.table.model.items:
            self.prompt_line.set_status(self.empty_text)
        elif not self.table.model.count:
            self.prompt_line.set_status(
                f"nothing matches {self.filter_text}: {len(self.table.model.items):,} hidden; esc clears it"
            )
        elif self.table.current is not None:
            self.prompt_line.set_status(self.describe_row(self.table.current))

    def items(self) -> list[RunRow]:
        """The runs; those of this console with live figures."""
        flying = {task.id: task for task in self.console.sessions.running_tasks}
        return [_live(line, flying.get(line.id)) for line in self.rows]

    def facts(self) -> str:
        """How many are under way and interrupted."""
        stopped = sum(line.is_interrupted for line in self.rows)
        parts = [f"{len(self.console.sessions.running_tasks)} under way"] if self.console.sessions.running_tasks else []
        parts += [f"✗ {stopped} interrupted"] if stopped else []
        return " · ".join([*parts, super().facts()])

    def describe_row(self, item: RunRow) -> str:
        return describe_run(item)

    def action_title(self, action: Action) -> str:
        item = self.table.current
        if action.id == "nav.open" and item is not None:
            return "show" if item.is_running_here else "resume" if item.can_resume else "letters"
        return "letters" if action.id == "view.detail" else super().action_title(action)

    # -- verbs

    def disabled_reason(self, action: Action) -> str | None:
        """S needs a run of this console, U one that moved letters."""
        reason = super().disabled_reason(action)
        if reason is None and action.id in DISABLED_REASONS:
            item = self.table.current
            if item is None:
                return "there are no runs"
            return DISABLED_REASONS[action.id](item)
        return reason

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        item: RunRow = event.item
        try:
            if item.is_running_here:
                await self._show_run(item)
            elif item.can_resume:
                await self.console.go.resume(item.id)
            else:
                await self.console.go.run(item.id)
        except MqtuiError as error:
            self.show_error(error)

    async def _show_run(self, item: RunRow) -> None:
        for task in self.console.sessions.running_tasks:
            if task.id == item.id and isinstance(task, RunTask):
                broker_session = session_of_run(self.console.sessions, item.target, item.broker)
                await self.console.go.show_run(broker_session, task)
                return
        await self.console.go.run(item.id)

    @handles("run.resume")
    async def resume(self) -> None:
        """Plan to resume the run; a stopped one can be resumed too."""
        item = self.table.current
        if item is not None:
            await self.console.go.resume(item.id)

    @handles("view.detail")
    async def letters(self) -> None:
        """Show the letters of the run."""
        item = self.table.current
        if item is not None:
            await self.console.go.run(item.id)

    @handles("run.stop")
    def stop(self) -> None:
        """Stop a run of this console after its batch in flight."""
        item = self.table.current
        for task in self.console.sessions.running_tasks:
            if item is not None and task.id == item.id:
                task.stop()
                self.prompt_line.flash("stopping: the batch in flight is finished, the rest stays", "warn")

    @handles("run.restore")
    async def restore(self) -> None:
        """Plan to put the letters back."""
        item = self.table.current
        if item is not None:
            broker_session = session_of_run(self.console.sessions, item.target, item.broker)
            await self.console.go.put_back(broker_session, item.id)

    def copy_choices(self, item: RunRow) -> CopyChoices:
        """The report as Markdown, or the command that shows it."""
        return {
            "y": ("report", partial(read_markdown_report, item.id)),
            "c": ("command", f"mqtui runs show {item.short}"),
        }


def _live(line: RunRow, task: object) -> RunRow:
    if not isinstance(task, RunTask):
        return line if task is None else replace(line, is_running_here=True)
    result = task.figures()
    if result is None:
        return replace(line, is_running_here=True)
    return replace(line, is_running_here=True, planned=result.planned, moved=result.moved, left=result.left, in_hand=0)


def _stop_disabled_reason(item: RunRow) -> str | None:
    if item.is_running_here:
        return None
    if item.state == "running":
        return f"it is not a run of this console: {item.operator} on {item.host} does it"
    return "it is not under way"


DISABLED_REASONS = {
    "run.stop": _stop_disabled_reason,
    "run.restore": put_back_disabled_reason,
    "run.resume": resume_disabled_reason,
}
"""Why an action is disabled for a run: a function of the row, by action id."""
