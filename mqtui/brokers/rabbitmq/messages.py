"""From AMQP deliveries to domain messages, and which letters end a redrive."""

from __future__ import annotations

from functools import lru_cache

from mqtui.brokers.rabbitmq.connection.amqp_frames import DeliveryInfo
from mqtui.brokers.rabbitmq.connection.basic_properties import decode_properties
from mqtui.brokers.rabbitmq.read.delivery_limit import NO_LIMIT, DeliveryLimit
from mqtui.domain import field_table
from mqtui.domain.message import Delivery, Envelope, Header, Message, Offset, Property
from mqtui.domain.resource import Ref

DELIVERY_COUNT = "x-delivery-count"
STREAM_OFFSET = "x-stream-offset"
RUN_HEADER = "x-mqtui-run"
STREAM_PARTITION = -1
CAME_BACK = "came back from this run: it and those behind it stay"
DIED_LATER = "died after the plan, by the broker's clock"


def queue_message(ref: Ref, info: DeliveryInfo, properties: bytes, body: bytes, limit: DeliveryLimit) -> Message:
    """A message of a queue. Its position is the delivery tag; `limit` tells how many deliveries it has left.

    Raises:
        BadInput: its properties can't be decoded.
    """
    headers, named = decode_properties(properties)
    deliveries = None if limit is NO_LIMIT else _delivery_count(headers) if info.redelivered else 0
    left = limit.left_figure(deliveries)
    envelope = Envelope(info.exchange, info.routing_key, info.redelivered, named, deliveries, left)
    return Message(ref, Delivery(info.delivery_tag), body, None, headers, _timestamp(named), (), envelope)


def stream_message(ref: Ref, info: DeliveryInfo, properties: bytes, body: bytes) -> Message:
    """A message of a stream. Its position is its offset; the broker's header `x-stream-offset` is dropped."""
    headers, named = decode_properties(properties)
    offset = next((_number(value, kind) for name, value, kind in headers if name == STREAM_OFFSET), 0)
    own = tuple(header for header in headers if header[0] != STREAM_OFFSET)
    envelope = Envelope(info.exchange, info.routing_key, False, named, None, NO_LIMIT.left_figure(None))
    position = Offset(STREAM_PARTITION, offset)
    return Message(ref, position, body, None, own, _timestamp(named), (), envelope)


def death_time(value: bytes | None, kind: str) -> int | None:
    """Seconds since the epoch of the latest death in an `x-death` header; None where it has no time."""
    return None if value is None or kind != "array" else _death(value)


@lru_cache(maxsize=2048)
def _death(value: bytes) -> int | None:
    deaths = field_table.python(value, "array")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    time = deaths[0].get("time")
    return time if isinstance(time, int) else None


def stop_reason(message: Message, run: str, at: int | None) -> str:
    """Why a redrive ends before this letter (R8); "" where it does not.

    It was moved by this `run` and came back, or it died after `at` (ms since the epoch, None: unknown). Both times are
    the broker's.
    """
    for name, value, kind in message.headers:
        if name == RUN_HEADER and field_table.python(value, kind) == run:
            return CAME_BACK
        if name == "x-death" and at is not None:
            died = death_time(value, kind)
            if died is not None and died * 1000 > at:
                return DIED_LATER
    return ""


def _delivery_count(headers: tuple[Header, ...]) -> int | None:
    for name, value, kind in headers:
        if name == DELIVERY_COUNT:
            return _number(value, kind)
    return None


def _number(value: bytes | None, kind: str) -> int:
    number = field_table.python(value, kind)
    return number if isinstance(number, int) else 0


def _timestamp(properties: tuple[Property, ...]) -> int | None:
    for name, value in properties:
        if name == "timestamp":
            return int(value) * 1000
    return None
