"""Claiming pending entries for another consumer in two stages: one entry first, then the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqtui.domain.errors import MqtuiError
from mqtui.domain.plan import Plan
from mqtui.domain.policy import Consent
from mqtui.services.claim import ClaimProgress, StagedClaim, split_first_entry
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.plan import style_plan_line
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.redrive.confirm_plan import NOTHING_YET, ConfirmPlanScreen
from mqtui.ui.session.sessions import BrokerSession

HISTORY = "an entry it was given is in its own history: it reads that with XREADGROUP and id 0"


class ClaimScreen(ConfirmPlanScreen):
    """Enter claims one entry, then the rest; esc leaves the others with their consumer."""

    screen_name = "Claim"

    def __init__(
        self, broker_session: BrokerSession, session: Session, plan: Plan, owners: str, *, after: Callable[[], object]
    ) -> None:
        plan = split_first_entry(plan)
        super().__init__(broker_session, plan, after=after)
        self.staged_claim = StagedClaim(session, plan, owners)
        self.progress: ClaimProgress | None = None
        self.is_running_stage = False

    def draw(self) -> None:
        """Draw the plan, and what became of the entries so far."""
        self.text_view.write([*(style_plan_line(line) for line in self.shown), [], *self.outcome()])
        refusal = self.refusal() if self.progress is None else ""
        text, tone = (refusal, "danger") if refusal else self.status_text()
        self.prompt_line.set_status(text, tone)
        self.draw_hints()

    def outcome(self) -> Sequence[StyledLine]:
        """The start button, or what became of the entries."""
        progress = self.progress
        if progress is None:
            return [[(f"[ {self.enter_words()} ]", "warn"), ("  enter   esc back, nothing happened", "muted")]]
        sign = ("▸ ", "live") if self.is_running_stage else ("✓ ", "ok") if progress.is_acknowledged else ("▲ ", "warn")
        lines_shown: list[StyledLine] = [[sign, (progress.describe(), "")]]
        if not self.is_running_stage and progress.waiting:
            lines_shown.append([(f"  {progress.to}: {HISTORY}", "muted")])
        return lines_shown + [[(f"▲ {note}", "warn")] for note in progress.notes]

    def status_text(self) -> tuple[str, str]:
        """What enter does now, or how it ended: text and tone."""
        if self.progress is None:
            what = "starts with 1" if len(self.plan.steps) > 1 else "reassigns it"
            return f"enter {what} · {NOTHING_YET}", "text"
        if self.is_running_stage:
            return f"watching whether {self.progress.to} acknowledges", "live"
        if self.staged_claim.remaining:
            return f"enter goes on with {self.staged_claim.remaining:,} · esc leaves them where they are", "ok"
        return "done; yy copies the report, esc goes back", "ok"

    def enter_words(self) -> str:
        """What enter does, in words."""
        if self.progress is not None:
            return f"Go on with {self.staged_claim.remaining:,}" if self.staged_claim.remaining else "Go on"
        return "Start with 1" if len(self.plan.steps) > 1 else "Reassign"

    def action_title(self, action: Action) -> str:
        return self.enter_words().lower() if action.id == "nav.open" else super().action_title(action)

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "nav.open" and self.is_running_stage:
            return "the consumer is still watched"
        if action.id == "nav.open" and not self.staged_claim.remaining:
            return "it is done"
        return super().disabled_reason(action)

    async def _go(self) -> None:
        consent = await self.agreed() if self.progress is None else Consent(yes=True, typed=self.plan.profile)
        if consent is None:
            return
        self.is_running_stage = True
        try:
            self.progress = await self.staged_claim.run_next_stage(consent, self._on_progress)
        except MqtuiError as error:
            self.show_error(error)
            return
        finally:
            self.is_running_stage = False
        if self.is_attached:
            self.draw()
        self._after()

    def _on_progress(self, progress: ClaimProgress) -> None:
        self.progress = progress
        if self.is_attached:
            self.draw()

    @handles("thing.copy")
    def copy_plan(self) -> None:
        """Copy the report; before there is one, the plan."""
        if self.progress is None:
            super().copy_plan()
        else:
            name = f"claim {self.plan.id[:4].upper()}, {self.plan.profile}"
            self.console.copy(f"{name}: {self.progress.describe()}", "the report")
