"""librdkafka's records as messages, and back. Bytes stay bytes."""

from __future__ import annotations

from collections.abc import Iterable
from operator import methodcaller
from typing import Any, TypeAlias

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.brokers.kafka.swift import swift_message, swift_offset
from mqtui.domain.message import Header, Message
from mqtui.domain.resource import Ref

Record: TypeAlias = Any
"""A consumed or reported `confluent_kafka.Message`. Its own types allow None for what those always have."""

NO_TIME = -1
"""A record's timestamp where its producer gave none (Kafka's `RecordBatch.NO_TIMESTAMP`)."""

UNREADABLE: Header = ("\N{REPLACEMENT CHARACTER}", None, "unreadable")
"""Stands for all headers of a record with a header name that is not UTF-8: confluent-kafka can't hand those out."""

read_headers = methodcaller("headers")
"""For a header name that is not UTF-8 confluent-kafka returns a broken list and leaves an exception pending. A call
from byte code does not look at that and dies of the list; this one does, and raises SystemError."""

WireHeaders: TypeAlias = list[tuple[str, str | bytes | None]]


def message(ref: Ref, record: Record, partition: int, offset: int) -> Message:
    """One record, from that place."""
    kind, time = record.timestamp()
    try:
        headers = read_headers(record)
    except SystemError:  # a header name that is not UTF-8; the cause is confluent-kafka's UnicodeDecodeError
        kept: tuple[Header, ...] = (UNREADABLE,)
    else:
        kept = tuple([(name, value, "") for name, value in headers]) if headers else ()
    if kind == TIMESTAMP_NOT_AVAILABLE or time == NO_TIME:
        time = None
    return swift_message(ref, swift_offset(partition, offset), record.value(), record.key(), kept, time)


def unsendable(headers: Iterable[Header]) -> str:
    """Why these headers can't be sent, or "". confluent-kafka dies of a surrogate and cuts a name at a NUL."""
    for name, _, kind in headers:
        if kind == "unreadable":
            return "a header's name is not UTF-8: confluent-kafka can't read such headers"
        if not name.isascii() or "\0" in name:
            if "\0" in name:
                return f"the header name {name!r} holds a NUL: confluent-kafka would cut it there"
            if any("\ud800" <= letter <= "\udfff" for letter in name):
                return f"the header name {name!r} is not UTF-8: confluent-kafka can't send it"
    return ""
