"""Reviewing and carrying out a plan of one step: claim, acknowledge, publish."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.errors import MqtuiError, NeedsConsent
from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.policy import Consent, check
from mqtui.services.plan_text import plan_lines
from mqtui.ui.actions import Action
from mqtui.ui.render.plan import style_plan_line
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView

NOTHING_YET = "nothing has happened yet"


class ConfirmPlanScreen(ConsoleScreen):
    """A plan; enter carries it out, esc leaves without a change."""

    screen_name = "Step"

    hint_actions = ("nav.open", "nav.back", "thing.copy")

    def __init__(
        self,
        broker_session: BrokerSession,
        plan: Plan,
        work: Callable[[Consent], Awaitable[StepResult]] | None = None,
        *,
        after: Callable[[], object],
        typed: str = "",
    ) -> None:
        """`work` carries it out, then `after` is called. `typed` is a name to be typed first, on every profile."""
        super().__init__()
        self.broker_session = broker_session
        self.plan = plan
        self.shown = list(plan_lines(plan))
        self.typed = typed
        self.result: StepResult | None = None
        self._work = work
        self._after = after

    def body(self) -> Iterable[Widget]:
        self.text_view = TextView()
        self.pane = Pane(self.text_view, name=f"{self.plan.profile}: {self.plan.verb} {self.plan.count}")
        yield Vertical(self.pane)

    def crumbs(self) -> tuple[str, ...]:
        return (str(self.plan.verb), "plan")

    def on_mount(self) -> None:
        self.text_view.glyphs = self.console.glyphs
        self.text_view.focus()
        self.ignore_keys_until_painted()
        self.draw()

    def draw(self) -> None:
        text: list[StyledLine] = [style_plan_line(line) for line in self.shown]
        if self.result is None:
            text += [
                [],
                [
                    (f"[ {self.plan.verb} {self.plan.count} ]", "warn"),
                    ("  enter   esc back, nothing happened", "muted"),
                ],
            ]
            refusal = self.refusal()
            enter = f"enter does it · {NOTHING_YET}"
            self.prompt_line.set_status(refusal or enter, "danger" if refusal else "text")
        else:
            done, asked = self.result.done, self.result.asked
            text += [[], [(f"✓ {done:,} of {asked:,} done", "ok" if done == asked else "warn")]]
            text += [[(f"▲ {note}", "warn")] for note in self.result.notes]
            self.prompt_line.set_status("done; esc goes back", "ok")
        self.text_view.write(text)
        self.draw_hints()

    def refusal(self) -> str:
        """Why the plan can't be carried out; "" where it can."""
        if self.broker_session.session is None:
            return "the broker is not open"
        policy = self.broker_session.session.policy
        try:
            check(policy, self.plan, Consent(yes=True, typed=policy.profile))
        except NeedsConsent:
            return ""
        except MqtuiError as error:
            return f"{error.title}: {error.detail}"
        return ""

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "nav.open":
            return "it is done" if self.result is not None else self.refusal() or None
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        return f"{self.plan.verb} {self.plan.count}" if action.id == "nav.open" else super().action_title(action)

    @handles("nav.open")
    def go(self) -> None:
        """Ask for consent, then carry the plan out."""
        self.run_worker(self._go(), exclusive=True, group="line", exit_on_error=False)

    async def _go(self) -> None:
        consent = await self.agreed() if self.result is None and self._work is not None else None
        if consent is None or self._work is None:
            return
        try:
            self.result = await self._work(consent)
        except MqtuiError as error:
            self.show_error(error)
            return
        if self.is_attached:
            self.draw()
        self._after()

    async def agreed(self) -> Consent | None:
        """Ask for consent, with a typed name where one is needed; None where it was not given."""
        session = self.broker_session.session
        if session is None:
            return None
        policy = session.policy
        wanted = self.typed or (policy.profile if policy.protected else "")
        if wanted:
            entered = await self.prompt_line.ask(
                f"type {wanted} to go on", pastes=False, beside="esc back, nothing happened"
            )
            if entered is None or entered.strip() != wanted:
                self.prompt_line.set_status(
                    "nothing happened" if entered is None else f"that was not {wanted}: nothing happened", "warn"
                )
                return None
        return Consent(yes=True, typed=policy.profile)

    @handles("thing.copy")
    def copy_plan(self) -> None:
        """Copy the plan's lines."""
        self.console.copy("\n".join(self.shown), "the plan")
