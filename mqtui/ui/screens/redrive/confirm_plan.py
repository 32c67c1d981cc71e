"""Carrying out a plan of one step: acknowledge, publish."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.policy import Consent
from mqtui.services.plan_text import plan_lines
from mqtui.services.session import Session
from mqtui.ui.render.plan import render_result
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.session.sessions import BrokerSession


class ConfirmPlanScreen(PlanScreen):
    """A plan that was handed in; `work` carries it out, then `after` is called."""

    screen_name = "Step"

    def __init__(
        self,
        broker_session: BrokerSession,
        plan: Plan,
        work: Callable[[Consent], Awaitable[StepResult]],
        *,
        after: Callable[[], object],
        typed: str = "",
    ) -> None:
        """`typed` is a name to be typed first, on every profile."""
        super().__init__(broker_session)
        self.plan = plan
        self.result: StepResult | None = None
        self._typed = typed
        self._work = work
        self._after = after

    def parts(self) -> Sequence[tuple[Session | None, Plan]]:
        return ((self.broker_session.session, self.plan),)

    def crumbs(self) -> tuple[str, ...]:
        return (str(self.plan.verb), "plan")

    def start_words(self) -> str:
        return f"{self.plan.verb} {self.plan.count}"

    def button(self) -> str:
        return self.start_words()

    def name_to_type(self) -> str:
        return self._typed

    @property
    def is_started(self) -> bool:
        return self.result is not None

    def outcome(self) -> list[StyledLine]:
        """How many were done, and what was not."""
        return [] if self.result is None else render_result(self.result, f"{self.result.asked:,} done")

    async def carry_out(self, consents: Sequence[Consent]) -> None:
        self.result = await self._work(consents[0])
        self.draw()
        self._after()

    @handles("thing.copy")
    def copy_plan(self) -> None:
        """Copy the plan's lines."""
        self.console.copy("\n".join(plan_lines(self.plan)), "the plan")
