"""The letters of one run with their outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from textual.widget import Widget

from mqtui.domain.errors import MqtuiError
from mqtui.services.ticket_report import read_markdown_report
from mqtui.state.journal import OutcomeRow
from mqtui.ui.actions import Action
from mqtui.ui.render.runs.letters import RunLetterRenderer, describe_letter
from mqtui.ui.render.runs.runs import RunRow, put_back_disabled_reason, resume_disabled_reason
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.copy import CopyChoices
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.screens.runs.journal import MAX_LETTERS, letters_of
from mqtui.ui.session.run_sessions import session_of_run
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class RunLettersScreen(ListScreen[OutcomeRow]):
    """Letters as rows; those that were not moved come first."""

    screen_name = "RunLetters"

    hint_actions = ("list.filter", "list.next", "list.order", "read.again", "thing.copy", "run.resume", "run.restore")
    empty_text = "nothing was written down of its letters"

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run
        self.row: RunRow | None = None
        self.letters: list[OutcomeRow] = []

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[OutcomeRow] = RowTable(RunLetterRenderer())
        self.pane = Pane(self.table, name=f"Run {self.run[:4].upper()}")
        yield self.pane

    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", f"run {self.run[:4].upper()}")

    def on_mount(self) -> None:
        self.read_again()

    @handles("read.again")
    def read_again(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="journal", exit_on_error=False)

    async def _read(self) -> None:
        try:
            known, letters = await asyncio.to_thread(letters_of, self.run)
        except MqtuiError as error:
            self.prompt_line.set_status(f"✗ {error.title}. {error.detail}", "danger")
            return
        if self.is_attached:
            self.row, self.letters, self.run = known, letters, known.id
            self.pane.title(f"Run {known.short}: {known.verb} of {known.source}", "")
            self.refresh_figures()
            self.draw_frame()

    def refresh_figures(self) -> None:
        if not self.is_ready:
            return
        if self.row is None:
            self.prompt_line.set_status("reading the journal …")
            return
        self.table.show(self.letters)
        self.draw_facts()
        if not self.letters:
            self.prompt_line.set_status(f"{self.empty_text} · {self.row.report}")
        elif not self.table.model.count:
            self.prompt_line.set_status(
                f"nothing matches {self.filter_text}: {len(self.letters):,} hidden; esc clears it"
            )

    def facts(self) -> str:
        state = self.row.words if self.row is not None else ""
        shown = f"the first {MAX_LETTERS:,}" if len(self.letters) >= MAX_LETTERS else super().facts()
        return f"{state} · {shown}"

    def describe_row(self, item: OutcomeRow) -> str:
        """What became of the letter."""
        return describe_letter(item)

    def disabled_reason(self, action: Action) -> str | None:
        """U needs a run that moved something, T an interrupted one."""
        reason = super().disabled_reason(action)
        if reason is None and self.row is None and action.id in ("run.restore", "run.resume", "thing.copy"):
            return "the journal is being read"
        if reason is None and action.id == "run.resume" and self.row is not None:
            return resume_disabled_reason(self.row)
        if reason is None and action.id == "run.restore" and self.row is not None:
            return put_back_disabled_reason(self.row)
        return reason

    @handles("run.resume")
    async def resume(self) -> None:
        """Plan to resume the run."""
        if self.row is not None:
            await self.console.go.resume(self.row.id)

    @handles("run.restore")
    async def restore(self) -> None:
        """Plan to put the letters back."""
        if self.row is not None:
            broker_session = session_of_run(self.console.sessions, self.row.target, self.row.broker)
            await self.console.go.put_back(broker_session, self.row.id)

    def copy_choices(self, item: OutcomeRow) -> CopyChoices:
        """The report as Markdown, the letter's position, or the command."""
        assert self.row is not None
        return {
            "y": ("report", partial(read_markdown_report, self.row.id)),
            "p": ("position", item[0]),
            "c": ("command", f"mqtui runs show {self.row.short}"),
        }
