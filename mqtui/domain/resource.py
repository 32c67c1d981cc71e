"""How things on a broker are named: a kind and a name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BrokerKind(StrEnum):
    """The brokers mqtui speaks to."""

    KAFKA = "kafka"
    RABBITMQ = "rabbitmq"
    REDIS = "redis"

    __hash__ = str.__hash__


class Kind(StrEnum):
    """The kinds of things a broker holds."""

    TOPIC = "topic"
    QUEUE = "queue"
    EXCHANGE = "exchange"
    STREAM = "stream"
    GROUP = "group"
    BROKER = "broker"

    __hash__ = str.__hash__


LETTERS = {"t": Kind.TOPIC, "q": Kind.QUEUE, "x": Kind.EXCHANGE, "s": Kind.STREAM, "g": Kind.GROUP, "b": Kind.BROKER}


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One thing on one broker. Bytes of a name that are not UTF-8 are kept as surrogates (PEP 383)."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Named:
    """What a person typed: a name, and a kind where it was given (`q:work`, `queue:work`)."""

    name: str
    kind: Kind | None = None


def parse(text: str) -> Named:
    """Read `[kind:]name`. `payments:dlq` is a name: only the one-letter and the full kinds count as a prefix."""
    head, colon, rest = text.partition(":")
    if colon and rest:
        kind = LETTERS.get(head) or next((kind for kind in Kind if kind == head), None)
        if kind is not None:
            return Named(rest, kind)
    return Named(text)


def name_bytes(name: str) -> bytes:
    """The bytes of a name as the broker holds them."""
    return name.encode("utf-8", "surrogateescape")


def name_text(raw: bytes) -> str:
    """A name from the broker's bytes; `name_bytes` gives the same bytes back."""
    return raw.decode("utf-8", "surrogateescape")
