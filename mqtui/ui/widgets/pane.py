"""A pane: a title line with name and facts, column titles, and one widget."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.pane_title import fit_title
from mqtui.ui.widgets import theme_styles
from mqtui.ui.widgets.cell_segments import column_at, title_segments
from mqtui.ui.widgets.row_canvas import GUTTER
from mqtui.ui.widgets.row_table import RowTable

LEFT = 1
"""The left button of a mouse."""


class PaneTitle(Widget):
    """The line `─ name ──── facts ─`; it is highlighted where the pane has the focus."""

    DEFAULT_CSS = "PaneTitle { height: 1; }"

    name_shown: reactive[str] = reactive("")
    facts: reactive[str] = reactive("")
    """What is known of the whole, parted by ` · `, the most important first."""

    least: reactive[str] = reactive("")
    """The fact that leaves first where there is little room."""

    focused_pane: reactive[bool] = reactive(False)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        drawn = theme_styles.styles_of(self.app)
        glyphs: Glyphs = getattr(self.app, "glyphs", Glyphs())
        sign = "═" if self.focused_pane and self.app.no_color else "─"
        fitting, known = fit_title(self.name_shown, self.facts, width, self.least)
        name = f"{sign} {fitting} " if fitting else sign
        facts = f" {known} {sign}" if known else sign
        rule = sign * max(0, width - cell_len(name) - cell_len(facts))
        tone = "accent" if self.focused_pane else "rule"
        return Strip(
            [
                theme_styles.segment(glyphs(name), drawn.style(tone, bold=self.focused_pane)),
                theme_styles.segment(glyphs(rule), drawn.style("accent" if self.focused_pane else "rule")),
                theme_styles.segment(glyphs(facts), drawn.style("muted")),
            ]
        ).adjust_cell_length(width, drawn.style("rule"))


class ColumnTitles(Widget):
    """The column titles of a list."""

    DEFAULT_CSS = "ColumnTitles { height: 1; }"

    def __init__(self, table: RowTable[Any]) -> None:
        super().__init__()
        self._table = table

    def render_line(self, y: int) -> Strip:
        """The titles, with an arrow at the column that rows are ordered by."""
        style, table = theme_styles.styles_of(self.app).style, self._table
        ordered = table.model.order.column, table.model.order.arrow
        segments = title_segments(table.fitted, GUTTER, table.glyphs, style, ordered)
        return Strip(segments).adjust_cell_length(self.size.width, style("muted"))

    def on_click(self, event: events.Click) -> None:
        """A click on a title orders by its column, another one reverses."""
        column = column_at(self._table.fitted, event.x - GUTTER)
        if column is not None and column.title and event.button == LEFT:
            self._table.order_by(column)


class Pane(Vertical):
    """A widget with a title line."""

    DEFAULT_CSS = "Pane { width: 1fr; height: 1fr; }"

    def __init__(self, inner: Widget, *, name: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.inner = inner
        self.head = PaneTitle()
        self.head.name_shown = name
        self._titles = ColumnTitles(inner) if isinstance(inner, RowTable) else None

    def compose(self) -> ComposeResult:
        """Lay out title line, column titles of a list, and the widget."""
        yield self.head
        if self._titles is not None:
            yield self._titles
        yield self.inner

    def on_descendant_focus(self) -> None:
        self.head.focused_pane = True

    def on_descendant_blur(self) -> None:
        self.head.focused_pane = False

    @on(RowTable.ColumnsChanged)
    @on(RowTable.Arranged)
    def _turned(self) -> None:
        if self._titles is not None:
            self._titles.refresh()

    def title(self, name: str, facts: str = "", least: str = "") -> None:
        """Set name and facts in the title line; the fact `least` leaves first."""
        self.head.name_shown, self.head.facts, self.head.least = name, facts, least
        self._turned()
