"""The columns that a file of exported lines has: nested fields flattened, each column with one type."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from mqtui.services.csv_rows import columns_of
from mqtui.services.export.part_file import Check

NULL, BOOL, INT, BIG, FLOAT, TEXT, BYTES, JSON, TIME = (
    "null",
    "bool",
    "int",
    "bigint",
    "float",
    "text",
    "bytes",
    "json",
    "time",
)
"""Types of columns. A `bigint` is a whole number that a float can't hold; `json` is the JSON text of anything."""

LIST = "list "
"""How the type of a list begins; what follows is that of its items."""

FLATTENED = ("properties", "decoded", "deliveries_left")
EXACT_IN_FLOAT = 2**53
LAST_TIME = 253_402_300_800_000
"""The end of the year 9999, in ms."""

MAX_COLUMNS = 1_000
"""Beyond, `decoded` is one column of JSON: a map with a key for each customer makes no table."""

ROWS_PER_CHECK = 1_000

SIMPLE = {type(None): NULL, bool: BOOL, str: TEXT, bytes: BYTES}
"""Python types whose values all have one type of column."""

Columns = dict[str, str]
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def read_rows(path: Path, check: Check, *, nested: bool = False) -> Iterator[dict[str, Any]]:
    """The lines of a file as rows; with `nested` their `decoded` stays one value. It blocks; `check` may end it."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines):
            if number % ROWS_PER_CHECK == 0:
                check()
            yield dict(_flatten(_parse(line), nested=nested))


def find_columns(rows: Iterable[dict[str, Any]]) -> Columns:
    """The columns of rows with their types, those that every message has first."""
    found: Columns = dict.fromkeys((name for name in columns_of("peek") if name not in FLATTENED), NULL)
    for row in rows:
        for name, value in row.items():
            kind, known = _type_in(name, value), found.get(name)
            if kind != known:
                found[name] = merge(known or NULL, kind)
    absent = {name for name in columns_of("peek") if found.get(name) == NULL}
    return {name: kind for name, kind in found.items() if name not in absent}


def merge(one: str, other: str) -> str:
    """The type that holds the values of both."""
    if one == other or other == NULL:
        return one
    if one == NULL:
        return other
    pair = {one, other}
    if pair == {INT, BIG}:
        return BIG
    if pair == {INT, FLOAT}:
        return FLOAT
    if pair == {TEXT, BYTES}:
        return BYTES
    if pair <= {TIME, INT, BIG}:
        return BIG
    if one.startswith(LIST) and other.startswith(LIST):
        inner = merge(one.removeprefix(LIST), other.removeprefix(LIST))
        return JSON if inner == JSON else f"{LIST}{inner}"
    return JSON


def to_column(value: Any, kind: str) -> Any:
    """A value as a column of that type takes it."""
    if value is None:
        return None
    if kind == JSON:
        return _ENCODER.encode(_plain(value)).decode()
    if kind == FLOAT:
        return float(value)
    if kind == BYTES and isinstance(value, str):
        return value.encode()
    if kind.startswith(LIST):
        return [to_column(each, kind.removeprefix(LIST)) for each in value]
    return value


def _parse(line: bytes) -> dict[str, Any]:
    """A line; one that is nested too deep for exact numbers without its decoded value."""
    try:
        row = _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError):
        row = orjson.loads(line)
        row.pop("decoded", None)
    assert isinstance(row, dict)
    return row


def _flatten(row: dict[str, Any], *, nested: bool) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if type(value) is not dict:
            yield name, value
        elif name in FLATTENED and not (nested and name == "decoded"):
            yield from _leaves(name, value)
        else:
            yield name, _bytes_of(value)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    value = _bytes_of(value)
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for name, inner in value.items():
        if type(inner) is dict:
            yield from _leaves(_join(path, name), inner)
        else:
            yield _join(path, name), inner


@lru_cache(maxsize=10_000)
def _join(path: str, name: str) -> str:
    """The path of a part; a name with a point is quoted."""
    return f"{path}.{name if name and '.' not in name else _ENCODER.encode(name).decode()}"


def _bytes_of(value: Any) -> Any:
    """The bytes of `{"base64"}`; anything else as it is."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(text := value.get("base64"), str):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return value
    return value


def _plain(value: Any) -> Any:
    """Bytes as `{"base64"}` again."""
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _type_in(name: str, value: Any) -> str:
    kind = SIMPLE.get(type(value)) or type_of(value)
    is_time = name == "timestamp" and kind in (INT, BIG) and abs(value) < LAST_TIME
    return TIME if is_time else kind


def type_of(value: Any) -> str:
    """The type of one value."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case int():
            return INT if abs(value) <= EXACT_IN_FLOAT else BIG if -(2**63) <= value < 2**63 else JSON
        case Decimal():
            return FLOAT if value.is_finite() and Decimal(repr(float(value))) == value else JSON
        case str():
            return TEXT
        case bytes():
            return BYTES
        case list():
            inner = NULL
            for each in value:
                inner = merge(inner, type_of(_bytes_of(each)))
            return JSON if inner in (JSON, BYTES) or inner.startswith(LIST) else f"{LIST}{inner}"
    return JSON
