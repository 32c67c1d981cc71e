"""Decoders for header and field values of the conventions: text, numbers in several encodings, times, x-death.

A decoder takes the bytes of the broker and returns text, a number, or None where they don't fit: a malformed header is
unknown, never an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TypeAlias
from urllib.parse import unquote

import msgspec

from mqtui.domain import field_table
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import name_bytes, name_text

Value: TypeAlias = str | int | None
Decoder: TypeAlias = Callable[[bytes | None], Value]
"""From the bytes of a header or field to text or a number."""

LARGEST = 1 << 63


def text(value: bytes | None) -> Value:
    """UTF-8 text; other bytes become replacement characters."""
    return None if value is None else value.decode("utf-8", "replace")


def name(value: bytes | None) -> Value:
    """A name on the broker; bytes that are not UTF-8 are kept as surrogates (PEP 383)."""
    return None if value is None else name_text(value)


def int32(value: bytes | None) -> Value:
    """Four bytes, big-endian, signed."""
    return int.from_bytes(value, "big", signed=True) if value is not None and len(value) == 4 else None


def int64(value: bytes | None) -> Value:
    """Eight bytes, big-endian, signed."""
    return int.from_bytes(value, "big", signed=True) if value is not None and len(value) == 8 else None


def varint(value: bytes | None) -> Value:
    """As few bytes as the number needs, big-endian, two's complement (Java's `BigInteger.toByteArray`), at most 8."""
    return int.from_bytes(value, "big", signed=True) if value is not None and 0 < len(value) <= 8 else None


def decimal(value: bytes | None) -> Value:
    """Decimal digits as text."""
    if value is None or len(value) > 20:
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if -LARGEST <= number < LARGEST else None


def timestamp(value: bytes | None) -> Value:
    """ISO 8601, or NServiceBus's `2026-11-24 02:50:58:123456 Z`, as ms since the epoch; bare digits are ms already."""
    content = text(value)
    if not isinstance(content, str):
        return None
    if content.isdigit():
        return decimal(value)
    day, _, clock = content.strip().replace("T", " ").partition(" ")
    clock = clock.replace(" Z", "Z")
    if clock.count(":") == 3 and clock.endswith("Z"):
        clock = ".".join(clock.rsplit(":", 1))
    try:
        time = datetime.fromisoformat(f"{day} {clock}")
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def address(value: bytes | None) -> Value:
    """The last part of a URI: `orders` of `rabbitmq://host/vhost/orders?durable=true`; a bare name stays as it is."""
    written = text(value)
    if not isinstance(written, str):
        return None
    return unquote(written.partition("?")[0].rstrip("/").rpartition("/")[2])


def json_member(value: bytes | None, path: str) -> Value:
    """A member of a JSON object by its path, names with dots between.

    A number is an index of an array (`-1` the last); a name at an array is looked up in its first item. A string is
    parsed as JSON where the path goes on into it.
    """
    return _scalar(_member_of(json_value(value or b"null"), path))


def body_member(value: bytes | None, paths: tuple[str, ...], codec: str) -> Value:
    """The first of several members that a JSON body has, decoded by the codec where it is text."""
    for path in paths:
        found = _scalar(_member_of(json_value(value or b"null"), path))
        if isinstance(found, str):
            return PLAIN[codec](name_bytes(found)) if codec in PLAIN else found
        if found is not None:
            return found
    return None


def msgpack_member(value: bytes | None, path: str) -> Value:
    """A member of a MessagePack map by its path, as in `json_member`."""
    try:
        found = msgspec.msgpack.decode(value or b"\xc0")
    except (msgspec.DecodeError, RecursionError):
        return None
    return _scalar(_member_of(found, path))


@lru_cache(maxsize=8)
def json_value(value: bytes | str) -> object:
    """A JSON text as Python values; None where it is no JSON. The result is cached and must not be changed."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _member_of(found: object, path: str) -> object:
    for member in path.split("."):
        if isinstance(found, str):
            found = json_value(found)
        if isinstance(found, list):
            is_index = member.lstrip("-").isdecimal()
            at = int(member) if is_index else 0
            found = found[at] if -len(found) <= at < len(found) else None
            if is_index:
                continue
        found = found.get(member) if isinstance(found, dict) else None
    return found


def _scalar(found: object) -> Value:
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def x_death(value: bytes | None, path: str) -> Value:
    """A member of the decisive entry of RabbitMQ's `x-death`: the latest that is no expiry, else the latest.

    An expiry after a rejection happened in a retry queue or a parking queue, so the rejection counts. `path`
    is `queue`, `reason`, `exchange`, `routing-key`, `count`, `time` (ms) or `original-expiration`.
    (https://www.rabbitmq.com/docs/dlx#effects: an array of tables, most recent first.)
    """
    return _decisive_entry(value or b"").get(path)


@lru_cache(maxsize=2048)
def _decisive_entry(value: bytes) -> dict[str, Value]:
    try:
        entries = field_table.python(value, "array")
    except BadInput:
        return {}
    tables = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not tables:
        return {}
    entry = next((table for table in tables if table.get("reason") != "expired"), tables[0])
    keys = entry.get("routing-keys")
    seconds = entry.get("time")
    found: dict[str, Value] = {member: part for member, part in entry.items() if isinstance(part, str | int)}
    found["routing-key"] = keys[0] if isinstance(keys, list) and keys and isinstance(keys[0], str) else None
    found["time"] = seconds * 1000 if isinstance(seconds, int) else None
    return found


PLAIN: dict[str, Decoder] = {
    "text": text,
    "name": name,
    "int32": int32,
    "int64": int64,
    "int": varint,
    "decimal": decimal,
    "time": timestamp,
    "address": address,
}
WITH_PATH: dict[str, Callable[[bytes | None, str], Value]] = {
    "json": json_member,
    "msgpack": msgpack_member,
    "x-death": x_death,
}
NAMES = (*PLAIN, *WITH_PATH)


def decoder(codec: str, path: str, kind: str) -> Decoder:
    """The decoder of a codec for a header whose type, as RabbitMQ names it, is `kind` ("" on other brokers).

    A typed integer needs no codec; a typed string is decoded by it.
    """
    if codec in WITH_PATH:
        reads = partial(_member, reads=WITH_PATH[codec], path=path)
        return partial(_inner, then=reads) if kind == "string" else reads
    if kind == "timestamp":
        return partial(_typed, kind=kind, factor=1000)
    if kind in field_table.INTEGERS:
        return partial(_typed, kind=kind, factor=1)
    then = PLAIN[codec]
    return partial(_inner, then=then) if kind in ("string", "binary") else then


def _member(value: bytes | None, reads: Callable[[bytes | None, str], Value], path: str) -> Value:
    return reads(value, path)


def _inner(value: bytes | None, then: Decoder) -> Value:
    """Decode the text of an AMQP long string, behind its four bytes of length."""
    return then(None if value is None else value[4:])


def _typed(value: bytes | None, kind: str, factor: int) -> Value:
    form = field_table.INTEGERS[kind]
    if value is None or len(value) != form.size:
        return None
    return int(form.unpack(value)[0]) * factor
