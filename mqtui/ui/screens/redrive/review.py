"""Reviewing the plan of a redrive or discard, word for word as a dry run prints it, before anything is done."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import ClassVar

import orjson
from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError, NeedsConsent
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, Severity
from mqtui.domain.policy import Consent, check
from mqtui.services.conventions import load_for_profile
from mqtui.services.plan_text import plan_lines
from mqtui.services.redrive.parse_request import allowed_risks, build_stages
from mqtui.services.redrive.planning.plan import PlannedRedrive, plan_redrive
from mqtui.services.redrive.planning.saved_plan import encode_plan
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.command_line import command_of
from mqtui.ui.render.plan import guarantee_suffix, style_plan_line
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.export import export_rows
from mqtui.ui.screens.list_screen import error_lines
from mqtui.ui.screens.redrive.consent import ask_consent
from mqtui.ui.session.run_sessions import remote_session_of, wait_until_open
from mqtui.ui.session.run_task import RunTask
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView

DEFAULT_STAGES = build_stages((1, 10), None, None)


class PlanReviewScreen(ConsoleScreen):
    """The plan of a redrive or a discard; enter starts it."""

    screen_name = "Review"

    hint_actions: ClassVar[tuple[str, ...]] = ("nav.open", "form.review", "thing.copy", "thing.edit", "nav.back")

    def __init__(self, broker_session: BrokerSession, request: RedriveRequest) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.request = request if request.verb is Verb.DISCARD else replace(request, stages=DEFAULT_STAGES)
        self.allowed: frozenset[str] = frozenset()
        """Accepted risks of the plan, by name."""

        self.planned: PlannedRedrive | None = None
        self.remote: Session | None = None
        """The session of the other broker that letters are sent to."""

    def body(self) -> Iterable[Widget]:
        self.text_view = TextView()
        self.pane = Pane(self.text_view, name="Plan")
        yield Vertical(self.pane)

    def crumbs(self) -> tuple[str, ...]:
        """Where the letters lie, and the verb."""
        return ("Dead letters", self.request.source.name, str(self.request.verb))

    def on_mount(self) -> None:
        self.text_view.glyphs = self.console.glyphs
        self.text_view.focus()
        self.prompt_line.set_status("making the plan; nothing is changed")
        self.run_worker(self._plan(), exclusive=True, group="plan", exit_on_error=False)

    async def _plan(self) -> None:
        try:
            session = await wait_until_open(self.broker_session)
            remote = await remote_session_of(self.console.sessions, self.request)
            planned = await plan_redrive(session, self.request, load_for_profile(session.profile).conventions, remote)
        except MqtuiError as error:
            self.show_error(error)
            self.text_view.write([*([line] for line in error_lines(error)), [], *self._ways_on()])
            return
        if not self.is_attached:
            return
        self.planned, self.remote = planned, remote
        self.draw_plan()
        self.draw_hints()

    @property
    def whole(self) -> bool:
        """Whether it starts with all letters."""
        return not self.request.stages.first

    def titled(self) -> tuple[str, str]:
        """The pane's title (what the plan does) and facts (its id and guarantee)."""
        assert self.planned is not None
        plan = self.planned.plan
        facts = f"plan {plan.id[:4].upper()}{guarantee_suffix(plan)}"
        return f"{plan.profile}: {plan.verb} {pluralize(plan.count, 'letter')}", facts

    def draw_plan(self) -> None:
        """Draw the plan, that of the other broker first, and the buttons."""
        assert self.planned is not None
        self.pane.title(*self.titled())
        delivery = self.planned.remote_plan if self.remote is not None else None
        lines_shown = [
            style_plan_line(line)
            for plan in (delivery, self.planned.plan)
            if plan is not None
            for line in plan_lines(plan)
        ]
        self.text_view.write([*lines_shown, [], *self._ways_on()])
        refusal = self.refusal()
        self.prompt_line.set_status(refusal or self.status_text(), "danger" if refusal else "text")
        self.ignore_keys_until_painted()

    def _ways_on(self) -> list[StyledLine]:
        if self.refusal():
            said = [("nothing can be started like this: ", "danger"), ("E changes the terms, esc goes back", "muted")]
            return [said]
        if self.request.verb is Verb.DISCARD:
            return [[("[ Discard all ]", "warn"), ("  enter", "muted"), ("     esc back, nothing happened", "muted")]]
        first = self.request.stages.first
        start, other = ("all at once", "one letter") if not first else (f"{first[0]:,}", "all at once")
        return [
            [("it asks after the first; ", "muted"), ("ctrl+r", "accent"), (f" starts with {other} instead", "muted")],
            [(f"[ Start with {start} ]", "warn"), ("  enter", "muted"), ("     esc back, nothing happened", "muted")],
        ]

    def refusal(self) -> str:
        """Why the plan can't be started; "" where it can."""
        if self.planned is None or self.broker_session.session is None:
            return "the plan is not there yet"
        return "there is nothing to do" if self.planned.plan.count.number == 0 else self.forbidden()

    @property
    def let_through(self) -> frozenset[str]:
        """The accepted risks, with those that options of the request imply."""
        return allowed_risks(self.request, self.allowed)

    def forbidden(self) -> str:
        """Why a profile or a risk forbids the plan; "" where none does."""
        assert self.planned is not None
        for session, plan in (
            (self.broker_session.session, self.planned.plan),
            (self.remote, self.planned.remote_plan),
        ):
            if session is None or plan is None:
                continue
            try:
                check(session.policy, plan, Consent(yes=True, typed=session.policy.profile, allowed=self.let_through))
            except NeedsConsent:
                continue
            except MqtuiError as error:
                return f"{error.title}: {error.detail}{_by_terms(plan, self.let_through)}"
        return ""

    def status_text(self) -> str:
        assert self.planned is not None
        warned = sum(risk.severity is Severity.WARN for risk in self.planned.plan.risks)
        warnings = f"{pluralize(warned, 'warning')} · " if warned else ""
        return f"{warnings}enter {self.start_words()} · nothing has happened yet"

    def start_words(self) -> str:
        """What enter does, in a few words."""
        if self.request.verb is Verb.DISCARD:
            return "discards all"
        return "starts with all" if self.whole else f"starts with {self.request.stages.first[0]:,}"

    def action_title(self, action: Action) -> str:
        match action.id:
            case "nav.open":
                return self.start_words()
            case "form.review":
                return "one first" if self.whole else "all at once"
        return "terms" if action.id == "thing.edit" else super().action_title(action)

    def hints(self) -> tuple[str, ...]:
        """The usual hints; a discard has no stages to switch."""
        shown = super().hints()
        return tuple(each for each in shown if each != "form.review") if self.request.verb is Verb.DISCARD else shown

    def disabled_reason(self, action: Action) -> str | None:
        """Enter needs a plan that may run."""
        if action.id == "nav.open":
            return self.refusal() or None
        return super().disabled_reason(action)

    @handles("form.review")
    def other_way(self) -> None:
        """Switch between starting with one letter and starting with all."""
        if self.request.verb is Verb.DISCARD:
            self.prompt_line.flash("a discard is done at once")
            return
        other = replace(self.request.stages, first=DEFAULT_STAGES.first if self.whole else ())
        self.take(replace(self.request, stages=other), self.allowed)

    @handles("thing.edit")
    async def terms(self) -> None:
        """Change target, selection, stages and accepted risks."""
        await self.console.go.redrive_options(self.broker_session, self.request, self.allowed, self.take)

    def take(self, request: RedriveRequest, allowed: frozenset[str]) -> None:
        """Plan again with other options."""
        self.request, self.allowed, self.planned = request, allowed, None
        self.text_view.write([[("making the plan anew …", "muted")]])
        self.run_worker(self._plan(), exclusive=True, group="plan", exit_on_error=False)

    @handles("nav.open")
    def start(self) -> None:
        """Ask for consent, then start the run."""
        self.run_worker(self._start(), exclusive=True, group="line", exit_on_error=False)

    async def _start(self) -> None:
        session, planned = self.broker_session.session, self.planned
        if session is None or planned is None:
            return
        what, thing = self.asked()
        consent = await ask_consent(self.prompt_line, session.policy, what, thing, self.let_through)
        if consent is None:
            return
        there = None
        if self.remote is not None and planned.remote_plan is not None:
            there = await ask_consent(self.prompt_line, self.remote.policy, "publish there", allowed=self.let_through)
            if there is None:
                return
        self.console.go.start_run(self.broker_session, self.create_run_task(session, planned, consent, there))

    def asked(self) -> tuple[str, str]:
        """What consent is asked for, and the name that is typed on every profile (a discard's source)."""
        return ("discard", self.request.source.name) if self.request.verb is Verb.DISCARD else ("start", "")

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
            saved = await encode_plan(session, planned, self.remote, self.let_through)
        except MqtuiError as error:
            self.show_error(error)
            return
        await export_rows(self, f"plan-{planned.plan.id[:4]}", "plan", [saved], orjson.dumps)

    def command(self) -> str:
        """The equivalent command line."""
        return command_of(self.request, self.broker_session.address, self.allowed)


def _by_terms(plan: Plan, risks: Collection[str]) -> str:
    """A hint at the risk that E can accept."""
    refused = (risk for risk in plan.risks if risk.severity is Severity.REFUSE and risk.name not in risks)
    first = next(refused, None)
    return "" if first is None or first.final else f" · E, and let {first.name} through"
