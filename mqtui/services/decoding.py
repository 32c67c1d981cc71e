"""Decodes payloads for display: the only way they reach the console or the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from mqtui.codecs import fernet, gzipped
from mqtui.codecs.decode import NO_KEYS, decode, sniff
from mqtui.codecs.decoded import Attempt, Decoded, FernetKeys
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
    while (outer := sniff(value)) in ("gzip", "fernet"):
        try:
            value = gzipped.decompress(value) if outer == "gzip" else fernet.decrypt(value, keys)[0]
        except (gzipped.NotDecompressed, fernet.NotDecrypted) as error:
            attempts.append(Attempt(outer, str(error)))
            return UnwrappedValue(value, "+".join([*layers, "binary" if outer == "gzip" else "text"]), tuple(attempts))
        attempts.append(Attempt(outer))
        layers.append(outer)
    attempts.append(Attempt(outer))
    return UnwrappedValue(value, "+".join([*layers, outer]), tuple(attempts))
