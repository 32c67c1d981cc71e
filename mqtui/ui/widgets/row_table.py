"""A table of any length in one widget: only visible rows are drawn.

The cursor keeps its row while rows come, go and move, and its screen line too once somebody moved it. Marks are by id.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from math import inf
from time import monotonic
from typing import Generic, TypeAlias, TypeVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import WorkType

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.column_window import ColumnWindow
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Column, FittedColumns, RowRenderer
from mqtui.ui.widgets import row_events, theme_styles
from mqtui.ui.widgets.cell_segments import cell_segments
from mqtui.ui.widgets.placeholder import render_placeholder
from mqtui.ui.widgets.row_model import Divider, RowModel
from mqtui.ui.widgets.safe_render import render_or_report

Item = TypeVar("Item")
GUTTER = 4
"""Columns on the left: cursor, mark, state, blank."""

MARGIN = 1
"""Blank columns on the right."""

DOUBLE = 2
MAX_ROWS_AT_ONCE = 1_000
"""Rows up to which filter and order are applied in one step."""


class RowTable(ScrollView, Generic[Item], can_focus=True):
    """Items as rows with a cursor. `show` gives it items; it posts `Highlighted`, `Opened` and `MarksChanged`."""

    DEFAULT_CSS = """
    RowTable { height: 1fr; background: $surface; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    """The line of the cursor, the first is 0; -1 where nothing is shown."""

    stale: reactive[bool] = reactive(False)
    """Whether figures are dimmed, as the last known ones of a lost connection."""

    placeholder: reactive[Sequence[StyledLine]] = reactive(())
    """Lines shown where the list has no rows: why, and what to do."""

    Highlighted: TypeAlias = row_events.Highlighted
    Opened: TypeAlias = row_events.Opened
    MarksChanged: TypeAlias = row_events.MarksChanged
    ColumnsChanged: TypeAlias = row_events.ColumnsChanged
    Arranged: TypeAlias = row_events.Arranged

    can_order = True
    """Whether its rows can be ordered by a column."""

    def __init__(self, renderer: RowRenderer[Item], *, id: str | None = None, with_divider: bool = True) -> None:  # noqa: A002
        """With `with_divider` a line separates rows with a problem from the others."""
        super().__init__(id=id)
        self.renderer = renderer
        self.model: RowModel[Item] = RowModel(renderer, with_divider)
        self.glyphs = Glyphs()
        self.stale_row: Callable[[Item], bool] | None = None
        """Which rows are of a lost connection; None: all."""

        self._range_from: int | None = None
        self._touched = False
        """Whether somebody moved the cursor. Until then the list stays at its top, and a filter moves it there."""

        self.is_loading = False
        """Whether only names are known, so that the order will change: no row is under the cursor before a key."""

        self._row_seen_at = inf
        """When the row was painted that came under the cursor by itself; inf where it is not painted yet."""

        self._tones = theme_styles.ThemeStyles({}, colour=False)
        self.column_window = ColumnWindow(self._turned)

    # -- what is shown

    def show(self, items: Sequence[Item]) -> None:
        """Replace the items. The cursor stays on its row."""
        self._change(lambda: self.model.take(items), self._here)

    async def show_in_slices(self, items: Sequence[Item]) -> None:
        """Replace many items in slices, so that keys are answered; again where a key changed filter or order."""
        rows = list(items)
        await self._show_in_slices(lambda: rows, lambda: self._here)

    async def _show_in_slices(self, rows: Callable[[], list[Item]], kept: Callable[[], Hashable | None]) -> None:
        turn = -1
        while turn != self.model.turn:
            turn = self.model.turn
            for arranged in self.model.arrange_in_slices(rows()):
                if arranged is None:
                    await yield_to_loop()
                if turn != self.model.turn:
                    break
                if arranged is not None:
                    self._change(partial(self.model.put, arranged), kept())
                    return

    def only(self, wanted: Callable[[Item], bool] | None) -> None:
        """Apply a filter; None removes it."""
        self.model.wanted = wanted
        self._arrange(lambda: self._here if self._touched else None)

    def order_by(self, column: Column | None) -> None:
        """Order by a column; the same one again reverses. None: the most severe first."""
        if self.can_order:
            self.model.order.choose(column)
            self._arrange(lambda: self._here)

    @property
    def current(self) -> Item | None:
        """The item under the cursor."""
        return self.model.at(self.cursor)

    def chosen(self) -> list[Item]:
        """The marked items, else the one under the cursor."""
        return self.model.chosen(self.cursor)

    def go_to(self, wanted: Hashable) -> bool:
        """Move the cursor to a row by id; whether it is shown."""
        index = self.model.positions.get(wanted)
        if index is None:
            return False
        self.move_to(index)
        return True

    @property
    def _here(self) -> Hashable | None:
        """The id of the row under the cursor."""
        item = self.current
        return None if item is None else self.renderer.id(item)

    def _arrange(self, kept: Callable[[], Hashable | None]) -> None:
        """Apply filter and order again after a key, to many rows in slices. The cursor goes to the row `kept`."""
        self.model.turn += 1
        if len(self.model.items) <= MAX_ROWS_AT_ONCE or not self.can_order:
            self._change(self.model.arrange, kept())
            self.post_message(self.Arranged(self))
        else:
            arranging: WorkType[None] = partial(self._arrange_in_slices, kept)
            self.run_worker(arranging, exclusive=True, group="arrange", exit_on_error=False)

    async def _arrange_in_slices(self, kept: Callable[[], Hashable | None]) -> None:
        await self._show_in_slices(lambda: self.model.items, kept)
        self.post_message(self.Arranged(self))

    def _change(self, change: Callable[[], None], kept: Hashable | None) -> None:
        """Change the rows; the cursor stays on the row `kept`, where that is still shown."""
        name, above = self._here, self.cursor - self.scroll_offset.y
        change()
        self._sized()
        index = None if kept is None else self.model.positions.get(kept)
        found = self._unkept() if index is None else index
        moved = found != self.cursor
        self.cursor = found
        if moved and index is not None and self._touched:
            self.scroll_to(y=found - above, animate=False, force=True, immediate=True)
        elif moved and index is not None:
            self._into_sight()
        self.refresh()
        now = self.current
        if name is None or now is None or self.renderer.id(now) != name:
            self.note_other_row()
            self.post_message(self.Highlighted(self, now, moved=False))

    def note_other_row(self) -> None:
        """Another row came under the cursor, not by a key: it is not seen before it is painted."""
        self._row_seen_at = inf

    def is_row_seen(self, at: float) -> bool:
        """Whether the row under the cursor was on the screen at a time (monotonic); one out of sight is shown."""
        if self.current is None or not self.region or self._row_seen_at <= at:
            return True
        self._into_sight()
        self.refresh_line(self.cursor)
        return False

    def _unkept(self) -> int:
        """The cursor's line where its row is gone."""
        if self._touched:
            return self.model.nearest(max(self.cursor, 0), 1)
        return -1 if self.is_loading else self.model.nearest(0, 1)

    # -- moving

    def move_to(self, line: int, step: int = 1) -> None:
        """Move the cursor to a line, or to the next one with an item."""
        index = self.model.nearest(line, step)
        if index < 0:
            return
        self._touched = True
        before, top = self.cursor, self.scroll_offset.y
        self.cursor = index
        self._into_sight()
        if self.scroll_offset.y == top:
            self.refresh_line(before)
            self.refresh_line(index)
        else:
            self.refresh()
        self.post_message(self.Highlighted(self, self.current, moved=True))

    def _into_sight(self) -> None:
        height, top = max(1, self.scrollable_content_region.height), self.scroll_offset.y
        seen = min(max(top, self.cursor - height + 1), max(self.cursor, 0))
        if seen != top:
            self.scroll_to(y=seen, animate=False, immediate=True, force=True)

    def move_by(self, lines: int) -> None:
        self.move_to(self.cursor + lines, 1 if lines > 0 else -1)

    def move_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.move_by(pages * max(1, self.scrollable_content_region.height - 1))

    def move_to_end(self) -> None:
        """Move the cursor to the last row."""
        self.move_to(len(self.model.shown) - 1, -1)

    def next_trouble(self, step: int) -> bool:
        """Move the cursor to the next row with a problem; whether there is one."""
        if (index := self.model.next_trouble(self.cursor, step)) >= 0:
            self.move_to(index)
        return index >= 0

    # -- marks

    def mark(self) -> None:
        """Mark or unmark the row under the cursor, and move to the next."""
        item = self.current
        if item is not None:
            self.model.marks ^= {self.renderer.id(item)}
            self.move_by(1)
            self._marked()

    def pin(self) -> bool:
        """Pin the row under the cursor to the top, or unpin it; whether it is pinned now."""
        item = self.current
        if item is None:
            return False
        name = self.renderer.id(item)
        self.model.pinned ^= {name}
        self._arrange(lambda: self._here if self._touched else None)
        return name in self.model.pinned

    def mark_range(self) -> None:
        """The first press sets one end, the second marks all between."""
        if self._range_from is None:
            self._range_from = self.cursor
            self._marked()
            return
        self.model.mark_between(self._range_from, self.cursor)
        self._range_from = None
        self._marked()

    def mark_all(self) -> None:
        """Mark all rows shown; where all are marked already, unmark them."""
        self.model.mark_all()
        self._marked()

    def _marked(self) -> None:
        self.refresh()
        self.post_message(self.MarksChanged(self))

    # -- keys

    def can_perform(self, action_id: str) -> bool:
        """Whether it handles an action."""
        return action_id in self._doers()

    def perform(self, action_id: str) -> bool:
        """Do an action; whether it handles it."""
        if doer := self._doers().get(action_id):
            doer()
        return doer is not None

    def _doers(self) -> dict[str, Callable[[], object]]:
        return {
            "nav.open": self.open_current,
            "nav.down": lambda: self.move_by(1),
            "nav.up": lambda: self.move_by(-1),
            "nav.page_down": lambda: self.move_page(1),
            "nav.page_up": lambda: self.move_page(-1),
            "nav.top": lambda: self.move_to(0),
            "nav.bottom": self.move_to_end,
            "nav.left": self.column_window.left,
            "nav.right": self.column_window.right,
            "list.mark": self.mark,
            "list.range": self.mark_range,
            "list.all": self.mark_all,
        }

    def open_current(self) -> None:
        """Open the row under the cursor; without one, move to the first row."""
        item = self.current
        if item is not None:
            self.post_message(self.Opened(self, item))
        else:
            self.move_to(0)

    # -- drawing

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
        self.post_message(self.ColumnsChanged())

    def on_resize(self) -> None:
        """Columns come and go with the room; the cursor stays in sight."""
        self._sized()
        self._into_sight()

    def _sized(self) -> None:
        """Set the list's length; a new layout is made only where the scrollbar appears or disappears."""
        size, height = Size(self.size.width, len(self.model.shown)), self.scrollable_content_region.height
        if self.show_vertical_scrollbar and size.height > height and self.virtual_size.height > height:
            self.set_reactive(RowTable.virtual_size, size)
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
        if not self.model.shown and self.placeholder:
            return render_placeholder(self.placeholder, y, width, GUTTER, self.glyphs, self._tones)
        if not 0 <= line < len(self.model.shown):
            return Strip.blank(width, self._tones.style("text"))
        item = self.model.shown[line]
        if isinstance(item, Divider):
            text = self.glyphs(item.text.center(width, "─"))
            return Strip([theme_styles.segment(text, self._tones.style("rule"))], width)
        ground = self._tones.style("text", "cursor" if line == self.cursor else "surface")
        return render_or_report(lambda: Strip(self._segments(item, line)), width, ground)

    def _segments(self, item: Item, line: int) -> list[Segment]:
        under = line == self.cursor
        if under and self._row_seen_at == inf:
            self._row_seen_at = monotonic()
        ground = "cursor" if under else "surface"
        style, glyphs = self._tones.style, self.glyphs
        marked = self.renderer.id(item) in self.model.marks
        sign, sign_tone = self.renderer.sign(item)
        focused = under and self.has_focus
        segments = [
            theme_styles.segment(glyphs("▌") if under else " ", style("accent" if focused else "muted", ground)),
            theme_styles.segment(glyphs("●") if marked else " ", style("mark", ground)),
            theme_styles.segment(glyphs(sign) or " ", style(sign_tone, ground)),
            theme_styles.segment(" ", style("text", ground)),
        ]
        stale = self.stale and (self.stale_row is None or self.stale_row(item))
        cells = self.renderer.cells(item)
        shown = [(text, "stale") for text, _ in cells] if stale else cells
        return segments + cell_segments(shown, self.fitted, glyphs, lambda tone: style(tone, ground))

    # -- mouse

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, in the gutter it marks, a double click opens."""
        line = event.y + self.scroll_offset.y
        if self.model.at(line) is None:
            return
        self.focus()
        self.move_to(line)
        if event.x < GUTTER - 1:
            self.mark()
        elif event.chain == DOUBLE:
            self.open_current()
