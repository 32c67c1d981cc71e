"""Parses JSON lines to messages to publish (`publish --jsonl`); `jsonlines` writes them.

Read are key, value, headers, fields, AMQP properties, and for an exchange the routing key. Where a message was
(resource, position, partition, timestamp ...) is not: the command says where it goes. On Kafka a line's partition and
timestamp are kept where that is asked for. A line of another kind of broker is converted: AMQP types become text
elsewhere, headers become Redis fields after the field `value`, and text becomes an AMQP string.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from msgspec import structs

from mqtui.brokers.registry import traits_of
from mqtui.codecs.base64_hex import from_base64
from mqtui.domain.errors import BadInput
from mqtui.domain.field_table import OCTETS, raw, string
from mqtui.domain.message import Field, Header, MessageFormat, Outgoing, Property
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes, name_text
from mqtui.services.jsonlines import Json

INFORMATIVE_FIELDS = frozenset(
    {"resource", "position", "partition", "offset", "id", "timestamp", "size", "codec", "decoded", "schema", "report"}
    | {"exchange", "redelivered", "deliveries_left", "why"}
)
"""Keys that say where a message was and how it was displayed: they are not read."""

MESSAGE_FIELDS = frozenset({"key", "value", "headers", "fields", "routing_key", "properties"})
PROPERTIES = frozenset(
    {"content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to", "expiration"}
    | {"message_id", "timestamp", "type", "user_id", "app_id", "cluster_id"}
)
UNKNOWN_OCTET = re.compile(r"octet [0-9a-f]{2}")
NUMBERS = frozenset({"delivery_mode", "priority", "timestamp"})
"""Basic properties that are numbers (AMQP 0-9-1, class basic)."""


class _Wrong(Exception):
    """What is wrong, and at which key."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(why)
        self.key, self.why = key, why


def reassigned_fields(line: bytes, broker: BrokerKind) -> list[str]:
    """The keys of a line whose values the broker will assign anew."""
    given = orjson.loads(line)
    return [name for name in traits_of(broker).publish.assigned if given.get(name) is not None]


def parse_message(
    line: bytes | str, number: int, target: Ref, broker: BrokerKind, keep: frozenset[str] = frozenset()
) -> Outgoing:
    """The message of one line, for `target` on a broker of this kind. `number` is the line's, from 1, for errors.

    `keep` names keys (`PublishTraits.keepable`) whose values the message keeps, where the line has them.

    Raises:
        BadInput: the line is no JSON object, or a key is not right; the title names the line and the key.
    """
    try:
        given = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"Line {number} is not JSON", str(error)) from error
    try:
        made = _outgoing(given, target, broker)
        return _kept(made, given, keep)
    except _Wrong as wrong:
        where = f"Line {number}, `{wrong.key}`" if wrong.key else f"Line {number}"
        raise BadInput(f"{where}: {wrong.why}", "", "A line is what `mqtui peek --json` prints.") from wrong


def _outgoing(given: object, target: Ref, broker: BrokerKind) -> Outgoing:
    if not isinstance(given, dict):
        raise _Wrong("", "it is not an object")
    for name in given:
        if name not in MESSAGE_FIELDS and name not in INFORMATIVE_FIELDS:
            raise _Wrong(name, "there is no such key")
    key = _bytes(given.get("key"), "key")
    headers = _headers(given.get("headers"))
    written = traits_of(broker).message_format
    if written is MessageFormat.ENTRY:
        if key is not None:
            raise _Wrong("key", "a Redis entry has no key")
        return Outgoing(target, fields=_fields(given, headers))
    if given.get("fields") is not None:
        raise _Wrong("fields", "only a Redis entry has fields")
    if "value" not in given:
        raise _Wrong("value", "it is missing; null sends none")
    value = _bytes(given["value"], "value")
    if written is MessageFormat.RECORD:
        return Outgoing(target, value, key, tuple(_flat(header) for header in headers))
    if key is not None:
        raise _Wrong("key", "a RabbitMQ message has no key")
    if value is None:
        raise _Wrong("value", "a RabbitMQ message has a body, which may be empty")
    routing_key = _name(given.get("routing_key", ""), "routing_key") if target.kind is Kind.EXCHANGE else ""
    typed = tuple(_amqp(header) for header in headers)
    return Outgoing(target, value, headers=typed, routing_key=routing_key, properties=_properties(given))


def _kept(made: Outgoing, given: Json, keep: frozenset[str]) -> Outgoing:
    if "partition" in keep:
        made = structs.replace(made, partition=_whole(given, "partition"))
    if "timestamp" in keep:
        made = structs.replace(made, timestamp=_whole(given, "timestamp"))
    return made


def _whole(given: Json, key: str) -> int | None:
    number = given.get(key)
    if number is None:
        return None
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**63:
        return number
    raise _Wrong(key, "it is not a whole number from 0 on")


def _bytes(given: object, key: str) -> bytes | None:
    match given:
        case None:
            return None
        case str():
            return given.encode()
        case {"base64": str(encoded), **rest} if not rest:
            content = from_base64(encoded)
            if content is not None:
                return content
            raise _Wrong(key, "it is not base64")
        case _:
            raise _Wrong(key, 'it is not text, {"base64": text} or null')


def _name(given: object, key: str) -> str:
    content = _bytes(given, key)
    if content is None:
        raise _Wrong(key, "it is null")
    return name_text(content)


def _headers(given: object) -> list[tuple[Header, Any]]:
    """Headers as bytes, each with its value in the line, for a broker without header types."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise _Wrong("headers", "it is not a list")
    found = []
    for place, header in enumerate(given):
        key = f"headers[{place}]"
        match header:
            case [name, value]:
                kind = ""
            case [name, value, str(kind)]:
                pass
            case _:
                raise _Wrong(key, "it is not [name, value] or [name, value, type]")
        found.append(((_name(name, key), _header_bytes(value, kind, key), kind), value))
    return found


def _header_bytes(value: Any, kind: str, key: str) -> bytes | None:
    if not kind:
        return _bytes(value, key)
    if kind not in OCTETS and not UNKNOWN_OCTET.fullmatch(kind):
        raise _Wrong(key, f"{kind!r} is no type of AMQP headers; known are {', '.join(OCTETS)}")
    try:
        return raw(value, kind)
    except BadInput as error:
        raise _Wrong(key, error.title) from error


def _flat(header: tuple[Header, Any]) -> Header:
    """The header for a broker without header types: an AMQP value as text."""
    (name, content, kind), value = header
    if not kind:
        return name, content, ""
    if value is None or isinstance(value, str):
        return name, None if value is None else value.encode(), ""
    if isinstance(value, dict) and isinstance(encoded := value.get("base64"), str):
        return name, from_base64(encoded), ""
    return name, orjson.dumps(value), ""


def _amqp(header: tuple[Header, Any]) -> Header:
    (name, content, kind), _ = header
    if kind:
        return name, content, kind
    if content is None:
        return name, b"", "void"
    return name, string(name_text(content)), "string"


def _fields(given: Json, headers: list[tuple[Header, Any]]) -> tuple[Field, ...]:
    listed = given.get("fields")
    value = _bytes(given.get("value"), "value")
    if listed is None:
        if value is None:
            raise _Wrong("fields", "it is missing, and so is `value`")
        further = [_flat(header) for header in headers]
        return ((b"value", value), *((name_bytes(name), content or b"") for name, content, _ in further))
    if value is not None:
        raise _Wrong("value", "an entry has either `fields` or `value`")
    if headers:
        raise _Wrong("headers", "an entry has either `fields` or `headers`")
    if not isinstance(listed, list) or not listed:
        raise _Wrong("fields", "it is not a list of at least one [name, value]")
    return tuple(_field(pair, f"fields[{place}]") for place, pair in enumerate(listed))


def _field(pair: object, key: str) -> Field:
    match pair:
        case [name, content]:
            name_content, value = _bytes(name, key), _bytes(content, key)
            if name_content is not None and value is not None:
                return name_content, value
        case _:
            pass
    raise _Wrong(key, "it is not [name, value]")


def _properties(given: Json) -> tuple[Property, ...]:
    listed = given.get("properties")
    if listed is None:
        return ()
    if not isinstance(listed, dict):
        raise _Wrong("properties", "it is not an object")
    return tuple(_property(name, value) for name, value in listed.items())


def _property(name: str, value: object) -> Property:
    key = f"properties.{name}"
    if name not in PROPERTIES:
        raise _Wrong(key, f"there is no such property; known are {', '.join(sorted(PROPERTIES))}")
    if name in NUMBERS:
        if isinstance(value, int) and not isinstance(value, bool):
            return name, value
        raise _Wrong(key, "it is not a whole number")
    return name, _name(value, key)
