"""Putting the letters of a run back: the plan, then its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan
from mqtui.domain.policy import Consent
from mqtui.services.redrive.putback import putback
from mqtui.services.redrive.putback.putback import PlannedPutBack
from mqtui.services.redrive.run.journal_writer import open_journal
from mqtui.services.session import Session
from mqtui.ui.render.plan import plan_identity
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.copy import copy_choice
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.session.putback_task import PutBackTask
from mqtui.ui.session.run_sessions import wait_until_open
from mqtui.ui.session.sessions import BrokerSession


class PutBackScreen(PlanScreen):
    """The plan of a put back; enter starts it, and it goes on when the screen is left."""

    screen_name = "PutBack"

    def __init__(self, broker_session: BrokerSession, run: str) -> None:
        super().__init__(broker_session)
        self.run_id = run
        self.planned_put_back: PlannedPutBack | None = None
        self.background_task: PutBackTask | None = None

    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", f"run {self.run_id[:4].upper()}", "put back")

    async def make_plan(self) -> None:
        session = await wait_until_open(self.broker_session)
        async with open_journal() as journal:
            record = await run_in_thread("journal", partial(journal.find, self.run_id))
            self.planned_put_back = await putback.plan_put_back(session, record, journal)

    def parts(self) -> Sequence[tuple[Session | None, Plan]]:
        return () if self.planned_put_back is None else ((self.broker_session.session, self.planned_put_back.plan),)

    def titled(self) -> tuple[str, str]:
        plan = self.parts()[0][1]
        return f"{self.place(plan)}: put {pluralize(plan.count, 'letter')} back", plan_identity(plan)

    def start_words(self) -> str:
        return "puts them back"

    def button(self) -> str:
        return "Put back"

    @property
    def asks_to(self) -> str:
        return "put them back"

    # -- the outcome

    @property
    def is_started(self) -> bool:
        return self.background_task is not None

    def outcome(self) -> list[StyledLine]:
        """The progress, or how many are back."""
        task = self.background_task
        if task is None:
            return []
        if task.error is not None:
            error = task.error
            return [[(f"✗ {error.title}", "danger")], [(error.detail, "")], [(error.hint, "muted")]]
        if task.result is None:
            return [[("putting back …", "live")]]
        result = task.result
        good = result.moved == result.planned
        lines: list[StyledLine] = [[("✓ " if good else "▲ ", "ok" if good else "warn"), (self._outcome_words(), "")]]
        lines += [[(f"  ▲ {number:,} not moved: {reason}", "warn")] for reason, number in result.reasons]
        lines += [[(f"  ▲ may be there twice: {name}", "warn")] for name in result.suspects[:50]]
        return lines

    def outcome_status(self) -> tuple[str, str]:
        task = self.background_task
        if task is not None and task.error is not None:
            return "what is not back yet can be put back by another one: U on the run", "danger"
        if task is None or task.result is None:
            return "putting back · esc leaves it running", "live"
        return self._outcome_words(), "ok" if task.result.moved == task.result.planned else "warn"

    def _outcome_words(self) -> str:
        assert self.planned_put_back is not None
        result = self.background_task.result if self.background_task is not None else None
        source = self.planned_put_back.record.source.name
        return "" if result is None else f"{result.moved:,} of {result.planned:,} are back in {source}"

    async def carry_out(self, consents: Sequence[Consent]) -> None:
        session, planned = self.broker_session.session, self.planned_put_back
        if session is None or planned is None or self.background_task is not None:
            return
        task = self.background_task = PutBackTask(session, planned, consents[0], self._news)
        self.console.go.track(task)
        self.draw()

    def _news(self) -> None:
        self.call_later(self.draw)

    @handles("thing.copy")
    def copy(self) -> None:
        """Copy the equivalent command."""
        parts = {"c": ("command", f"mqtui runs putback {self.run_id[:8].upper()}")}
        self.run_worker(copy_choice(self, parts), exclusive=True, group="line", exit_on_error=False)
