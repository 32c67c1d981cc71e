"""What happened elsewhere: a note that is kept, and for 5 s a toast in the corner. It takes no key and no focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from mqtui.ui.render.text import Text, folded
from mqtui.ui.widgets import tones

if TYPE_CHECKING:
    from mqtui.ui.app import Console
    from mqtui.ui.screens.place import Place

MOST = 3
LASTS = 5.0
SOON = 0.05
WIDEST = 64
SIGNS = {"danger": "✗", "warn": "▲", "ok": "✓"}
ABOVE = 2
"""Lines below it that are never covered: the line and the hints."""


@dataclass(frozen=True, slots=True)
class Toast:
    """What is said, and since when."""

    began: float
    text: str
    tone: str


class Toasts:
    """At most three at a time: a fourth sends the oldest away."""

    def __init__(self, console: Console, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._clock = clock
        self._shown: list[Toast] = []

    def tell(self, text: str, tone: str = "text") -> None:
        """Keep a note, and show it for a while."""
        self._console.bench.note(text, tone)
        self._shown = [*self._shown, Toast(self._clock(), text, tone)][-MOST:]
        self._console.set_timer(LASTS + SOON, self._draw, name="toast")
        self._draw()

    @property
    def alive(self) -> list[Toast]:
        """Those that are shown now, the oldest first."""
        now = self._clock()
        self._shown = [toast for toast in self._shown if now - toast.began < LASTS]
        return self._shown

    def clear(self) -> None:
        """Send all away; the notes stay."""
        self._shown = []
        self._draw()

    def _draw(self) -> None:
        draw = getattr(self._console.screen, "draw_toasts", None)
        if draw is not None:
            draw()

    def draw(self, place: Place) -> None:
        """Show them in the corner of a place, or take the corner away."""
        alive = self.alive
        corner = next(iter(place.query(Corner)), None)
        if not alive:
            if corner is not None:
                corner.remove()
            return
        if corner is None:
            corner = Corner()
            place.mount(corner)
        corner.show(alive, place.size.width)


class Corner(Widget):
    """Bottom right, above line and hints; a click sends it away."""

    DEFAULT_CSS = """
    Place { layers: default corner; }
    Corner { layer: corner; dock: bottom; background: $raised; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Text] = []

    def show(self, toasts: Sequence[Toast], room: int) -> None:
        """Show these toasts in a place of that width."""
        width = min(WIDEST, max(20, room * 6 // 10))
        self._lines = [
            line
            for toast in toasts
            for line in folded([(f"{SIGNS.get(toast.tone, '·')} ", toast.tone), (toast.text, "text")], width - 2)
        ]
        self.styles.width, self.styles.height = width, len(self._lines)
        self.styles.offset = (room - width, -ABOVE)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line."""
        drawn, width = tones.of(self.app), self.size.width
        blank = drawn.style("text", "raised")
        if not 0 <= y < len(self._lines):
            return Strip.blank(width, blank)
        glyphs = getattr(self.app, "glyphs", str)
        segments = [Segment(glyphs(text), drawn.style(tone, "raised")) for text, tone in self._lines[y]]
        return Strip([Segment(" ", blank), *segments]).adjust_cell_length(width, blank)

    def on_click(self) -> None:
        """Away with it."""
        toasts: Toasts | None = getattr(self.app, "toasts", None)
        if toasts is not None:
            toasts.clear()
