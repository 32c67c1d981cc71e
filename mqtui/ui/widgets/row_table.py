"""A table of any length in one widget: only visible rows are drawn.

The cursor keeps its row while rows come, go and move, and its screen line too once somebody moved it. A row that
vanishes under the cursor stays, struck through, until the user moves. Marks are by id.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from math import inf
from typing import TypeAlias, TypeVar

from textual import events
from textual.worker import WorkType

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Column, RowRenderer
from mqtui.ui.widgets import row_events
from mqtui.ui.widgets.row_canvas import GUTTER, RowCanvas
from mqtui.ui.widgets.row_model import ArrangedRows, Notice

Item = TypeVar("Item")
DOUBLE = 2
MAX_ROWS_AT_ONCE = 1_000
"""Rows up to which filter and order are applied in one step."""


class RowTable(RowCanvas[Item], can_focus=True):
    """Items as rows with a cursor. `show` gives it items; it posts `Highlighted`, `Opened` and `MarksChanged`."""

    DEFAULT_CSS = """
    RowTable { height: 1fr; background: $surface; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    Highlighted: TypeAlias = row_events.Highlighted
    Opened: TypeAlias = row_events.Opened
    MarksChanged: TypeAlias = row_events.MarksChanged
    ColumnsChanged: TypeAlias = row_events.ColumnsChanged
    Arranged: TypeAlias = row_events.Arranged

    can_order = True
    """Whether its rows can be ordered by a column."""

    def __init__(self, renderer: RowRenderer[Item], *, id: str | None = None, with_divider: bool = True) -> None:  # noqa: A002
        """With `with_divider` a line separates rows with a problem from the others."""
        super().__init__(renderer, id=id, with_divider=with_divider)
        self._range_from: int | None = None
        self._touched = False
        """Whether somebody moved the cursor. Until then the list stays at its top, and a filter moves it there."""

        self.is_loading = False
        """Whether only names are known, so that the order will change: no row is under the cursor before a key."""

        self.row_changed: Callable[[row_events.Highlighted], None] | None = None
        """Called with `Highlighted` in the step in which the row changes: what tells of it is painted with the row."""

    # -- what is shown

    def show(self, items: Sequence[Item]) -> None:
        """Show the same list as it is now. The cursor stays on its row, also on one that vanished."""
        self._change(lambda: self._keep_row(lambda: self.model.take(items)), self._here)

    def replace(self, items: Sequence[Item]) -> None:
        """Show another list: of the one before nothing stays."""
        self._change(lambda: self.model.take(items), self._here)

    async def show_in_slices(self, items: Sequence[Item]) -> None:
        """As `show`, in slices, so that keys are answered; again where a key changed filter or order."""
        rows = list(items)

        def put(arranged: ArrangedRows[Item]) -> None:
            self._change(lambda: self._keep_row(lambda: self.model.put(arranged)), self._here)

        await self._show_in_slices(lambda: rows, put)

    async def _show_in_slices(self, rows: Callable[[], list[Item]], put: Callable[[ArrangedRows[Item]], None]) -> None:
        turn = -1
        while turn != self.model.turn:
            turn = self.model.turn
            for arranged in self.model.arrange_in_slices(rows()):
                if arranged is None:
                    await yield_to_loop()
                if turn != self.model.turn:
                    break
                if arranged is not None:
                    put(arranged)
                    return

    def _keep_row(self, change: Callable[[], None]) -> None:
        """Change the rows without the user's doing: one that was painted under the cursor stays though it vanished."""
        item, line, before = self.current, self.cursor, self.model.shown
        change()
        if item is not None and self._row_seen_at != inf and self.model.line_of(self.renderer.id(item)) is None:
            self.model.keep_gone(item, line, before)

    def show_notices(self, lines: Sequence[StyledLine]) -> None:
        """Show these lines above the rows: what is true of all of them, or of rows that are not there."""
        notices, at_top = [Notice(line) for line in lines], self.scroll_offset.y == 0
        if [each.line for each in notices] == [each.line for each in self.model.notices]:
            return
        self._change(lambda: self.model.put_notices(notices), self._here)
        if at_top and self.cursor < self.scrollable_content_region.height:
            self.scroll_to(y=0, animate=False, force=True, immediate=True)

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

    @property
    def is_gone(self) -> bool:
        """Whether the row under the cursor vanished, and is shown as it was seen last."""
        return 0 <= self.model.gone_line == self.cursor

    @property
    def why_gone(self) -> str:
        """Why the row under the cursor is struck through, in words."""
        wanted, name = self.model.wanted, self._here
        still_there = wanted is not None and any(self.renderer.id(each) == name for each in self.model.items)
        return "does not match the filter any more" if still_there else "is not there any more"

    def chosen(self) -> list[Item]:
        """The marked items, else the one under the cursor."""
        return self.model.chosen(self.cursor)

    @property
    def chosen_one(self) -> Item | None:
        """The only marked item, else the one under the cursor; None where several are marked."""
        chosen = self.chosen()
        return chosen[0] if len(chosen) == 1 else None

    def go_to(self, wanted: Hashable) -> bool:
        """Move the cursor to a row by id; whether it is shown."""
        index = self.model.line_of(wanted)
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
        def put(arranged: ArrangedRows[Item]) -> None:
            self._change(lambda: self.model.put(arranged), kept())

        await self._show_in_slices(lambda: self.model.items, put)
        self.post_message(self.Arranged(self))

    def _change(self, change: Callable[[], None], kept: Hashable | None) -> None:
        """Change the rows; the cursor stays on the row `kept`, where that is still shown."""
        name, was_gone, above = self._here, self.is_gone, self.cursor - self.scroll_offset.y
        change()
        self._sized()
        index = None if kept is None else self.model.line_of(kept)
        found = self._unkept() if index is None else index
        moved = found != self.cursor
        self.cursor = found
        if moved and index is not None and self._touched:
            self.scroll_to(y=found - above, animate=False, force=True, immediate=True)
        elif moved and index is not None:
            self._into_sight()
        self.refresh()
        if name is None or self._here != name:
            self.note_other_row()
            self._tell()
        elif was_gone != self.is_gone:
            self._tell()

    def _tell(self, *, moved: bool = False) -> None:
        """Tell of the row that is under the cursor now."""
        event = self.Highlighted(self, self.current, moved=moved)
        if self.row_changed is not None:
            self.row_changed(event)
        self.post_message(event)

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
        """Move the cursor to a line, or to the next one with an item. A row that vanished goes."""
        gone = self.model.gone_line
        if gone >= 0:
            self.model.drop_gone()
            self._sized()
        index = self.model.nearest(line - (0 <= gone < line), step)
        if index < 0 and gone < 0:
            return
        self._touched = True
        before, top = self.cursor, self.scroll_offset.y
        self.cursor = index
        self._into_sight()
        if self.scroll_offset.y == top and gone < 0:
            self.refresh_line(before)
            self.refresh_line(index)
        else:
            self.refresh()
        self._tell(moved=True)

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
            self.model.marks ^= set() if self.is_gone else {self.renderer.id(item)}
            self.move_by(1)
            self._marked()

    def pin(self) -> bool:
        """Pin the row under the cursor to the top, or unpin it; whether it is pinned now."""
        item = self.current
        if item is None or self.is_gone:
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

    # -- mouse

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, in the gutter it marks, a double click opens."""
        line = event.y + self.scroll_offset.y
        if self.model.at(line) is None:
            return
        self.focus()
        if line == self.model.gone_line:
            return
        self.move_to(line)
        if event.x < GUTTER - 1:
            self.mark()
        elif event.chain == DOUBLE:
            self.open_current()
