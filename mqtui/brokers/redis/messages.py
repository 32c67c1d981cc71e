"""Stream entries as messages and back."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.redis.connection.resp import Entry, flatten_fields
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.raw_entries import RawEntries
from mqtui.domain.resource import Ref, name_bytes


def to_messages(ref: Ref, entries: Sequence[Entry]) -> list[Message]:
    """Entries of a stream as messages."""
    return RawEntries(ref, entries).letters()


def to_parts(outgoing: Outgoing) -> list[bytes]:
    """The flat fields of a message's entry: its own fields, then key, value and headers of another broker's message.

    The key goes to the field `key`, the value to `value`, each header to a field of its name; null becomes empty.
    """
    parts = flatten_fields(outgoing.fields)
    if outgoing.key is not None:
        parts += [b"key", outgoing.key]
    if outgoing.value is not None:
        parts += [b"value", outgoing.value]
    for name, content, _ in outgoing.headers:
        parts += [name_bytes(name), content or b""]
    return parts
