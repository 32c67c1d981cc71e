"""The headers mqtui adds to a redriven letter: `x-mqtui-origin`, `-run`, `-count`, `-by` and `-at`.

None on Redis, where every field belongs to the application (D5).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from mqtui.brokers.registry import traits_of
from mqtui.domain.bulk import OriginOf
from mqtui.domain.field_table import int64, python, string
from mqtui.domain.message import Delivery, Header, Message, MessageFormat
from mqtui.domain.resource import BrokerKind

ORIGIN, RUN, COUNT, BY, AT = "x-mqtui-origin", "x-mqtui-run", "x-mqtui-count", "x-mqtui-by", "x-mqtui-at"
REPLACED_HEADERS = frozenset({RUN, COUNT, BY, AT})
HEADER_NAMES = (ORIGIN, RUN, COUNT, BY, AT)


def _text(name: str, value: str) -> Header:
    return (name, value.encode(), "")


def _decimal(name: str, value: int) -> Header:
    return (name, str(value).encode(), "")


def _amqp_text(name: str, value: str) -> Header:
    return (name, string(value), "string")


def _amqp_number(name: str, value: int) -> Header:
    return (name, int64(value), "int64")


@dataclass(frozen=True, slots=True)
class HeaderEncoding:
    """How our headers are encoded in one format of messages."""

    text: Callable[[str, str], Header]
    number: Callable[[str, int], Header]


ENCODINGS = {
    MessageFormat.RECORD: HeaderEncoding(_text, _decimal),
    MessageFormat.AMQP: HeaderEncoding(_amqp_text, _amqp_number),
}


class HeaderStamper:
    """Makes the headers for the letters of one run. `at` is ISO 8601 with zone."""

    def __init__(self, kind: BrokerKind, run: str, operator: str, at: str) -> None:
        self._encoding = ENCODINGS.get(traits_of(kind).message_format)
        self._run_headers: tuple[Header, ...] = ()
        self._first_headers: tuple[Header, ...] = ()
        if self._encoding:
            write = self._encoding.text
            self._run_headers = (write(RUN, run), write(BY, operator), write(AT, at))
            self._first_headers = (*self._run_headers, self._encoding.number(COUNT, 1))

    def headers_to_strip(self, source: BrokerKind) -> frozenset[str]:
        """Headers of an earlier run, which the new ones replace. The origin header is written once and kept.

        A target that gets no headers of ours keeps none of another broker's either.
        """
        if self._encoding:
            return REPLACED_HEADERS
        return frozenset() if traits_of(source).message_format is MessageFormat.ENTRY else frozenset(HEADER_NAMES)

    def headers_for(self, letter: Message) -> tuple[Header, ...]:
        """The headers to add to this letter."""
        if self._encoding is None:
            return ()
        count = self._encoding.number(COUNT, redrive_count(letter) + 1)
        if any(name == ORIGIN for name, _, _ in letter.headers):
            return (*self._run_headers, count)
        return (self._encoding.text(ORIGIN, encode_origin(letter)), *self._run_headers, count)

    def first_headers_for(self, letter: Message) -> tuple[Header, ...]:
        """The same for a letter that has none of our headers yet, without looking for them."""
        if self._encoding is None:
            return ()
        return (self._encoding.text(ORIGIN, encode_origin(letter)), *self._first_headers)


def redrive_count(letter: Message) -> int:
    """How many times this letter was redriven before."""
    for name, value, kind in letter.headers:
        if name == COUNT and value is not None:
            number = python(value, kind) if kind else value
            if isinstance(number, int):
                return number
            return int(number) if isinstance(number, str | bytes) and number.isdigit() else 0
    return 0


def encode_origin(letter: Message) -> str:
    """The value of `x-mqtui-origin`: where the letter lay, as JSON with a version `v` (C9); `time` in ms (K7)."""
    position, around = letter.position, letter.envelope
    text = (
        _origin_prefix(letter.resource.name, around.exchange, around.routing_key)
        if around
        else _origin_prefix(letter.resource.name)
    )
    if type(position) is not Delivery:
        text = f'{text},"position":"{position}"'
    if letter.timestamp is not None:
        text = f'{text},"time":{letter.timestamp}'
    return text + "}"


def origin_encoder(topic: str) -> OriginOf:
    """A function that encodes the same for the letters of one topic from partition, offset and time: the bulk path."""
    head = _origin_prefix(topic).encode()

    def text(partition: int, offset: int, time: int | None) -> bytes:
        if time is None:
            return b'%b,"position":"%d/%d"}' % (head, partition, offset)
        return b'%b,"position":"%d/%d","time":%d}' % (head, partition, offset, time)

    return text


@lru_cache(maxsize=1024)
def _origin_prefix(resource: str, exchange: str | None = None, routing_key: str | None = None) -> str:
    """The beginning of the JSON, which the letters of one source share."""
    text: dict[str, object] = {"v": 1, "resource": resource}
    if exchange is not None:
        text |= {"exchange": exchange, "routing_key": routing_key}
    return json.dumps(text, ensure_ascii=True, separators=(",", ":"))[:-1]
