"""The one screen for plans: risks and terms first, then the key that carries the plan out, then its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.errors import MqtuiError, NeedsConsent
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, Severity
from mqtui.domain.policy import Consent, check
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.broker_status import error_lines
from mqtui.ui.render.plan import PlanText, plan_identity, plan_place, plan_title, render_plans
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.redrive.consent import ask_consent
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.plan_view import PlanView

NOT_THERE = "the plan is not there yet"
NOTHING_YET = "nothing has happened yet"
MAKING = "making the plan; nothing is changed"


class PlanScreen(ConsoleScreen):
    """A plan; enter carries it out once all that must be read was in sight, esc leaves without a change.

    Subclasses say how the plan is made (`make_plan`) and carried out (`carry_out`), in which words (`start_words`,
    `button`), and what became of it (`outcome`).
    """

    hint_actions: ClassVar[tuple[str, ...]] = ("nav.open", "view.detail", "thing.copy", "nav.back")

    counts = ""
    """What the plan counts, such as `letter`."""

    def __init__(self, broker_session: BrokerSession) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.plan_text = PlanText()

    def body(self) -> Iterable[Widget]:
        self.text_view = PlanView()
        self.pane = Pane(self.text_view, name="Plan")
        yield Vertical(self.pane)

    def on_mount(self) -> None:
        """Show the plan, or make it first."""
        self.text_view.glyphs = self.console.glyphs
        self.text_view.focus()
        if self.parts():
            self.draw_plan()
        else:
            self.prompt_line.set_status(MAKING)
            self.prepare()

    # -- the plan

    def parts(self) -> Sequence[tuple[Session | None, Plan]]:
        """The plans that are agreed to together, each with the session it needs; none while it is being made."""
        return ()

    async def make_plan(self) -> None:
        """Make what `parts` gives.

        Raises:
            MqtuiError: it can't be planned.
        """

    def prepare(self) -> None:
        """Make the plan, then show it."""
        self.run_worker(self._prepare(), exclusive=True, group="plan", exit_on_error=False)

    async def _prepare(self) -> None:
        try:
            await self.make_plan()
        except MqtuiError as error:
            if self.is_attached:
                self.prompt_line.set_status(f"✗ {error.title}: nothing happened", "danger")
                lines: list[StyledLine] = [[line] for line in error_lines(error)]
                self.text_view.show(PlanText(lines), self.ways_after_failure())
            return
        if self.is_attached:
            self.draw_plan()

    def ways_after_failure(self) -> list[StyledLine]:
        """What can be done where there is no plan."""
        return [[("esc goes back, nothing happened", "muted")]]

    # -- showing

    def titled(self) -> tuple[str, str]:
        """The pane's title (what the plan does) and facts (its id and guarantee)."""
        plan = self.parts()[0][1]
        return plan_title(plan, self.place(plan), self.counts), plan_identity(plan)

    def place(self, plan: Plan) -> str:
        """Where the plan is carried out, as the title names it."""
        return plan_place(plan, with_broker=len(self.console.sessions.for_target(self.broker_session.target)) > 1)

    def draw_plan(self) -> None:
        """Draw a plan that was just made; keys are ignored until it is painted."""
        self.plan_text = render_plans([plan for _, plan in self.parts()])
        self.pane.title(*self.titled())
        self.draw()
        self.ignore_keys_until_painted()
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw the plan, then the way on, the progress or the outcome."""
        if not self.is_attached or not self.parts():
            return
        self.text_view.show(self.plan_text, self.outcome() or self.ways_on())
        text, tone = self.outcome_status() if self.is_started else self.plan_status()
        self.prompt_line.set_status(text, tone)
        self.draw_hints()

    def ways_on(self) -> list[StyledLine]:
        """Why it can't be started, or the button that starts it."""
        refusal = self.refusal()
        if refusal:
            return [[(f"✗ {refusal}", "danger")], [(self.ways_refused(), "muted")]]
        esc = ("     esc back, nothing happened", "muted")
        return [[(f"[ {self.button()} ]", "warn"), ("  enter", "muted"), esc]]

    def ways_refused(self) -> str:
        """What can be done about a refusal."""
        return "nothing can be started from here: esc goes back"

    def plan_status(self) -> tuple[str, str]:
        """What enter does now, and that nothing has happened: text and tone."""
        refusal = self.refusal()
        if refusal:
            return refusal, "danger"
        unread = self.text_view.unread_rows()
        if unread:
            return f"enter reads on: {pluralize(unread, 'row')} more before it can start · {NOTHING_YET}", "warn"
        warned = sum(risk.severity is Severity.WARN for _, plan in self.parts() for risk in plan.risks)
        warnings = f"{pluralize(warned, 'warning')} · " if warned else ""
        return f"{warnings}enter {self.start_words()} · {NOTHING_YET}", "text"

    def start_words(self) -> str:
        """What enter does, in a few words: `starts with 1`."""
        return "does it"

    def button(self) -> str:
        """The words on the button."""
        return "Start"

    # -- the outcome

    @property
    def is_started(self) -> bool:
        """Whether it is under way or done."""
        return False

    def outcome(self) -> list[StyledLine]:
        """The progress or the outcome; empty before it is started."""
        return []

    def outcome_status(self) -> tuple[str, str]:
        """How it goes or went, for the prompt line: text and tone."""
        return "done; esc goes back", "ok"

    # -- carrying it out

    @property
    def allowed(self) -> frozenset[str]:
        """The names of accepted risks."""
        return frozenset()

    def refusal(self) -> str:
        """Why it can't be started; "" where it can."""
        if not self.parts():
            return NOT_THERE
        for session, plan in self.parts():
            if session is None:
                return "the broker is not open"
            try:
                check(session.policy, plan, Consent(yes=True, typed=session.policy.profile, allowed=self.allowed))
            except NeedsConsent:
                continue
            except MqtuiError as error:
                return f"{self.way_past(plan)}{error.title}: {error.detail}"
        return ""

    def way_past(self, plan: Plan) -> str:
        """What can be done about a risk that refuses, to stand before it; "" where nothing can."""
        return ""

    @property
    def asks_to(self) -> str:
        """What consent is asked for: `type prod-eu to go on`."""
        return "go on"

    def name_to_type(self) -> str:
        """A name that is typed on every profile; "" where only protected ones ask."""
        return ""

    @property
    def reads_on(self) -> bool:
        """Whether enter only scrolls: something that must be read has not been in sight."""
        return not self.is_started and not self.refusal() and self.text_view.unread_rows() > 0

    @handles("nav.open")
    def go(self) -> None:
        """Read on, or ask for consent and carry the plan out."""
        if self.reads_on:
            self.text_view.read_on()
            self.call_after_refresh(self.draw)
            return
        self.run_worker(self._go(), exclusive=True, group="line", exit_on_error=False)

    async def _go(self) -> None:
        consents = await self.agreed()
        if not consents:
            return
        try:
            await self.carry_out(consents)
        except MqtuiError as error:
            self.show_error(error)

    async def agreed(self) -> list[Consent]:
        """Ask for the consent to each plan; empty where one was not given."""
        given: list[Consent] = []
        for session, _ in self.parts():
            if session is None:
                return []
            what, thing = ("publish there", "") if given else (self.asks_to, self.name_to_type())
            consent = await ask_consent(self.prompt_line, session.policy, what, thing, self.allowed)
            if consent is None:
                return []
            given.append(consent)
        return given

    async def carry_out(self, consents: Sequence[Consent]) -> None:
        """Do what was agreed to; a consent for each of `parts`."""

    def disabled_reason(self, action: Action) -> str | None:
        """Enter needs a plan that may be carried out, and works once."""
        if action.id == "nav.open":
            return "it was done already" if self.is_started else self.refusal() or None
        if action.id == "view.detail":
            return None if self.text_view.has_details else "the plan is shown in full"
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        if action.id == "nav.open":
            return "read on" if self.reads_on else self.start_words()
        if action.id == "view.detail":
            return "details" if self.text_view.is_folded else "fold"
        return super().action_title(action)

    @handles("view.detail")
    def detail(self) -> None:
        """Show the details of the plan, or fold them."""
        self.text_view.toggle_details()
        self.draw_hints()

    def on_resize(self) -> None:
        """Another size: what is in sight is another part."""
        if self.is_ready and self.parts():
            self.call_after_refresh(self.draw)
