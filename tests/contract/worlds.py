"""The other side of a broker: its own client library, which fills and reads it without mqtui.

Each world keeps to names with one prefix of its own (C11) and takes them away at its end.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from mqtui.brokers.port import Adapter, Address
from mqtui.domain.message import Field, Message, Outgoing
from mqtui.domain.resource import BrokerKind, Ref

PORTS = {BrokerKind.KAFKA: 9092, BrokerKind.RABBITMQ: 5672, BrokerKind.REDIS: 6379}
SCHEMES = {"kafka": BrokerKind.KAFKA, "amqp": BrokerKind.RABBITMQ, "redis": BrokerKind.REDIS}

TRUSTS_NOBODY = SSLContext(PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP: httpx2 would load this system's authorities for each, in vain (48 ms of CPU)."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as the broker's own client library tells it: bytes as they are, order and duplicates kept."""

    value: bytes | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    fields: tuple[Field, ...] = ()

    def without(self, name: str) -> Letter:
        """The letter less a header or a field."""
        headers = tuple(pair for pair in self.headers if pair[0] != name)
        return Letter(self.value, self.key, headers, tuple(pair for pair in self.fields if pair[0] != name.encode()))

    def plus(self, name: str, text: bytes, *, as_field: bool) -> Letter:
        """The letter with one more header or field."""
        if as_field:
            return Letter(self.value, self.key, self.headers, (*self.fields, (name.encode(), text)))
        return Letter(self.value, self.key, (*self.headers, (name, text)), self.fields)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a broker offers, so that a test asserts the refusal where it offers nothing."""

    lends: bool
    """Reading takes a message away for a while: only the paid look reads."""

    follows: bool
    pending: bool
    partitions: bool
    any_name: bool
    """Whether spaces and emoji may stand in a name."""

    holds: bool
    """Whether a second run of one source is refused."""

    too_large: int | None
    """Bytes of a value that the broker refuses; None where the limit is out of reach of a test."""


class World(Protocol):
    """One broker, filled and read by its own client library."""

    kind: BrokerKind
    traits: Traits
    address: Address

    def connect(self) -> Adapter:
        """A new adapter."""

    def name(self, stem: str) -> str:
        """A name nobody else has."""

    def ref(self, name: str) -> Ref:
        """A destination by its name."""

    def create(self, stem: str = "work", *, partitions: int = 1) -> Ref:
        """A new destination."""

    def remove(self, ref: Ref) -> None:
        """Delete a destination."""

    def put(self, ref: Ref, letters: Sequence[Letter], *, partition: int = 0) -> None:
        """Store letters."""

    def contents(self, ref: Ref) -> list[Letter]:
        """Everything a destination holds, in order; by partition where there are several."""

    def fingerprint(self) -> object:
        """Names, depths and reading positions of everything under the prefix; equal when nothing changed."""

    def consume(self, ref: Ref, group: str, count: int) -> None:
        """Read so many messages as that group, and say so to the broker."""

    def letter(self, number: int) -> Letter:
        """An ordinary letter."""

    def odd_letters(self) -> list[Letter]:
        """Letters with everything that gets lost easily."""

    def sent(self, letter: Letter, target: Ref) -> Outgoing:
        """The letter as mqtui sends it."""

    def seen(self, message: Message) -> Letter:
        """The letter as mqtui read it."""

    def close(self) -> None:
        """Delete everything under the prefix."""


def new_prefix() -> str:
    """What all names of a world begin with."""
    return f"mqtui-test-{uuid.uuid4().hex[:8]}"


def address_of(url: str, prefix: str = "mqtui") -> Address:
    """An address from the URL of a test broker."""
    parts = urlsplit(url)
    kind = SCHEMES[parts.scheme.partition("+")[0].removesuffix("s") if parts.scheme != "redis" else "redis"]
    hosts = []
    for place in parts.netloc.rpartition("@")[2].split(","):
        host = urlsplit(f"//{place}")
        hosts.append((host.hostname or "localhost", host.port or PORTS[kind]))
    path = unquote(parts.path[1:])
    default = {BrokerKind.RABBITMQ: "/", BrokerKind.REDIS: "0"}.get(kind, "")
    user, secret = unquote(parts.username or ""), unquote(parts.password or "")
    options = dict(parse_qsl(parts.query))
    return Address(kind, tuple(hosts), user, secret, path=path or default, options=options, prefix=prefix)


def header_letter(number: int) -> Letter:
    """An ordinary letter of a broker with headers."""
    headers = (("x-number", str(number).encode()), ("x-strip", b"me"))
    return Letter(b"letter %06d" % number, headers=headers)


def keyed_letter(number: int) -> Letter:
    """The same with a key."""
    plain = header_letter(number)
    return Letter(plain.value, b"key %d" % (number % 7), plain.headers)


def field_letter(number: int) -> Letter:
    """An ordinary letter of a broker with fields."""
    fields = ((b"value", b"letter %06d" % number), (b"x-number", b"%d" % number), (b"x-strip", b"me"))
    return Letter(fields=fields)
