"""AMQP basic properties, decoded and encoded without loss (R1).

pika's decoder turns a header of 1.75 into 1 and int16 into int64. `RawProperties`, registered with pika for the class
`basic`, keeps the encoded bytes as received; `decode_properties` and `encode_properties` do without pika's tables.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

from pika import spec

from mqtui.domain import field_table
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Header, Property
from mqtui.domain.resource import name_bytes, name_text

HEADERS = "headers"
KEPT_TABLES = 16
"""Header tables that are remembered: the dead letters of one moment often have the same."""

FIELDS: tuple[tuple[int, str, str], ...] = (
    (15, "content_type", "s"),
    (14, "content_encoding", "s"),
    (13, HEADERS, "F"),
    (12, "delivery_mode", "B"),
    (11, "priority", "B"),
    (10, "correlation_id", "s"),
    (9, "reply_to", "s"),
    (8, "expiration", "s"),
    (7, "message_id", "s"),
    (6, "timestamp", "Q"),
    (5, "type", "s"),
    (4, "user_id", "s"),
    (3, "app_id", "s"),
    (2, "cluster_id", "s"),
)
"""Flag bit, name and type of each property: s short string, B octet, Q eight octets, F field table."""

_NAMES = {name: (bit, form) for bit, name, form in FIELDS}
_split_table = lru_cache(maxsize=KEPT_TABLES)(field_table.split)
_join_table = lru_cache(maxsize=KEPT_TABLES)(field_table.join)

_FLAGS = struct.Struct(">H")
_LONG = struct.Struct(">I")
_WIDE = struct.Struct(">Q")


class RawProperties(spec.BasicProperties):
    """The properties of a received message. Fields are decoded by pika on first access.

    Every user of pika in this process gets this class, so setting a field works as with pika's own.
    """

    encoded: bytes

    def __init__(self, encoded: bytes = b"\0\0") -> None:
        self.encoded = encoded
        self.__dict__["was_set"] = False

    def decode(self, encoded: bytes, offset: int = 0) -> RawProperties:
        """Keep the encoded bytes."""
        self.encoded = encoded[offset:]
        return self

    def encode(self) -> list[bytes]:
        """The bytes as received, or pika's encoding once a field was set."""
        return spec.BasicProperties.encode(self) if self.__dict__["was_set"] else [self.encoded]

    def __getattr__(self, name: str) -> object:
        if name not in _NAMES:
            raise AttributeError(name)
        self._read()
        return self.__dict__[name]

    def __setattr__(self, name: str, value: object) -> None:
        if name in _NAMES and not self.__dict__["was_set"]:
            self._read()
            self.__dict__["was_set"] = True
        self.__dict__[name] = value

    def _read(self) -> None:
        read = spec.BasicProperties()
        spec.BasicProperties.decode(read, self.encoded)
        self.__dict__.update(read.__dict__)


_registered: dict[int, type[spec.BasicProperties]] = cast("Any", spec.props)
_registered[spec.BasicProperties.INDEX] = RawProperties


def decode_properties(encoded: bytes) -> tuple[tuple[Header, ...], tuple[Property, ...]]:
    """Headers and other properties of an encoded property list.

    Raises:
        BadInput: it can't be decoded.
    """
    headers: tuple[Header, ...] = ()
    found: list[Property] = []
    try:
        flags = _FLAGS.unpack_from(encoded)[0]
        at = 2
        for bit, name, form in FIELDS:
            if not flags >> bit & 1:
                continue
            if form == "s":
                stop = at + 1 + encoded[at]
                found.append((name, name_text(encoded[at + 1 : stop])))
            elif form == "B":
                stop = at + 1
                found.append((name, encoded[at]))
            elif form == "Q":
                stop = at + 8
                found.append((name, _WIDE.unpack_from(encoded, at)[0]))
            else:
                stop = at + 4 + _LONG.unpack_from(encoded, at)[0]
                headers = _split_table(encoded[at + 4 : stop])
            at = stop
    except (IndexError, struct.error) as error:
        raise BadInput("The properties of a message can't be read", str(error)) from error
    return headers, tuple(found)


def encode_properties(headers: Iterable[Header], properties: Iterable[Property]) -> bytes:
    """Headers and other properties as a property list.

    What `decode_properties` gave is encoded to the same bytes, but for an empty header table, which is left out.

    Raises:
        BadInput: a property is unknown, has the wrong type or is too long.
    """
    table = _join_table(tuple(headers))
    flags, parts = 0, {}
    if table:
        flags, parts = 1 << 13, {13: _LONG.pack(len(table)) + table}
    for name, value in properties:
        known = _NAMES.get(name)
        if known is None or name == HEADERS:
            raise BadInput(f"AMQP has no property {name!r}", "It has " + ", ".join(_NAMES.keys() - {HEADERS}) + ".")
        bit, form = known
        parts[bit] = _part(name, value, form)
        flags |= 1 << bit
    return _FLAGS.pack(flags) + b"".join(parts[bit] for bit in sorted(parts, reverse=True))


def _part(name: str, value: str | int, form: str) -> bytes:
    if form == "s" and isinstance(value, str):
        text = name_bytes(value)
        if len(text) > 255:
            raise BadInput(f"The property {name} is too long", "AMQP allows 255 bytes.")
        return bytes((len(text),)) + text
    if form != "s" and isinstance(value, int):
        limit = 2**8 if form == "B" else 2**64
        if 0 <= value < limit:
            return bytes((value,)) if form == "B" else _WIDE.pack(value)
    raise BadInput(f"{value!r} does not fit the property {name}")
