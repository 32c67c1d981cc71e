"""The drawn part of a list: gutter, cells, and what stands where there are no rows. Only visible rows are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mqtui.domain.printable import printable
from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.column_window import ColumnWindow
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import FittedColumns, RowRenderer, align
from mqtui.ui.widgets import row_events, theme_styles
from mqtui.ui.widgets.cell_segments import cell_segments
from mqtui.ui.widgets.placeholder import render_placeholder
from mqtui.ui.widgets.row_model import Divider, Notice, RowModel
from mqtui.ui.widgets.safe_render import render_or_report
from mqtui.ui.widgets.theme_styles import STRUCK, segment

Item = TypeVar("Item")
GUTTER = 4
"""Columns on the left: cursor, mark, state, blank."""

MARGIN = 1
"""Blank columns on the right."""

GONE_SIGN = ("✗", "muted")
"""The sign of a row that vanished: a terminal that strikes nothing through shows it as well."""


class RowState(NamedTuple):
    """What is true of a row besides what it shows."""

    under_cursor: bool
    focused: bool
    """Whether the cursor is on it and the list has the focus."""

    marked: bool
    stale: bool
    """Whether its figures are the last known ones of a lost connection."""

    gone: bool
    """Whether what it shows is not there any more."""


class RowCanvas(ScrollView, Generic[Item]):
    """Draws the rows of a model, with the cursor and the marks."""

    cursor: reactive[int] = reactive(0, repaint=False)
    """The line of the cursor, the first is 0; -1 where nothing is shown."""

    stale: reactive[bool] = reactive(False)
    """Whether figures are dimmed, as the last known ones of a lost connection."""

    placeholder: reactive[Sequence[StyledLine]] = reactive(())
    """Lines shown where the list has no rows: why, and what to do."""

    cover: reactive[Sequence[StyledLine]] = reactive(())
    """Lines shown in place of the rows, such as what it costs to read them again."""

    def __init__(self, renderer: RowRenderer[Item], *, id: str | None = None, with_divider: bool = True) -> None:  # noqa: A002
        """With `with_divider` a line separates rows with a problem from the others."""
        super().__init__(id=id)
        self.renderer = renderer
        self.model: RowModel[Item] = RowModel(renderer, with_divider)
        self.glyphs = Glyphs()
        self.stale_row: Callable[[Item], bool] | None = None
        """Which rows are of a lost connection; None: all."""

        self.column_window = ColumnWindow(self._turned)
        self._row_seen_at = inf
        """When the row was painted that came under the cursor by itself; inf where it is not painted yet."""

        self._tones = theme_styles.ThemeStyles({}, colour=False)

    def on_mount(self) -> None:
        """Read the theme's colours."""
        self.notify_style_update()

    def notify_style_update(self) -> None:
        """The theme may be another one."""
        super().notify_style_update()
        if self.is_attached:
            self._tones = theme_styles.styles_of(self.app)
            self.refresh()

    def _turned(self) -> None:
        self.refresh()
        self.post_message(row_events.ColumnsChanged())

    def on_resize(self) -> None:
        """Columns come and go with the room; the cursor stays in sight."""
        self._sized()
        self._into_sight()

    def _into_sight(self) -> None:
        height, top = max(1, self.scrollable_content_region.height), self.scroll_offset.y
        above = 0 if self.cursor <= len(self.model.notices) < height else self.cursor
        seen = min(max(top, self.cursor - height + 1), above)
        if seen != top:
            self.scroll_to(y=seen, animate=False, immediate=True, force=True)

    def _sized(self) -> None:
        """Set the list's length; a new layout is made only where the scrollbar appears or disappears."""
        size, height = Size(self.size.width, len(self.model.shown)), self.scrollable_content_region.height
        if self.show_vertical_scrollbar and size.height > height and self.virtual_size.height > height:
            self.set_reactive(RowCanvas.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = size.height
            self.scroll_y = self.validate_scroll_y(self.scroll_y)
        else:
            self.virtual_size = size

    @property
    def fitted(self) -> FittedColumns:
        """The columns that have room."""
        return self.column_window.fitted(self.renderer.columns, self.scrollable_content_region.width - GUTTER - MARGIN)

    def render_line(self, y: int) -> Strip:
        """One line of the list."""
        width, line = self.scrollable_content_region.width, self.scroll_offset.y + y
        below = y if self.cover else y - len(self.model.shown)
        instead = self.cover or (() if self.model.count else self.placeholder)
        if instead and below >= 0:
            return render_placeholder(instead, below, width, GUTTER, self.glyphs, self._tones)
        if not 0 <= line < len(self.model.shown):
            return Strip.blank(width, self._tones.style("text"))
        item = self.model.shown[line]
        if isinstance(item, Notice):
            return self._notice(item.line, width)
        if isinstance(item, Divider):
            text = self.glyphs(item.text.center(width, "─"))
            return Strip([segment(text, self._tones.style("rule"))], width)
        if line == self.cursor and self._row_seen_at == inf:
            self._row_seen_at = monotonic()
        ground = self._tones.style("text", "cursor" if line == self.cursor else "surface")
        return render_or_report(lambda: Strip(self._segments(item, self._state_of(item, line))), width, ground)

    def _notice(self, line: StyledLine, width: int) -> Strip:
        segments, room = list[Segment](), width - MARGIN
        for text, tone in line:
            shown = printable(self.glyphs(text))
            shown = align(shown, room, right=False) if cell_len(shown) > room else shown
            segments.append(segment(shown, self._tones.style(tone)))
            room -= cell_len(shown)
        return Strip(segments).adjust_cell_length(width, self._tones.style("text"))

    def _state_of(self, item: Item, line: int) -> RowState:
        under = line == self.cursor
        return RowState(
            under_cursor=under,
            focused=under and self.has_focus,
            marked=self.renderer.id(item) in self.model.marks,
            stale=self.stale and (self.stale_row is None or self.stale_row(item)),
            gone=line == self.model.gone_line,
        )

    def _segments(self, item: Item, state: RowState) -> list[Segment]:
        ground, style, glyphs = "cursor" if state.under_cursor else "surface", self._tones.style, self.glyphs
        sign, sign_tone = GONE_SIGN if state.gone else self.renderer.sign(item)
        segments = [
            segment(glyphs("▌") if state.under_cursor else " ", style("accent" if state.focused else "muted", ground)),
            segment(glyphs("●") if state.marked else " ", style("mark", ground)),
            segment(glyphs(sign) or " ", style(sign_tone, ground)),
            segment(" ", style("text", ground)),
        ]
        cells = self.renderer.cells(item)
        if state.gone or state.stale:
            cells = [(text, "muted" if state.gone else "stale") for text, _ in cells]
        struck = STRUCK if state.gone else Style()
        return segments + cell_segments(cells, self.fitted, glyphs, lambda tone: style(tone, ground) + struck)
