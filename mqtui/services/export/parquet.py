"""Exported lines as a Parquet file, with a typed column for each field. It needs pyarrow."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from mqtui.domain.errors import BadInput
from mqtui.services.export import columns
from mqtui.services.export.columns import Columns
from mqtui.services.export.part_file import Check

ROWS_AT_ONCE = 10_000


def require_pyarrow() -> None:
    """Check that Parquet can be written.

    Raises:
        BadInput: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise BadInput("Parquet needs pyarrow", "", "pip install 'mqtui[parquet]' brings it.")


def write_parquet(
    source: Path, out: BinaryIO, check: Check = lambda: None, tell: Callable[[int], None] = lambda rows: None
) -> None:
    """Make a Parquet file of a file of lines. `tell` gets the number of rows written, `check` may end it. It blocks.

    Raises:
        OSError: it can't be read, or there is no room.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    nested, found = False, columns.find_columns(columns.read_rows(source, check))
    if len(found) > columns.MAX_COLUMNS:
        nested, found = True, columns.find_columns(columns.read_rows(source, check, nested=True))
    schema = pa.schema([pa.field(name, _arrow_type(kind)) for name, kind in found.items()])
    rows, written = columns.read_rows(source, check, nested=nested), 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_batch(pa.RecordBatch.from_arrays(list(_arrays(chunk, found)), schema=schema))
            written += len(chunk)
            tell(written)


def _arrays(rows: list[dict[str, Any]], found: Columns) -> Iterator[Any]:
    import pyarrow as pa

    for name, kind in found.items():
        yield pa.array([columns.to_column(row.get(name), kind) for row in rows], _arrow_type(kind))


def _arrow_type(kind: str) -> Any:
    import pyarrow as pa

    if kind.startswith(columns.LIST):
        return pa.list_(_arrow_type(kind.removeprefix(columns.LIST)))
    types = {
        columns.BOOL: pa.bool_(),
        columns.INT: pa.int64(),
        columns.BIG: pa.int64(),
        columns.FLOAT: pa.float64(),
        columns.BYTES: pa.binary(),
        columns.TIME: pa.timestamp("ms", tz="UTC"),
    }
    return types.get(kind, pa.string())
