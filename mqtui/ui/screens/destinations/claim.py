"""Claiming pending entries for another consumer in two stages: one entry first, then the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqtui.domain.plan import Plan
from mqtui.domain.policy import Consent
from mqtui.services.claim import ClaimProgress, StagedClaim, split_first_entry
from mqtui.services.plan_text import plan_lines
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.session.sessions import BrokerSession

HISTORY = "an entry it was given is in its own history: it reads that with XREADGROUP and id 0"


class ClaimScreen(PlanScreen):
    """Enter claims one entry, then the rest; esc leaves the others with their consumer."""

    screen_name = "Claim"

    def __init__(
        self, broker_session: BrokerSession, session: Session, plan: Plan, owners: str, *, after: Callable[[], object]
    ) -> None:
        super().__init__(broker_session)
        self.plan = split_first_entry(plan)
        self.staged_claim = StagedClaim(session, self.plan, owners)
        self.progress: ClaimProgress | None = None
        self.is_running_stage = False
        self._after = after

    def parts(self) -> Sequence[tuple[Session | None, Plan]]:
        return ((self.broker_session.session, self.plan),)

    def crumbs(self) -> tuple[str, ...]:
        return (str(self.plan.verb), "plan")

    @property
    def is_started(self) -> bool:
        return self.progress is not None

    def outcome(self) -> list[StyledLine]:
        """What became of the entries so far."""
        progress = self.progress
        if progress is None:
            return []
        sign = ("▸ ", "live") if self.is_running_stage else ("✓ ", "ok") if progress.is_acknowledged else ("▲ ", "warn")
        lines_shown: list[StyledLine] = [[sign, (progress.describe(), "")]]
        if not self.is_running_stage and progress.waiting:
            lines_shown.append([(f"  {progress.to}: {HISTORY}", "muted")])
        return lines_shown + [[(f"▲ {note}", "warn")] for note in progress.notes]

    def outcome_status(self) -> tuple[str, str]:
        """What enter does now, or how it ended: text and tone."""
        if self.progress is not None and self.is_running_stage:
            return f"watching whether {self.progress.to} acknowledges", "live"
        if self.staged_claim.remaining:
            return f"enter goes on with {self.staged_claim.remaining:,} · esc leaves them where they are", "ok"
        return "done; yy copies the report, esc goes back", "ok"

    def start_words(self) -> str:
        return "starts with 1" if len(self.plan.steps) > 1 else "claims it"

    def button(self) -> str:
        return "Start with 1" if len(self.plan.steps) > 1 else "Claim"

    def action_title(self, action: Action) -> str:
        if action.id == "nav.open" and self.progress is not None:
            return f"go on with {self.staged_claim.remaining:,}" if self.staged_claim.remaining else "go on"
        return super().action_title(action)

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "nav.open" and self.is_running_stage:
            return "the consumer is still watched"
        if action.id == "nav.open" and self.is_started:
            return None if self.staged_claim.remaining else "it is done"
        return super().disabled_reason(action)

    async def agreed(self) -> list[Consent]:
        """Consent is asked for once, before the first stage."""
        return await super().agreed() if self.progress is None else [Consent(yes=True, typed=self.plan.profile)]

    async def carry_out(self, consents: Sequence[Consent]) -> None:
        self.is_running_stage = True
        try:
            self.progress = await self.staged_claim.run_next_stage(consents[0], self._on_progress)
        finally:
            self.is_running_stage = False
        self.draw()
        self._after()

    def _on_progress(self, progress: ClaimProgress) -> None:
        self.progress = progress
        self.draw()

    @handles("thing.copy")
    def copy_plan(self) -> None:
        """Copy the report; before there is one, the plan."""
        if self.progress is None:
            self.console.copy("\n".join(plan_lines(self.plan)), "the plan")
        else:
            name = f"claim {self.plan.id[:4].upper()}, {self.plan.profile}"
            self.console.copy(f"{name}: {self.progress.describe()}", "the report")
