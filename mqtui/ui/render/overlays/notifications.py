"""Notifications as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.times import format_time
from mqtui.ui.render.table_model import Cell, Column, Measure
from mqtui.ui.session.sessions import Notification

SIGNS = {"danger": "✗", "warn": "▲", "ok": "✓"}


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """A notification and its number."""

    index: int
    note: Notification


class NotificationRenderer:
    """How notifications are shown in a list."""

    columns = (Column("time", "TIME", 8, measure=Measure.TIME), Column("note", "NOTE", 40, grows=True))

    def id(self, item: NotificationRow) -> Hashable:
        return (item.note.time, item.note.text)

    def cells(self, item: NotificationRow) -> Sequence[Cell]:
        clock = format_time(int(item.note.time * 1000), "%H:%M:%S")
        return (clock, "muted"), (item.note.text, "" if item.note.tone == "text" else item.note.tone)

    def sign(self, item: NotificationRow) -> Cell:
        """✗ an error, ▲ a warning, ✓ a success."""
        return SIGNS.get(item.note.tone, " "), item.note.tone

    def severity(self, item: NotificationRow) -> int:
        """0: the order is that of time."""
        return 0

    def text(self, item: NotificationRow) -> str:
        return item.note.text

    def value(self, item: NotificationRow, key: str) -> Any:
        return int(item.note.time * 1000) if key == "time" else item.note.text
