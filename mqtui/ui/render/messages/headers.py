"""Headers and fields as lines: value, raw bytes, type, and what a redrive does to each."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from mqtui.domain import field_table
from mqtui.domain.convention import Conventions
from mqtui.domain.convention import FieldSource as FieldSource
from mqtui.domain.errors import BadInput
from mqtui.domain.header_codec import decoder
from mqtui.domain.message import EntryId, Message
from mqtui.ui.render.messages.payload import FixedLines, clean
from mqtui.ui.render.table_model import Cell

OUR_PREFIX = "x-mqtui-"
"""The prefix of headers that a redrive adds."""

NAME_CELLS = 34
"""Terminal cells for a name; a longer one has a line of its own."""

WORD_CELLS = 10
"""Terminal cells for the word that says what a redrive does."""

MOST_BYTES = 16
NUMBERS = {4: "int32", 8: "int64"}
NUMERIC = frozenset({"int32", "int64", "int"})


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """One header, field or property. `kind` is its type and how that is known; `raw` are its bytes in hex.

    `stored` is the value on the broker, for comparison; None for a property.
    """

    name: str
    value: str
    kind: str = ""
    raw: str = ""
    stored: bytes | None = None

    @property
    def ours(self) -> bool:
        """Whether mqtui wrote it."""
        return self.name.startswith(OUR_PREFIX)


def properties(message: Message) -> list[HeaderRow]:
    """The AMQP properties of a message, exchange and routing key among them."""
    envelope = message.envelope
    if envelope is None:
        return []
    rows = [HeaderRow("exchange", envelope.exchange or "(default)"), HeaderRow("routing key", envelope.routing_key)]
    rows += [HeaderRow(name, str(value), "property") for name, value in envelope.properties]
    if envelope.redelivered:
        rows.append(HeaderRow("redelivered", "yes"))
    if envelope.deliveries is not None:
        rows.append(HeaderRow("deliveries", str(envelope.deliveries), "as it arrived"))
    return rows


def headers(message: Message, conventions: Conventions) -> list[HeaderRow]:
    """Headers in order, decoded by the conventions that know them; for a Redis entry its fields."""
    codecs = _codecs(message, conventions)
    if isinstance(message.position, EntryId):
        return [_untyped_row(name.decode("utf-8", "replace"), content, codecs) for name, content in message.fields]
    return [
        _typed_row(name, value, kind) if kind else _untyped_row(name, value, codecs)
        for name, value, kind in message.headers
    ]


def _codecs(message: Message, conventions: Conventions) -> Mapping[str, FieldSource]:
    """How to decode each name, by the conventions that the message follows."""
    here = conventions.of_format(conventions.layout(message).format)
    names = {name for name, _, _ in message.headers} | {name.decode("utf-8", "replace") for name, _ in message.fields}
    found: dict[str, FieldSource] = {}
    for convention in here:
        if not names.isdisjoint(convention.detect):
            for places in convention.fields.values():
                for place in places:
                    found.setdefault(place.name, place)
    return found


def _untyped_row(name: str, value: bytes | None, codecs: Mapping[str, FieldSource]) -> HeaderRow:
    if value is None:
        return HeaderRow(name, "(null)")
    known = codecs.get(name)
    if known is not None and known.codec in NUMERIC:
        number = decoder(known.codec, known.path, "")(value)
        if number is not None:
            return HeaderRow(name, str(number), f"{known.codec}, by its name", value.hex(" "), value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = ""
    if (text or not value) and "\0" not in text:
        return HeaderRow(name, text, "" if text else "empty", stored=value)
    more = " …" if len(value) > MOST_BYTES else ""
    shown = value[:MOST_BYTES].hex(" ") + more
    if len(value) in NUMBERS:
        return HeaderRow(
            name, shown, f"{int.from_bytes(value, 'big', signed=True)} if {NUMBERS[len(value)]}", "", value
        )
    return HeaderRow(name, shown, f"{len(value):,} bytes", "", value)


def _typed_row(name: str, value: bytes | None, kind: str) -> HeaderRow:
    try:
        plain = field_table.plain(value, kind)
    except (BadInput, struct.error):
        return HeaderRow(name, (value or b"").hex(" "), f"{kind}, damaged", stored=value)
    if isinstance(plain, str):
        return HeaderRow(name, plain, kind, stored=value)
    if kind in ("array", "table"):
        content = orjson.dumps(field_table.python(value, kind), default=_bytes, option=orjson.OPT_INDENT_2)
        return HeaderRow(name, content.decode("utf-8", "replace"), kind, stored=value)
    shown = plain["base64"] if isinstance(plain, Mapping) and "base64" in plain else str(plain)
    raw = (value or b"").hex(" ") if kind in field_table.INTEGERS or kind in field_table.REALS else ""
    return HeaderRow(name, str(shown), kind, raw, value)


def _bytes(value: object) -> str:
    return value.hex(" ") if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class HeaderDiff:
    """How a header differs from the original's (`sign`), and what a redrive does to it (`word`)."""

    sign: str = " "
    tone: str = ""
    word: str = ""


def lay_out_headers(
    shown: Sequence[HeaderRow], fates: Sequence[HeaderDiff] = (), *, unfolded: bool = False
) -> FixedLines:
    """Headers as lines: difference, name, value, raw bytes, type; long values are folded to one line."""
    width = min(NAME_CELLS, max((len(each.name) for each in shown), default=0))
    lines: list[list[Cell]] = []
    for number, each in enumerate(shown):
        lines += _lines(each, fates[number] if fates else None, width, unfolded=unfolded)
    return FixedLines(lines)


def _lines(each: HeaderRow, fate: HeaderDiff | None, width: int, *, unfolded: bool) -> Iterator[list[Cell]]:
    first, *further = each.value.split("\n")
    lead: list[Cell] = [(f"{fate.sign} ", fate.tone), (f"{fate.word:<{WORD_CELLS}}", fate.tone)] if fate else []
    tail: list[Cell] = []
    if each.raw:
        tail.append((f"   {each.raw}", "muted"))
    if each.kind:
        tail.append((f"   {each.kind}", "muted"))
    if further and not unfolded:
        tail.append((f"   … {len(further):,} more lines (w)", "muted"))
    name = clean(each.name)
    if len(name) > width:
        yield [*lead, (name, "accent")]
        name = ""
    yield [*lead, (name.ljust(width), "accent"), ("  ", ""), (first.rstrip("\r"), ""), *tail]
    if unfolded:
        for line in further:
            yield [("    ", ""), (line.rstrip("\r"), "")]
