"""Which columns of a list are drawn: those that have room, or others that were scrolled to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqtui.ui.render.table_model import Column, FittedColumns, fit_columns


class ColumnWindow:
    """The columns that a list shows in its width. The name stays; others are set aside to make room for the next."""

    def __init__(self, turned: Callable[[], None]) -> None:
        """`turned` is called when other columns are shown."""
        self._turned = turned
        self._columns: Sequence[Column] = ()
        self._width = 0
        self._aside: set[str] = set()
        self._fitted: FittedColumns | None = None

    def fitted(self, columns: Sequence[Column], width: int) -> FittedColumns:
        """The columns drawn at a width."""
        if self._fitted is None or (columns, width) != (self._columns, self._width):
            self._columns, self._width = columns, width
            self._fitted = fit_columns(columns, width, self._aside)
        return self._fitted

    @property
    def aside(self) -> int:
        """How many columns are set aside."""
        return len(self._aside)

    @property
    def missing(self) -> list[Column]:
        """The columns that have no room, in order."""
        drawn = {column.key for _, column, _ in self._fitted or ()}
        return [column for column in self._columns if column.key not in drawn | self._aside]

    def turn(self) -> None:
        """Show the columns that have no room instead of the others; after the last, the first again."""
        self._put(self._aside | set(self._movable()) if self.missing else set())

    def right(self) -> None:
        """Scroll one column to the right, where one has no room."""
        movable = self._movable()
        if self.missing and movable:
            self._put(self._aside | {movable[0]})

    def left(self) -> None:
        """Scroll one column back, where one is set aside."""
        last = next((column.key for column in reversed(self._columns) if column.key in self._aside), None)
        if last is not None:
            self._put(self._aside - {last})

    def _put(self, aside: set[str]) -> None:
        self._aside, self._fitted = aside, None
        self.fitted(self._columns, self._width)
        self._turned()

    def _movable(self) -> list[str]:
        grows = any(column.grows for column in self._columns)
        name = next((column for column in self._columns if column.grows or not grows), None)
        return [column.key for _, column, _ in self._fitted or () if column is not name]
