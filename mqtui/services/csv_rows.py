"""JSON lines as CSV: a column for each field that a command's rows may have."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

_DECODER: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class CsvRows:
    """CSV under one head. Cells that are no text or number are JSON; null is an empty cell."""

    def __init__(self, columns: Sequence[str], show: Callable[[str], str] = str) -> None:
        """`show` makes the text of a cell fit for where it is read, such as a terminal."""
        self._columns = columns
        self._show = show
        self._has_head = False

    def encode(self, line: bytes) -> bytes:
        """One JSON line as a row, before the first one the head."""
        head = b"" if self._has_head else self.head()
        row = _DECODER.decode(line)
        return head + _row([self._cell(row.get(column)) for column in self._columns])

    def head(self) -> bytes:
        """The names of the columns."""
        self._has_head = True
        return _row(self._columns)

    def _cell(self, value: msgspec.Raw | None) -> str:
        """A text as it is, anything else as its JSON, no digit changed."""
        if value is None or (text := bytes(value)) == b"null":
            return ""
        return self._show(msgspec.json.decode(text, type=str) if text[:1] == b'"' else text.decode())


def _row(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def columns_of(command: str) -> list[str]:
    """The fields of all rows that a command prints, those that are always there first."""
    from mqtui.services.json_row_types import COMMANDS, ROWS

    rows = [ROWS[name] for name in COMMANDS[command].split()]
    return list(
        dict.fromkeys(field for part in ("required", "optional") for row in rows for field in getattr(row, part))
    )
