"""Decoded values as JSON text that keeps every digit: what JSON has no form for is a string or `{"base64"}`."""

from __future__ import annotations

import datetime
import math
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from mqtui.codecs.base64_hex import to_base64
from mqtui.codecs.decoded import NotDecoded

TOO_DEEP = "it is nested too deep to be shown"


def to_json_text(value: object) -> bytes:
    """JSON text on one line.

    Bytes are `{"base64"}`, NaN and infinities strings, numbers of any size their digits, times as ISO 8601, keys
    strings.

    Raises:
        NotDecoded: it is nested too deep.
    """
    try:
        text = orjson.dumps(value, default=_plain)
        if b"null" not in text:
            return text
        return text if _is_finite(value) else orjson.dumps(_spelled(value), default=_plain)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        return orjson.dumps(_spelled(value), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotDecoded(TOO_DEEP if "ecursion" in str(error) else str(error)) from error


def _plain(value: object) -> Any:
    match value:
        case bytes() | bytearray() | memoryview():
            return {"base64": to_base64(bytes(value))}
        case Decimal():
            return orjson.Fragment(str(value)) if value.is_finite() else str(value)
        case datetime.timedelta():
            return value.total_seconds()
        case set() | frozenset() | tuple():
            return list(value)
        case Mapping():
            return dict(value)
    return str(value)


def _is_finite(value: object) -> bool:
    """Whether no float is NaN or infinite: orjson writes null for those."""
    match value:
        case float():
            return math.isfinite(value)
        case Mapping():
            return all(_is_finite(each) for each in value.values())
        case list() | tuple() | set() | frozenset():
            return all(_is_finite(each) for each in value)
    return True


def _spelled(value: object) -> Any:
    """The value in JSON's own types, numbers of more than 64 bits as their digits."""
    match value:
        case None | bool():
            return value
        case str():
            return _text(value)
        case float():
            return value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity"}.get(str(value), "-Infinity")
        case int():
            return value if -(2**63) <= value < 2**64 else orjson.Fragment(_digits(value))
        case Mapping():
            return {_key(name): _spelled(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_spelled(each) for each in value]
        case datetime.datetime() | datetime.date() | datetime.time() | uuid.UUID():
            return value
    return _plain(value)


def _digits(value: int) -> str:
    """All digits: `str` refuses numbers of more than 4,300."""
    try:
        return str(value)
    except ValueError:
        return orjson.dumps(hex(value)).decode()


def _text(value: str) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return {"base64": to_base64(value.encode("utf-8", "surrogateescape"))}
    return value


def _key(name: object) -> str:
    match name:
        case str():
            return name.encode("utf-8", "replace").decode()
        case bytes():
            return name.decode("utf-8", "replace")
        case bool():
            return "true" if name else "false"
        case None:
            return "null"
        case int() | float() | Decimal():
            return str(name)
    return to_json_text(name).decode()
