"""Menu items as rows: for help, menu and palette."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.cells import cell_len

from mqtui.ui.render.table_model import Cell, Column


@dataclass(frozen=True, slots=True)
class MenuItem:
    """Something that can be done or gone to. `reason` says why it is disabled; `kind` is its kind in a word.

    `changes` is set for actions that change something.
    """

    id: str
    title: str
    help: str
    do: Callable[[], Any]
    key: str = ""
    kind: str = "look"
    reason: str = ""
    changes: bool = False

    @property
    def words(self) -> str:
        """The text that is searched."""
        return f"{self.title} {self.help} {self.kind}"


class ActionRenderer:
    """How menu items are shown in help and menu; disabled ones say why. Long descriptions are wrapped."""

    _room = 0
    """Cells of the last column; 0 before it is known."""

    widest_title = 24
    """Cells of a title above which it is cut."""

    columns: tuple[Column, ...] = (
        Column("key", "KEY", 9),
        Column("title", "", 13),
        Column("help", "", 12, grows=True, priority=2),
    )

    def id(self, item: MenuItem) -> Hashable:
        return item.id

    def make_room(self, items: Sequence[MenuItem]) -> None:
        """Give the titles of these items the cells that they need."""
        needed = min(self.widest_title, max((cell_len(item.title) for item in items), default=0))
        self.columns = tuple(
            column._replace(width=max(column.width, needed)) if column.key == "title" else column
            for column in type(self).columns
        )

    def wrap_at(self, width: int) -> None:
        self._room = width

    def more_lines(self, item: MenuItem) -> Sequence[str]:
        """The description's lines after the first."""
        return self._description(item)[1:]

    def _description(self, item: MenuItem) -> list[str]:
        text = f"dim: {item.reason}" if item.reason else item.help
        return (wrap(text, self._room) if self._room else []) or [text]

    def cells(self, item: MenuItem) -> Sequence[Cell]:
        described = (self._description(item)[0], "muted")
        if item.reason:
            return (item.key, "muted"), (item.title, "muted"), described
        return (item.key, "warn" if item.changes else "accent"), (item.title, ""), described

    def sign(self, item: MenuItem) -> Cell:
        return " ", ""

    def severity(self, item: MenuItem) -> int:
        return 0

    def text(self, item: MenuItem) -> str:
        return f"{item.key} {item.words} {item.reason}"

    def value(self, item: MenuItem, key: str) -> Any:
        return {"key": item.key, "title": item.title}.get(key, item.help)


class OrderRenderer(ActionRenderer):
    """How the columns that a list can be ordered by are shown, with an arrow at the one it is ordered by."""

    columns: tuple[Column, ...] = (
        Column("key", "", 1),
        Column("title", "", 16),
        Column("help", "", 12, grows=True, priority=2),
    )


class FigureRenderer(ActionRenderer):
    """How the columns of a row are shown, each with its value and where that comes from."""

    columns: tuple[Column, ...] = (Column("title", "", 14), Column("help", "", 12, grows=True))

    def cells(self, item: MenuItem) -> Sequence[Cell]:
        return (item.title, "muted"), (self._description(item)[0], "")


class PaletteRenderer(ActionRenderer):
    """How menu items are shown in the palette."""

    columns: tuple[Column, ...] = (
        Column("sort", "", 8),
        Column("title", "", 20, grows=True),
        Column("help", "", 34, priority=2),
        Column("key", "", 9),
    )

    def cells(self, item: MenuItem) -> Sequence[Cell]:
        sort = ("CHANGE" if item.changes else item.kind, "warn" if item.changes else "muted")
        if item.reason:
            return sort, (item.title, "muted"), (f"dim: {item.reason}", "muted"), (item.key, "muted")
        return sort, (item.title, ""), (item.help, "muted"), (item.key, "warn" if item.changes else "accent")
