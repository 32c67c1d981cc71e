"""A run under way: stages, progress, verdict; then its report. Leaving the place lets it go on."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.plan import Result
from mqtui.services.redrive.aftermath import Verdict
from mqtui.ui.actions import Action
from mqtui.ui.flight import Flight
from mqtui.ui.render import figures
from mqtui.ui.render.text import Text
from mqtui.ui.screens.place import Place, does
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.paper import Paper
from mqtui.ui.workbench import Desk

FOUR_TIMES = 0.25
BAR = 56


class RunPlace(Place):
    """One run."""

    hinted = ("nav.open", "nav.back", "thing.copy", "run.stop", "run.restore")

    def __init__(self, desk: Desk, flight: Flight) -> None:
        """Show a flight: a new one, or one that was left."""
        super().__init__()
        self.desk = desk
        self.flight = flight
        flight.changed = self._news
        self._fresh = True

    def body(self) -> Iterable[Widget]:
        """Stages and figures."""
        self.paper = Paper()
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
        self.pane.title(self.stages_line(told), f"{self.flight.planned.source.ref.name} → {targets} · {promise}")
        self.paper.write(self.lines(told))
        text, tone = self.sentence(told)
        self.line.tell(text, tone)
        self.draw_frame()

    def stages_line(self, told: Result) -> str:
        """`✓ first 1 ── ▸ next 10 ── rest ── watch`."""
        sizes = [*self.flight.stages.first, None]
        names: list[str] = []
        passed = 0
        for number, size in enumerate(sizes):
            word = "first" if number == 0 and size else "next" if size else "rest"
            name = f"{word} {size}" if size else word
            passed += size or 0
            done = told.moved >= passed if size else not self.flight.active and not told.left
            now = self.flight.active and (not names or names[-1].startswith("✓"))
            names.append(f"{'✓' if done else '▸' if now else '·'} {name}")
        if self.flight.stages.watched:
            names.append("watch")
        return " ── ".join(names)

    def lines(self, told: Result) -> list[Text]:
        """Bar, outcomes, verdict, readers, reasons, suspects."""
        done = told.moved + told.refused + told.skipped + told.unknown
        known = self.flight.run is None or self.flight.run.ledger.planned is not None or not self.flight.active
        of = f"{told.planned:,}" if known else "?"
        full = round(BAR * done / told.planned) if told.planned and known else 0
        rate = figures.rate(self.flight.rate()) if self.flight.active and not self.flight.waits else ""
        lines: list[Text] = [
            [("█" * full, "live"), ("░" * (BAR - full), "rule"), (f"  {done:,} of {of}  {rate}", "")],
            [],
            _outcomes(told, self.verdict),
        ]
        for reason, number in told.reasons:
            lines.append([(f"  ▲ {number:,} not moved: {reason}", "warn")])
        for name in told.suspects[:50]:
            lines.append([(f"  ▲ may be there twice: {name}", "warn")])
        lines += self._verdict_lines()
        if self.flight.trouble is not None:
            error = self.flight.trouble
            lines += [[], [(f"✗ {error.title}", "danger")], [(f"  {error.detail}", "")], [(f"  {error.hint}", "muted")]]
        if not self.flight.active:
            lines += [[], [("report  ", "muted"), (self.report(told), "")]]
        return lines

    @property
    def verdict(self) -> Verdict | None:
        """What the watch knows."""
        return self.flight.run.verdict if self.flight.run is not None else None

    def _verdict_lines(self) -> list[Text]:
        verdict = self.verdict
        if verdict is None:
            return []
        good = not verdict.came_back
        lines: list[Text] = [[], [("✓ " if good else "✗ ", "ok" if good else "danger"), (verdict.words(), "")]]
        for reader in verdict.readers:
            tone = "muted" if reader.still else "ok" if not reader.waiting else "lag"
            note = "  not waited for: nobody is in it" if reader.still else ""
            words = f"  {reader.group:<20} {reader.passed:>7,} passed {reader.waiting:>7,} waiting"
            lines.append([(words, tone), (note, "muted")])
        lines += [[(f"  came back: {place}", "danger")] for place in verdict.back[:20]]
        return lines

    def sentence(self, told: Result) -> tuple[str, str]:
        """What is asked now, or how it ended."""
        flight = self.flight
        if flight.waits and flight.between is not None:
            left = "the rest" if flight.between.left is None else f"{flight.between.left:,}"
            return f"enter goes on with {left} · S stops here, the rest stays", "ok"
        if flight.active:
            if self.verdict is not None:
                return "watching whether they come back · esc leaves it running · S stops the rest", "live"
            return "moving · esc leaves it running · S stops the rest; what is in hand is finished", "live"
        if flight.trouble is not None:
            return f"✗ {flight.trouble.title}: nothing is lost, the run can be resumed from view 5", "danger"
        verdict = self.verdict
        if verdict is not None and verdict.share > flight.stages.stop_at:
            share = f"{verdict.came_back:,} of {verdict.moved:,} came back ({verdict.share:.0%})"
            return f"✗ STOPPED BY ITSELF: {share}. {told.left:,} letters never left.", "danger"
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
        if told.came_back is not None:
            parts.append(f"{told.came_back:,} came back")
        where = f"{self.flight.planned.source.ref.name} → {targets}"
        return (
            f"{plan.verb} {plan.id[:4].upper()}, {where}, {plan.profile}: {', '.join(parts)}, in {told.seconds:.1f} s"
        )

    # -- verbs

    def obstacle(self, action: Action) -> str | None:
        """Enter answers a question, S needs a run."""
        if action.id == "nav.open" and not self.flight.waits:
            return "nothing is asked now"
        if action.id == "run.stop" and not self.flight.active:
            return "the run has ended"
        if action.id == "run.restore" and self.flight.active:
            return "a run that is under way can't be put back: S stops it"
        return super().obstacle(action)

    def title_of(self, action: Action) -> str:
        """Enter goes on."""
        return "go on" if action.id == "nav.open" else super().title_of(action)

    @does("nav.open")
    def go_on(self) -> None:
        """Go on with the next stage."""
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
        """The report."""
        told = self.flight.figures()
        if told is not None:
            self.console.copy(self.report(told), "the report")


def _outcomes(told: Result, verdict: Verdict | None) -> Text:
    line: list[tuple[str, str]] = []
    for name, number, tone in (
        ("moved", told.moved, "ok"),
        ("passed", None if verdict is None else verdict.passed, "ok"),
        ("came back", None if verdict is None else verdict.came_back, "danger"),
        ("refused", told.refused, "danger"),
        ("unknown", told.unknown, "warn"),
        ("left", told.left, "muted"),
    ):
        shown = "?" if number is None else f"{number:,}"
        line += [(f"{name} ", "muted"), (f"{shown}   ", tone if number else "muted")]
    return line
