"""Dead-letter conventions: which headers or fields tell what, and which names dead-letter destinations have.

A convention is data (`mqtui/conventions/*.toml`). `Conventions` holds all of them and remembers, for each row of
header names it has met, where everything stands: letters of one source nearly always have the same row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from mqtui.domain.body_envelope import BodyEnvelope
from mqtui.domain.destination_names import ORIGIN_KINDS, DestinationNames, NamedOrigin, NameRules
from mqtui.domain.header_codec import Decoder, Value, body_member, decoder
from mqtui.domain.message import EntryId, Message
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
"""Fields that name a thing on the broker: their bytes are kept."""

MOST_LAYOUTS = 2_000


@dataclass(frozen=True, slots=True)
class FieldSource:
    """A header or field that tells something, and its codec (`domain.header_codec`); `path` is the codec's."""

    name: str
    codec: str = "text"
    path: str = ""


@dataclass(frozen=True, slots=True)
class Convention:
    """One framework's way of writing dead letters.

    A letter follows it where one of `detect` is among its header or field names, or one of `loose` where it lies in a
    place that is known to hold dead letters. Of a field's places the first that is there is read. `wrappers` are
    exception classes that only carry the cause; `after` are words of the message behind which the cause's own begins.
    `strip_prefixes`, `strip_names` and what was read for `strip_fields` stay behind on
    the way home. `destinations`, `only_with_origin` and `retries` are names (`domain.destination_names`). A lower
    `order` is asked first.
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
    """Of a convention whose letters are JSON envelopes: its fields are members of the body, by paths."""

    remains: str = ""
    """What of its marks can't be taken off, since they are inside a field, and what that leads to."""

    only_with_origin: tuple[str, ...] = ()
    """Names that are also in use for other things."""

    retries: tuple[str, ...] = ()
    """Names of places where messages wait for another try."""


HeaderNames: TypeAlias = tuple[str | bytes, ...]
"""Header names, or field names, of one message, in order."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where in a row something stands: first occurrence, last occurrence, and how it is read."""

    first: int
    last: int
    decode: Decoder


@dataclass(frozen=True, slots=True)
class Layout:
    """What a row of names means. `convention` is "" where none is recognised; `kind` is what letters come from."""

    broker: BrokerKind
    kind: Kind
    convention: str
    slots: Mapping[str, Slot]
    wrappers: frozenset[str]
    after: tuple[str, ...]
    kept: tuple[str, ...]
    stripped: frozenset[str]
    body: Mapping[str, Decoder] = field(default_factory=dict)
    """How a field is read from the body, where that is an envelope."""

    envelope: BodyEnvelope | None = None
    remains: str = ""

    def read(self, message: Message, name: str) -> Value:
        """The first value of a field: of headers written twice the first are the true origin's."""
        slot = self.slots.get(name)
        if slot is None:
            return self.body[name](message.value) if name in self.body else None
        pairs = message.headers or message.fields
        return slot.decode(pairs[slot.first][1])

    def read_last(self, message: Message, name: str) -> Value:
        """The last value of a field: the latest hop's."""
        slot = self.slots.get(name)
        if slot is None:
            return self.body[name](message.value) if name in self.body else None
        pairs = message.headers or message.fields
        return slot.decode(pairs[slot.last][1])


class Conventions:
    """All conventions, asked by header names first and by the destination's name where no header tells."""

    __slots__ = (
        "_enveloped",
        "_last",
        "_layouts",
        "_loose_layouts",
        "_names",
        "_opened_layouts",
        "_settled",
        "known",
    )

    def __init__(self, known: Iterable[Convention]) -> None:
        self.known: Sequence[Convention] = tuple(sorted(known, key=lambda one: (one.order, one.name)))
        self._layouts: dict[BrokerKind, dict[HeaderNames, Layout]] = {kind: {} for kind in BrokerKind}
        self._loose_layouts: dict[BrokerKind, dict[HeaderNames, Layout]] = {kind: {} for kind in BrokerKind}
        """The same in places that are known to hold dead letters."""

        self._settled: dict[tuple[BrokerKind, str], NamedOrigin] = {}
        self._last: tuple[Ref | None, bool] = (None, False)
        """Where the last message lay, and whether that place is known to hold dead letters."""

        self._opened_layouts: dict[tuple[int, str], tuple[Layout, Layout]] = {}
        """By the layout of the headers, which is kept so that its id stays its own, and the convention of the body."""

        self._enveloped = [one for one in self.known if one.envelope is not None]
        self._names = DestinationNames(
            [
                NameRules(one.name, one.brokers, one.destinations, one.only_with_origin, one.retries)
                for one in self.known
            ]
        )

    def layout(self, message: Message) -> Layout:
        """Where everything stands in a message of this row of names."""
        if type(message.position) is EntryId:
            broker = BrokerKind.REDIS
            row: HeaderNames = tuple([name for name, _ in message.fields])
        elif message.envelope is None:
            broker = BrokerKind.KAFKA
            row = tuple([name for name, _, _ in message.headers])
        else:
            broker = BrokerKind.RABBITMQ
            row = tuple([part for name, _, kind in message.headers for part in (name, kind)])
        place, is_known = self._last
        if message.resource is not place:
            named = self.by_name(broker, message.resource.name)
            is_known = named is not None and not named.needs_origin
            self._last = (message.resource, is_known)
        layouts = (self._loose_layouts if is_known else self._layouts)[broker]
        found = layouts.get(row)
        if found is None:
            if len(layouts) >= MOST_LAYOUTS:
                layouts.clear()
            found = layouts[row] = self._laid_out(broker, row, is_known=is_known)
        body = message.value
        if body is None or not self._enveloped or "origin" in found.slots or body[:1] != b"{":
            return found
        return self._opened(found, body)

    def _opened(self, found: Layout, body: bytes) -> Layout:
        """The layout of a letter whose body may be an envelope."""
        for convention in self._enveloped:
            rule = convention.envelope
            if rule is not None and found.broker in convention.brokers and rule.holds(body):
                key = (id(found), convention.name)
                if key not in self._opened_layouts:
                    if len(self._opened_layouts) >= MOST_LAYOUTS:
                        self._opened_layouts.clear()
                    self._opened_layouts[key] = (found, _with_body(found, convention))
                return self._opened_layouts[key][1]
        return found

    def settle(self, broker: BrokerKind, name: str, origin: NamedOrigin) -> Conventions:
        """These conventions, with what is known for sure of the origin of one destination."""
        settled = Conventions(self.known)
        settled._layouts, settled._loose_layouts, settled._names = self._layouts, self._loose_layouts, self._names
        settled._settled = {**self._settled, (broker, name): origin}
        return settled

    def by_name(self, broker: BrokerKind, name: str) -> NamedOrigin | None:
        """What a destination's name says, or None where it is not that of a dead-letter destination."""
        if (broker, name) in self._settled:
            return self._settled[broker, name]
        return self._names.dead_letters(broker, name)

    def is_retry(self, broker: BrokerKind, name: str) -> bool:
        """Whether a name is that of a place where messages wait for another try."""
        return self._names.is_retry(broker, name)

    def _laid_out(self, broker: BrokerKind, row: HeaderNames, *, is_known: bool) -> Layout:
        if broker is BrokerKind.RABBITMQ:
            names = [str(name) for name in row[::2]]
            kinds = [str(kind) for kind in row[1::2]]
        else:
            names = [name if isinstance(name, str) else name_text(name) for name in row]
            kinds = [""] * len(names)
        seen = set(names)
        here = [one for one in self.known if broker in one.brokers and one.envelope is None]
        following = [one for one in here if not seen.isdisjoint(one.detect)]
        if is_known:
            following += [one for one in here if one not in following and not seen.isdisjoint(one.loose)]
        slots: dict[str, Slot] = {}
        stripped = {name for name in seen if any(_strips(convention, name) for convention in following)}
        for convention in following:
            for told, places in convention.fields.items():
                place = next((place for place in places if place.name in seen), None)
                if place is not None and told not in slots:
                    slots[told] = _slot(told, place, names, kinds)
                    if told in convention.strip_fields:
                        stripped.add(place.name)
        return Layout(
            broker,
            ORIGIN_KINDS[broker],
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
        told: partial(body_member, paths=tuple(place.name for place in places), codec=places[0].codec)
        for told, places in convention.fields.items()
    }
    name, rule = convention.name, convention.envelope
    return replace(found, convention=name, after=convention.after, body=read, envelope=rule)


def _slot(told: str, place: FieldSource, names: Sequence[str], kinds: Sequence[str]) -> Slot:
    first = names.index(place.name)
    last = len(names) - 1 - names[::-1].index(place.name)
    codec = "name" if told in NAMING and place.codec == "text" else place.codec
    return Slot(first, last, decoder(codec, place.path, kinds[first]))


def _strips(convention: Convention, name: str) -> bool:
    return name in convention.strip_names or name.startswith(convention.strip_prefixes)
