"""The only way a payload reaches a face: decoded, for reading."""

from __future__ import annotations

import orjson

from mqtui.codecs.decode import NO_KEYS, decode
from mqtui.codecs.decoded import Attempt, Decoded, Keys
from mqtui.domain.message import EntryId, Message


def decoded(message: Message, keys: Keys = NO_KEYS) -> Decoded:
    """The decoded value of a message; of a Redis entry an object of its fields, each decoded.

    Of fields with the same name the first is taken. A name that is not UTF-8 is written with replacement signs.
    """
    if not isinstance(message.position, EntryId):
        return decode(message.value, keys)
    fields: dict[str, object] = {}
    attempts: list[Attempt] = []
    for name, content in message.fields:
        key = name.decode("utf-8", "replace")
        if key not in fields:
            inner = decode(content, keys)
            fields[key] = orjson.Fragment(inner.text)
            attempts += inner.attempts
    return Decoded(orjson.dumps(fields), "fields", tuple(attempts))
