"""Messages as MessagePack and back, exact to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any

import msgspec

from mqtui.domain.figure import Figure, Sort
from mqtui.domain.message import Delivery, EntryId, Envelope, Message, Offset, Position
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text

PARTS = attrgetter("resource", "position", "value", "key", "headers", "timestamp", "fields", "envelope")


def pack(letters: Sequence[Message], names: Sequence[str]) -> bytes:
    """Letters, each under a name. Texts are strings; one with bytes that are not UTF-8 makes all texts bytes."""
    rows = list(zip(names, map(PARTS, letters), strict=True))
    try:
        return msgspec.msgpack.encode(rows)
    except UnicodeEncodeError:
        return msgspec.msgpack.encode(plain(rows))


def unpack(blob: bytes) -> Iterator[tuple[str, Message]]:
    """What `pack` packed."""
    for name, (resource, position, value, key, headers, timestamp, entries, envelope) in msgspec.msgpack.decode(blob):
        yield (
            text(name),
            Message(
                Ref(Kind(text(resource["kind"])), text(resource["name"])),
                place(position),
                value,
                key,
                tuple((text(head), content, text(sort)) for head, content, sort in headers),
                timestamp,
                tuple((head, content) for head, content in entries),
                None if envelope is None else wrapping(envelope),
            ),
        )


def place(found: Mapping[str, int]) -> Position:
    """A position, told apart by the names of its parts."""
    if "offset" in found:
        return Offset(found["partition"], found["offset"])
    if "ms" in found:
        return EntryId(found["ms"], found["seq"])
    return Delivery(found["tag"])


def wrapping(found: Mapping[str, Any]) -> Envelope:
    """An envelope from its parts."""
    left = found["left"]
    return Envelope(
        text(found["exchange"]),
        text(found["routing_key"]),
        found["redelivered"],
        tuple((text(name), value if isinstance(value, int) else text(value)) for name, value in found["properties"]),
        found["deliveries"],
        Figure(left["number"], Sort(text(left["sort"])), text(left["why"])),
    )


def text(found: str | bytes) -> str:
    """A text kept as one or as its bytes."""
    return found if isinstance(found, str) else name_text(found)


def plain(thing: Any) -> Any:
    """The same with every text as bytes; the names of a dataclass's parts stay."""
    match thing:
        case str():
            return name_bytes(thing)
        case tuple() | list():
            return [plain(part) for part in thing]
        case _ if is_dataclass(thing) and not isinstance(thing, type):
            return {part.name: plain(getattr(thing, part.name)) for part in fields(thing)}
        case _:
            return thing
