"""An app with a single table, for tests of `RowTable`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from mqtui.ui import theme
from mqtui.ui.render.table_model import Cell, Column
from mqtui.ui.widgets.pane import ColumnTitles, Pane
from mqtui.ui.widgets.row_table import RowTable


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `wrong` is how wrong it is, `size` may not be known."""

    name: str
    size: int | None = 0
    wrong: int = 0

    def sized(self, size: int | None) -> Row:
        return replace(self, size=size)


class RowsRenderer:
    """How things stand in a list."""

    columns: tuple[Column, ...] = (
        Column("name", "NAME", 12, grows=True),
        Column("size", "SIZE", 8, right=True),
        Column("note", "NOTE", 10, priority=2),
        Column("more", "MORE", 14, priority=3),
    )

    def id(self, item: Row) -> Hashable:
        return item.name

    def cells(self, item: Row) -> Sequence[Cell]:
        shown = "?" if item.size is None else f"{item.size:,}"
        return (item.name, ""), (shown, "lag"), ("note", "muted"), ("more", "muted")

    def sign(self, item: Row) -> Cell:
        return ("†", "dead") if item.wrong > 1 else ("▲", "warn") if item.wrong else (" ", "")

    def severity(self, item: Row) -> int:
        return item.wrong

    def text(self, item: Row) -> str:
        return f"{item.name} thing"

    def value(self, item: Row, key: str) -> Any:
        return {"name": item.name, "size": item.size}.get(key)


def rows(count: int) -> list[Row]:
    return [Row(f"thing-{number:06d}", number) for number in range(count)]


class ListApp(App[None]):
    """The table, and the messages it posted."""

    def __init__(self, items: Sequence[Row] = (), *, with_divider: bool = True) -> None:
        self._themes = theme.load()
        super().__init__()
        self.register_theme(self._themes.known[theme.DEFAULT].textual())
        self.theme = theme.DEFAULT
        self.table: RowTable[Row] = RowTable(RowsRenderer(), with_divider=with_divider)
        self.items = items
        self.highlighted: list[str | None] = []
        self.opened: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return self._themes.known[theme.DEFAULT].textual().variables

    def compose(self) -> ComposeResult:
        yield Pane(self.table, name="Things")

    def on_mount(self) -> None:
        self.table.show(self.items)
        self.table.focus()

    def on_row_table_highlighted(self, event: RowTable.Highlighted) -> None:
        self.highlighted.append(None if event.item is None else event.item.name)

    def on_row_table_opened(self, event: RowTable.Opened) -> None:
        self.opened.append(event.item.name)

    # -- what is seen

    @property
    def here(self) -> str | None:
        """The row under the cursor."""
        return None if self.table.current is None else self.table.current.name

    @property
    def screen_line(self) -> int:
        """The line of the screen the cursor is on, counted from the top of the list."""
        return self.table.cursor - self.table.scroll_offset.y

    @property
    def names(self) -> list[str]:
        """All rows in their order; the parting is `--`."""
        lines = self.table.model
        return [item.name if (item := lines.at(line)) else "--" for line in range(len(lines.shown))]

    @property
    def head(self) -> str:
        """The titles of the columns as they are drawn."""
        return self.query_one(ColumnTitles).render_line(0).text

    def painted(self) -> list[Strip]:
        """All lines of the screen, drawn now."""
        return [self.table.render_line(line) for line in range(self.table.size.height)]

    def struck(self, screen_line: int) -> bool:
        """Whether the cells of a line are struck through."""
        return any(each.style is not None and each.style.strike for each in self.table.render_line(screen_line))

    def drawn(self, screen_line: int) -> str:
        """A line of the list as it is drawn."""
        return self.table.render_line(screen_line).text


@asynccontextmanager
async def list_app(
    items: Sequence[Row] = (), *, with_divider: bool = True, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[ListApp, Pilot[None]]]:
    """A list of these things on a screen of that size."""
    app = ListApp(items, with_divider=with_divider)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot
