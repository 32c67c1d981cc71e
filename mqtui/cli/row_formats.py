"""Rows as JSON lines, CSV or YAML: the same fields under the same names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from mqtui.domain.printable import printable


class Format(StrEnum):
    """How a command prints its rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    YAML = "yaml"


class RowEncoder(Protocol):
    """Encodes one row after the other."""

    def encode(self, line: bytes) -> bytes:
        """The bytes of one JSON line in this format, with their line end."""


class JsonRows:
    """JSON, one row a line."""

    def encode(self, line: bytes) -> bytes:
        """The line as it is."""
        return line.rstrip(b"\n") + b"\n"


class YamlRows:
    """A YAML document for each row."""

    def encode(self, line: bytes) -> bytes:
        """The row, after the line that begins a document."""
        import json

        import yaml

        document: bytes = yaml.safe_dump(
            json.loads(line), sort_keys=False, allow_unicode=True, explicit_start=True, encoding="utf-8"
        )
        return document


class CsvRows:
    """CSV under one head. Cells that are no text or number are JSON; null is an empty cell."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._has_head = False

    def encode(self, line: bytes) -> bytes:
        """The row, before the first one the head."""
        import csv
        import io
        import json

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self._has_head:
            writer.writerow(self._columns)
            self._has_head = True
        row = json.loads(line)
        writer.writerow([_cell(row.get(column)) for column in self._columns])
        return text.getvalue().encode("utf-8", "surrogateescape")


def encoder_of(form: Format, command: str) -> RowEncoder:
    """The encoder of a command's rows; `command` as in `schema-of`."""
    if form is Format.CSV:
        return CsvRows(_columns_of(command))
    return YamlRows() if form is Format.YAML else JsonRows()


def _columns_of(command: str) -> list[str]:
    """The fields of all rows that a command prints, those that are always there first."""
    from mqtui.services.json_row_types import COMMANDS, ROWS

    rows = [ROWS[name] for name in COMMANDS[command].split()]
    return list(
        dict.fromkeys(field for part in ("required", "optional") for row in rows for field in getattr(row, part))
    )


def _cell(value: Any) -> str:
    import json

    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(text) if sys.stdout.isatty() else text
