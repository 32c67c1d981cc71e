"""A one-line bar of items: top bar, breadcrumbs, hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.table_model import shorten_middle
from mqtui.ui.widgets import theme_styles

SHRUNK = 14
"""Cells that an item which shrinks keeps."""


class BarItem(NamedTuple):
    """An item of a bar. Items of the highest `priority` are dropped first, together; 0 stays. A click does `action`.

    `ground` is its background, where that is not the bar's. One that `shrinks` is shortened in its middle before those
    of priority 1 are dropped.
    """

    text: str
    tone: str = ""
    priority: int = 0
    action: str = ""
    bold: bool = False
    ground: str = ""
    shrinks: bool = False


class Bar(Widget):
    """One line of items, some on the left, some on the right."""

    DEFAULT_CSS = "Bar { height: 1; }"

    left: reactive[tuple[BarItem, ...]] = reactive(())
    right: reactive[tuple[BarItem, ...]] = reactive(())

    class Pressed(Message):
        """An item with an action was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, ground: str = "surface", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.ground = ground
        self.glyphs = Glyphs()
        self._spans: list[tuple[int, int, str]] = []

    def fit(self, width: int) -> tuple[list[BarItem], list[BarItem]]:
        """The items that have room."""
        left, right = (
            [piece._replace(text=self.glyphs(piece.text)) for piece in side] for side in (self.left, self.right)
        )
        while last := max((piece.priority for piece in (*left, *right)), default=0):
            spare = sum(max(0, cell_len(piece.text) - SHRUNK) for piece in left if piece.shrinks and last == 1)
            if _length(left) + _length(right) + 1 - spare <= width:
                break
            left = [piece for piece in left if piece.priority != last]
            right = [piece for piece in right if piece.priority != last]
        over = max(0, _length(left) + _length(right) + 1 - width)
        return [_shortened(piece, over) if piece.shrinks and over else piece for piece in left], right

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        left, right = self.fit(width)
        drawn = theme_styles.styles_of(self.app)
        segments: list[Segment] = []
        self._spans = []
        blank = drawn.style("text", self.ground)
        at = 0
        room = max(1, width - _length(left) - _length(right))
        for pieces, gap in ((left, 0), (right, room)):
            if gap:
                segments.append(theme_styles.segment(" " * gap, blank))
                at += gap
            for piece in pieces:
                text = piece.text
                segments.append(
                    theme_styles.segment(text, drawn.style(piece.tone, piece.ground or self.ground, bold=piece.bold))
                )
                if piece.action:
                    self._spans.append((at, at + cell_len(text), piece.action))
                at += cell_len(text)
        return Strip(segments).adjust_cell_length(width, blank)

    def on_click(self, event: events.Click) -> None:
        for start, end, action in self._spans:
            if start <= event.x < end:
                self.post_message(self.Pressed(action))
                return


def _shortened(piece: BarItem, over: int) -> BarItem:
    name = piece.text.strip()
    return piece._replace(text=f" {shorten_middle(name, max(SHRUNK - 2, cell_len(name) - over))} ")


def _length(pieces: Sequence[BarItem]) -> int:
    return sum(cell_len(piece.text) for piece in pieces)
