"""A list of messages that grows at its end and is bounded: the oldest are dropped and counted.

It is painted four times a second whatever the rate; only visible rows are decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

from textual.message import Message as TextualMessage

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.domain.message import Message
from mqtui.ui.render.messages.messages import MessageRenderer
from mqtui.ui.widgets.row_model import RowModel
from mqtui.ui.widgets.row_sort import slices
from mqtui.ui.widgets.row_table import RowTable

MAX_MESSAGES = 100_000
"""Messages kept at most."""

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of keys, values and headers kept at most."""

MESSAGE_OVERHEAD = 200
"""Bytes of overhead of a message, roughly."""

PAINT_SECONDS = 0.25
"""Seconds between two paints of a list that grows."""

MAX_FILTERED_AT_ONCE = 2_000
"""Messages that are filtered in one step."""

MAX_QUEUED = 10_000
"""Messages that may be queued for a paint; `take` waits above that."""

SLICE = 500


@dataclass(slots=True)
class MessageRowModel(RowModel[Message]):
    """Messages in order of arrival. `positions` has, by the renderer's id, the row's number when it was first shown."""

    most: int = MAX_MESSAGES
    most_bytes: int = MAX_BYTES
    held: int = 0
    """Bytes kept."""

    dropped: int = 0
    """Messages dropped since `clear`."""

    hidden: int = 0
    """Rows dropped that had been shown."""

    def append(self, batch: Sequence[Message]) -> int:
        """Append messages; how many rows were dropped at the top. One that vanished before stays the row it was."""
        gone, line = self.gone, self.gone_line
        self.drop_gone()
        rows = self._append(batch)
        if gone is not None:
            self.put_gone(gone, max(0, line - rows))
        return rows

    def _append(self, batch: Sequence[Message]) -> int:
        wanted = self.wanted
        self.items += batch
        self.held += sum(map(memory_size, batch))
        chosen = batch if wanted is None else [message for message in batch if wanted(message)]
        number = self.hidden + len(self.shown)
        self.shown += chosen
        name_of = self.renderer.id
        self.positions.update((name_of(message), number + index) for index, message in enumerate(chosen))
        return self._drop()

    def _drop(self) -> int:
        gone = max(0, len(self.items) - self.most)
        held = self.held - sum(map(memory_size, self.items[:gone]))
        while held > self.most_bytes and gone < len(self.items) - 1:
            held -= memory_size(self.items[gone])
            gone += 1
        if not gone:
            return 0
        rows = 0
        for message in self.items[:gone]:
            if self.positions.pop(self.renderer.id(message), None) is not None:
                rows += 1
        del self.items[:gone], self.shown[:rows]
        self.held = held
        self.dropped += gone
        self.hidden += rows
        return rows

    def _row_number(self, name: Hashable) -> int | None:
        number = self.positions.get(name)
        return None if number is None else number - self.hidden

    def arrange(self) -> None:
        """Apply the filter again, in one step."""
        self.show_only([item for item in self.items if self.wanted is None or self.wanted(item)])

    def show_only(self, chosen: Sequence[Message]) -> None:
        """Show exactly these messages."""
        self.shown = list(chosen)
        self.hidden, self.gone, self.gone_line = 0, None, -1
        self.positions = {self.renderer.id(message): number for number, message in enumerate(chosen)}

    def clear(self) -> None:
        """Remove all messages; marks stay."""
        self.items, self.shown, self.positions = [], [], {}
        self.gone, self.gone_line = None, -1
        self.held = self.dropped = self.hidden = 0


def memory_size(message: Message) -> int:
    """Bytes of memory a message takes, roughly."""
    size = MESSAGE_OVERHEAD + len(message.value or b"") + len(message.key or b"")
    for _, value, _ in message.headers:
        size += MESSAGE_OVERHEAD + len(value or b"")
    for name, content in message.fields:
        size += MESSAGE_OVERHEAD + len(name) + len(content)
    return size


class MessageList(RowTable[Message]):
    """Messages as rows. While `follows_end`, the cursor stays on the last one; moving up pauses it."""

    class Grown(TextualMessage):
        """Messages were added, or following was paused or resumed."""

        def __init__(self, table: MessageList) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> MessageList:
            return self.table

        def can_replace(self, message: TextualMessage) -> bool:
            return isinstance(message, MessageList.Grown)

    can_order = False
    """Messages stay in the order they lie in."""

    def __init__(self, renderer: MessageRenderer, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(renderer, id=id, with_divider=False)
        self.messages = renderer
        self.model: MessageRowModel = MessageRowModel(renderer, with_divider=False)
        self.following = False
        self.held = False
        self.below = 0
        """Messages that arrived while following was paused."""

        self._waiting: list[Message] = []
        self._due = False
        self._showing = False
        self._unseen = 0
        self._shown_at = 0.0
        self._room = asyncio.Event()
        self._filtering = 0
        self.end_in_sight = False
        """Whether a first reading shows the last of the rows that it has brought so far."""

    # -- what is shown

    @property
    def follows_end(self) -> bool:
        """Whether the cursor follows the end now."""
        return self.following and not self.held

    def begin(self) -> None:
        """Empty the list; marks stay."""
        self._waiting.clear()
        self._room.set()
        self.model.clear()
        self.cursor, self.below = 0, 0
        self._sized()

    def begin_loading(self, *, end_in_sight: bool) -> None:
        """Empty the list, which a first reading fills: until its end, no row is under the cursor but by a key."""
        self.begin()
        self.is_loading, self.end_in_sight, self.cursor = True, end_in_sight, -1

    def render_as(self, renderer: MessageRenderer) -> None:
        self.renderer = self.messages = self.model.renderer = renderer
        self.refresh()

    async def take(self, batch: Sequence[Message]) -> None:
        """Add messages at the next paint; waits while too many are queued."""
        self._waiting += batch
        if not self._due:
            self._due = True
            self.call_later(self.flush)
        if len(self._waiting) > MAX_QUEUED:
            self._room.clear()
            await self._room.wait()

    def flush(self) -> None:
        """Add a slice of the queued messages; keys are answered between slices."""
        batch = self._waiting[:SLICE]
        del self._waiting[:SLICE]
        self._due = bool(self._waiting)
        if self._due:
            self.call_later(self.flush)
        if len(self._waiting) <= MAX_QUEUED:
            self._room.set()
        if batch:
            self._take_in(batch)
        pause = PAINT_SECONDS - (monotonic() - self._shown_at)
        if pause <= 0:
            self._show_new()
        elif not self._showing:
            self._showing = True
            self.set_timer(pause, self._show_new, name="messages")

    def _take_in(self, batch: Sequence[Message]) -> None:
        self.messages.widen(batch)
        item, line, before = self.current, self.cursor, len(self.model.shown)
        gone = self.model.append(batch)
        came = len(self.model.shown) - before + gone
        self._unseen += came
        vanished = item is not None and gone > line and self.model.gone is None and not self.follows_end
        if item is not None and vanished:
            self.model.put_gone(item, 0)
        if gone:
            self._shift(gone)
        if self.following and not self.follows_end:
            self.below += came
        if before == 0 and not self.follows_end:
            self.note_other_row()
        if vanished or (before == 0 and not self.follows_end):
            self._tell()

    def _show_new(self) -> None:
        self._showing, self._shown_at = False, monotonic()
        if self.follows_end:
            self._to_the_end()
        elif self._shows_end_so_far:
            self._sized()
            self._into_sight()
            self.refresh()
        else:
            self._sized()
            if len(self.model.shown) - self._unseen < self.scroll_offset.y + self.size.height:
                self.refresh()
        self._unseen = 0
        self.post_message(self.Grown(self))

    @property
    def _shows_end_so_far(self) -> bool:
        return self.is_loading and self.end_in_sight and self.cursor < 0

    def _into_sight(self) -> None:
        if self._shows_end_so_far:
            self.scroll_to(y=len(self.model.shown), animate=False, immediate=True, force=True)
        else:
            super()._into_sight()

    def _shift(self, rows: int) -> None:
        """Rows at the top were dropped: scroll by as many, so that the picture stays."""
        lost = min(rows, self.scroll_offset.y)
        self.cursor = max(0, self.cursor - rows) if self.cursor >= 0 else -1
        self.set_reactive(RowTable.scroll_y, self.scroll_y - lost)
        self.set_reactive(RowTable.scroll_target_y, self.scroll_target_y - lost)
        if lost < rows:
            self.refresh()

    def _to_the_end(self) -> None:
        self.model.drop_gone()
        last = len(self.model.shown) - 1
        if last < 0:
            return
        if self.cursor != last:
            self.note_other_row()
        self.cursor = last
        self._sized()
        self.scroll_to(y=last, animate=False, immediate=True, force=True)
        self.refresh()
        self._tell()

    async def settle(self) -> None:
        """Add all queued messages, in slices."""
        while self._waiting:
            self.flush()
            await yield_to_loop()

    async def show_anew(self, messages: Sequence[Message]) -> None:
        """Show messages that were read again, filtered in slices; the cursor stays on its message."""
        old = self.model
        model = MessageRowModel(self.messages, False, old.wanted, most=old.most, most_bytes=old.most_bytes)
        for part in slices(messages):
            self.messages.widen(part)
            model.append(part)
            await yield_to_loop()
        if model.wanted is not self.model.wanted:
            model.wanted = self.model.wanted
            model.arrange()
        self._filtering += 1
        self._waiting.clear()
        self._change(partial(self._keep_row, partial(self._put, model)), self._here)
        self.post_message(self.Grown(self))

    def _put(self, model: MessageRowModel) -> None:
        model.marks = self.model.marks
        self.model = model

    # -- following

    def hold(self, *, still: bool) -> None:
        """Pause following, or go on."""
        self.held = still
        if not still:
            self.below = 0
            if self.following:
                self._to_the_end()
        self.post_message(self.Grown(self))

    def move_to(self, line: int, step: int = 1) -> None:
        """Move the cursor to a line; leaving the last one pauses following."""
        self._sized()  # what was taken in since the last paint has a place to scroll to as well
        super().move_to(line, step)
        height, top = max(1, self.scrollable_content_region.height), self.scroll_offset.y
        seen = min(max(top, self.cursor - height + 1), max(self.cursor, 0))
        if seen != top:
            self.scroll_to(y=seen, animate=False, immediate=True, force=True)
        if self.following and not self.held and self.cursor < len(self.model.shown) - 1:
            self.hold(still=True)

    @property
    def why_gone(self) -> str:
        """Why the message under the cursor is struck through."""
        return "is not in the list any more: deleted, trimmed, or older than what is kept"

    def move_by(self, lines: int) -> None:
        """Move the cursor by lines; from none to the last row."""
        if self.cursor < 0 and self.end_in_sight:
            self.move_to_end()
        else:
            super().move_by(lines)

    def move_to_end(self) -> None:
        """Move the cursor to the last row, and go on following."""
        if self.following:
            self.hold(still=False)
        else:
            super().move_to_end()

    # -- filtering

    def only(self, wanted: Callable[[Message], bool] | None) -> None:
        """Apply a filter; many messages are filtered in slices, so that keys are answered."""
        self._filtering += 1
        self.model.wanted = wanted
        if len(self.model.items) <= MAX_FILTERED_AT_ONCE:
            self._show_only([item for item in self.model.items if wanted is None or wanted(item)])
        else:
            self.run_worker(self._filter(self._filtering), exclusive=True, group="filter", exit_on_error=False)

    async def _filter(self, turn: int) -> None:
        lines, wanted = self.model, self.model.wanted
        found: list[tuple[int, Message]] = []
        at = lines.dropped
        while True:
            at = max(at, lines.dropped)
            part = lines.items[at - lines.dropped : at - lines.dropped + SLICE]
            if not part:
                break
            found += [(at + n, item) for n, item in enumerate(part) if wanted is None or wanted(item)]
            at += len(part)
            await yield_to_loop()
            if turn != self._filtering:
                return
        self._show_only([item for number, item in found if number >= lines.dropped])

    def _show_only(self, chosen: Sequence[Message]) -> None:
        now = self.current
        above = self.cursor - self.scroll_offset.y
        self.model.show_only(chosen)
        index = self.model.line_of(self.renderer.id(now)) if now is not None else None
        self._sized()
        if index is not None or not (self.is_loading and self.cursor < 0):
            self.cursor = max(0, min(self.cursor, len(chosen) - 1)) if index is None else index
        self.scroll_to(y=max(0, self.cursor - max(0, above)), animate=False, immediate=True, force=True)
        if self.follows_end:
            self._to_the_end()
        self.refresh()
        self._tell()
        self.post_message(self.Grown(self))
