"""The plan of a change of a destination: made, shown, carried out."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.domain.capability import Verb
from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.policy import Consent
from mqtui.services.destinations.change import AsksForChange, plan_change, run_change
from mqtui.services.plan_text import plan_lines
from mqtui.services.session import Session
from mqtui.ui.render.plan import plan_identity, render_result
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.session.run_sessions import wait_until_open
from mqtui.ui.session.sessions import BrokerSession

DONE_WORDS = {Verb.CREATE: "made", Verb.ALTER: "altered", Verb.DELETE: "deleted", Verb.PURGE: "purged"}


class ChangeScreen(PlanScreen):
    """What the change would do and lose; enter does it, and what is deleted is named by typing its name."""

    screen_name = "Change"

    hint_actions = (*PlanScreen.hint_actions, "read.again")

    def __init__(self, broker_session: BrokerSession, name: str, ask: AsksForChange) -> None:
        """`ask` says what is to be changed; it is asked again at each `r`."""
        super().__init__(broker_session)
        self.name_shown = name
        self.plan: Plan | None = None
        self.result: StepResult | None = None
        self._ask = ask

    def crumbs(self) -> tuple[str, ...]:
        return ("Destinations", self.name_shown, "plan")

    async def make_plan(self) -> None:
        session = await wait_until_open(self.broker_session)
        self.plan = await plan_change(session, await self._ask(session))

    def parts(self) -> Sequence[tuple[Session | None, Plan]]:
        return () if self.plan is None else ((self.broker_session.session, self.plan),)

    def titled(self) -> tuple[str, str]:
        plan = self.parts()[0][1]
        return f"{self.place(plan)}: {plan.verb} {self.name_shown}", plan_identity(plan)

    def start_words(self) -> str:
        return "does it" if self.plan is None else f"{self.plan.verb}s it"

    def button(self) -> str:
        return "Start" if self.plan is None else str(self.plan.verb).capitalize()

    @property
    def asks_to(self) -> str:
        return "go on" if self.plan is None else f"{self.plan.verb} it"

    def name_to_type(self) -> str:
        return "" if self.plan is None else self.plan.deletes

    def refusal(self) -> str:
        if self.plan is not None and not self.plan.steps:
            return "nothing changes: it is so already"
        return super().refusal()

    @property
    def is_started(self) -> bool:
        return self.result is not None

    def outcome(self) -> list[StyledLine]:
        """What was done, and what was not."""
        if self.result is None or self.plan is None:
            return []
        return render_result(self.result, f"{self.result.asked:,}: {self.name_shown} {DONE_WORDS[self.plan.verb]}")

    async def carry_out(self, consents: Sequence[Consent]) -> None:
        session = self.broker_session.session
        if session is None or self.plan is None:
            return
        self.result = await run_change(session, self.plan, consents[0])
        self.draw()
        if self.broker_session.poller is not None:
            self.broker_session.poller.poll_now()

    @handles("read.again")
    def plan_again(self) -> None:
        """Make the plan anew."""
        if self.result is None:
            self.prepare()

    @handles("thing.copy")
    def copy_plan(self) -> None:
        """Copy the plan's lines."""
        if self.plan is not None:
            self.console.copy("\n".join(plan_lines(self.plan)), "the plan")
