"""The box of toasts in the corner of a screen."""

from __future__ import annotations

from collections.abc import Callable

from textual.strip import Strip
from textual.widget import Widget

from mqtui.domain.printable import printable
from mqtui.ui.render.styled_text import StyledLine, wrap_line
from mqtui.ui.widgets import theme_styles

WIDEST = 64
SIGNS = {"danger": "✗", "warn": "▲", "ok": "✓"}
ABOVE = 2
"""Lines below it: prompt line and hints."""


class ToastBox(Widget):
    """At the bottom right, above prompt line and hints; a click dismisses it."""

    DEFAULT_CSS = """
    ConsoleScreen { layers: default toasts; }
    ToastBox { layer: toasts; dock: bottom; background: $raised; }
    """

    def __init__(self, dismissed: Callable[[], None]) -> None:
        super().__init__()
        self._dismissed = dismissed
        self._lines: list[StyledLine] = []

    def show(self, said: StyledLine, room: int) -> None:
        """Show texts with their tones, on a screen of width `room`."""
        width = min(WIDEST, max(20, room * 6 // 10))
        self._lines = [
            line
            for text, tone in said
            for line in wrap_line([(f"{SIGNS.get(tone, '·')} ", tone), (printable(text), "text")], width - 2)
        ]
        self.styles.width, self.styles.height = width, len(self._lines)
        self.styles.offset = (room - width, -ABOVE)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        drawn, width = theme_styles.styles_of(self.app), self.size.width
        blank = drawn.style("text", "raised")
        if not 0 <= y < len(self._lines):
            return Strip.blank(width, blank)
        glyphs = getattr(self.app, "glyphs", str)
        segments = [theme_styles.segment(glyphs(text), drawn.style(tone, "raised")) for text, tone in self._lines[y]]
        return Strip([theme_styles.segment(" ", blank), *segments]).adjust_cell_length(width, blank)

    def on_click(self) -> None:
        self._dismissed()
