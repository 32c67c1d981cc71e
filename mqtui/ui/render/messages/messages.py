"""Messages as rows: time, position, key, a preview of the value, size. Only visible rows are decoded."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC
from time import time
from typing import Any

from mqtui.brokers.registry import traits_of
from mqtui.codecs import compression, fernet
from mqtui.domain.figure import pluralize
from mqtui.domain.message import EntryId, Message, MessageFormat, Offset
from mqtui.domain.redrive import Handled
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.times import format_time
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.services.find.read_by import is_behind
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.render import figures
from mqtui.ui.render.messages.payload import clean
from mqtui.ui.render.messages.payload_forms import EMPTY, TOMBSTONE
from mqtui.ui.render.table_model import Cell, Column, Measure

PREVIEW_BYTES = 400
"""Bytes of a value that a row previews."""

MAX_DECODED_BYTES = 32 * 1024
"""Bytes of a value that is decoded for a row."""

HEX_BYTES = 16
"""Bytes shown in hex where a value is not text."""

SEARCHED_BYTES = 256 * 1024
"""Bytes of a value that a filter searches."""

TIMES = ("local", "UTC", "age")


class MessageRenderer:
    """How messages are shown in a list. `times` is one of `TIMES`."""

    def __init__(self, broker: BrokerKind, decoder: Callable[[], Decoder] = lambda: PLAIN) -> None:
        """`decoder` gives the decoder of the moment."""
        self._decoder = decoder
        self.times = TIMES[0]
        self.handled = Handled()
        """Letters that earlier runs handled (Kafka keeps them)."""

        self._format = traits_of(broker).message_format
        self._at = 15 if self._format is MessageFormat.ENTRY else 8
        self._key = 8 if self._format is MessageFormat.RECORD else 0
        self.columns = self._laid_out()

    def _laid_out(self) -> tuple[Column, ...]:
        key = (
            Column(
                "key",
                "KEY" if self._format is MessageFormat.RECORD else "ROUTING",
                self._key,
                priority=2,
                meaning="the key, or the routing key",
            ),
        )
        return (
            Column(
                "time",
                "TIME",
                12,
                priority=2,
                measure=Measure.TIME,
                meaning="the time of the message: of its writer, or of the broker",
            ),
            Column("at", "ID" if self._format is MessageFormat.ENTRY else "AT", self._at, meaning="its position"),
            *(key if self._key else ()),
            Column("value", "VALUE", 30, grows=True, least=20, meaning="decoded for the list; i shows it another way"),
            Column(
                "size",
                "SIZE",
                9,
                right=True,
                priority=5,
                measure=Measure.BYTES,
                meaning="bytes of key, value and headers",
            ),
        )

    def widen(self, batch: Sequence[Message]) -> None:
        """Widen the columns for a batch: positions are never cut, keys get up to 16 cells."""
        if not batch:
            return
        at = max(self._at, *(len(str(message.position)) for message in (batch[0], batch[-1])))
        key = max(self._key, min(16, max((len(message.key or b"") for message in batch[:50]), default=0)))
        if batch[0].envelope is not None:
            key = max(key, min(20, max(len(each.envelope.routing_key) for each in batch[:50] if each.envelope)))
        if (at, key) != (self._at, self._key):
            self._at, self._key = at, key
            self.columns = self._laid_out()

    def id(self, item: Message) -> Hashable:
        return item.position

    def cells(self, item: Message) -> Sequence[Cell]:
        key = (routing(item) if item.envelope is not None else readable_key(item.key),) if self._key else ()
        return (
            (self.time(item), "muted"),
            (str(item.position), ""),
            *key,
            preview_value(item, self._decoder()),
            (figures.size(item.size), "muted"),
        )

    def time(self, item: Message) -> str:
        """The message's time as local time, UTC or age."""
        stamp = time_of(item)
        if stamp is None or self.times == "local":
            return figures.clock(stamp)
        if self.times == "age":
            return figures.since(stamp, time() * 1000, units=2)
        return format_time(stamp, "%H:%M:%S.%f", UTC)

    def next_times(self) -> str:
        """Switch to the next way to show times; its name."""
        self.times = TIMES[(TIMES.index(self.times) + 1) % len(TIMES)]
        return self.times

    def sign(self, item: Message) -> Cell:
        """`✓` a letter that was handled, `?` the value is neither text nor compressed text."""
        if self.is_handled(item):
            return "✓", "ok"
        return ("?", "muted") if self.severity(item) else (" ", "")

    def is_handled(self, item: Message) -> bool:
        """Whether an earlier run handled the letter."""
        place = item.position
        return isinstance(place, Offset) and place.partition >= 0 and self.handled.has(place.partition, place.offset)

    def severity(self, item: Message) -> int:
        """1 where the value can't be read."""
        value = item.value
        if value is None or (value.isascii() and b"\0" not in value) or compression.detect(value):
            return 0
        return int(_value_text(value) is None and not _preview_decoded(item, self._decoder()))

    def text(self, item: Message) -> str:
        """The words a filter looks at: position, key, value or fields."""
        parts = [str(item.position).encode(), item.key or b"", (item.value or b"")[:SEARCHED_BYTES]]
        for name, content in item.fields:
            parts += (name, content[:SEARCHED_BYTES])
        return b" ".join(parts).decode("utf-8", "replace")

    def value(self, item: Message, key: str) -> Any:
        """What a comparison in a filter looks at."""
        match key:
            case "time":
                return time_of(item)
            case "key":
                return (item.key or b"").decode("utf-8", "replace")
            case "size":
                return item.size
            case "value":
                return (item.value or b"")[:SEARCHED_BYTES].decode("utf-8", "replace")
        return str(item.position)


def time_of(item: Message) -> int | None:
    """The message's own time, else that of its entry id, in ms since the epoch."""
    if item.timestamp is None and isinstance(item.position, EntryId):
        return item.position.ms
    return item.timestamp


def routing(item: Message) -> Cell:
    """The routing key as a cell."""
    return (clean(item.envelope.routing_key), "") if item.envelope is not None else ("", "")


def readable_key(key: bytes | None) -> Cell:
    """A key as a cell: text, else hex; blank where there is none."""
    if key is None:
        return "", ""
    text = _text(key[:64])
    return (clean(text), "") if text is not None else (key[:HEX_BYTES].hex(" "), "muted")


def preview_value(item: Message, decoder: Decoder = PLAIN) -> Cell:
    """The beginning of a value, or of an entry's fields, as a cell; one that is not text is decoded."""
    if item.fields:
        return clean(" ".join(f"{_name(name)}={_field(content)}" for name, content in item.fields)), ""
    value = item.value
    if value is None:
        return TOMBSTONE, "muted"
    if not value:
        return EMPTY, "muted"
    if decoded := _preview_decoded(item, decoder):
        return decoded, ""
    if compressed := compression.detect(value):
        inner = _gunzip_prefix(value) if compressed == "gzip" else b""
        return (f"gzip: {_readable(inner)[0]}", "") if inner else (f"{compressed} {figures.size(len(value))}", "muted")
    if fernet.is_token(value):
        return f"sealed (Fernet) {figures.size(len(value))}", "stale"
    return _readable(value)


def _preview_decoded(item: Message, decoder: Decoder) -> str:
    """The codec and the beginning of a decoded value; "" where it is text as it is, can't be decoded, or is large."""
    value = item.value
    if not value or len(value) > MAX_DECODED_BYTES:
        return ""
    if not (decoder.has_rule(item) or fernet.is_token(value) or _value_text(value) is None):
        return ""
    found = decoder.decode(item)
    if found.codec == "text" or found.codec.rpartition("+")[2] == "binary":
        return ""
    text = found.text[:PREVIEW_BYTES].decode("utf-8", "replace")
    return f"{found.codec}: {clean(text)}"


def _readable(value: bytes) -> Cell:
    text = _value_text(value[:PREVIEW_BYTES])
    if text is not None:
        return clean(" ".join(text.split("\n"))), ""
    more = " …" if len(value) > HEX_BYTES else ""
    return f"{value[:HEX_BYTES].hex(' ')}{more}   hex {figures.size(len(value))}", "muted"


def _value_text(value: bytes) -> str | None:
    """A value as text; one with NUL bytes is none."""
    return None if b"\0" in value else _text(value)


def _text(value: bytes) -> str | None:
    """The bytes as text, where only the last character is incomplete at most; else None."""
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data" and len(value) - error.start < 4
        return value[: error.start].decode() if cut and error.start else None


def _gunzip_prefix(value: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(value, PREVIEW_BYTES)
    except zlib.error:
        return b""


def _name(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _field(content: bytes) -> str:
    text = _text(content[:PREVIEW_BYTES])
    return content[:HEX_BYTES].hex(" ") if text is None else text


def describe_readers(snapshot: BrokerSnapshot | None, ref: Ref, item: Message) -> str:
    """Which groups have read past a message, and at which position the others are."""
    if snapshot is None:
        return ""
    passed: list[str] = []
    standing: list[str] = []
    for group, lag in snapshot.lags.items():
        name = group.name.rpartition("/")[2]
        for part in lag.parts:
            partition = item.position.partition if isinstance(item.position, Offset) else 0
            if part.resource != ref or part.partition != max(0, partition):
                continue
            behind = is_behind(part.committed, item)
            if behind is not None:
                (passed if not behind else standing).append(
                    name if not behind else f"{name} is at {_place(part.committed, item)}"
                )
    parts = [f"{', '.join(passed)} passed it"] if passed else []
    return " · ".join([*parts, *standing])


def _place(committed: str, item: Message) -> str:
    if isinstance(item.position, Offset) and item.position.partition >= 0:
        return f"{item.position.partition}/{committed}"
    return committed


def describe_message(item: Message, groups: str) -> str:
    """What matters about a message, in one sentence."""
    parts = [groups] if groups else []
    if item.headers:
        parts.append(pluralize(len(item.headers), "header"))
    parts.append(figures.size(item.size))
    return f"{item.position}: {' · '.join(parts)}"
