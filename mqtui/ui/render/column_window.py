"""Which columns of a list are drawn: those that have room, and others in their stead where they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqtui.ui.render.table_model import Column, FittedColumns, fit_columns


class ColumnWindow:
    """The columns a list shows in its width. The name stays; others stand aside so that the next have room."""

    def __init__(self, turned: Callable[[], None]) -> None:
        """`turned` is called when others are shown than before."""
        self._turned = turned
        self._columns: Sequence[Column] = ()
        self._width = 0
        self._aside: set[str] = set()
        self._fitted: FittedColumns | None = None

    def fitted(self, columns: Sequence[Column], width: int) -> FittedColumns:
        """The columns that are drawn in a list of that width."""
        if self._fitted is None or (columns, width) != (self._columns, self._width):
            self._columns, self._width = columns, width
            self._fitted = fit_columns(columns, width, self._aside)
        return self._fitted

    @property
    def aside(self) -> int:
        """How many stand aside for others."""
        return len(self._aside)

    @property
    def missing(self) -> list[Column]:
        """Those that gave way, in their order."""
        drawn = {column.key for _, column, _ in self._fitted or ()}
        return [column for column in self._columns if column.key not in drawn | self._aside]

    def turn(self) -> None:
        """The ones that gave way instead of those shown; after the last the first again."""
        self._put(self._aside | set(self._movable()) if self.missing else set())

    def right(self) -> None:
        """One column further, where one gave way."""
        movable = self._movable()
        if self.missing and movable:
            self._put(self._aside | {movable[0]})

    def left(self) -> None:
        """One column back, where one stands aside."""
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
