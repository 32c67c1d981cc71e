"""librdkafka's records as messages, and back. Bytes stay bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.domain.message import Header, Message, Offset
from mqtui.domain.resource import Ref

Record: TypeAlias = Any
"""A consumed or reported `confluent_kafka.Message`. Its own types allow None for what those always have."""

UNREADABLE: Header = ("\N{REPLACEMENT CHARACTER}", None, "unreadable")
"""Stands for all headers of a record with a header name that is not UTF-8: confluent-kafka can't hand those out."""

WireHeaders: TypeAlias = list[tuple[str, str | bytes | None]]


def message(ref: Ref, record: Record) -> Message:
    """One record."""
    kind, time = record.timestamp()
    return Message(
        ref,
        Offset(record.partition(), record.offset()),
        record.value(),
        record.key(),
        headers_of(record),
        None if kind == TIMESTAMP_NOT_AVAILABLE else time,
    )


def headers_of(record: Record) -> tuple[Header, ...]:
    """Headers in order, duplicates included."""
    try:
        headers = record.headers()
    except SystemError:  # a header name that is not UTF-8; the cause is confluent-kafka's UnicodeDecodeError
        return (UNREADABLE,)
    return tuple([(name, value, "") for name, value in headers]) if headers else ()


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
