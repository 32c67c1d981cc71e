"""A scrolling view of styled lines, such as plans and reports."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.styled_text import StyledLine, wrap_line
from mqtui.ui.widgets import theme_styles


class TextView(ScrollView, can_focus=True):
    """Shows styled lines; long ones are wrapped."""

    DEFAULT_CSS = """
    TextView { height: 1fr; background: $surface; overflow-x: hidden; scrollbar-size-vertical: 1; padding: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - the widget's own name for it
        super().__init__(id=id)
        self.glyphs = Glyphs()
        self._lines: list[StyledLine] = []
        self._drawn: list[StyledLine] = []

    def write(self, lines: Sequence[StyledLine]) -> None:
        self._lines = list(lines)
        self._lay_out()

    def count_rows(self, lines: Sequence[StyledLine]) -> int:
        """How many rows of the screen these lines take."""
        return len(self._wrap(lines))

    def _wrap(self, lines: Sequence[StyledLine]) -> list[StyledLine]:
        width = max(10, self.size.width - 2)
        drawable = ([(self.glyphs(text), tone) for text, tone in line] for line in lines)
        return [part for line in drawable for part in wrap_line(line, width)]

    def _lay_out(self) -> None:
        self._drawn = self._wrap(self._lines)
        self.virtual_size = Size(self.size.width, len(self._drawn))
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        drawn = theme_styles.styles_of(self.app)
        width = self.scrollable_content_region.width
        blank = drawn.style("text")
        line = self.scroll_offset.y + y
        if not 0 <= line < len(self._drawn):
            return Strip.blank(width, blank)
        segments = [theme_styles.segment(text, drawn.style(tone)) for text, tone in self._drawn[line]]
        return (
            Strip([theme_styles.segment(" ", blank), *segments]).adjust_cell_length(width, blank).apply_offsets(0, line)
        )

    def can_perform(self, action_id: str) -> bool:
        """Whether it handles an action."""
        return action_id in self._steps

    def perform(self, action_id: str) -> bool:
        """Do an action (scrolling); whether it handles it."""
        step = self._steps.get(action_id)
        if step is None:
            return False
        height = self.scrollable_content_region.height
        self.scroll_to(y=self.scroll_offset.y + round(step * height if abs(step) < 100 else step), animate=False)
        return True

    _steps = {  # noqa: RUF012 - read only: pages, or all lines
        "nav.page_down": 0.9,
        "nav.page_up": -0.9,
        "nav.down": 0.04,
        "nav.up": -0.04,
        "nav.top": -1e6,
        "nav.bottom": 1e6,
    }
