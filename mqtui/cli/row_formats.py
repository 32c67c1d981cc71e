"""Rows as JSON lines, CSV or YAML: the same fields under the same names."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Protocol

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


def encoder_of(form: Format, command: str) -> RowEncoder:
    """The encoder of a command's rows; `command` as in `schema-of`."""
    if form is Format.CSV:
        from mqtui.services.csv_rows import CsvRows, columns_of

        return CsvRows(columns_of(command), printable if sys.stdout.isatty() else str)
    return YamlRows() if form is Format.YAML else JsonRows()
