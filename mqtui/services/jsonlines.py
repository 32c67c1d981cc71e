"""Messages as JSON lines, and back byte for byte (rules.md C1).

`value` and `key` are the stored text, `{"base64"}` of what is not UTF-8, or null for none; they are never parsed, a
parsed form is `decoded`. `timestamp` is milliseconds since the epoch. A header is `[name, value]`, on RabbitMQ
`[name, value, type]` with the type's name in `domain.field_table`. Names that are not UTF-8 are `{"base64"}` too.
`position`, `partition`, `offset`, `id`, `timestamp`, `size` and `codec` tell where a message was and how it looks; they
are not read back. `codec` is the outermost layer: null, json, text, gzip, fernet, binary; fields on Redis.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from mqtui.codecs.base64_hex import to_base64
from mqtui.codecs.decode import sniff
from mqtui.codecs.decoded import Decoded
from mqtui.domain.errors import BadInput
from mqtui.domain.field_table import plain
from mqtui.domain.figure import Exactness, Figure
from mqtui.domain.message import EntryId, Envelope, Header, Message, Offset
from mqtui.domain.resource import name_bytes

if TYPE_CHECKING:
    from mqtui.services.decoding import Decoder

Json: TypeAlias = dict[str, Any]
Shown: TypeAlias = "str | Json | None"


def to_json(message: Message, decoded: Decoded | None = None, decoded_key: Decoded | None = None) -> bytes:
    """One message as one line, without its line end; with `decoded` the parsed value too, and how it was decoded.

    `decoded` is `{"key", "value"}` where the key is decoded too. `report` has all codecs that were tried, with why
    those failed that did.
    """
    position, envelope = message.position, message.envelope
    line: Json = {"resource": message.resource.name}
    if type(position) is Offset:
        line["position"] = str(position)
        line["partition"] = None if position.partition < 0 else position.partition
        line["offset"] = position.offset
    elif type(position) is EntryId:
        line["position"] = line["id"] = str(position)
    else:
        line["position"] = None
    line["timestamp"] = message.timestamp
    line["key"] = None if message.key is None else text_or_base64(message.key)
    line["value"] = None if message.value is None else text_or_base64(message.value)
    if type(position) is EntryId:
        line["fields"] = [(text_or_base64(name), text_or_base64(content)) for name, content in message.fields]
        line["codec"] = "fields"
    else:
        line["headers"] = [_typed(header) if header[2] else _untyped(header) for header in message.headers]
        line["codec"] = sniff(message.value)
    if envelope is not None:
        _add_envelope(line, envelope)
    line["size"] = message.size
    if decoded is not None:
        line |= decoded_fields(decoded, decoded_key)
    return dump(line)


async def encode_lines(batch: Sequence[Message], decoder: Decoder | None) -> list[bytes]:
    """Messages as `mqtui peek --json` prints them, with a decoder as with `--decode`."""
    if decoder is None:
        return [to_json(message) for message in batch]
    from mqtui.services.decode_batch import decode_each, decode_keys

    values, keys = await decode_each(decoder, batch), await decode_keys(decoder, batch)
    return [to_json(message, value, key) for message, value, key in zip(batch, values, keys, strict=True)]


def decoded_fields(decoded: Decoded, decoded_key: Decoded | None = None) -> Json:
    """`decoded`, `codec`, `report`, and `schema` where there is one."""
    value = orjson.Fragment(decoded.text)
    row: Json = {
        "decoded": value if decoded_key is None else {"key": orjson.Fragment(decoded_key.text), "value": value},
        "codec": decoded.codec,
    }
    if decoded.schema:
        row["schema"] = decoded.schema
    attempts = [*(decoded_key.attempts if decoded_key is not None else ()), *decoded.attempts]
    return row | {"report": [{"codec": each.codec} | ({"why": each.why} if each.why else {}) for each in attempts]}


def text_or_base64(value: bytes) -> str | Json:
    """Text, or `{"base64"}` of what is not UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": to_base64(value)}


def name_or_base64(name: str) -> str | Json:
    """A name, or `{"base64"}` of one that holds surrogates for bytes that are not UTF-8."""
    return name if name.isascii() else text_or_base64(name_bytes(name))


def figure_json(figure: Figure) -> int | float | Json | None:
    """A number, `{"about": n}`, `{"at_least": n}`, `{"at_most": n}` (each with `why` where it is known), or None."""
    if figure.sort is Exactness.EXACT or figure.number is None:
        return figure.number
    row: Json = {figure.sort.value: figure.number}
    return row | {"why": figure.why} if figure.why else row


def add_figures(row: Json, **figures: Figure) -> Json:
    """The row with figures under their names; `why` says why numbers are missing, by name where there are several."""
    row |= {name: figure_json(figure) for name, figure in figures.items()}
    whys = {name: figure.why for name, figure in figures.items() if figure.number is None and figure.why}
    if whys:
        several = len(figures) > 1
        row["why"] = "; ".join(f"{name}: {why}" if several else why for name, why in whys.items())
    return row


def _untyped(header: Header) -> tuple[str, Shown]:
    name, value, _ = header
    return name, None if value is None else text_or_base64(value)


def _typed(header: Header) -> tuple[str, Any, str]:
    name, value, kind = header
    try:
        return name, plain(value, kind), kind
    except (BadInput, struct.error):
        return name, {"base64": to_base64(value or b"")}, kind


def _add_envelope(line: Json, envelope: Envelope) -> None:
    line["exchange"] = envelope.exchange
    line["routing_key"] = envelope.routing_key
    line["properties"] = dict(envelope.properties)
    line["redelivered"] = envelope.redelivered
    add_figures(line, deliveries_left=envelope.left)


def dump(value: object) -> bytes:
    """JSON; names that are not UTF-8 are `{"base64"}`, numbers of more than 64 bits their digits."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_exact(value))


def _exact(value: Any) -> Any:
    match value:
        case dict():
            return {_clean(name): _exact(content) for name, content in value.items()}
        case list() | tuple():
            return [_exact(each) for each in value]
        case str():
            return name_or_base64(value)
        case int() if not -(2**63) <= value < 2**64:
            return orjson.Fragment(str(value))
    return value


def _clean(name: str) -> str:
    return name_bytes(name).decode("utf-8", "replace")
