"""How a convention writes one value into a header or field: text, numbers in several encodings, times, x-death.

A decoder takes the bytes as the broker holds them and gives text, a number, or None where they do not fit: a malformed
header is never an error, it is unknown.
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
"""Bytes of one header or field to text or a number."""

LARGEST = 1 << 63


def text(value: bytes | None) -> Value:
    """UTF-8; bytes that are not become replacement signs."""
    return None if value is None else value.decode("utf-8", "replace")


def name(value: bytes | None) -> Value:
    """The name of a thing on the broker; bytes that are not UTF-8 are kept as surrogates."""
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
    written = text(value)
    if not isinstance(written, str):
        return None
    if written.isdigit():
        return decimal(value)
    day, _, clock = written.strip().replace("T", " ").partition(" ")
    clock = clock.replace(" Z", "Z")
    if clock.count(":") == 3 and clock.endswith("Z"):
        clock = ".".join(clock.rsplit(":", 1))
    try:
        time = datetime.fromisoformat(f"{day} {clock}")
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def address(value: bytes | None) -> Value:
    """The name at the end of a URI: `orders` of `rabbitmq://host/vhost/orders?durable=true`; a bare name is itself."""
    written = text(value)
    if not isinstance(written, str):
        return None
    return unquote(written.partition("?")[0].rstrip("/").rpartition("/")[2])


def json_member(value: bytes | None, path: str) -> Value:
    """A member of a JSON object, by names with dots between.

    A number picks of an array (`-1` the last), a name that meets an array asks its first item. JSON inside a string is
    read where the path goes on.
    """
    return _scalar(_member_of(json_value(value or b"null"), path))


def body_member(value: bytes | None, paths: tuple[str, ...], codec: str) -> Value:
    """The first member that a JSON body has of several, read by the codec if it is text."""
    for path in paths:
        found = _scalar(_member_of(json_value(value or b"null"), path))
        if isinstance(found, str):
            return PLAIN[codec](name_bytes(found)) if codec in PLAIN else found
        if found is not None:
            return found
    return None


def msgpack_member(value: bytes | None, path: str) -> Value:
    """A member of a MessagePack map, by names with dots between."""
    try:
        found = msgspec.msgpack.decode(value or b"\xc0")
    except (msgspec.DecodeError, RecursionError):
        return None
    return _scalar(_member_of(found, path))


@lru_cache(maxsize=8)
def json_value(value: bytes | str) -> object:
    """A JSON text as Python's own values, None where it is no JSON. What is given is shared and must not be changed."""
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
    """A member of RabbitMQ's `x-death` entry that tells the death: the latest that is not an expiry, else the latest.

    An expiry after a rejection is a retry queue's or a parking queue's, so it does not hide what was rejected. `path`
    is `queue`, `reason`, `exchange`, `routing-key`, `count`, `time` (ms) or `original-expiration`.
    (https://www.rabbitmq.com/docs/dlx#effects: an array of tables, most recent first.)
    """
    return _told(value or b"").get(path)


@lru_cache(maxsize=2048)
def _told(value: bytes) -> dict[str, Value]:
    try:
        entries = field_table.python(value, "array")
    except BadInput:
        return {}
    tables = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if not tables:
        return {}
    told = next((table for table in tables if table.get("reason") != "expired"), tables[0])
    keys = told.get("routing-keys")
    seconds = told.get("time")
    found: dict[str, Value] = {member: part for member, part in told.items() if isinstance(part, str | int)}
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
    """The decoder of a codec by its name; `kind` is the header's type, as RabbitMQ has them.

    A typed integer is taken as it is, a typed string is read by the codec.
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
    """An AMQP long string: four bytes of length, then the text."""
    return then(None if value is None else value[4:])


def _typed(value: bytes | None, kind: str, factor: int) -> Value:
    form = field_table.INTEGERS[kind]
    if value is None or len(value) != form.size:
        return None
    return int(form.unpack(value)[0]) * factor
