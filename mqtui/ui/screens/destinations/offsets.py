"""The plan of a group's offsets: made, shown, carried out; also of a put back, and of a run that was interrupted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.capability import Verb
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.policy import Consent
from mqtui.services.offsets import restore
from mqtui.services.offsets.plan import PlannedOffsets
from mqtui.services.offsets.plan_request import plan_offsets
from mqtui.services.offsets.request import OffsetsRequest
from mqtui.services.offsets.run import run_offsets
from mqtui.services.redrive.run.journal_writer import open_journal
from mqtui.services.session import Session
from mqtui.state.journal import Journal, RunRecord
from mqtui.ui.navigation.screen_classes import screen_class
from mqtui.ui.render.plan import plan_identity, render_result
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.copy import copy_choice
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.session.run_sessions import wait_until_open
from mqtui.ui.session.sessions import BrokerSession

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

MakesOffsetsPlan: TypeAlias = Callable[[Session], Awaitable[PlannedOffsets]]


async def open_put_back(console: ConsoleApi, broker_session: BrokerSession, run: str) -> None:
    """Show the plan that puts a run back: its letters, or the offsets that it set.

    Raises:
        NotFound: there is no such run.
    """
    record = await run_in_thread("journal", partial(find_run, run))
    if record.verb == Verb.OFFSETS:
        make = partial(plan_put_back, run=run)
        await console.show(OffsetsScreen(broker_session, record.source.name, make))
    else:
        await console.show(screen_class("put_back")(broker_session, run))


def find_run(run: str) -> RunRecord:
    """A run of the journal. Blocks."""
    with Journal() as journal:
        return journal.find(run)


def planner_of(request: OffsetsRequest) -> MakesOffsetsPlan:
    """What plans a request."""
    return partial(plan_offsets, request=request)


async def plan_put_back(session: Session, *, run: str) -> PlannedOffsets:
    """The plan that puts the offsets of a run back."""
    async with open_journal() as journal:
        record = await run_in_thread("journal", partial(journal.find, run))
        return await restore.plan_put_back(session, record, journal)


async def plan_resume(session: Session, *, run: str) -> PlannedOffsets:
    """The plan of a run that was interrupted."""
    async with open_journal() as journal:
        record = await run_in_thread("journal", partial(journal.find, run))
        return await restore.plan_resume(session, record, journal)


class OffsetsScreen(PlanScreen):
    """The preview by partition; enter sets the offsets, and the outcome names the run that U puts back."""

    screen_name = "Offsets"

    hint_actions = (*PlanScreen.hint_actions, "read.again")

    def __init__(self, broker_session: BrokerSession, group: str, make: MakesOffsetsPlan) -> None:
        """`make` makes the plan, and again at each `r`."""
        super().__init__(broker_session)
        self.group = group
        self.planned: PlannedOffsets | None = None
        self.result: StepResult | None = None
        self._make = make

    def crumbs(self) -> tuple[str, ...]:
        return ("Groups", self.group, "offsets")

    async def make_plan(self) -> None:
        self.planned = await self._make(await wait_until_open(self.broker_session))

    def parts(self) -> Sequence[tuple[Session | None, Plan]]:
        return () if self.planned is None else ((self.broker_session.session, self.planned.plan),)

    def titled(self) -> tuple[str, str]:
        plan = self.parts()[0][1]
        does = "put offsets back" if plan.verb is Verb.PUT_BACK else "delete" if plan.deletes else "set offsets"
        return f"{self.place(plan)}: {does} of {self.group}", plan_identity(plan)

    def start_words(self) -> str:
        return "deletes them" if self.planned is not None and self.planned.plan.deletes else "sets them"

    def button(self) -> str:
        return "Delete" if self.planned is not None and self.planned.plan.deletes else "Set offsets"

    @property
    def asks_to(self) -> str:
        return "delete it" if self.name_to_type() else "set them"

    def name_to_type(self) -> str:
        return "" if self.planned is None else self.planned.plan.deletes

    def refusal(self) -> str:
        if self.planned is not None and not self.planned.plan.steps:
            return "nothing changes: the group stands there already"
        return super().refusal()

    def ways_refused(self) -> str:
        blocked = self.planned is not None and self.planned.is_blocked
        return "r plans again, once they have left · esc goes back" if blocked else super().ways_refused()

    @property
    def is_started(self) -> bool:
        return self.result is not None

    def outcome(self) -> list[StyledLine]:
        """How many partitions were set, and what was not."""
        if self.result is None:
            return []
        return render_result(self.result, f"{pluralize(self.result.asked, 'partition')} set")

    def outcome_status(self) -> tuple[str, str]:
        plan = self.parts()[0][1]
        if plan.verb is Verb.PUT_BACK:
            return "done; esc goes back", "ok"
        return f"done; U puts them back, here or on run {plan.id[:4].upper()} · esc goes back", "ok"

    async def carry_out(self, consents: Sequence[Consent]) -> None:
        session, planned = self.broker_session.session, self.planned
        if session is None or planned is None:
            return
        async with open_journal() as journal:
            self.result = await run_offsets(session, planned, journal, consents[0])
        self.draw()
        if self.broker_session.poller is not None:
            self.broker_session.poller.poll_now()

    @handles("read.again")
    def plan_again(self) -> None:
        """Make the plan anew."""
        if self.result is None:
            self.prepare()

    @handles("run.restore")
    async def put_back(self) -> None:
        """Plan to put back what was set here."""
        if self.result is None or self.planned is None or self.planned.plan.verb is Verb.PUT_BACK:
            self.prompt_line.flash("nothing was set here yet")
            return
        await self.console.go.put_back(self.broker_session, self.planned.plan.id)

    @handles("thing.copy")
    def copy_command(self) -> None:
        """Copy the equivalent command."""
        if self.planned is not None:
            parts = {"c": ("command", self.planned.command)}
            self.run_worker(copy_choice(self, parts), exclusive=True, group="line", exit_on_error=False)
