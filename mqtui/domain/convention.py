"""Dead-letter conventions: which headers or fields hold what, and how dead-letter destinations are named.

A convention is data (`mqtui/conventions/*.toml`). `Conventions` holds all and caches a `Layout` for each sequence of
header names: the letters of a source nearly always have the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from typing import TypeAlias

from mqtui.domain.body_envelope import BodyEnvelope
from mqtui.domain.destination_names import ORIGIN_KINDS, DestinationNames, NamedOrigin, NameRules
from mqtui.domain.header_codec import Decoder, Value, body_member, decoder
from mqtui.domain.message import EntryId, Message, MessageFormat
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_text

FIELDS = frozenset(
    {
        "origin",  # where the message was when it failed
        "partition",
        "offset",
        "id",  # of the entry in the origin stream
        "exchange",
        "routing_key",
        "timestamp",  # the message's own, ms
        "died",  # when it was dead-lettered, ms
        "exception",  # class of what was thrown, the outermost
        "cause_exception",  # class of its cause
        "message",
        "stack",
        "reason",  # a broker's own word instead of an exception
        "group",  # consumer group, or consumer, that gave up
        "attempts",
        "expires",  # when the message itself stops being worth anything, ms
    }
)
NAMING = frozenset({"origin", "exchange", "routing_key"})
"""Fields that hold a name on the broker: their bytes are kept, whatever the encoding."""

MAX_LAYOUTS = 2_000
NAME_OF = itemgetter(0)


@dataclass(frozen=True, slots=True)
class FieldSource:
    """A header or field that is read for a field, and its codec (`domain.header_codec`); `path` is for the codec."""

    name: str
    codec: str = "text"
    path: str = ""


@dataclass(frozen=True, slots=True)
class Convention:
    """How one framework writes dead letters.

    A letter follows it where one of `detect` is among its header or field names, or one of `loose` where it lies in a
    destination that is known to hold dead letters. `fields` names the sources of each field; the first that exists is
    read. `wrappers` are exception classes that only wrap the cause; `after` are texts in a message after which that of
    the cause begins. A redrive strips headers by `strip_prefixes` and `strip_names`, and those read for `strip_fields`.
    `destinations`, `only_with_origin` and `retries` are templates of names (`domain.destination_names`). Conventions
    with a lower `order` come first.
    """

    name: str
    title: str
    brokers: frozenset[BrokerKind]
    detect: tuple[str, ...] = ()
    fields: Mapping[str, tuple[FieldSource, ...]] = field(default_factory=dict)
    wrappers: frozenset[str] = frozenset()
    after: tuple[str, ...] = ()
    strip_prefixes: tuple[str, ...] = ()
    strip_names: frozenset[str] = frozenset()
    strip_fields: frozenset[str] = frozenset()
    destinations: tuple[str, ...] = ()
    order: int = 50
    loose: tuple[str, ...] = ()
    envelope: BodyEnvelope | None = None
    """Where letters are JSON envelopes: the fields are then members of the body, by their paths."""

    remains: str = ""
    """What can't be stripped, since it is part of a field, and what follows from that."""

    only_with_origin: tuple[str, ...] = ()
    """Names that are used for other things too."""

    retries: tuple[str, ...] = ()
    """Names of destinations where messages wait for a retry."""


HeaderNames: TypeAlias = tuple[str | bytes, ...]
"""The header names, or field names, of a message in order; RabbitMQ: name and type in turn."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The index of the first and of the last header for a field, and the decoder for its value."""

    first: int
    last: int
    decode: Decoder


@dataclass(frozen=True, slots=True)
class Layout:
    """What the headers of a message hold. `convention` is "" where none fits; `kind` is the kind of the origin."""

    format: MessageFormat
    kind: Kind
    convention: str
    slots: Mapping[str, Slot]
    wrappers: frozenset[str]
    after: tuple[str, ...]
    kept: tuple[str, ...]
    stripped: frozenset[str]
    body: Mapping[str, Decoder] = field(default_factory=dict)
    """The decoders of fields that are read from the body, where that is an envelope."""

    envelope: BodyEnvelope | None = None
    remains: str = ""

    def read(self, message: Message, name: str) -> Value:
        """The value of a field by its first header: where a header is repeated the first is that of the origin."""
        slot = self.slots.get(name)
        if slot is None:
            return self.body[name](message.value) if name in self.body else None
        pairs = message.headers or message.fields
        return slot.decode(pairs[slot.first][1])

    def read_last(self, message: Message, name: str) -> Value:
        """The value of a field by its last header: that of the latest dead-lettering."""
        slot = self.slots.get(name)
        if slot is None:
            return self.body[name](message.value) if name in self.body else None
        pairs = message.headers or message.fields
        return slot.decode(pairs[slot.last][1])


class Conventions:
    """All conventions. Headers decide first, the name of the destination where they say nothing.

    `formats` is the format of messages on each kind of broker. A convention of one kind holds for all of its format.
    """

    __slots__ = (
        "_by_format",
        "_enveloped",
        "_last",
        "_layouts",
        "_loose_layouts",
        "_names",
        "_opened_layouts",
        "_settled",
        "formats",
        "known",
    )

    def __init__(self, known: Iterable[Convention], formats: Mapping[BrokerKind, MessageFormat]) -> None:
        self.known: Sequence[Convention] = tuple(sorted(known, key=lambda one: (one.order, one.name)))
        self.formats = formats
        self._by_format: dict[MessageFormat, list[Convention]] = {
            each: [one for one in self.known if any(formats[kind] is each for kind in one.brokers)]
            for each in MessageFormat
        }
        self._layouts: dict[MessageFormat, dict[HeaderNames, Layout]] = {each: {} for each in MessageFormat}
        self._loose_layouts: dict[MessageFormat, dict[HeaderNames, Layout]] = {each: {} for each in MessageFormat}
        """The same for destinations that are known to hold dead letters."""

        self._settled: dict[tuple[MessageFormat, str], NamedOrigin] = {}
        self._last: tuple[Ref | None, MessageFormat, dict[HeaderNames, Layout]] = (None, MessageFormat.RECORD, {})
        """The destination and format of the last message, and the layouts that hold there."""

        self._opened_layouts: dict[tuple[int, str], tuple[Layout, Layout]] = {}
        """By the id of the layout of the headers, which is kept so that the id stays unique, and the convention."""

        self._enveloped = [one for one in self.known if one.envelope is not None]
        self._names = DestinationNames(
            [
                NameRules(
                    one.name,
                    frozenset(formats[kind] for kind in one.brokers),
                    one.destinations,
                    one.only_with_origin,
                    one.retries,
                )
                for one in self.known
            ]
        )

    def layout(self, message: Message) -> Layout:
        """The layout of a message, by its header or field names."""
        if type(message.position) is EntryId:
            written = MessageFormat.ENTRY
            row: HeaderNames = tuple(map(NAME_OF, message.fields))
        elif message.envelope is None:
            written = MessageFormat.RECORD
            row = tuple(map(NAME_OF, message.headers))
        else:
            written = MessageFormat.AMQP
            row = tuple([part for name, _, kind in message.headers for part in (name, kind)])
        place, format_there, layouts = self._last
        if message.resource is not place or written is not format_there:
            named = self.by_format(written, message.resource.name)
            is_loose = named is not None and not named.needs_origin
            layouts = (self._loose_layouts if is_loose else self._layouts)[written]
            self._last = (message.resource, written, layouts)
        found = layouts.get(row)
        if found is None:
            if len(layouts) >= MAX_LAYOUTS:
                layouts.clear()
            is_known = layouts is self._loose_layouts[written]
            found = layouts[row] = self._make_layout(written, row, is_known=is_known)
        body = message.value
        if body is None or not self._enveloped or "origin" in found.slots or body[:1] != b"{":
            return found
        return self._opened(found, body)

    def _opened(self, found: Layout, body: bytes) -> Layout:
        """The layout of a letter whose body may be an envelope."""
        for convention in self._enveloped:
            rule = convention.envelope
            if rule is not None and convention in self._by_format[found.format] and rule.holds(body):
                key = (id(found), convention.name)
                if key not in self._opened_layouts:
                    if len(self._opened_layouts) >= MAX_LAYOUTS:
                        self._opened_layouts.clear()
                    self._opened_layouts[key] = (found, _with_body(found, convention))
                return self._opened_layouts[key][1]
        return found

    def settle(self, broker: BrokerKind, name: str, origin: NamedOrigin) -> Conventions:
        """These conventions, with what is known for sure of the origin of one destination."""
        settled = Conventions(self.known, self.formats)
        settled._layouts, settled._loose_layouts, settled._names = self._layouts, self._loose_layouts, self._names
        settled._settled = {**self._settled, (self.formats[broker], name): origin}
        return settled

    def by_name(self, broker: BrokerKind, name: str) -> NamedOrigin | None:
        """The origin by the name of a destination; None where it is not the name of a dead-letter destination."""
        return self.by_format(self.formats[broker], name)

    def by_format(self, message_format: MessageFormat, name: str) -> NamedOrigin | None:
        """`by_name` where only the format of the messages is known."""
        if (message_format, name) in self._settled:
            return self._settled[message_format, name]
        return self._names.dead_letters(message_format, name)

    def of_format(self, message_format: MessageFormat) -> Sequence[Convention]:
        """The conventions for messages of that format, in the order in which they apply."""
        return self._by_format[message_format]

    def is_retry(self, broker: BrokerKind, name: str) -> bool:
        """Whether it is the name of a destination where messages wait for a retry."""
        return self._names.is_retry(self.formats[broker], name)

    def _make_layout(self, written: MessageFormat, row: HeaderNames, *, is_known: bool) -> Layout:
        if written is MessageFormat.AMQP:
            names = [str(name) for name in row[::2]]
            kinds = [str(kind) for kind in row[1::2]]
        else:
            names = [name if isinstance(name, str) else name_text(name) for name in row]
            kinds = [""] * len(names)
        seen = set(names)
        here = [one for one in self._by_format[written] if one.envelope is None]
        following = [one for one in here if not seen.isdisjoint(one.detect)]
        if is_known:
            following += [one for one in here if one not in following and not seen.isdisjoint(one.loose)]
        slots: dict[str, Slot] = {}
        stripped = {name for name in seen if any(_strips(convention, name) for convention in following)}
        for convention in following:
            for field_name, sources in convention.fields.items():
                source = next((source for source in sources if source.name in seen), None)
                if source is not None and field_name not in slots:
                    slots[field_name] = _slot(field_name, source, names, kinds)
                    if field_name in convention.strip_fields:
                        stripped.add(source.name)
        return Layout(
            written,
            ORIGIN_KINDS[written],
            following[0].name if following else "",
            slots,
            frozenset().union(*(one.wrappers for one in following)),
            tuple(words for one in following for words in one.after),
            tuple(dict.fromkeys(name for name in names if name not in stripped)),
            frozenset(stripped),
            remains=next((one.remains for one in following if one.remains), ""),
        )


def _with_body(found: Layout, convention: Convention) -> Layout:
    read = {
        field_name: partial(body_member, paths=tuple(source.name for source in sources), codec=sources[0].codec)
        for field_name, sources in convention.fields.items()
    }
    name, rule = convention.name, convention.envelope
    return replace(found, convention=name, after=convention.after, body=read, envelope=rule)


def _slot(field_name: str, source: FieldSource, names: Sequence[str], kinds: Sequence[str]) -> Slot:
    first = names.index(source.name)
    last = len(names) - 1 - names[::-1].index(source.name)
    codec = "name" if field_name in NAMING and source.codec == "text" else source.codec
    return Slot(first, last, decoder(codec, source.path, kinds[first]))


def _strips(convention: Convention, name: str) -> bool:
    return name in convention.strip_names or name.startswith(convention.strip_prefixes)
