"""The forms of a value: decoded, text, hex, base64; and the report of the decoders that were tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from mqtui.codecs.base64_hex import from_base64
from mqtui.codecs.decoded import Attempt, Decoded, FernetKeys
from mqtui.domain.message import EntryId, Message
from mqtui.services.decoding import LARGE_BYTES, PLAIN, Decoder, unwrap_large
from mqtui.ui.render.figures import size
from mqtui.ui.render.messages.payload import Base64Text, Document, FixedLines, HexDump, PlainText
from mqtui.ui.render.messages.payload_json import JsonText
from mqtui.ui.render.table_model import Cell

VALUE_FORMS = ("auto", "text", "hex", "base64")
"""Forms of any value; `value_forms` has those of one."""

FROM = "from "
"""How the form of a value begins that is opened as hex or base64: `from hex`."""

TOMBSTONE = "(tombstone)"
EMPTY = "(empty)"


@dataclass(frozen=True, slots=True)
class DecodedValue:
    """A value in one form. `codec` names what it is, `attempts` the decoders that were tried."""

    document: Document
    codec: str
    attempts: Sequence[Attempt] = ()


def value_forms(message: Message | None, decoder: Decoder = PLAIN) -> tuple[str, ...]:
    """The forms in which a value can be shown: `auto`, the other codecs that fit, then text, hex and base64."""
    if message is None or is_large(message):
        return VALUE_FORMS
    ways = [FROM + way if way in VALUE_FORMS else way for way in decoder.ways(message) if way != "text"]
    return (VALUE_FORMS[0], *ways, *VALUE_FORMS[1:])


def next_form(message: Message | None, form: str, decoder: Decoder = PLAIN) -> str:
    """The form after this one; the first where this one does not fit the message."""
    forms = value_forms(message, decoder)
    return forms[(forms.index(form) + 1) % len(forms)] if form in forms else forms[0]


def render_value(message: Message, form: str, decoder: Decoder = PLAIN) -> DecodedValue:
    """The value of a message in one of its `value_forms`. Slow for large values: call it in a thread."""
    if isinstance(message.position, EntryId):
        return _fields(message, form, decoder)
    value = message.value
    if value is None:
        return DecodedValue(FixedLines([[(TOMBSTONE, "muted")]]), "null")
    if not value:
        return DecodedValue(FixedLines([[(EMPTY, "muted")]]), "empty")
    if form in VALUE_FORMS[1:]:
        return render_raw(value, form)
    if len(value) > LARGE_BYTES:
        return _large(value, decoder.keys)
    return render_decoded(decoder.decode(message, "" if form == "auto" else form.removeprefix(FROM)))


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
    innermost = found.codec.rpartition("+")[2].partition(":")[0]
    name = " ".join(filter(None, (found.codec, found.schema)))
    if innermost == "text" and found.text.startswith(b'"'):
        return DecodedValue(PlainText(orjson.loads(found.text)), name, found.attempts)
    if innermost == "binary" and found.text.startswith(b'{"base64":'):
        value = from_base64(orjson.loads(found.text)["base64"]) or b""
        return DecodedValue(HexDump(value), name, found.attempts)
    return DecodedValue(JsonText(found.text.decode()), name, found.attempts)


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


def _fields(message: Message, form: str, decoder: Decoder) -> DecodedValue:
    if form == "auto" and message.size <= LARGE_BYTES:
        return render_decoded(decoder.decode(message))
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
