"""A run under way: stages, progress, what its readers did; then its report. It goes on when the screen is left."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Result
from mqtui.domain.reader_progress import ReaderProgress
from mqtui.services.command_line import command_of
from mqtui.services.redrive.run.canary import was_held
from mqtui.services.redrive.run.monitor_result import MonitorResult
from mqtui.services.ticket_report import read_markdown_report
from mqtui.ui.actions import Action
from mqtui.ui.render import figures
from mqtui.ui.render.runs.canary_stages import stages_line
from mqtui.ui.render.runs.outcomes import outcomes_line
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.copy import CopyChoices, copy_choice
from mqtui.ui.session.run_task import RunTask
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView

REDRAW_SECONDS = 0.25
BAR_WIDTH = 56
MARGINS = 2
"""Blank columns beside the text."""


FINISHED = ("✓", "finished", "ok")
FINISHED_IN_PART = ("▲", "finished, not all were moved", "warn")
STOPPED = ("○", "stopped", "warn")
HELD = ("·", "held", "warn")


class RunScreen(ConsoleScreen):
    """The progress and outcome of one run."""

    screen_name = "Run"

    hint_actions = ("nav.open", "nav.back", "thing.copy", "run.stop", "run.restore")

    def __init__(self, broker_session: BrokerSession, task: RunTask) -> None:
        """`task` is a run that was just started, or one whose screen was left."""
        super().__init__()
        self.broker_session = broker_session
        self.background_task = task
        task.changed = self._news
        self._fresh = True

    def body(self) -> Iterable[Widget]:
        self.text_view = TextView()
        self.pane = Pane(self.text_view, name="Run")
        yield Vertical(self.pane)

    def crumbs(self) -> tuple[str, ...]:
        plan = self.background_task.planned.plan
        return ("Dead letters", self.background_task.planned.source.ref.name, f"run {plan.id[:4].upper()}")

    def on_mount(self) -> None:
        """Draw at most four times a second."""
        self.text_view.glyphs = self.console.glyphs
        self.text_view.focus()
        self.set_interval(REDRAW_SECONDS, self._draw_if_fresh, name="run")
        self.draw_run()

    def _news(self) -> None:
        self._fresh = True

    def _draw_if_fresh(self) -> None:
        if self._fresh or self.background_task.is_running:
            self._fresh = False
            self.draw_run()

    # -- showing

    def draw_run(self) -> None:
        """Draw everything that is known of the run."""
        totals = self.background_task.figures()
        if totals is None or not self.is_attached:
            return
        plan = self.background_task.planned.plan
        targets = ", ".join(ref.name for ref in self.background_task.planned.targets) or "nowhere"
        promise = plan.guarantee.strength if plan.guarantee else ""
        done = totals.planned - totals.left
        active, watching = self.background_task.is_running, self.watching
        stages = stages_line(self.background_task.stages, self.planned(totals), done, active=active, watching=watching)
        self.pane.title(stages, f"{self.background_task.planned.source.ref.name} → {targets} · {promise}")
        self.text_view.write(self.lines(totals))
        text, tone = self.status_text(totals)
        self.prompt_line.set_status(text, tone)
        self.draw_frame()

    def planned(self, totals: Result) -> int | None:
        """How many letters will be moved; None while that is unknown (the source is still being read)."""
        run = self.background_task.run
        read_to_its_end = run is None or not (self.background_task.is_running or run.stop.is_set())
        return totals.planned if read_to_its_end or (run is not None and run.counter.planned is not None) else None

    def lines(self, totals: Result) -> list[StyledLine]:
        """Progress bar, outcomes, monitor result, readers, reasons, possible duplicates."""
        done = totals.moved + totals.refused + totals.skipped + totals.unknown
        planned = self.planned(totals)
        of = "?" if planned is None else f"{planned:,}"
        full = round(BAR_WIDTH * done / planned) if planned else 0
        speed = None if self.settled or self.watching else self.background_task.rate()
        rate = "" if speed is None else figures.rate(speed)
        lines: list[StyledLine] = [
            [("█" * full, "live"), ("░" * (BAR_WIDTH - full), "rule"), (f"  {done:,} of {of}  {rate}", "")],
            [],
            outcomes_line(totals, None if planned is None else totals.left, self.size.width - MARGINS),
        ]
        if self.watching:
            lines.append(self._countdown())
        for reason, number in totals.reasons:
            lines.append([(f"  ▲ {number:,} not moved: {reason}", "warn")])
        for name in totals.suspects[:50]:
            lines.append([(f"  ▲ may be there twice: {name}", "warn")])
        for name in totals.unknowns[:50]:
            lines.append([(f"  ▲ unknown, in the bundle: U puts it back: {name}", "warn")])
        lines += self._verdict_lines()
        if self.background_task.error is not None:
            error = self.background_task.error
            lines += [[], [(f"✗ {error.title}", "danger")], [(f"  {error.detail}", "")], [(f"  {error.hint}", "muted")]]
        if not self.background_task.is_running:
            lines += [[], [("report  ", "muted"), (self.report(totals), "")]]
        return lines

    def _countdown(self) -> StyledLine:
        """How long it is watched at most, and how many may come back: `48s left · came back 0 % of at most 5 %`."""
        stages, verdict = self.background_task.stages, self.verdict
        seconds = 0.0 if verdict is None else verdict.seconds
        share = 0.0 if verdict is None else verdict.returned_share
        unknown = verdict is not None and verdict.returned_count is None
        left = max(0, round(stages.watch - seconds))
        allowed = f"{'?' if unknown else f'{share * 100:.0f}'} % of at most {stages.stop_at * 100:.0f} %"
        return [
            ("watching ", "muted"),
            (f"{left}s left", "live"),
            (" · came back ", "muted"),
            (allowed, "danger" if share > stages.stop_at else "ok"),
        ]

    @property
    def verdict(self) -> MonitorResult | None:
        """What the monitor found about the copies."""
        return self.background_task.run.monitor_result if self.background_task.run is not None else None

    @property
    def watching(self) -> bool:
        """Whether moving has ended and the copies are being monitored."""
        return self.background_task.run is not None and self.background_task.run.is_watching

    @property
    def settled(self) -> bool:
        """Whether the monitor's result is final for what was moved so far."""
        return self.background_task.is_waiting or not self.background_task.is_running

    def _verdict_lines(self) -> list[StyledLine]:
        verdict = self.verdict
        if verdict is None:
            return []
        well = ("✓ ", "ok") if verdict.is_success else ("▲ ", "warn")
        sign = ("✗ ", "danger") if verdict.came_back else well if self.settled else ("▸ ", "live")
        lines: list[StyledLine] = [[], [sign, (verdict.describe(), "")]]
        lines += [_reader_line(reader) for reader in verdict.readers]
        lines += [[(f"  came back: {place}", "danger")] for place in verdict.returned_letters[:20]]
        stage_report = self.background_task.stage_report
        if self.background_task.is_waiting and stage_report is not None and stage_report.hold:
            lines += [[(f"▲ held: {stage_report.hold}", "warn")]]
        return lines

    @property
    def tour_step(self) -> str:
        """The tour's step, once the first letter stayed at home; its last one when all of them did."""
        verdict, result = self.verdict, self.background_task.result
        if not self.settled or verdict is None or verdict.came_back:
            return ""
        if self.background_task.is_running:
            return super().tour_step
        return "Home" if result is not None and result.whole else ""

    def status_text(self, totals: Result) -> tuple[str, str]:
        """What is asked now, or how it ended: text and tone."""
        task = self.background_task
        if task.is_waiting and task.stage_report is not None:
            left = "the rest" if task.stage_report.left is None else f"{task.stage_report.left:,}"
            if task.stage_report.hold:
                return f"▲ not seen to pass: enter goes on with {left} all the same · S stops here", "warn"
            return f"enter goes on with {left} · S stops here, the rest stays", "ok"
        if task.is_running:
            if self.watching:
                return "watching whether they come back · esc leaves it running · S stops the rest", "live"
            return "moving · esc leaves it running · S stops the rest; the batch in flight is finished", "live"
        if task.error is not None:
            return f"✗ {task.error.title}: nothing is lost, the run can be resumed from view 5", "danger"
        verdict = self.verdict
        if verdict is not None and verdict.returned_share > task.stages.stop_at:
            share = f"{verdict.came_back:,} of {verdict.moved:,} came back ({verdict.returned_share:.0%})"
            stayed = "The rest" if self.planned(totals) is None else pluralize(totals.left, "letter")
            return f"✗ STOPPED BY ITSELF: {share}. {stayed} never left.", "danger"
        sign, word, tone = self.ending(totals)
        return f"{sign} {word}: {self.report(totals)}", tone

    def ending(self, totals: Result) -> tuple[str, str, str]:
        """How the run ended: sign, word and tone. Finished, held and stopped are different ends."""
        if was_held(totals.why):
            return HELD
        if self.background_task.is_stopped:
            return STOPPED
        return FINISHED if totals.whole else FINISHED_IN_PART

    def report(self, totals: Result) -> str:
        """A report of the run in one line, such as for a ticket."""
        plan = self.background_task.planned.plan
        targets = ", ".join(ref.name for ref in self.background_task.planned.targets) or "the bundle"
        parts = [f"{totals.moved:,} moved"]
        for name in ("refused", "unknown", "skipped", "left"):
            number = getattr(totals, name)
            if number:
                parts.append(f"{number:,} {name}")
        if totals.passed is not None:
            parts.append(f"{totals.passed:,} passed")
        if totals.waiting:
            parts.append(f"{totals.waiting:,} waiting")
        if totals.came_back is not None:
            parts.append(f"{totals.came_back:,} came back")
        where = f"{self.background_task.planned.source.ref.name} → {targets}"
        return (
            f"{plan.verb} {plan.id[:4].upper()}, {where}, {plan.profile}: {', '.join(parts)}, in {totals.seconds:.1f} s"
        )

    # -- verbs

    def disabled_reason(self, action: Action) -> str | None:
        """Enter answers a question, S needs a run."""
        if action.id == "nav.open" and not self.settled:
            return "nothing is asked now"
        if action.id == "run.stop" and not self.background_task.is_running:
            return "the run has ended"
        if action.id == "run.restore" and self.background_task.is_running:
            return "a run that is under way can't be put back: S stops it"
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        """Enter goes on; after the end it shows the letters."""
        if action.id == "nav.open":
            return "go on" if self.background_task.is_running else "letters"
        return super().action_title(action)

    @handles("nav.open")
    async def go_on(self) -> None:
        """Go on with the next stage; after the end show what became of each letter."""
        if not self.background_task.is_running:
            await self.console.go.run(self.background_task.id)
            return
        self.background_task.answer(go_on=True)
        self.draw_run()

    @handles("run.stop")
    def stop(self) -> None:
        """Stop after the batch in flight."""
        self.background_task.stop()
        self.prompt_line.flash("stopping: the batch in flight is finished, the rest stays", "warn")

    @handles("run.restore")
    async def restore(self) -> None:
        """Plan to put the letters back."""
        await self.console.go.put_back(self.broker_session, self.background_task.planned.plan.id)

    @handles("thing.copy")
    def copy_report(self) -> None:
        """Copy the report as Markdown (of a run under way: in one line), or the equivalent command."""
        task, totals = self.background_task, self.background_task.figures()
        if totals is not None:
            command = command_of(task.planned.request, self.broker_session.address)
            ended = not task.is_running and task.run is not None and task.run.is_journaled
            report = partial(read_markdown_report, task.id) if ended else self.report(totals)
            parts: CopyChoices = {"y": ("report", report), "c": ("command", command)}
            self.run_worker(copy_choice(self, parts), exclusive=True, group="line", exit_on_error=False)


def _reader_line(reader: ReaderProgress) -> StyledLine:
    tone = "ok" if not reader.waiting else "lag" if reader.counts else "muted"
    why = "no members" if reader.alive is False else "the letters did not fail there"
    note = f"  not waited for: {why}" if reader.waiting and not reader.counts else f"  {reader.state}"
    return [(f"  {reader.group:<20} {reader.passed:>7,} passed {reader.waiting:>7,} waiting", tone), (note, "muted")]
