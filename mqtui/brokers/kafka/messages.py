"""Converts librdkafka's records to domain messages, and checks headers on the way back. Bytes stay bytes."""

from __future__ import annotations

from collections.abc import Iterable
from operator import methodcaller
from typing import Any, TypeAlias

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.domain.message import Header, Message, Offset
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref

Record: TypeAlias = Any
"""A `confluent_kafka.Message` that was consumed or reported as delivered. Typed as Any: its stubs allow None for
fields that such messages always have."""

NO_TIME = -1
"""A record's timestamp where its producer gave none (Kafka's `RecordBatch.NO_TIMESTAMP`)."""

UNREADABLE_HEADERS: Header = ("\N{REPLACEMENT CHARACTER}", None, "unreadable")
"""Replaces all headers of a record of which one name is not UTF-8: confluent-kafka can't return those."""

read_headers = methodcaller("headers")
"""Calls `record.headers()`. If a header name is not UTF-8, confluent-kafka returns a broken list with an exception
pending: a call from byte code would crash on the list, this one checks for the exception and raises SystemError."""

WireHeaders: TypeAlias = list[tuple[str, str | bytes | None]]


def to_message(ref: Ref, record: Record, partition: int, offset: int) -> Message:
    """The domain message of a record at that partition and offset."""
    kind, time = record.timestamp()
    try:
        headers = read_headers(record)
    except SystemError:  # a header name that is not UTF-8; the cause is confluent-kafka's UnicodeDecodeError
        kept: tuple[Header, ...] = (UNREADABLE_HEADERS,)
    else:
        kept = tuple([(name, value, "") for name, value in headers]) if headers else ()
    if kind == TIMESTAMP_NOT_AVAILABLE or time == NO_TIME:
        time = None
    return fast_message(ref, fast_offset(partition, offset), record.value(), record.key(), kept, time)


def header_error(headers: Iterable[Header]) -> str:
    """Why these headers can't be sent, or "". confluent-kafka crashes on a surrogate and cuts a name at a NUL."""
    for name, _, kind in headers:
        if kind == "unreadable":
            return "a header's name is not UTF-8: confluent-kafka can't read such headers"
        if not name.isascii() or "\0" in name:
            if "\0" in name:
                return f"the header name {name!r} holds a NUL: confluent-kafka would cut it there"
            if any("\ud800" <= letter <= "\udfff" for letter in name):
                return f"the header name {name!r} is not UTF-8: confluent-kafka can't send it"
    return ""


# --- Frozen dataclasses made by filling their slots
#
# Their constructors look every field up by name [1.2 µs for a Message and its Offset; 0.6 this way], which a move
# pays for each record. The tests compare what is made here with what the constructors make.

_new_object = object.__new__
_partition, _offset = (Offset.__dict__[name].__set__ for name in ("partition", "offset"))
_resource, _at, _value, _key, _headers, _timestamp, _fields, _envelope = (
    Message.__dict__[name].__set__
    for name in ("resource", "position", "value", "key", "headers", "timestamp", "fields", "envelope")
)
_state, _where, _reason = (Receipt.__dict__[name].__set__ for name in ("state", "position", "reason"))


def fast_offset(partition: int, offset: int) -> Offset:
    """`Offset(partition, offset)`."""
    made = _new_object(Offset)
    _partition(made, partition)
    _offset(made, offset)
    return made


def fast_message(
    ref: Ref,
    position: Offset,
    value: bytes | None,
    key: bytes | None,
    headers: tuple[Header, ...],
    timestamp: int | None,
) -> Message:
    """`Message(ref, position, value, key, headers, timestamp)`."""
    made = _new_object(Message)
    _resource(made, ref)
    _at(made, position)
    _value(made, value)
    _key(made, key)
    _headers(made, headers)
    _timestamp(made, timestamp)
    _fields(made, ())
    _envelope(made, None)
    return made


def fast_stored_receipt(partition: int, offset: int) -> Receipt:
    """`Receipt(PublishStatus.STORED, Offset(partition, offset))`."""
    made = _new_object(Receipt)
    _state(made, PublishStatus.STORED)
    _where(made, fast_offset(partition, offset))
    _reason(made, "")
    return made
