"""From what pika delivers to a message."""

from __future__ import annotations

from functools import lru_cache

from mqtui.brokers.rabbitmq.connection.amqp_frames import Given
from mqtui.brokers.rabbitmq.connection.basic_properties import opened
from mqtui.brokers.rabbitmq.read.delivery_limit import FREE, Limit
from mqtui.domain import field_table
from mqtui.domain.message import Delivery, Envelope, Header, Message, Offset, Property
from mqtui.domain.resource import Ref

DELIVERY_COUNT = "x-delivery-count"
STREAM_OFFSET = "x-stream-offset"
RUN = "x-mqtui-run"
STREAM_PARTITION = -1
CAME_BACK = "came back from this run: it and what stands behind it stays"
DIED_LATER = "died after the plan, by the broker's clock"


def letter(ref: Ref, given: Given, properties: bytes, body: bytes, limit: Limit) -> Message:
    """A message lent by a queue.

    Raises:
        BadInput: its properties can't be read.
    """
    headers, named = opened(properties)
    deliveries = None if limit is FREE else _deliveries(headers) if given.redelivered else 0
    left = limit.left(deliveries)
    envelope = Envelope(given.exchange, given.routing_key, given.redelivered, named, deliveries, left)
    return Message(ref, Delivery(given.delivery_tag), body, None, headers, _timestamp(named), (), envelope)


def record(ref: Ref, given: Given, properties: bytes, body: bytes) -> Message:
    """A message of a stream. Its offset becomes its position; the broker's header with it is left away."""
    headers, named = opened(properties)
    offset = next((_number(value, kind) for name, value, kind in headers if name == STREAM_OFFSET), 0)
    own = tuple(header for header in headers if header[0] != STREAM_OFFSET)
    envelope = Envelope(given.exchange, given.routing_key, False, named, None, FREE.left(None))
    position = Offset(STREAM_PARTITION, offset)
    return Message(ref, position, body, None, own, _timestamp(named), (), envelope)


def death_time(value: bytes | None, kind: str) -> int | None:
    """Seconds since the epoch of the latest death an `x-death` header tells; None where it tells none."""
    return None if value is None or kind != "array" else _death(value)


@lru_cache(maxsize=2048)
def _death(value: bytes) -> int | None:
    deaths = field_table.python(value, "array")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return None
    time = deaths[0].get("time")
    return time if isinstance(time, int) else None


def stop_reason(message: Message, run: str, at: int | None) -> str:
    """Why a walk ends before this letter (R8): it is of this run, or died after `at` (ms since the epoch); "" if not.

    Both times are the broker's. Where its clock is not known, only the run tells.
    """
    for name, value, kind in message.headers:
        if name == RUN and field_table.python(value, kind) == run:
            return CAME_BACK
        if name == "x-death" and at is not None:
            died = death_time(value, kind)
            if died is not None and died * 1000 > at:
                return DIED_LATER
    return ""


def _deliveries(headers: tuple[Header, ...]) -> int | None:
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
