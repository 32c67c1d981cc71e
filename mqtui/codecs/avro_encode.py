"""JSON to Avro's binary encoding, part by part, so that what does not fit is named by its path.

Bytes are `{"base64"}`, decimals numbers, times ISO 8601 or the stored number, as `avro` shows them. Of a union the
first branch that fits is taken; `{"BRANCH": value}` names one, as Avro's own JSON does.
"""

from __future__ import annotations

import datetime
import io
import math
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from mqtui.codecs.avro import parse
from mqtui.codecs.base64_hex import from_base64
from mqtui.codecs.misfit import NotEncoded, join_path, shown
from mqtui.domain.schema import Schema

BITS = {"int": 31, "long": 63}
SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MICROSECOND = datetime.timedelta(microseconds=1)
FINER = {"millis": 1_000, "micros": 1}
"""Microseconds of the units of times."""


def encode(schema: Schema, value: Any) -> bytes:
    """The body of a value.

    Raises:
        NotEncoded: it does not fit, with the path of what does not.
        NotDecoded: the schema can't be used.
    """
    from fastavro import schemaless_writer

    parsed = parse(schema)
    datum = _AvroEncoder(parsed.named).convert(parsed.schema, value, "")
    target = io.BytesIO()
    try:
        schemaless_writer(target, parsed.schema, datum)
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        raise NotEncoded("", str(error)) from error
    return target.getvalue()


class _AvroEncoder:
    """Converts JSON into what fastavro writes."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named

    def convert(self, schema: Any, value: Any, path: str) -> Any:
        """The value of a type.

        Raises:
            NotEncoded: it does not fit.
        """
        if isinstance(schema, list):
            return self._union(schema, value, path)
        kind = schema["type"] if isinstance(schema, Mapping) else schema
        if not isinstance(kind, str):
            return self.convert(kind, value, path)
        if kind in self._named and not (isinstance(schema, Mapping) and kind in COMPLEX):
            return self.convert(self._named[kind], value, path)
        logical = schema.get("logicalType", "") if isinstance(schema, Mapping) else ""
        if logical in LOGICAL and (found := LOGICAL[logical](schema, value, path)) is not None:
            return found
        match kind:
            case "record" | "error":
                return self._record(schema, value, path)
            case "array":
                _require(isinstance(value, list), value, path, "an array")
                return [self.convert(schema["items"], each, join_path(path, n)) for n, each in enumerate(value)]
            case "map":
                _require(isinstance(value, dict), value, path, "an object")
                inner = schema["values"]
                return {name: self.convert(inner, each, join_path(path, name)) for name, each in value.items()}
            case "enum":
                symbols = schema["symbols"]
                _require(value in symbols, value, path, f"one of {', '.join(symbols)}")
                return value
        return _primitive(kind, schema, value, path)

    def _record(self, schema: Any, value: Any, path: str) -> dict[str, Any]:
        _require(isinstance(value, dict), value, path, "an object")
        fields = {field["name"]: field for field in schema["fields"]}
        for name in value:
            if name not in fields:
                raise NotEncoded(join_path(path, name), f"{schema['name']} has no such field")
        found: dict[str, Any] = {}
        for name, field in fields.items():
            if name in value:
                found[name] = self.convert(field["type"], value[name], join_path(path, name))
            elif "default" in field:
                found[name] = field["default"]
            else:
                raise NotEncoded(join_path(path, name), "it is missing and has no default")
        return found

    def _union(self, branches: list[Any], value: Any, path: str) -> Any:
        whys: list[NotEncoded] = []
        for branch in branches:
            try:
                return self._chosen(branch, self.convert(branch, value, path))
            except NotEncoded as error:
                if _type_name(branch) != "null":
                    whys.append(error)
        if isinstance(value, dict) and len(value) == 1:
            ((name, inner),) = value.items()
            for branch in branches:
                if _type_name(branch) == name:
                    return self._chosen(branch, self.convert(branch, inner, path))
        if len(whys) == 1:
            raise whys[0]
        deeper = [error for error in whys if error.path != path]
        if len(deeper) == 1:
            raise deeper[0]
        raise NotEncoded(path, f"{shown(value)} is none of {', '.join(map(_type_name, branches))}")

    def _chosen(self, branch: Any, datum: Any) -> Any:
        """The value with the name of its branch, as fastavro takes it."""
        return None if datum is None else (_type_name(branch), datum)


COMPLEX = frozenset({"record", "error", "enum", "fixed", "array", "map"})


def _type_name(schema: Any) -> str:
    if isinstance(schema, str):
        return schema
    return str(schema["name"] if schema["type"] in ("record", "error", "enum", "fixed") else schema["type"])


def _primitive(kind: str, schema: Any, value: Any, path: str) -> Any:
    match kind:
        case "null":
            _require(value is None, value, path, "null")
        case "boolean":
            _require(isinstance(value, bool), value, path, "a boolean")
        case "string":
            _require(isinstance(value, str), value, path, "a string")
        case "int" | "long":
            bits = BITS[kind]
            fits = isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits
            _require(fits, value, path, f"a whole number of {bits + 1} bits ({kind})")
        case "float" | "double":
            return _fraction(kind, value, path)
        case "bytes":
            return _bytes(value, path)
        case "fixed":
            content = _bytes(value, path)
            if len(content) != schema["size"]:
                raise NotEncoded(path, f"it has {len(content)} bytes, and {schema['name']} takes {schema['size']}")
            return content
        case _:
            raise NotEncoded(path, f"the type {kind} is not known")
    return value


def _fraction(kind: str, value: Any, path: str) -> float:
    if isinstance(value, str) and value in SPECIAL:
        return SPECIAL[value]
    _require(isinstance(value, int | Decimal) and not isinstance(value, bool), value, path, f"a number ({kind})")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    largest = 3.4028234663852886e38 if kind == "float" else math.inf
    if math.isinf(found) or abs(found) > largest:
        raise NotEncoded(path, f"{shown(value)} is too large for {kind}")
    return found


def _bytes(value: Any, path: str) -> bytes:
    text = value.get("base64") if isinstance(value, dict) and len(value) == 1 else None
    content = from_base64(text) if isinstance(text, str) else None
    if content is None:
        raise NotEncoded(path, f'{shown(value)} is no bytes: write {{"base64": "…"}}')
    return content


def _decimal(schema: Any, value: Any, path: str) -> Decimal | None:
    if isinstance(value, dict):
        return None
    _require(isinstance(value, int | Decimal) and not isinstance(value, bool), value, path, "a number (decimal)")
    number, scale, precision = Decimal(value), int(schema.get("scale", 0)), int(schema["precision"])
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if -exponent > scale:
        raise NotEncoded(path, f"{value} has {-exponent} digits after the point, and {scale} are kept")
    if len(digits) + exponent + scale > precision:
        raise NotEncoded(path, f"{value} has more than {precision} digits")
    return number


def _date(_: Any, value: Any, path: str) -> int | None:
    if not isinstance(value, str):
        return None
    found: datetime.date = _parsed(datetime.date.fromisoformat, value, path, "a date")
    return (found - EPOCH.date()).days


def _uuid(_: Any, value: Any, path: str) -> str | None:
    if not isinstance(value, str):
        return None
    return str(_parsed(uuid.UUID, value, path, "a UUID"))


def _time(schema: Any, value: Any, path: str) -> int | None:
    if not isinstance(value, str):
        return None
    found = _parsed(datetime.time.fromisoformat, value, path, "a time")
    seconds = (found.hour * 60 + found.minute) * 60 + found.second
    return _in_units(schema, seconds * 1_000_000 + found.microsecond, value, path)


def _timestamp(schema: Any, value: Any, path: str) -> int | None:
    if not isinstance(value, str):
        return None
    found = _parsed(datetime.datetime.fromisoformat, value, path, "a time as 2026-11-30T02:50:00Z")
    if schema["logicalType"].startswith("local-"):
        _require(found.tzinfo is None, value, path, "a local time, without a zone")
        found = found.replace(tzinfo=datetime.UTC)
    _require(found.tzinfo is not None, value, path, "a time with its zone, as 2026-11-30T02:50:00Z")
    return _in_units(schema, (found - EPOCH) // MICROSECOND, value, path)


def _in_units(schema: Any, micros: int, value: str, path: str) -> int:
    unit = FINER[schema["logicalType"].rpartition("-")[2]]
    if micros % unit:
        raise NotEncoded(path, f"{shown(value)} is finer than {schema['logicalType']}")
    return micros // unit


def _parsed(parse_text: Callable[[str], Any], value: str, path: str, what: str) -> Any:
    try:
        return parse_text(value)
    except ValueError:
        raise NotEncoded(path, f"{shown(value)} is not {what}") from None


def _require(holds: bool, value: Any, path: str, what: str) -> None:  # noqa: FBT001
    if not holds:
        raise NotEncoded(path, f"{shown(value)} is not {what}")


LOGICAL: Mapping[str, Callable[[Any, Any, str], Any]] = {
    "decimal": _decimal,
    "date": _date,
    "uuid": _uuid,
    **dict.fromkeys(("time-millis", "time-micros"), _time),
    **dict.fromkeys(
        ("timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros"), _timestamp
    ),
}
"""Logical types that have a form of their own in JSON; each gives None for a value in the form of the type below."""
