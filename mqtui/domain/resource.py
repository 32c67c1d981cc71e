"""References to destinations, groups and brokers: a kind and a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class BrokerKind(StrEnum):
    """The kinds of brokers that mqtui supports."""

    KAFKA = "kafka"
    RABBITMQ = "rabbitmq"
    REDIS = "redis"

    __hash__ = str.__hash__


class Kind(StrEnum):
    """The kinds of things that a reference can name."""

    TOPIC = "topic"
    QUEUE = "queue"
    EXCHANGE = "exchange"
    STREAM = "stream"
    GROUP = "group"
    BROKER = "broker"

    __hash__ = str.__hash__


KIND_LETTERS = {
    "t": Kind.TOPIC,
    "q": Kind.QUEUE,
    "x": Kind.EXCHANGE,
    "s": Kind.STREAM,
    "g": Kind.GROUP,
    "b": Kind.BROKER,
}


class Ref(msgspec.Struct, frozen=True, order=True, gc=False):
    """A reference to one thing of a broker. Bytes of a name that are not UTF-8 are kept as surrogates (PEP 383)."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class ParsedName:
    """A name as typed, with a kind where it has one. `typed` is the whole text (`q:work`, `queue:work`)."""

    name: str
    kind: Kind | None = None
    typed: str = field(default="", compare=False)

    def readings(self, kinds: Sequence[Kind]) -> tuple[Ref, ...]:
        """All that it may mean where destinations are of these kinds, first the typed text as a literal name (D8)."""
        as_it_stands = tuple(Ref(kind, self.typed) for kind in kinds) if self.typed else ()
        if self.kind is None:
            return as_it_stands or tuple(Ref(kind, self.name) for kind in kinds)
        return (*as_it_stands, Ref(self.kind, self.name))


def parse_name(text: str) -> ParsedName:
    """Parse `[kind:]name`. `payments:dlq` is a name: only the one-letter and the full kinds count as a prefix."""
    head, colon, rest = text.partition(":")
    if colon:
        kind = KIND_LETTERS.get(head) or next((kind for kind in Kind if kind == head), None)
        if kind is not None:
            return ParsedName(rest, kind, text)
    return ParsedName(text, typed=text)


def name_bytes(name: str) -> bytes:
    """The bytes of a name as the broker holds them."""
    return name.encode("utf-8", "surrogateescape")


def name_text(raw: bytes) -> str:
    """A name from the broker's bytes; `name_bytes` gives the same bytes back."""
    return raw.decode("utf-8", "surrogateescape")
