"""AMQP 0-9-1 field tables as RabbitMQ writes them, byte for byte.

A header's value is kept as the bytes that stand in the table behind its type octet. `split` and `join` never change
a byte; `plain` and `raw` turn one value into JSON and back. The octets are those of RabbitMQ's errata
(https://www.rabbitmq.com/amqp-0-9-1-errata.html, section 3), not of the specification's grammar.

A value whose type octet is unknown has no known length: it is kept, with everything behind it, under the type
`octet 4c` (the octet in hex), so that the table is still sent unchanged.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from mqtui.domain.errors import BadInput
from mqtui.domain.message import Header
from mqtui.domain.resource import name_bytes, name_text

Plain: TypeAlias = "bool | int | float | str | Sequence[Plain] | Mapping[str, Plain] | None"

OCTETS: Mapping[str, bytes] = {
    "bool": b"t",
    "int8": b"b",
    "uint8": b"B",
    "int16": b"s",
    "uint16": b"u",
    "int32": b"I",
    "uint32": b"i",
    "int64": b"l",
    "float": b"f",
    "double": b"d",
    "decimal": b"D",
    "string": b"S",
    "array": b"A",
    "timestamp": b"T",
    "table": b"F",
    "void": b"V",
    "binary": b"x",
}
"""The type octet of each type. An int64 has eight bytes, a timestamp too (seconds, unsigned)."""

INTEGERS: Mapping[str, struct.Struct] = {
    "int8": struct.Struct(">b"),
    "uint8": struct.Struct(">B"),
    "int16": struct.Struct(">h"),
    "uint16": struct.Struct(">H"),
    "int32": struct.Struct(">i"),
    "uint32": struct.Struct(">I"),
    "int64": struct.Struct(">q"),
    "timestamp": struct.Struct(">Q"),
}
REALS: Mapping[str, struct.Struct] = {"float": struct.Struct(">f"), "double": struct.Struct(">d")}
DECIMAL = struct.Struct(">Bi")
LENGTH = struct.Struct(">I")

_TYPES = {octet[0]: name for name, octet in OCTETS.items()}
_FIXED = {b"t"[0]: 1, b"V"[0]: 0, b"D"[0]: DECIMAL.size} | {
    OCTETS[name][0]: form.size for name, form in {**INTEGERS, **REALS}.items()
}
_LONG = frozenset(b"SAFx")
_UNKNOWN = "octet "


def split(raw_table: bytes) -> tuple[Header, ...]:
    """The fields of a table, in order and with duplicates; `raw_table` is without its own length.

    Raises:
        BadInput: the bytes end inside a field.
    """
    fields: list[Header] = []
    at, end = 0, len(raw_table)
    while at < end:
        stop = at + 1 + raw_table[at]
        if stop >= end:
            raise BadInput("A header table ends inside a name")
        name = name_text(raw_table[at + 1 : stop])
        kind, start, at = _extent(raw_table, stop, end)
        fields.append((name, raw_table[start:at], kind))
    return tuple(fields)


def join(headers: Iterable[Header]) -> bytes:
    """The table of these fields, without its own length. `join(split(table)) == table`.

    A type of "" is a header of another broker: its value is written as a string, None as void.

    Raises:
        BadInput: a name is longer than 255 bytes, or a type is not known.
    """
    parts: list[bytes] = []
    for name, value, kind in headers:
        label = name_bytes(name)
        if len(label) > 255:
            raise BadInput(f"The header name {name[:20]!r}... is too long", "AMQP allows 255 bytes.")
        parts += (bytes((len(label),)), label, _entry(value, kind))
    return b"".join(parts)


def string(text: str) -> bytes:
    """A string's bytes, to be used with the type `string`."""
    content = name_bytes(text)
    return LENGTH.pack(len(content)) + content


def int64(number: int) -> bytes:
    """An integer's bytes, to be used with the type `int64`.

    Raises:
        BadInput: it needs more than 64 bits.
    """
    return _packed(INTEGERS["int64"], number, "int64")


def plain(value: bytes | None, kind: str) -> Plain:
    """A value for JSON; `raw` gives the same bytes back.

    A string is its text, or `{"base64"}` of it where it is not UTF-8; a table is a list of [name, value, type], an
    array a list of [value, type], a timestamp its seconds, a decimal [scale, value]; binary is `{"base64"}`. What
    JSON can't hold (not a number, infinity, a true that is not 1) is `{"base64"}` of the value's bytes.
    """
    content = value or b""
    if kind == "string":
        return _text(_inner(content))
    if kind in INTEGERS:
        return int(INTEGERS[kind].unpack(content)[0])
    if kind == "bool" and content in (b"\0", b"\1"):
        return content == b"\1"
    if kind == "void" and not content:
        return None
    if kind in REALS:
        number = float(REALS[kind].unpack(content)[0])
        return number if math.isfinite(number) else _base64(content)
    if kind == "decimal":
        return list(DECIMAL.unpack(content))
    if kind == "binary":
        return _base64(_inner(content))
    if kind == "array":
        return [[plain(part, inner), inner] for part, inner in _items(_inner(content))]
    if kind == "table":
        return [[_text(name_bytes(name)), plain(part, inner), inner] for name, part, inner in split(_inner(content))]
    if kind == "" and value is not None:
        return _text(value)
    return None if value is None else _base64(content)


def raw(given: Plain, kind: str) -> bytes:
    """The bytes of a value as `plain` shows it.

    Raises:
        BadInput: the value does not fit its type.
    """
    match given:
        case {"base64": str(encoded)}:
            content = _decoded(encoded)
            return LENGTH.pack(len(content)) + content if kind in ("string", "binary") else content
        case None if kind == "void":
            return b""
        case bool() if kind == "bool":
            return bytes((given,))
        case str() if kind == "string":
            return string(given)
        case str() if kind == "":
            return name_bytes(given)
        case bool():
            pass
        case int() if kind in INTEGERS:
            return _packed(INTEGERS[kind], given, kind)
        case int() | float() if kind in REALS:
            return _packed(REALS[kind], given, kind)
        case [int(scale), int(number)] if kind == "decimal":
            return _packed(DECIMAL, scale, kind, number)
        case list() | tuple() if kind == "array":
            content = b"".join(_entry(raw(part, inner), inner) for part, inner in map(_pair, given))
            return LENGTH.pack(len(content)) + content
        case list() | tuple() if kind == "table":
            content = join((name, raw(part, inner), inner) for name, part, inner in map(_triple, given))
            return LENGTH.pack(len(content)) + content
        case _:
            pass
    raise BadInput(f"{given!r} is not a header value of the type {kind or 'string'}")


def python(value: bytes | None, kind: str) -> object:
    """A value for reading, not for sending: a table is a dict (the first of a name wins), an array a list, bytes bytes.

    Names and strings that are not UTF-8 carry surrogates.
    """
    content = value or b""
    if kind == "string":
        return name_text(_inner(content))
    if kind == "binary":
        return _inner(content)
    if kind == "array":
        return [python(part, inner) for part, inner in _items(_inner(content))]
    if kind == "table":
        found: dict[str, object] = {}
        for name, part, inner in split(_inner(content)):
            found.setdefault(name, python(part, inner))
        return found
    if kind == "bool":
        return content != b"\0"
    if kind in REALS:
        return float(REALS[kind].unpack(content)[0])
    if kind in INTEGERS or kind in ("decimal", "void"):
        return plain(value, kind)
    return value


def _extent(table: bytes, at: int, end: int) -> tuple[str, int, int]:
    """Type, start and end of the value whose type octet stands at `at`."""
    octet = table[at]
    start = at + 1
    size = _FIXED.get(octet)
    if size is not None:
        stop = start + size
    elif octet in _LONG:
        stop = start + 4
        if stop <= end:
            stop += int.from_bytes(table[start:stop], "big")
    else:
        return f"{_UNKNOWN}{octet:02x}", start, end
    if stop > end:
        raise BadInput("A header table ends inside a value")
    return _TYPES[octet], start, stop


def _items(content: bytes) -> Iterator[tuple[bytes, str]]:
    at, end = 0, len(content)
    while at < end:
        kind, start, at = _extent(content, at, end)
        yield content[start:at], kind


def _entry(value: bytes | None, kind: str) -> bytes:
    """Type octet and value."""
    octet = OCTETS.get(kind)
    if octet is not None:
        return octet + (value or b"")
    if kind == "":
        return b"V" if value is None else b"S" + LENGTH.pack(len(value)) + value
    if kind.startswith(_UNKNOWN):
        return bytes.fromhex(kind.removeprefix(_UNKNOWN)) + (value or b"")
    raise BadInput(f"{kind!r} is not a type of AMQP headers", "Known are " + ", ".join(OCTETS) + ".")


def _inner(content: bytes) -> bytes:
    if len(content) < 4 or LENGTH.unpack_from(content)[0] != len(content) - 4:
        raise BadInput("A header value does not have the length it says")
    return content[4:]


def _text(content: bytes) -> Plain:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _base64(content)


def _base64(content: bytes) -> Plain:
    return {"base64": base64.b64encode(content).decode()}


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise BadInput("A header value is not base64", str(error)) from error


def _packed(form: struct.Struct, number: float, kind: str, *further: int) -> bytes:
    try:
        return form.pack(number, *further)
    except (struct.error, OverflowError) as error:
        raise BadInput(f"{number} does not fit the header type {kind}", str(error)) from error


def _pair(given: Plain) -> tuple[Plain, str]:
    match given:
        case [part, str(kind)]:
            return part, kind
        case _:
            raise BadInput(f"{given!r} is not [value, type]")


def _triple(given: Plain) -> tuple[str, Plain, str]:
    match given:
        case [str(name), part, str(kind)]:
            return name, part, kind
        case [{"base64": str(encoded)}, part, str(kind)]:
            return name_text(_decoded(encoded)), part, kind
        case _:
            raise BadInput(f"{given!r} is not [name, value, type]")
