"""Stream entries as messages and back."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.brokers.redis.connection.resp import Entry, flatten_fields
from mqtui.domain.message import EntryId, Message, Outgoing
from mqtui.domain.resource import Ref, name_bytes


def to_messages(ref: Ref, entries: Iterable[Entry]) -> list[Message]:
    """Entries of a stream as messages. The timestamp of each is the milliseconds of its id."""
    messages = []
    for raw, flat in entries:
        ms, _, seq = raw.partition(b"-")
        milliseconds = int(ms)
        fields = tuple(zip(flat[::2], flat[1::2], strict=True))
        messages.append(Message(ref, EntryId(milliseconds, int(seq)), None, None, (), milliseconds, fields))
    return messages


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
