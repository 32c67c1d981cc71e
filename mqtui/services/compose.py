"""Composes one message from what a person typed: key, value, headers and properties in the broker's format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson
from msgspec import structs

from mqtui.brokers.registry import all_traits, traits_of
from mqtui.domain.errors import BadInput
from mqtui.domain.field_table import string
from mqtui.domain.message import Header, MessageFormat, Outgoing, Property
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes

FERNET_FRAME = 1 + 8 + 16 + 32
"""Bytes of a Fernet token beside the padded body: version, time, IV, HMAC."""

FERNET_BLOCK = 16
MAX_TESTED = 256_000
"""Characters up to which a value is tested at each key."""

EXCERPT = 40
"""Characters that are shown around the place where JSON breaks."""


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """One message as typed. `ttl` is milliseconds; `fernet` names the key the value is encrypted with."""

    body: bytes
    key: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    partition: int | None = None
    routing_key: str | None = None
    priority: int | None = None
    ttl: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    fernet: str = ""


def parse_header(text: str) -> tuple[str, str]:
    """Parse `NAME=VALUE`; the value may contain `=`.

    Raises:
        BadInput: there is no `=`, or no name.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInput("There is no = in it", "", "Write it as NAME=VALUE.")
    return name, value


def unsupported_fields(draft: MessageDraft, broker: BrokerKind) -> list[str]:
    """The fields of a draft that this kind of broker does not support."""
    supported = traits_of(broker).publish.fields
    known = dict.fromkeys(name for traits in all_traits() for name in traits.publish.fields)
    return [name for name in known if name not in supported and getattr(draft, name) is not None]


def build_message(draft: MessageDraft, broker: BrokerKind, to: Ref) -> Outgoing:
    """The message to publish. An entry has its value in the field `value`, and headers as further fields.

    Raises:
        NotFound: there is no key of that name to encrypt with.
    """
    body = encrypt(draft.body, draft.fernet) if draft.fernet else draft.body
    written = traits_of(broker).message_format
    if written is MessageFormat.ENTRY:
        fields = ((b"value", body), *((name_bytes(name), name_bytes(value)) for name, value in draft.headers))
        return Outgoing(to, fields=fields)
    outgoing = Outgoing(to, body, name_bytes(draft.key) if draft.key is not None else None)
    if written is MessageFormat.RECORD:
        headers: tuple[Header, ...] = tuple((name, name_bytes(value), "") for name, value in draft.headers)
        return structs.replace(outgoing, headers=headers, partition=draft.partition)
    typed: tuple[Header, ...] = tuple((name, string(value), "string") for name, value in draft.headers)
    route = draft.routing_key if draft.routing_key is not None else to.name if to.kind is not Kind.EXCHANGE else ""
    return structs.replace(outgoing, headers=typed, routing_key=route, properties=amqp_properties(draft))


def encoded_size(draft: MessageDraft, broker: BrokerKind, to: Ref) -> int:
    """The bytes of the message as it is sent, encrypted where a key is named. The key itself is not needed for it."""
    plain = build_message(replace(draft, fernet=""), broker, to).size
    return plain + (fernet_size(len(draft.body)) - len(draft.body) if draft.fernet else 0)


def fernet_size(size: int) -> int:
    """The bytes of a Fernet token of so many bytes: version, time, IV, padded body and HMAC in base64."""
    padded = (size // FERNET_BLOCK + 1) * FERNET_BLOCK
    return -(-(FERNET_FRAME + padded) // 3) * 4


class JsonBreak(NamedTuple):
    """Where a text stops being JSON. `line` and `column` begin at 1; `excerpt` has the place at `offset`."""

    line: int
    column: int
    reason: str
    excerpt: str
    offset: int


def find_json_break(text: str) -> JsonBreak | None:
    """Where a text that begins as JSON breaks; None where it is JSON, is not meant to be, or is too large to test."""
    if not text.lstrip().startswith(("{", "[")) or len(text) > MAX_TESTED:
        return None
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        lines = text.split("\n")
        line = min(error.lineno, len(lines))
        column = min(error.colno, len(lines[line - 1]) + 1)
        begin = max(0, column - 1 - EXCERPT // 2)
        return JsonBreak(line, column, error.msg, lines[line - 1][begin : begin + EXCERPT], column - 1 - begin)
    return None


MAX_SHOWN = 200
"""Bytes of a key or header that a plan shows."""


def message_facts(outgoing: Outgoing, broker: BrokerKind) -> list[tuple[str, str]]:
    """Facts of the plan for one message: target, key, headers or fields, properties, size, when it is stored."""
    place = "" if outgoing.partition is None else f", partition {outgoing.partition}"
    named = outgoing.fields or tuple((name_bytes(name), value or b"") for name, value, _ in outgoing.headers)
    facts = [
        ("to", f"{outgoing.target}{place}"),
        ("key", _shown(outgoing.key) if outgoing.key is not None else ""),
        ("routing", outgoing.routing_key or ""),
        ("fields" if outgoing.fields else "headers", ", ".join(_shown(name) for name, _ in named)),
        ("properties", ", ".join(f"{name} {value}" for name, value in outgoing.properties)),
        ("size", f"{outgoing.size:,} B"),
        ("stored", traits_of(broker).publish.stored_when),
    ]
    return [(label, text) for label, text in facts if text]


def _shown(text: bytes) -> str:
    return text[:MAX_SHOWN].decode("utf-8", "replace")


def encrypt(body: bytes, name: str) -> bytes:
    """Encrypt the body with the Fernet key of that name.

    Raises:
        NotFound: there is none.
    """
    from cryptography.fernet import Fernet

    from mqtui.profiles.keys import fernet_key

    return Fernet(fernet_key(name)).encrypt(body)


def amqp_properties(draft: MessageDraft) -> tuple[Property, ...]:
    """The AMQP properties that a draft sets."""
    named = [
        ("priority", draft.priority),
        ("correlation_id", draft.correlation_id),
        ("reply_to", draft.reply_to),
        ("expiration", None if draft.ttl is None else str(draft.ttl)),
    ]
    return tuple((name, value) for name, value in named if value is not None)
