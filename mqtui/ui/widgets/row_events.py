"""Messages of `RowTable` about its cursor, marks and columns; use them as `RowTable.Highlighted` etc."""

from __future__ import annotations

from typing import Any

from textual.message import Message
from textual.widget import Widget


class RowEvent(Message, namespace="row_table"):
    """The base of a list's messages."""

    def __init__(self, table: Widget) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> Widget:
        return self.table


class Highlighted(RowEvent, namespace="row_table"):
    """The cursor is on another row, or on none: it was `moved`, or the rows changed. Or its row vanished."""

    def __init__(self, table: Widget, item: Any, *, moved: bool) -> None:
        super().__init__(table)
        self.item, self.moved = item, moved

    def can_replace(self, message: Message) -> bool:
        """Only the last one counts."""
        return isinstance(message, Highlighted) and message.table is self.table


class Opened(RowEvent, namespace="row_table"):
    """A row was opened by enter or a double click."""

    def __init__(self, table: Widget, item: Any) -> None:
        super().__init__(table)
        self.item = item


class MarksChanged(RowEvent, namespace="row_table"):
    """Rows were marked or unmarked."""


class Arranged(RowEvent, namespace="row_table"):
    """Another filter or order is applied."""


class ColumnsChanged(Message, namespace="row_table"):
    """Other columns are shown."""
