"""Exported lines as CSV, as `mqtui peek -o csv` prints it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mqtui.services.csv_rows import CsvRows, columns_of
from mqtui.services.export.part_file import Check

ROWS_AT_ONCE = 1_000


def write_csv(
    source: Path, out: BinaryIO, check: Check = lambda: None, tell: Callable[[int], None] = lambda rows: None
) -> None:
    """Make CSV of a file of lines. `tell` gets the number of rows written, `check` may end it. It blocks.

    Raises:
        OSError: it can't be read, or there is no room.
    """
    rows = CsvRows(columns_of("peek"))
    out.write(rows.head())
    with source.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            out.write(rows.encode(line))
            if number % ROWS_AT_ONCE == 0:
                check()
                tell(number)
