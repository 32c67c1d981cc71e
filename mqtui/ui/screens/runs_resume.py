"""The plan of what an interrupted run left, and the way to go on with it under the same id."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError, NeedsConsent
from mqtui.domain.figure import counted
from mqtui.domain.policy import Consent, check
from mqtui.profiles.resolve import resolve
from mqtui.services.conventions import known
from mqtui.services.plan_lines import lines
from mqtui.services.redrive import resuming
from mqtui.services.redrive.order import Order, read_recipe
from mqtui.services.redrive.running import Before
from mqtui.services.session import Session
from mqtui.state.runs import RunRecord, Runs
from mqtui.ui.actions import Action
from mqtui.ui.flight import Flight
from mqtui.ui.render.text import Text
from mqtui.ui.screens.place import does
from mqtui.ui.screens.putback_consent import agreed
from mqtui.ui.screens.review import ReviewPlace, toned
from mqtui.ui.screens.run import RunPlace
from mqtui.ui.screens.runs_desk import desk_of, ready
from mqtui.ui.screens.runs_journal import journal
from mqtui.ui.workbench import Desk

if TYPE_CHECKING:
    from mqtui.ui.app import Console


async def open_resume(console: Console, run: str) -> None:
    """The review of the rest of a run; its broker is opened where it is closed.

    Raises:
        Refused, Held: the run can't be resumed; the title says why.
        NotFound: there is no such run.
    """
    record = await asyncio.to_thread(_found, run)
    resuming.check(record)
    order = read_recipe(record.plan).order
    desk = desk_of(console.bench, record.target, record.broker)
    await console.show(ResumePlace(desk, record, order))


def _found(run: str) -> RunRecord:
    with journal() as opened:
        return opened.find(run)


class ResumePlace(ReviewPlace):
    """The rest of a run: what was done stays done, what is in doubt is settled first."""

    hinted = ("nav.open", "thing.copy", "nav.back")

    def __init__(self, desk: Desk, record: RunRecord, order: Order) -> None:
        super().__init__(desk, order)
        self.order = order
        self.record = record
        self.before: Before | None = None
        self.remote: Session | None = None

    def crumbs(self) -> tuple[str, ...]:
        """The runs, which, and the verb."""
        return ("Runs", f"run {self.record.id[:4].upper()}", "resume")

    async def _plan(self) -> None:
        opened: Runs | None = None
        try:
            session = await ready(self.desk)
            if self.order.to_target:
                resolved = await asyncio.to_thread(resolve, self.order.to_target)
                kind = resolved.addresses[0].kind
                self.remote = await ready(desk_of(self.console.bench, self.order.to_target, kind))
            opened = await asyncio.to_thread(Runs)
            planned, before = await resuming.plan(session, self.record, opened, known().conventions, self.remote)
        except MqtuiError as error:
            self.say(error)
            self.line.tell(f"✗ {error.title}: nothing happened", "danger")
            return
        finally:
            if opened is not None:
                opened.close()
        if self.is_attached:
            self.planned, self.before = planned, before
            self.draw_plan()
            self.draw_hints()

    def draw_plan(self) -> None:
        """The plan's lines, that of another broker first, and the button."""
        assert self.planned is not None
        plan, delivery = self.planned.plan, self.planned.delivery
        promise = f" · {plan.guarantee.strength}" if plan.guarantee is not None else ""
        self.pane.title(
            f"{plan.profile}: the rest of run {plan.id[:4].upper()}", counted(plan.count, "letter") + promise
        )
        told: list[Text] = [toned(line) for line in lines(delivery)] if delivery is not None and self.remote else []
        told += [toned(line) for line in lines(plan)]
        self.paper.write([*told, [], *self._ways_on()])
        refusal = self.refusal()
        self.line.tell(refusal or self.sentence(), "danger" if refusal else "text")
        self.hold_keys()

    def _ways_on(self) -> list[Text]:
        if self.refusal():
            return [[("nothing can be started from here: ", "danger"), ("esc goes back", "muted")]]
        return [[("[ Resume ]", "warn"), ("  enter", "muted"), ("     esc back, nothing happened", "muted")]]

    def refusal(self) -> str:
        """Why it can't go on; "" where it can. With nothing left it still settles what was in hand."""
        session, planned = self.desk.session, self.planned
        if planned is None or session is None:
            return "the plan is not there yet"
        for each, plan in ((session, planned.plan), (self.remote, planned.delivery)):
            if each is None or plan is None:
                continue
            try:
                check(each.policy, plan, Consent(yes=True, typed=each.policy.profile))
            except NeedsConsent:
                continue
            except MqtuiError as error:
                return f"{error.title}: {error.detail}"
        return ""

    def obstacle(self, action: Action) -> str | None:
        """The stages are those of the run."""
        if action.id == "form.review":
            return "a resume goes on with the rest"
        return super().obstacle(action)

    def title_of(self, action: Action) -> str:
        """What enter does."""
        return "resume" if action.id == "nav.open" else super().title_of(action)

    @does("nav.open")
    def start(self) -> None:
        """Ask for the names that have to be typed, then go on."""
        self.run_worker(self._start(), exclusive=True, group="line", exit_on_error=False)

    async def _start(self) -> None:
        session, planned = self.desk.session, self.planned
        if session is None or planned is None:
            return
        thing = self.order.source.name if self.order.verb is Verb.DISCARD else ""
        consent = await agreed(self.line, session.policy, "resume", thing)
        if consent is None:
            return
        other = None
        if self.remote is not None and planned.delivery is not None:
            other = await agreed(self.line, self.remote.policy, "publish there")
            if other is None:
                return
        flight = Flight(session, planned, consent, before=self.before, remote=self.remote, remote_consent=other)
        self.console.go.launch(RunPlace(self.desk, flight))

    def command(self) -> str:
        """The equivalent command line."""
        return f"mqtui runs resume {self.record.id[:8].upper()}"
