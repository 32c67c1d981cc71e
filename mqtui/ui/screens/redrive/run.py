"""A run under way: stages, progress, verdict; then its report. Leaving the place lets it go on."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Result
from mqtui.domain.watching import ReaderProgress
from mqtui.services.redrive.run.monitor_result import MonitorResult
from mqtui.ui.actions import Action
from mqtui.ui.render import figures
from mqtui.ui.render.command_line import command_of
from mqtui.ui.render.runs.canary_stages import stages_line
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, does
from mqtui.ui.screens.copy import copied
from mqtui.ui.session.run_task import RunTask
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView

FOUR_TIMES = 0.25
BAR = 56


class RunScreen(ConsoleScreen):
    """One run."""

    screen_name = "Run"

    hinted = ("nav.open", "nav.back", "thing.copy", "run.stop", "run.restore")

    def __init__(self, desk: BrokerSession, flight: RunTask) -> None:
        """Show a flight: a new one, or one that was left."""
        super().__init__()
        self.desk = desk
        self.flight = flight
        flight.changed = self._news
        self._fresh = True

    def body(self) -> Iterable[Widget]:
        """Stages and figures."""
        self.paper = TextView()
        self.pane = Pane(self.paper, name="Run")
        yield Vertical(self.pane)

    def crumbs(self) -> tuple[str, ...]:
        """Where from, and the run."""
        plan = self.flight.planned.plan
        return ("Dead letters", self.flight.planned.source.ref.name, f"run {plan.id[:4].upper()}")

    def on_mount(self) -> None:
        """Draw at most four times a second."""
        self.paper.glyphs = self.console.glyphs
        self.paper.focus()
        self.set_interval(FOUR_TIMES, self._draw_if_fresh, name="run")
        self.draw_run()

    def _news(self) -> None:
        self._fresh = True

    def _draw_if_fresh(self) -> None:
        if self._fresh or self.flight.active:
            self._fresh = False
            self.draw_run()

    # -- showing

    def draw_run(self) -> None:
        """Everything that is known of it."""
        told = self.flight.figures()
        if told is None or not self.is_attached:
            return
        plan = self.flight.planned.plan
        targets = ", ".join(ref.name for ref in self.flight.planned.targets) or "nowhere"
        promise = plan.guarantee.strength if plan.guarantee else ""
        done = told.planned - told.left
        active, watching = self.flight.active, self.watching
        stages = stages_line(self.flight.stages, self.planned(told), done, active=active, watching=watching)
        self.pane.title(stages, f"{self.flight.planned.source.ref.name} → {targets} · {promise}")
        self.paper.write(self.lines(told))
        text, tone = self.sentence(told)
        self.line.tell(text, tone)
        self.draw_frame()

    def planned(self, told: Result) -> int | None:
        """How many letters are meant; None where only the end of the source will tell."""
        run = self.flight.run
        read_to_its_end = run is None or not (self.flight.active or run.stop.is_set())
        return told.planned if read_to_its_end or (run is not None and run.counter.planned is not None) else None

    def lines(self, told: Result) -> list[StyledLine]:
        """Bar, outcomes, verdict, readers, reasons, suspects."""
        done = told.moved + told.refused + told.skipped + told.unknown
        planned = self.planned(told)
        of = "?" if planned is None else f"{planned:,}"
        full = round(BAR * done / planned) if planned else 0
        speed = None if self.settled or self.watching else self.flight.rate()
        rate = "" if speed is None else figures.rate(speed)
        lines: list[StyledLine] = [
            [("█" * full, "live"), ("░" * (BAR - full), "rule"), (f"  {done:,} of {of}  {rate}", "")],
            [],
            _outcomes(told, None if planned is None else told.left),
        ]
        for reason, number in told.reasons:
            lines.append([(f"  ▲ {number:,} not moved: {reason}", "warn")])
        for name in told.suspects[:50]:
            lines.append([(f"  ▲ may be there twice: {name}", "warn")])
        for name in told.unknowns[:50]:
            lines.append([(f"  ▲ unknown, in the bundle: U puts it back: {name}", "warn")])
        lines += self._verdict_lines()
        if self.flight.trouble is not None:
            error = self.flight.trouble
            lines += [[], [(f"✗ {error.title}", "danger")], [(f"  {error.detail}", "")], [(f"  {error.hint}", "muted")]]
        if not self.flight.active:
            lines += [[], [("report  ", "muted"), (self.report(told), "")]]
        return lines

    @property
    def verdict(self) -> MonitorResult | None:
        """What the watch knows."""
        return self.flight.run.monitor_result if self.flight.run is not None else None

    @property
    def watching(self) -> bool:
        """Whether nothing moves, and what has moved is looked after."""
        return self.flight.run is not None and self.flight.run.is_watching

    @property
    def settled(self) -> bool:
        """Whether the verdict is the last word on what has moved so far."""
        return self.flight.waits or not self.flight.active

    def _verdict_lines(self) -> list[StyledLine]:
        verdict = self.verdict
        if verdict is None:
            return []
        well = ("✓ ", "ok") if verdict.is_success else ("▲ ", "warn")
        sign = ("✗ ", "danger") if verdict.came_back else well if self.settled else ("▸ ", "live")
        lines: list[StyledLine] = [[], [sign, (verdict.describe(), "")]]
        lines += [_reader_line(reader) for reader in verdict.readers]
        lines += [[(f"  came back: {place}", "danger")] for place in verdict.returned_letters[:20]]
        between = self.flight.between
        if self.flight.waits and between is not None and between.hold:
            lines += [[(f"▲ held: {between.hold}", "warn")]]
        return lines

    @property
    def coached(self) -> str:
        """There is something to say when the first letter has come home and stayed."""
        verdict = self.verdict
        return super().coached if self.settled and verdict is not None and not verdict.came_back else ""

    def sentence(self, told: Result) -> tuple[str, str]:
        """What is asked now, or how it ended."""
        flight = self.flight
        if flight.waits and flight.between is not None:
            left = "the rest" if flight.between.left is None else f"{flight.between.left:,}"
            if flight.between.hold:
                return f"▲ not seen to pass: enter goes on with {left} all the same · S stops here", "warn"
            return f"enter goes on with {left} · S stops here, the rest stays", "ok"
        if flight.active:
            if self.watching:
                return "watching whether they come back · esc leaves it running · S stops the rest", "live"
            return "moving · esc leaves it running · S stops the rest; what is in hand is finished", "live"
        if flight.trouble is not None:
            return f"✗ {flight.trouble.title}: nothing is lost, the run can be resumed from view 5", "danger"
        verdict = self.verdict
        if verdict is not None and verdict.returned_share > flight.stages.stop_at:
            share = f"{verdict.came_back:,} of {verdict.moved:,} came back ({verdict.returned_share:.0%})"
            stayed = "The rest" if self.planned(told) is None else pluralize(told.left, "letter")
            return f"✗ STOPPED BY ITSELF: {share}. {stayed} never left.", "danger"
        return self.report(told), "ok" if told.moved == told.planned else "warn"

    def report(self, told: Result) -> str:
        """One line for the ticket."""
        plan = self.flight.planned.plan
        targets = ", ".join(ref.name for ref in self.flight.planned.targets) or "the bundle"
        parts = [f"{told.moved:,} moved"]
        for name in ("refused", "unknown", "skipped", "left"):
            number = getattr(told, name)
            if number:
                parts.append(f"{number:,} {name}")
        if told.passed is not None:
            parts.append(f"{told.passed:,} passed")
        if told.waiting:
            parts.append(f"{told.waiting:,} waiting")
        if told.came_back is not None:
            parts.append(f"{told.came_back:,} came back")
        where = f"{self.flight.planned.source.ref.name} → {targets}"
        return (
            f"{plan.verb} {plan.id[:4].upper()}, {where}, {plan.profile}: {', '.join(parts)}, in {told.seconds:.1f} s"
        )

    # -- verbs

    def obstacle(self, action: Action) -> str | None:
        """Enter answers a question, S needs a run."""
        if action.id == "nav.open" and not self.settled:
            return "nothing is asked now"
        if action.id == "run.stop" and not self.flight.active:
            return "the run has ended"
        if action.id == "run.restore" and self.flight.active:
            return "a run that is under way can't be put back: S stops it"
        return super().obstacle(action)

    def title_of(self, action: Action) -> str:
        """Enter goes on, and opens the letters when there is nothing to go on with."""
        if action.id == "nav.open":
            return "go on" if self.flight.active else "letters"
        return super().title_of(action)

    @does("nav.open")
    async def go_on(self) -> None:
        """Go on with the rest; at the end, what became of each letter."""
        if not self.flight.active:
            await self.console.go.run(self.flight.id)
            return
        self.flight.answer(go_on=True)
        self.draw_run()

    @does("run.stop")
    def stop(self) -> None:
        """Stop the rest."""
        self.flight.stop()
        self.line.why_not("stopping: what is in hand is finished, the rest stays", "warn")

    @does("run.restore")
    async def restore(self) -> None:
        """Put the letters back."""
        await self.console.go.put_back(self.desk, self.flight.planned.plan.id)

    @does("thing.copy")
    def copy_report(self) -> None:
        """The report, or the command that does the same."""
        told = self.flight.figures()
        if told is not None:
            command = command_of(self.flight.planned.request, self.desk.address)
            parts = {"y": ("report", self.report(told)), "c": ("command", command)}
            self.run_worker(copied(self, parts), exclusive=True, group="line", exit_on_error=False)


def _reader_line(reader: ReaderProgress) -> StyledLine:
    tone = "ok" if not reader.waiting else "lag" if reader.counts else "muted"
    why = "nobody is in it" if reader.alive is False else "the letters did not fail there"
    note = f"  not waited for: {why}" if reader.waiting and not reader.counts else f"  {reader.state}"
    return [(f"  {reader.group:<20} {reader.passed:>7,} passed {reader.waiting:>7,} waiting", tone), (note, "muted")]


def _outcomes(told: Result, left: int | None) -> StyledLine:
    line: list[tuple[str, str]] = []
    for name, number, tone in (
        ("moved", told.moved, "ok"),
        ("passed", told.passed, "ok"),
        ("waiting", told.waiting, "lag"),
        ("came back", told.came_back, "danger"),
        ("refused", told.refused, "danger"),
        ("unknown", told.unknown, "warn"),
        ("left", left, "muted"),
    ):
        shown = "?" if number is None else f"{number:,}"
        line += [(f"{name} ", "muted"), (f"{shown}   ", tone if number else "muted")]
    return line
