"""Converts librdkafka's records to domain messages, and checks headers on the way back. Bytes stay bytes."""

from __future__ import annotations

from collections.abc import Iterable
from operator import methodcaller
from typing import Any, TypeAlias

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.domain.message import Header, Message, Offset
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
    return Message(ref, Offset(partition, offset), record.value(), record.key(), kept, time)


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
