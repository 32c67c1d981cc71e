"""Resuming an interrupted run: the plan of what is left, under the same run id."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from mqtui.domain.capability import Verb
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Risk, Severity
from mqtui.domain.policy import Consent
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning.plan import PlannedRedrive
from mqtui.services.redrive.recovery import resume
from mqtui.services.redrive.request import RedriveRequest, decode_request
from mqtui.services.redrive.run.earlier_progress import EarlierProgress
from mqtui.services.redrive.run.journal_writer import open_journal
from mqtui.services.session import Session
from mqtui.state.journal import Journal, RunRecord
from mqtui.ui.actions import Action
from mqtui.ui.navigation.screen_classes import load, screen_class
from mqtui.ui.render.plan import guarantee_suffix
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.screens.redrive.review import PlanReviewScreen
from mqtui.ui.session.run_sessions import remote_session_of, session_of_run, wait_until_open
from mqtui.ui.session.run_task import RunTask
from mqtui.ui.session.sessions import BrokerSession

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi


async def open_resume(console: ConsoleApi, run: str) -> None:
    """Show the plan of the rest of a run; its broker is opened where it is closed.

    Raises:
        Refused, Held: the run can't be resumed; the title says why.
        NotFound: there is no such run.
    """
    record = await asyncio.to_thread(_found, run)
    broker_session = session_of_run(console.sessions, record.target, record.broker)
    if record.verb == Verb.OFFSETS:
        make = partial(load("destinations.offsets", "plan_resume"), run=run)
        await console.show(screen_class("offsets")(broker_session, record.source.name, make))
        return
    resume.check_resumable(record)
    request = decode_request(record.plan).request
    await console.show(ResumeScreen(broker_session, record, request))


def _found(run: str) -> RunRecord:
    with Journal() as opened:
        return opened.find(run)


class ResumeScreen(PlanReviewScreen):
    """The plan of the rest of a run: letters in an unknown state are resolved first."""

    screen_name = "Resume"

    hint_actions = PlanScreen.hint_actions

    def __init__(self, broker_session: BrokerSession, record: RunRecord, request: RedriveRequest) -> None:
        super().__init__(broker_session, request)
        self.request = request
        self.record = record
        self.recovery: EarlierProgress | None = None
        self.permissions = resume.ResumeOverrides()

    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", f"run {self.record.id[:4].upper()}", "resume")

    async def make_plan(self) -> None:
        session = await wait_until_open(self.broker_session)
        self.remote = await remote_session_of(self.console.sessions, self.request)
        conventions = load_for_profile(session.profile).conventions
        async with open_journal() as opened:
            self.planned, self.recovery = await resume.plan_resume(
                session, self.record, opened, conventions, self.remote, self.permissions
            )
        self.request = self.planned.request

    def titled(self) -> tuple[str, str]:
        """The pane's title (which run) and facts (how many letters, which guarantee)."""
        assert self.planned is not None
        plan = self.planned.plan
        return f"{self.place(plan)}: the rest of run {plan.id[:4].upper()}", pluralize(
            plan.count, "letter"
        ) + guarantee_suffix(plan)

    def ways_refused(self) -> str:
        return "nothing can be started from here: esc goes back"

    @property
    def whole(self) -> bool:
        """A resume goes on in the stages that it began with."""
        return False

    def start_words(self) -> str:
        return "resumes"

    def button(self) -> str:
        return "Resume"

    def refusal(self) -> str:
        """Why it can't be resumed; "" where it can. With none left it still resolves letters in flight."""
        return PlanScreen.refusal(self)

    def disabled_reason(self, action: Action) -> str | None:
        """A resume keeps the options of the run; E accepts a risk only."""
        if action.id == "letters.all_at_once" or (action.id == "thing.edit" and self.refused_risk() is None):
            return "a resume goes on with the rest, on the terms it began with"
        return super().disabled_reason(action)

    def refused_risk(self) -> Risk | None:
        """The first risk that stops the plan and can be accepted."""
        risks = self.planned.plan.risks if self.planned is not None else ()
        refusing = (risk for risk in risks if risk.severity is Severity.REFUSE and risk.name not in self.allowed)
        return next((risk for risk in refusing if not risk.final), None)

    @handles("thing.edit")
    async def terms(self) -> None:
        """Accept the risk that stops the plan, and plan again; nothing is started."""
        risk = self.refused_risk()
        if risk is None:
            return
        self.permissions = resume.ResumeOverrides(
            take_over=self.permissions.take_over or risk.name == "held",
            shared=self.permissions.shared or risk.name == "consumers",
        )
        self.take(self.request, self.accepted | {risk.name})

    @property
    def asks_to(self) -> str:
        return "resume"

    def create_run_task(
        self, session: Session, planned: PlannedRedrive, consent: Consent, there: Consent | None
    ) -> RunTask:
        """The rest of the run, with what the plan found out about it."""
        return RunTask(session, planned, consent, before=self.recovery, remote=self.remote, remote_consent=there)

    def command(self) -> str:
        """The equivalent command line."""
        return f"mqtui runs resume {self.record.id[:8].upper()}"
