"""The forms of a value: decoded, text, hex, base64; and the report of the decoders that were tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from mqtui.codecs.base64_hex import from_base64
from mqtui.codecs.decode import NO_KEYS
from mqtui.codecs.decoded import Attempt, Decoded, FernetKeys
from mqtui.domain.message import EntryId, Message
from mqtui.services.decoding import LARGE_BYTES, decode_message, unwrap_large
from mqtui.ui.render.figures import size
from mqtui.ui.render.messages.payload import Base64Text, Document, FixedLines, HexDump, PlainText
from mqtui.ui.render.messages.payload_json import JsonText
from mqtui.ui.render.table_model import Cell

VALUE_FORMS = ("auto", "text", "hex", "base64")
TOMBSTONE = "(tombstone)"
EMPTY = "(empty)"


@dataclass(frozen=True, slots=True)
class DecodedValue:
    """A value in one form. `codec` names what it is, `attempts` the decoders that were tried."""

    document: Document
    codec: str
    attempts: Sequence[Attempt] = ()


def render_value(message: Message, form: str, keys: FernetKeys = NO_KEYS) -> DecodedValue:
    """The value of a message in one of `VALUE_FORMS`. Slow for large values: call it in a thread."""
    if isinstance(message.position, EntryId):
        return _fields(message, form, keys)
    value = message.value
    if value is None:
        return DecodedValue(FixedLines([[(TOMBSTONE, "muted")]]), "null")
    if not value:
        return DecodedValue(FixedLines([[(EMPTY, "muted")]]), "empty")
    if form != "auto":
        return render_raw(value, form)
    return _large(value, keys) if len(value) > LARGE_BYTES else render_decoded(decode_message(message, keys))


def render_raw(value: bytes, form: str) -> DecodedValue:
    """Bytes as text, hex or base64."""
    match form:
        case "hex":
            return DecodedValue(HexDump(value), "hex")
        case "base64":
            return DecodedValue(Base64Text(value), "base64")
    text = value.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    return DecodedValue(PlainText(text), f"text, {wrong:,} signs are not UTF-8" if wrong else "text")


def render_decoded(found: Decoded) -> DecodedValue:
    """A decoded value as lines: JSON indented, text by its line ends, other bytes in hex."""
    innermost = found.codec.rpartition("+")[2]
    if innermost == "text":
        return DecodedValue(PlainText(orjson.loads(found.text)), found.codec, found.attempts)
    if innermost == "binary":
        value = from_base64(orjson.loads(found.text)["base64"]) or b""
        return DecodedValue(HexDump(value), found.codec, found.attempts)
    return DecodedValue(JsonText(found.text.decode()), found.codec, found.attempts)


def is_large(message: Message) -> bool:
    """Whether rendering it takes long enough to need a thread."""
    return message.size > LARGE_BYTES // 16


def _large(value: bytes, keys: FernetKeys) -> DecodedValue:
    found = unwrap_large(value, keys)
    innermost = found.codec.rpartition("+")[2]
    if innermost == "binary":
        return DecodedValue(HexDump(found.content), found.codec, found.attempts)
    text = found.content.decode("utf-8", "replace")
    return DecodedValue(JsonText(text) if innermost == "json" else PlainText(text), found.codec, found.attempts)


def _fields(message: Message, form: str, keys: FernetKeys) -> DecodedValue:
    if form == "auto" and message.size <= LARGE_BYTES:
        return render_decoded(decode_message(message, keys))
    lines: list[list[Cell]] = []
    for name, content in message.fields:
        lines.append([(name.decode("utf-8", "replace"), "accent")])
        inner = render_raw(content, "text" if form == "auto" else form)
        inner.document.grow(10_000)
        lines += [[("  ", ""), *inner.document.line(number)] for number in range(len(inner.document))]
    return DecodedValue(FixedLines(lines), f"fields, {'text' if form == 'auto' else form}")


def report(look: DecodedValue, message: Message) -> FixedLines:
    """The decoders that were tried, in order, and the sizes of the message's parts."""
    lines: list[list[Cell]] = [[("what was tried, in order", "muted")]]
    for attempt in look.attempts:
        sign, tone = ("✓", "ok") if attempt.fitted else ("✗", "muted")
        lines.append([(f"{sign} ", tone), (attempt.codec, ""), (f"  {attempt.why}" if attempt.why else "", "muted")])
    if not look.attempts:
        lines.append([(f"nothing: shown as {look.codec}", "")])
    lines.append([])
    lines.append([("key      ", "muted"), (_bytes(message.key), "")])
    lines.append([("value    ", "muted"), (_bytes(message.value), "")])
    if message.fields:
        lines.append([("fields   ", "muted"), (f"{len(message.fields):,}", "")])
    lines.append([("headers  ", "muted"), (f"{len(message.headers):,}", "")])
    lines.append([("in all   ", "muted"), (f"{message.size:,} bytes", "")])
    return FixedLines(lines)


def value_size(message: Message) -> str:
    """The size of the value, or of the fields."""
    return size(sum(len(name) + len(content) for name, content in message.fields) + len(message.value or b""))


def _bytes(value: bytes | None) -> str:
    return "none" if value is None else f"{len(value):,} bytes"
