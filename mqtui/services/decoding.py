"""Decodes payloads for display: the only way they reach the console or the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from mqtui.codecs.codec_table import open_layer
from mqtui.codecs.decode import MAX_LAYERS, NO_KEYS, decode, outer_layer, sniff
from mqtui.codecs.decoded import Attempt, Decoded, FernetKeys, NotDecoded
from mqtui.domain.message import EntryId, Field, Message

LARGE_BYTES = 1024 * 1024
"""Bytes above which a value is not parsed for display: parsing would block the console."""


@dataclass(frozen=True, slots=True)
class UnwrappedValue:
    """The innermost bytes of a large value, their format, and the decoders that were tried."""

    content: bytes
    codec: str
    attempts: tuple[Attempt, ...]


def decode_message(message: Message, keys: FernetKeys = NO_KEYS) -> Decoded:
    """The decoded value of a message; of a Redis entry an object of its fields, each decoded."""
    if not isinstance(message.position, EntryId):
        return decode(message.value, keys)
    return decode_fields(message.fields, keys)


def decode_fields(listed: Sequence[Field], keys: FernetKeys = NO_KEYS) -> Decoded:
    """The fields of a Redis entry as an object, each value decoded.

    Of fields with the same name the first is taken. A name that is not UTF-8 is written with replacement signs.
    """
    fields: dict[str, object] = {}
    attempts: list[Attempt] = []
    for name, content in listed:
        key = name.decode("utf-8", "replace")
        if key not in fields:
            inner = decode(content, keys)
            fields[key] = orjson.Fragment(inner.text)
            attempts += inner.attempts
    return Decoded(orjson.dumps(fields), "fields", tuple(attempts))


def unwrap_large(value: bytes, keys: FernetKeys = NO_KEYS) -> UnwrappedValue:
    """Unwrap the layers of a large value without parsing it: its first and last character say whether it is JSON."""
    attempts: list[Attempt] = []
    layers: list[str] = []
    while len(layers) < MAX_LAYERS and (outer := outer_layer(value)):
        try:
            value = open_layer(outer, value, keys)
        except (NotDecoded, ImportError, OSError, MemoryError) as error:
            attempts.append(Attempt(outer, str(error)))
            innermost = "text" if outer == "fernet" else "binary"
            return UnwrappedValue(value, "+".join([*layers, innermost]), tuple(attempts))
        attempts.append(Attempt(outer))
        layers.append(outer)
    outer = sniff(value)
    attempts.append(Attempt(outer))
    return UnwrappedValue(value, "+".join([*layers, outer]), tuple(attempts))
