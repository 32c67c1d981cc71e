"""A view of a document: only visible lines are coloured, only near ones are laid out.

Selected text has no borders, and wrapped lines are joined again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.messages.payload import Document, FixedLines, WrappedRows
from mqtui.ui.widgets import theme_styles
from mqtui.ui.widgets.safe_render import render_or_report

INITIAL_LINES = 300
"""Lines laid out at once."""

STEP_LINES = 2_000
"""Lines laid out in one step in a thread."""

LINES_AHEAD = 50_000
"""Lines laid out ahead of the visible ones."""

SIDEWAYS = 8
EMPTY = FixedLines([])


class PayloadView(ScrollView, can_focus=True):
    """Shows one document at a time."""

    DEFAULT_CSS = """
    PayloadView {
        height: 1fr; background: $surface; padding: 0 1;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
    }
    """
    ALLOW_SELECT = True

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.glyphs = Glyphs()
        self.wrap = False
        self._rows = WrappedRows(EMPTY)
        self._wanted = LINES_AHEAD
        self._tones = theme_styles.ThemeStyles({}, colour=False)

    # -- what is shown

    @property
    def document(self) -> Document:
        return self._rows.document

    @property
    def complete(self) -> bool:
        """Whether everything is laid out."""
        return self._rows.done

    def show(self, document: Document) -> None:
        """Show a document from its top."""
        self._lay_out(document)
        self.scroll_to(0, 0, animate=False, immediate=True, force=True)

    def toggle_wrap(self) -> bool:
        """Wrap lines, or undo it; whether it wraps now. The line at the top stays there."""
        top = self._rows.row(self.scroll_offset.y)[0] if len(self._rows) > self.scroll_offset.y else 0
        self.wrap = not self.wrap
        self._lay_out(self.document)
        self.go_to(top)
        return self.wrap

    def go_to(self, line: int) -> None:
        """Scroll a line to the top, where it is laid out."""
        index = next((row for row in range(line, len(self._rows)) if self._rows.row(row)[0] >= line), 0)
        self.scroll_to(0, index, animate=False, immediate=True, force=True)

    def _lay_out(self, document: Document) -> None:
        width = self.scrollable_content_region.width
        self._rows = WrappedRows(document, width if self.wrap and width > 0 else 0)
        self._wanted = LINES_AHEAD
        self._rows.grow(INITIAL_LINES)
        self._grown()
        self._go_on()

    def _grown(self) -> None:
        width = self.document.widest if not self.wrap else 0
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()

    def _go_on(self) -> None:
        if not self._rows.done and self.is_attached:
            self.run_worker(self._grow(self._rows), exclusive=True, group="lay out", exit_on_error=False)

    async def _grow(self, rows: WrappedRows) -> None:
        while rows is self._rows and not rows.done and len(rows) < self._wanted:
            await asyncio.to_thread(rows.grow, STEP_LINES)
            if rows is self._rows and self.is_attached:
                self._grown()
            await yield_to_loop()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Lay out more lines as their end comes near."""
        super().watch_scroll_y(old_value, new_value)
        if not self._rows.done and new_value + LINES_AHEAD // 2 > self._wanted:
            self._wanted = int(new_value) + LINES_AHEAD
            self._go_on()

    def on_resize(self) -> None:
        """Wrapped lines have another width."""
        if self.wrap:
            self._lay_out(self.document)

    # -- moving

    def can_perform(self, action_id: str) -> bool:
        """Whether it handles an action."""
        return action_id in self._doers()

    def perform(self, action_id: str) -> bool:
        """Do an action; whether it handles it."""
        doer = self._doers().get(action_id)
        if doer is None:
            return False
        doer()
        return True

    def _doers(self) -> dict[str, Callable[[], object]]:
        page = max(1, self.scrollable_content_region.height - 1)
        return {
            "nav.down": lambda: self._by(0, 1),
            "nav.up": lambda: self._by(0, -1),
            "nav.page_down": lambda: self._by(0, page),
            "nav.page_up": lambda: self._by(0, -page),
            "nav.left": lambda: self._by(-SIDEWAYS, 0),
            "nav.right": lambda: self._by(SIDEWAYS, 0),
            "nav.top": lambda: self.scroll_to(0, 0, animate=False, immediate=True),
            "nav.bottom": lambda: self.scroll_to(0, self.virtual_size.height, animate=False, immediate=True),
        }

    def _by(self, columns: int, lines: int) -> None:
        x, y = self.scroll_offset
        self.scroll_to(max(0, x + columns), max(0, y + lines), animate=False, immediate=True)

    # -- drawing

    def on_mount(self) -> None:
        """Take the theme's tones."""
        self.notify_style_update()
        self._go_on()

    def notify_style_update(self) -> None:
        """The theme may be another one."""
        super().notify_style_update()
        if self.is_attached:
            self._tones = theme_styles.styles_of(self.app)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        width = self.scrollable_content_region.width
        x, top = self.scroll_offset
        row = top + y
        blank = self._tones.style("text")
        if row >= len(self._rows):
            return Strip.blank(width, blank)
        return render_or_report(lambda: self._row(row, x, width, blank), width, blank)

    def _row(self, row: int, x: int, width: int, blank: Style) -> Strip:
        segments = [theme_styles.segment(self.glyphs(text), self._style(tone)) for text, tone in self._rows.cells(row)]
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(row)) is not None:
            chosen = self.screen.get_component_rich_style("screen--selection")
            segments = _chosen(segments, span[0], span[1], chosen)
        return Strip(segments).crop_extend(x, x + width, blank).apply_offsets(x, row)

    def _style(self, tone: str) -> Style:
        name, _, weight = tone.partition(" ")
        return self._tones.style(name, bold=weight == "bold")

    # -- selecting

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that was dragged over; rows of one wrapped line are joined."""
        last_row = len(self._rows) - 1
        first, start = (selection.start.y, selection.start.x) if selection.start is not None else (0, 0)
        last, end = (selection.end.y, selection.end.x) if selection.end is not None else (last_row, None)
        rows = self._rows.text(first, last)
        if not rows:
            return None
        if end is not None and last <= last_row:
            rows[-1] = (rows[-1][0], rows[-1][1][:end])
        rows[0] = (rows[0][0], rows[0][1][start:])
        text, line = "", rows[0][0]
        for number, part in rows:
            text += part if number == line else f"\n{part}"
            line = number
        return text, "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        with suppress(AttributeError):
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click takes the focus."""
        self.focus()


def _chosen(segments: Sequence[Segment], start: int, end: int, style: Style) -> list[Segment]:
    """The segments with a style over the characters from `start` to `end` (-1: to the end)."""
    found: list[Segment] = []
    at = 0
    for text, own, _ in segments:
        stop = len(text) if end < 0 else min(len(text), end - at)
        begin = max(0, start - at)
        if begin < stop:
            found += [
                theme_styles.segment(text[:begin], own),
                theme_styles.segment(text[begin:stop], (own or Style()) + style),
                theme_styles.segment(text[stop:], own),
            ]
        else:
            found.append(theme_styles.segment(text, own))
        at += len(text)
    return [segment for segment in found if segment.text]
