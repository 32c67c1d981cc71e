"""Converts a message of one kind of broker to another's format.

Key, value and header bytes go over as they are where the other broker has a place for them. AMQP's typed headers become
text, and its properties stay behind. A Redis entry of the field `value` alone is that value; another becomes a JSON
object, or an array of pairs where a name comes twice or is not UTF-8. What would send copies on is renamed (R14).
"""

from __future__ import annotations

import base64

import orjson
from msgspec import structs

from mqtui.brokers.header_values import untyped_value
from mqtui.brokers.registry import traits_of
from mqtui.domain.cc_headers import rename_cc_headers
from mqtui.domain.message import Field, MessageFormat, Outgoing
from mqtui.domain.resource import BrokerKind, Kind, name_bytes, name_text

KEY, VALUE = b"key", b"value"


def convert_message(message: Outgoing, source: BrokerKind, target: BrokerKind) -> Outgoing:
    """The message in the format of the target's broker."""
    wrote, writes = traits_of(source).message_format, traits_of(target).message_format
    alone = rename_cc_headers(message.headers) if writes is MessageFormat.AMQP else message.headers
    if alone is not message.headers:
        message = structs.replace(message, headers=alone)
    if wrote is writes:
        return message
    if wrote is MessageFormat.ENTRY:
        message = _from_fields(message)
    headers = message.headers
    if wrote is MessageFormat.AMQP:
        headers = tuple((name, untyped_value(value, kind), "") for name, value, kind in headers)
    message = structs.replace(message, headers=headers, properties=(), partition=None)
    if writes is MessageFormat.ENTRY:
        return _to_fields(message)
    if writes is MessageFormat.AMQP:
        key = message.key
        if key is not None:
            message = structs.replace(message, key=None, headers=(*headers, ("key", key, "")))
        if message.target.kind is Kind.EXCHANGE and not message.routing_key and key is not None:
            message = structs.replace(message, routing_key=name_text(key))
    return message


def describe_conversion(source: BrokerKind, target: BrokerKind) -> str:
    """What a plan says of the conversion; "" between brokers whose messages have one format."""
    wrote, writes = traits_of(source).message_format, traits_of(target).message_format
    if wrote is writes:
        return ""
    words = {
        MessageFormat.AMQP: "typed headers become text, AMQP properties stay behind",
        MessageFormat.ENTRY: "an entry with more fields than `value` becomes JSON",
    }
    places = {
        MessageFormat.AMQP: "a key becomes the header `key`",
        MessageFormat.ENTRY: "key, value and headers become fields",
    }
    return "; ".join(filter(None, (words.get(wrote, ""), places.get(writes, ""))))


def _from_fields(message: Outgoing) -> Outgoing:
    if [name for name, _ in message.fields] == [VALUE]:
        return structs.replace(message, value=message.fields[0][1], fields=())
    pairs = [(_text(name), _text(value)) for name, value in message.fields]
    names = {name for name, _ in pairs if isinstance(name, str)}
    whole = dict(pairs) if len(names) == len(pairs) else pairs
    return structs.replace(message, value=orjson.dumps(whole), fields=())


def _text(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _to_fields(message: Outgoing) -> Outgoing:
    fields: list[Field] = []
    if message.key is not None:
        fields.append((KEY, message.key))
    fields.append((VALUE, message.value or b""))
    fields += [(name_bytes(name), value or b"") for name, value, _ in message.headers]
    return structs.replace(message, key=None, value=None, headers=(), fields=tuple(fields))
