"""Messages to MessagePack and back, byte for byte."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from msgspec import structs

from mqtui.domain.figure import Exactness, Figure
from mqtui.domain.message import Delivery, EntryId, Envelope, Field, Header, Message, Offset, Position
from mqtui.domain.raw_entries import RawEntries, RawEntry
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text

PARTS = attrgetter("resource", "position", "value", "key", "headers", "timestamp", "fields", "envelope")
MessageRow: TypeAlias = tuple[
    str,
    tuple[
        Ref,
        dict[str, int],
        bytes | None,
        bytes | None,
        tuple[Header, ...],
        int | None,
        tuple[Field, ...],
        Envelope | None,
    ],
]
_rows = msgspec.msgpack.Decoder(list[MessageRow])
_entry_rows = msgspec.msgpack.Decoder(tuple[Kind, bytes, list[RawEntry]])
PACKED = 1
"""Flag: compressed, since a sample shrank enough."""

RAW_TEXT = 2
"""Flag: text is stored as bytes, since some is not UTF-8."""

RAW_ENTRIES = 4
"""Flag: kind and name of a stream and its raw entries, instead of messages."""

SAMPLE = 32_768
WORTH = 0.7


def encode_messages(letters: Sequence[Message], names: Sequence[str]) -> bytes:
    """Messages, each with a name: a byte of flags, then MessagePack."""
    rows = list(zip(names, map(PARTS, letters), strict=True))
    flags = 0
    try:
        blob = msgspec.msgpack.encode(rows)
    except UnicodeEncodeError:
        flags |= RAW_TEXT
        blob = msgspec.msgpack.encode(text_as_bytes(rows))
    return _compress(flags, blob)


def encode_entries(letters: RawEntries) -> bytes:
    """The same for raw entries, each named by its id."""
    row = (letters.stream.kind, name_bytes(letters.stream.name), letters.entries)
    return _compress(RAW_ENTRIES, msgspec.msgpack.encode(row))


def _compress(flags: int, blob: bytes) -> bytes:
    """The flags and the blob, compressed where that is worth it."""
    middle = max(0, (len(blob) - SAMPLE) // 2)
    sample = blob[middle : middle + SAMPLE]
    if len(zlib.compress(sample, 1)) < WORTH * len(sample):
        flags |= PACKED
        blob = zlib.compress(blob, 1)
    return bytes((flags,)) + blob


def decode_messages(packed: bytes) -> Iterator[tuple[str, Message]]:
    """The names and messages of a blob."""
    blob = zlib.decompress(packed[1:]) if packed[0] & PACKED else packed[1:]
    if packed[0] & RAW_ENTRIES:
        yield from _decode_entries(blob)
        return
    if packed[0] & RAW_TEXT:
        yield from map(decode_bytes_row, msgspec.msgpack.decode(blob))
        return
    for name, (resource, position, value, key, headers, timestamp, entries, envelope) in _rows.decode(blob):
        yield name, Message(resource, decode_position(position), value, key, headers, timestamp, entries, envelope)


def _decode_entries(blob: bytes) -> Iterator[tuple[str, Message]]:
    kind, name, entries = _entry_rows.decode(blob)
    for letter in RawEntries(Ref(kind, name_text(name)), entries).letters():
        yield str(letter.position), letter


def decode_bytes_row(row: Any) -> tuple[str, Message]:
    """A name and its message, from a row whose text is stored as bytes."""
    name, (resource, position, value, key, headers, timestamp, entries, envelope) = row
    return (
        decode_text(name),
        Message(
            Ref(Kind(decode_text(resource["kind"])), decode_text(resource["name"])),
            decode_position(position),
            value,
            key,
            tuple((decode_text(head), content, decode_text(sort)) for head, content, sort in headers),
            timestamp,
            tuple((head, content) for head, content in entries),
            None if envelope is None else decode_envelope(envelope),
        ),
    )


def decode_position(found: Mapping[str, int]) -> Position:
    """A position, whose type follows from the names of its fields."""
    if "offset" in found:
        return Offset(found["partition"], found["offset"])
    if "ms" in found:
        return EntryId(found["ms"], found["seq"])
    return Delivery(found["tag"])


def decode_envelope(found: Mapping[str, Any]) -> Envelope:
    """An envelope from its fields."""
    left = found["left"]
    return Envelope(
        decode_text(found["exchange"]),
        decode_text(found["routing_key"]),
        found["redelivered"],
        tuple(
            (decode_text(name), value if isinstance(value, int) else decode_text(value))
            for name, value in found["properties"]
        ),
        found["deliveries"],
        Figure(left["number"], Exactness(decode_text(left["sort"])), decode_text(left["why"])),
    )


def decode_text(found: str | bytes) -> str:
    """Text that is stored as text or as bytes."""
    return found if isinstance(found, str) else name_text(found)


def text_as_bytes(thing: Any) -> Any:
    """The value with all text as bytes, except the names of fields."""
    match thing:
        case str():
            return name_bytes(thing)
        case tuple() | list():
            return [text_as_bytes(part) for part in thing]
        case Figure():
            return {part.name: text_as_bytes(getattr(thing, part.name)) for part in fields(thing)}
        case msgspec.Struct():
            return {name: text_as_bytes(value) for name, value in structs.asdict(thing).items()}
        case _:
            return thing
