"""Bodies framed by the serializers of a schema registry: which schema they were written with, and where they begin.

Confluent: a zero byte and a 32-bit id before the body; or a byte 1 and a GUID, before the body or in the headers
`__key_schema_id` and `__value_schema_id`. Protobuf bodies follow a path of message indexes.
Apicurio: a zero byte and a 64-bit global id (32-bit ids look like Confluent's); or the headers
`apicurio.value.globalId` and `apicurio.value.contentId` (`apicurio.key...` for keys).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mqtui.codecs.decoded import NotDecoded
from mqtui.domain.schema import IdKind, SchemaRef

CONFLUENT, APICURIO = FRAME_STYLES = ("confluent", "apicurio")
ID_BYTES, GLOBAL_ID_BYTES, GUID_BYTES = 4, 8, 16
MAX_INDEXES = 64
"""Levels of nested Protobuf messages."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: `style` says whose it is. `content` is what follows it, with a Protobuf body's message indexes.

    `indexes` are the message indexes where they stand in a header, apart from the body. `message` is the full name of a
    Protobuf message where a header gives it.
    """

    style: str
    schema: SchemaRef
    content: bytes
    indexes: bytes | None = None
    message: str = ""


def find_frame(value: bytes, headers: Mapping[str, bytes], part: str) -> Frame | None:
    """The frame of a key or value (`part`), from its headers or its first bytes; None without one."""
    return _confluent_header(value, headers, part) or _apicurio_headers(value, headers, part) or _prefix(value)


def _confluent_header(value: bytes, headers: Mapping[str, bytes], part: str) -> Frame | None:
    raw = headers.get(f"__{part}_schema_id")
    if raw is None:
        return None
    if raw[:1] == b"\1" and len(raw) > GUID_BYTES:
        ref = SchemaRef(IdKind.GUID, str(uuid.UUID(bytes=raw[1 : 1 + GUID_BYTES])))
        return Frame(CONFLUENT, ref, value, raw[1 + GUID_BYTES :])
    if raw[:1] == b"\0" and len(raw) > ID_BYTES:
        ref = SchemaRef(IdKind.ID, str(int.from_bytes(raw[1 : 1 + ID_BYTES], "big")))
        return Frame(CONFLUENT, ref, value, raw[1 + ID_BYTES :])
    return None


def _apicurio_headers(value: bytes, headers: Mapping[str, bytes], part: str) -> Frame | None:
    for kind in (IdKind.GLOBAL_ID, IdKind.CONTENT_ID):
        raw = headers.get(f"apicurio.{part}.{kind}")
        if raw is not None and (number := _number(raw)) is not None:
            message = headers.get(f"apicurio.{part}.protobuf.type", b"").decode("utf-8", "replace")
            return Frame(APICURIO, SchemaRef(kind, str(number)), value, b"", message)
    return None


def _number(raw: bytes) -> int | None:
    """A 64-bit number, or its digits."""
    if len(raw) == GLOBAL_ID_BYTES and not raw.isdigit():
        return int.from_bytes(raw, "big")
    return int(raw) if raw.isdigit() and len(raw) < 20 else None


def _prefix(value: bytes) -> Frame | None:
    if value[:1] == b"\0":
        number = int.from_bytes(value[1 : 1 + ID_BYTES], "big")
        if number and len(value) > ID_BYTES:
            return Frame(CONFLUENT, SchemaRef(IdKind.ID, str(number)), value[1 + ID_BYTES :])
        number = int.from_bytes(value[1 : 1 + GLOBAL_ID_BYTES], "big")
        if number and len(value) > GLOBAL_ID_BYTES:
            return Frame(APICURIO, SchemaRef(IdKind.GLOBAL_ID, str(number)), value[1 + GLOBAL_ID_BYTES :], b"")
    elif value[:1] == b"\1" and len(value) > GUID_BYTES:
        ref = SchemaRef(IdKind.GUID, str(uuid.UUID(bytes=value[1 : 1 + GUID_BYTES])))
        return Frame(CONFLUENT, ref, value[1 + GUID_BYTES :])
    return None


def confluent_frame(number: int) -> bytes:
    """What Confluent's serializers write before a body whose schema has that id."""
    return b"\0" + number.to_bytes(ID_BYTES, "big")


def write_indexes(path: Sequence[int]) -> bytes:
    """The message indexes before a Protobuf body; the first message is a single zero."""
    if tuple(path) == (0,):
        return b"\0"
    return b"".join(_zigzag_bytes(number) for number in (len(path), *path))


def _zigzag_bytes(number: int) -> bytes:
    number, found = number << 1, bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def read_indexes(value: bytes) -> tuple[tuple[int, ...], bytes]:
    """The message indexes before a Protobuf body, and the body. A count of 0 is short for the first message.

    Raises:
        NotDecoded: they are no indexes.
    """
    count, at = _zigzag(value, 0)
    if not 0 <= count <= MAX_INDEXES:
        raise NotDecoded(f"{count} message indexes: there are 0 to {MAX_INDEXES}")
    indexes: list[int] = []
    for _ in range(count):
        index, at = _zigzag(value, at)
        indexes.append(index)
    return tuple(indexes) or (0,), value[at:]


def _zigzag(value: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at >= len(value) or shift > 63:
            raise NotDecoded("the message indexes are cut off")
        byte = value[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
