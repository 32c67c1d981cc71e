"""The review of a plan: word for word what a dry run prints; nothing has happened yet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError, NeedsConsent
from mqtui.domain.figure import counted
from mqtui.domain.plan import Severity
from mqtui.domain.policy import Consent, check
from mqtui.services.conventions import known
from mqtui.services.plan_lines import lines
from mqtui.services.redrive.order import Order, Stages
from mqtui.services.redrive.planning import Planned, make
from mqtui.ui.actions import Action
from mqtui.ui.flight import Flight
from mqtui.ui.render.audit_command import command_of
from mqtui.ui.render.text import Text
from mqtui.ui.screens.place import Place, does
from mqtui.ui.screens.run import RunPlace
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.paper import Paper
from mqtui.ui.workbench import Desk

CAREFUL = Stages((1, 10), stop_at=0.05, watch=60.0)
TITLED = re.compile(r"  \S.{9} \S")
"""A line of a plan that begins with what it is about: `  from       orders.DLQ`."""

AT_ONCE = Stages((), stop_at=0.05, watch=60.0)


class ReviewPlace(Place):
    """The plan of a redrive or a discard, and the way to start it."""

    hinted: ClassVar[tuple[str, ...]] = ("nav.open", "form.review", "thing.copy", "nav.back")

    def __init__(self, desk: Desk, order: Order) -> None:
        super().__init__()
        self.desk = desk
        self.order = order if order.verb is Verb.DISCARD else replace(order, stages=CAREFUL)
        self.planned: Planned | None = None
        self.whole = False
        """Whether it starts with all letters instead of one."""

    def body(self) -> Iterable[Widget]:
        """The plan and what starts it."""
        self.paper = Paper()
        self.pane = Pane(self.paper, name="Plan")
        yield Vertical(self.pane)

    def crumbs(self) -> tuple[str, ...]:
        """Where the letters lie, and the verb."""
        return ("Dead letters", self.order.source.name, str(self.order.verb))

    def on_mount(self) -> None:
        """Make the plan."""
        self.paper.glyphs = self.console.glyphs
        self.paper.focus()
        self.line.tell("making the plan; nothing is changed")
        self.run_worker(self._plan(), exclusive=True, group="plan", exit_on_error=False)

    async def _plan(self) -> None:
        session = self.desk.session
        if session is None:
            self.line.tell("the broker is not open", "warn")
            return
        try:
            planned = await make(session, self.order, known().conventions)
        except MqtuiError as error:
            self.say(error)
            return
        if not self.is_attached:
            return
        self.planned = planned
        self.draw_plan()
        self.draw_hints()

    def draw_plan(self) -> None:
        """The plan's lines and the buttons."""
        assert self.planned is not None
        plan = self.planned.plan
        facts = f"plan {plan.id[:4].upper()}"
        if plan.guarantee is not None:
            facts += f" · {plan.guarantee.strength}"
        self.pane.title(f"{plan.profile}: {plan.verb} {counted(plan.count, 'letter')}", facts)
        self.paper.write([*(toned(line) for line in lines(plan)), [], *self._ways_on()])
        refusal = self.refusal()
        self.line.tell(refusal or self.sentence(), "danger" if refusal else "text")
        self.hold_keys()

    def _ways_on(self) -> list[Text]:
        if self.refusal():
            return [[("nothing can be started from here: ", "danger"), ("esc goes back", "muted")]]
        if self.order.verb is Verb.DISCARD:
            return [[("[ Discard all ]", "warn"), ("  enter", "muted"), ("     esc back, nothing happened", "muted")]]
        start, other = ("all at once", "one letter") if self.whole else ("1", "all at once")
        return [
            [("it asks after the first; ", "muted"), ("ctrl+r", "accent"), (f" starts with {other} instead", "muted")],
            [(f"[ Start with {start} ]", "warn"), ("  enter", "muted"), ("     esc back, nothing happened", "muted")],
        ]

    def refusal(self) -> str:
        """Why the plan can't be started at all; "" where it can."""
        if self.planned is None or self.desk.session is None:
            return "the plan is not there yet"
        plan, policy = self.planned.plan, self.desk.session.policy
        if plan.count.number == 0:
            return "there is nothing to do"
        try:
            check(policy, plan, Consent(yes=True, typed=policy.profile))
        except NeedsConsent:
            return ""
        except MqtuiError as error:
            return f"{error.title}: {error.detail}"
        return ""

    def sentence(self) -> str:
        """What enter does."""
        assert self.planned is not None
        warned = sum(risk.severity is Severity.WARN for risk in self.planned.plan.risks)
        warnings = f"{counted(warned, 'warning')} · " if warned else ""
        return f"{warnings}enter {self.start_words()} · nothing has happened yet"

    def start_words(self) -> str:
        """What enter does, in two or three words."""
        if self.order.verb is Verb.DISCARD:
            return "discards all"
        return "starts with all" if self.whole else "starts with 1"

    def title_of(self, action: Action) -> str:
        """Enter starts, ctrl+r starts another way."""
        match action.id:
            case "nav.open":
                return self.start_words()
            case "form.review":
                return "one first" if self.whole else "all at once"
        return super().title_of(action)

    def hints(self) -> tuple[str, ...]:
        """A discard has one stage: there is no other way to start it."""
        shown = super().hints()
        return tuple(each for each in shown if each != "form.review") if self.order.verb is Verb.DISCARD else shown

    def obstacle(self, action: Action) -> str | None:
        """Enter needs a plan that may run."""
        if action.id == "nav.open":
            return self.refusal() or None
        return super().obstacle(action)

    @does("form.review")
    def other_way(self) -> None:
        """Start with one letter, or with all."""
        if self.order.verb is Verb.DISCARD:
            self.line.why_not("a discard is done at once")
            return
        self.whole = not self.whole
        self.order = replace(self.order, stages=AT_ONCE if self.whole else CAREFUL)
        self.run_worker(self._plan(), exclusive=True, group="plan", exit_on_error=False)

    @does("nav.open")
    def start(self) -> None:
        """Ask for the name where the profile is protected, then start."""
        self.run_worker(self._start(), exclusive=True, group="line", exit_on_error=False)

    async def _start(self) -> None:
        session, planned = self.desk.session, self.planned
        if session is None or planned is None:
            return
        typed = ""
        policy = session.policy
        wanted = policy.profile if policy.protected else ""
        if self.order.verb is Verb.DISCARD:
            wanted = self.order.source.name
        if wanted:
            what = "discard" if self.order.verb is Verb.DISCARD else "start"
            entered = await self.line.ask(f"type {wanted} to {what}", pastes=False, beside="esc back, nothing happened")
            if entered is None:
                self.line.tell("nothing happened", "text")
                return
            if entered.strip() != wanted:
                self.line.tell(f"that was not {wanted}: nothing happened", "warn")
                return
            typed = policy.profile
        flight = Flight(session, planned, Consent(yes=True, typed=typed))
        self.console.go.launch(RunPlace(self.desk, flight))

    @does("thing.copy")
    def copy_command(self) -> None:
        """The plan as a command."""
        self.console.copy(self.command(), "the command")

    def command(self) -> str:
        """The equivalent command line."""
        return command_of(self.order, self.desk.address)


def toned(line: str) -> Text:
    """A line of the plan with the tone of its sign."""
    bare = line.lstrip()
    if bare.startswith("✗"):
        return [(line, "danger")]
    if bare.startswith("▲"):
        return [(line, "warn")]
    if TITLED.match(line):
        return [(line[:13], "muted"), (line[13:], "")]
    return [(line, "")]
