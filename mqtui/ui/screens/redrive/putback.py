"""Putting the letters of a run back: the plan, then its outcome."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from textual.containers import Vertical
from textual.widget import Widget

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import MqtuiError, NeedsConsent
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Severity
from mqtui.domain.policy import Consent, check
from mqtui.services.plan_text import plan_lines
from mqtui.services.redrive.putback import putback
from mqtui.services.redrive.putback.putback import PlannedPutBack
from mqtui.services.redrive.run.journal_writer import open_journal
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.plan import style_plan_line
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.copy import copy_choice
from mqtui.ui.screens.redrive.consent import ask_consent
from mqtui.ui.session.putback_task import PutBackTask
from mqtui.ui.session.run_sessions import wait_until_open
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView


class PutBackScreen(ConsoleScreen):
    """The plan of a put back; enter starts it, and it goes on when the screen is left."""

    screen_name = "PutBack"

    hint_actions = ("nav.open", "thing.copy", "nav.back")

    def __init__(self, broker_session: BrokerSession, run: str) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.run_id = run
        self.planned_put_back: PlannedPutBack | None = None
        self.background_task: PutBackTask | None = None

    def body(self) -> Iterable[Widget]:
        self.text_view = TextView()
        self.pane = Pane(self.text_view, name="Put back")
        yield Vertical(self.pane)

    def crumbs(self) -> tuple[str, ...]:
        return ("Runs", f"run {self.run_id[:4].upper()}", "put back")

    def on_mount(self) -> None:
        self.text_view.glyphs = self.console.glyphs
        self.text_view.focus()
        self.prompt_line.set_status("making the plan; nothing is changed")
        self.run_worker(self._plan(), exclusive=True, group="plan", exit_on_error=False)

    async def _plan(self) -> None:
        try:
            session = await wait_until_open(self.broker_session)
            async with open_journal() as journal:
                record = await run_in_thread("journal", partial(journal.find, self.run_id))
                back = await putback.plan_put_back(session, record, journal)
        except MqtuiError as error:
            self.prompt_line.set_status("nothing happened", "text")
            self.text_view.write([[(f"✗ {error.title}", "danger")], [(error.detail, "")], [(error.hint, "muted")]])
            return
        if self.is_attached:
            self.planned_put_back = back
            self.draw_plan()
            self.draw_hints()

    # -- showing

    def draw_plan(self) -> None:
        """Draw the plan and the button that starts it."""
        assert self.planned_put_back is not None
        plan = self.planned_put_back.plan
        self.pane.title(f"{plan.profile}: put {pluralize(plan.count, 'letter')} back", f"plan {plan.id[:4].upper()}")
        button: StyledLine = [
            ("[ Put back ]", "warn"),
            ("  enter", "muted"),
            ("     esc back, nothing happened", "muted"),
        ]
        refusal = self.refusal()
        if refusal:
            button = [("nothing can be started from here: ", "danger"), ("esc goes back", "muted")]
        self.text_view.write([*(style_plan_line(line) for line in plan_lines(plan)), [], button])
        warned = sum(risk.severity is Severity.WARN for risk in plan.risks)
        lines_shown = (
            f"{pluralize(warned, 'warning')} · nothing has happened yet" if warned else "nothing has happened yet"
        )
        self.prompt_line.set_status(refusal or lines_shown, "danger" if refusal else "text")
        self.ignore_keys_until_painted()

    def refusal(self) -> str:
        """Why it can't be started; "" where it can."""
        if self.planned_put_back is None or self.broker_session.session is None:
            return "the plan is not there yet"
        policy = self.broker_session.session.policy
        try:
            check(policy, self.planned_put_back.plan, Consent(yes=True, typed=policy.profile))
        except NeedsConsent:
            return ""
        except MqtuiError as error:
            return f"{error.title}: {error.detail}"
        return ""

    def _news(self) -> None:
        self.call_later(self.draw_outcome)

    def draw_outcome(self) -> None:
        """Draw the progress, or the outcome."""
        task = self.background_task
        if task is None or self.planned_put_back is None or not self.is_attached:
            return
        lines_shown: list[StyledLine] = [
            *(style_plan_line(line) for line in plan_lines(self.planned_put_back.plan)),
            [],
        ]
        if task.error is not None:
            error = task.error
            lines_shown += [[(f"✗ {error.title}", "danger")], [(error.detail, "")], [(error.hint, "muted")]]
            self.prompt_line.set_status("what is not back yet can be put back by another one: U on the run", "danger")
        elif task.result is not None:
            result = task.result
            good = result.moved == result.planned
            words = f"{result.moved:,} of {result.planned:,} are back in {self.planned_put_back.record.source.name}"
            lines_shown.append([("✓ " if good else "▲ ", "ok" if good else "warn"), (words, "")])
            lines_shown += [[(f"  ▲ {number:,} not moved: {reason}", "warn")] for reason, number in result.reasons]
            lines_shown += [[(f"  ▲ may be there twice: {name}", "warn")] for name in result.suspects[:50]]
            self.prompt_line.set_status(words, "ok" if good else "warn")
        else:
            lines_shown.append([("putting back …", "live")])
            self.prompt_line.set_status("putting back · esc leaves it running", "live")
        self.text_view.write(lines_shown)
        self.draw_hints()

    # -- verbs

    def disabled_reason(self, action: Action) -> str | None:
        """Enter needs a plan that may run, and works once."""
        if action.id == "nav.open":
            return "it was done already" if self.background_task is not None else self.refusal() or None
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        return "put back" if action.id == "nav.open" else super().action_title(action)

    @handles("nav.open")
    def start(self) -> None:
        """Ask for consent, then put the letters back."""
        self.run_worker(self._start(), exclusive=True, group="line", exit_on_error=False)

    async def _start(self) -> None:
        session, back = self.broker_session.session, self.planned_put_back
        if session is None or back is None or self.background_task is not None:
            return
        consent = await ask_consent(self.prompt_line, session.policy, "put them back")
        if consent is not None:
            self._start_task(session, back, consent)

    def _start_task(self, session: Session, back: PlannedPutBack, consent: Consent) -> None:
        task = self.background_task = PutBackTask(session, back, consent, self._news)
        self.console.go.track(task)
        self.draw_outcome()

    @handles("thing.copy")
    def copy(self) -> None:
        """Copy the equivalent command."""
        parts = {"c": ("command", f"mqtui runs putback {self.run_id[:8].upper()}")}
        self.run_worker(copy_choice(self, parts), exclusive=True, group="line", exit_on_error=False)
