"""The columns of Parquet: one type a column that rounds nothing, nested fields apart, and an end to their number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mqtui.services.csv_rows import CsvRows
from mqtui.services.export.columns import BIG, BYTES, FLOAT, INT, JSON, MAX_COLUMNS, NULL, TEXT, merge
from mqtui.services.export.parquet import write_parquet


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (NULL, INT, INT),
        (INT, FLOAT, FLOAT),
        (INT, BIG, BIG),
        (BIG, FLOAT, JSON),
        (TEXT, BYTES, BYTES),
        (TEXT, INT, JSON),
        ("list int", "list null", "list int"),
        ("list int", "list text", JSON),
        ("list int", INT, JSON),
    ],
)
def test_a_column_has_one_type_that_rounds_nothing(one: str, other: str, both: str) -> None:
    assert merge(one, other) == merge(other, one) == both


def table(folder: Path, *decoded: Any, **more: Any) -> Any:
    """A Parquet file of messages, read back."""
    source, file = folder / "lines", folder / "made.parquet"
    rows = [
        {"resource": "o", "position": "0/1", "timestamp": 1_764_470_000_123, "decoded": each} | more for each in decoded
    ]
    source.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    with file.open("wb") as out:
        write_parquet(source, out)
    return pq.read_table(file)


def test_values_that_no_column_type_holds_are_their_json(tmp_path: Path) -> None:
    found = table(tmp_path, {"n": 2**64}, {"n": 1}, {"n": {"base64": "/w=="}}, {"n": [[1], {"a": 2}]})
    assert found["decoded.n"].to_pylist() == [str(2**64), "1", '{"base64":"/w=="}', '[[1],{"a":2}]']


def test_a_map_with_a_key_for_each_customer_is_one_column(tmp_path: Path) -> None:
    wide = {f"customer-{number}": number for number in range(MAX_COLUMNS + 1)}
    found = table(tmp_path, wide, 5)
    assert "decoded" in found.column_names and len(found.column_names) < 10
    assert json.loads(found["decoded"][0].as_py()) == wide and found["decoded"][1].as_py() == "5"


def test_times_beyond_the_calendar_stay_numbers(tmp_path: Path) -> None:
    found = table(tmp_path, 1, timestamp=2**62)
    assert found["timestamp"].to_pylist() == [2**62]
    assert table(tmp_path, 1)["timestamp"][0].as_py().year == 2025


def test_nothing_exported_is_a_file_without_rows(tmp_path: Path) -> None:
    assert table(tmp_path).num_rows == 0


def test_a_cell_of_csv_loses_no_digit() -> None:
    rows = CsvRows(["text", "tree", "gone"])
    line = b'{"tree":{"n":12345678901234567.890,"m":1.10},"text":"a,\\"b\\"","gone":null}'
    assert rows.encode(line) == b'text,tree,gone\n"a,""b""","{""n"":12345678901234567.890,""m"":1.10}",\n'
