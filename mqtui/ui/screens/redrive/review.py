"""The plan of a redrive or discard, in the words of a dry run, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import orjson

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError
from mqtui.domain.plan import Plan, Severity
from mqtui.domain.policy import Consent
from mqtui.services.command_line import command_of
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.parse_request import allowed_risks, build_stages
from mqtui.services.redrive.planning.plan import PlannedRedrive, plan_redrive
from mqtui.services.redrive.planning.saved_plan import encode_plan
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.plan import PlanText
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.export import export_rows
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.session.run_sessions import remote_session_of, wait_until_open
from mqtui.ui.session.run_task import RunTask
from mqtui.ui.session.sessions import BrokerSession

DEFAULT_STAGES = build_stages((1, 10), None, None)


class PlanReviewScreen(PlanScreen):
    """The plan of a redrive or a discard; enter starts it."""

    screen_name = "Review"
    counts = "letter"

    hint_actions: ClassVar[tuple[str, ...]] = (
        "nav.open",
        "letters.all_at_once",
        "view.detail",
        "thing.copy",
        "thing.edit",
        "nav.back",
    )

    def __init__(self, broker_session: BrokerSession, request: RedriveRequest) -> None:
        super().__init__(broker_session)
        self.request = request if request.verb is Verb.DISCARD else replace(request, stages=DEFAULT_STAGES)
        self.accepted: frozenset[str] = frozenset()
        """Accepted risks of the plan, by name."""

        self.planned: PlannedRedrive | None = None
        self.remote: Session | None = None
        """The session of the other broker that letters are sent to."""

    def crumbs(self) -> tuple[str, ...]:
        """Where the letters lie, and the verb."""
        return ("Dead letters", self.request.source.name, str(self.request.verb))

    async def make_plan(self) -> None:
        session = await wait_until_open(self.broker_session)
        self.remote = await remote_session_of(self.console.sessions, self.request)
        conventions = load_for_profile(session.profile).conventions
        self.planned = await plan_redrive(session, self.request, conventions, self.remote)

    def parts(self) -> Sequence[tuple[Session | None, Plan]]:
        """The plan, and that of the other broker where letters go to one."""
        if self.planned is None:
            return ()
        own = (self.broker_session.session, self.planned.plan)
        delivery = self.planned.remote_plan
        return (own,) if self.remote is None or delivery is None else (own, (self.remote, delivery))

    @property
    def whole(self) -> bool:
        """Whether it starts with all letters."""
        return not self.request.stages.first

    def ways_on(self) -> list[StyledLine]:
        """The usual, and how to start with another number of letters."""
        ways = super().ways_on()
        if self.refusal() or "letters.all_at_once" not in self.hints():
            return ways
        other = "one letter" if self.whole else "all at once"
        asks = [
            ("it asks after the first; ", "muted"),
            (self.console.keymap.shown("letters.all_at_once"), "warn"),
            (f" starts with {other} instead", "muted"),
        ]
        return [asks, *ways]

    def ways_refused(self) -> str:
        return "nothing can be started like this: E changes the terms, esc goes back"

    def ways_after_failure(self) -> list[StyledLine]:
        return [[(self.ways_refused(), "muted")]]

    def refusal(self) -> str:
        """Why the plan can't be started; "" where it can."""
        nothing = self.planned is not None and self.planned.plan.count.number == 0
        return "there is nothing to do" if nothing else super().refusal()

    @property
    def allowed(self) -> frozenset[str]:
        """The accepted risks, with those that options of the request imply."""
        return allowed_risks(self.request, self.accepted)

    def way_past(self, plan: Plan) -> str:
        """A hint at the risk that E can accept."""
        refused = (r for r in plan.risks if r.severity is Severity.REFUSE and r.name not in self.allowed)
        first = next(refused, None)
        return "" if first is None or first.final else f"E accepts the risk {first.name} · "

    def button(self) -> str:
        if self.request.verb is Verb.DISCARD:
            return "Discard all"
        return "Start with all at once" if self.whole else f"Start with {self.request.stages.first[0]:,}"

    def start_words(self) -> str:
        """What enter does, in a few words."""
        if self.request.verb is Verb.DISCARD:
            return "discards all"
        return "starts with all" if self.whole else f"starts with {self.request.stages.first[0]:,}"

    def action_title(self, action: Action) -> str:
        if action.id == "letters.all_at_once":
            return "one first" if self.whole else "all at once"
        return "terms" if action.id == "thing.edit" else super().action_title(action)

    def hints(self) -> tuple[str, ...]:
        """The usual hints; a discard has no stages to switch."""
        left_out = "letters.all_at_once" if self.request.verb is Verb.DISCARD else ""
        return tuple(each for each in super().hints() if each != left_out)

    @handles("letters.all_at_once")
    def other_way(self) -> None:
        """Switch between starting with one letter and starting with all."""
        if self.request.verb is Verb.DISCARD:
            self.prompt_line.flash("a discard is done at once")
            return
        other = replace(self.request.stages, first=DEFAULT_STAGES.first if self.whole else ())
        self.take(replace(self.request, stages=other), self.accepted)

    @handles("thing.edit")
    async def terms(self) -> None:
        """Change target, selection, stages and accepted risks."""
        await self.console.go.redrive_options(self.broker_session, self.request, self.accepted, self.take)

    def take(self, request: RedriveRequest, allowed: frozenset[str]) -> None:
        """Plan again with other options."""
        self.request, self.accepted, self.planned = request, allowed, None
        self.text_view.show(PlanText(), [[("making the plan anew …", "muted")]])
        self.prepare()

    @property
    def asks_to(self) -> str:
        """What consent is asked for."""
        return "discard" if self.request.verb is Verb.DISCARD else "start with all at once" if self.whole else "start"

    def name_to_type(self) -> str:
        """The source of a discard, or of a start with all at once, is typed on every profile."""
        return self.request.source.name if self.request.verb is Verb.DISCARD or self.whole else ""

    async def carry_out(self, consents: Sequence[Consent]) -> None:
        session, planned = self.broker_session.session, self.planned
        if session is not None and planned is not None:
            there = consents[1] if len(consents) > 1 else None
            self.console.go.start_run(self.broker_session, self.create_run_task(session, planned, consents[0], there))

    def create_run_task(
        self, session: Session, planned: PlannedRedrive, consent: Consent, there: Consent | None
    ) -> RunTask:
        """The run of the plan. `there` is the consent for the other broker."""
        return RunTask(session, planned, consent, remote=self.remote, remote_consent=there)

    @handles("thing.copy")
    def copy_command(self) -> None:
        """Copy the equivalent command."""
        self.console.copy(self.command(), "the command")

    @handles("thing.export")
    def save(self) -> None:
        """Save the plan: `--plan FILE` of the command line goes on only if it is still the same."""
        if self.planned is None:
            self.prompt_line.flash("the plan is not there yet")
            return
        self.run_worker(self._save(self.planned), exclusive=True, group="line", exit_on_error=False)

    async def _save(self, planned: PlannedRedrive) -> None:
        try:
            session = await wait_until_open(self.broker_session)
            saved = await encode_plan(session, planned, self.remote, self.allowed)
        except MqtuiError as error:
            self.show_error(error)
            return
        await export_rows(self, f"plan-{planned.plan.id[:4]}", "plan", [saved], orjson.dumps)

    def command(self) -> str:
        """The equivalent command line."""
        return command_of(self.request, self.broker_session.address, self.accepted)
