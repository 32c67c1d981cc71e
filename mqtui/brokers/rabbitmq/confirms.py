"""Publisher confirms and returns: which of the mandatory messages of a channel the broker stored (R6, R7).

A confirm names a publish by its number on the channel and may come out of order. A returned message has no number: it
comes before its own confirm and returns keep the order of publishing, so it is the next unconfirmed publish after the
last returned one with the same exchange, routing key and body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pika import spec
from pika.compat import as_bytes

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection.basic_properties import RawProperties, encode_properties
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Header, Outgoing, Property
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import Kind, name_bytes

NACKED = "the broker refused it (nack): a full queue that rejects messages, or an error in the queue"
CONNECTION_LOST = "the connection was lost before the broker confirmed it"
NOT_SENT = "not sent: the connection was lost"
DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
PERSISTENT: tuple[Property, ...] = (("delivery_mode", 2),)

OnOutcome = Callable[[PublishStatus, str], None]
"""Called once for each message with its state and the reason; `UNKNOWN` where the channel was lost first."""


@dataclass(slots=True)
class EncodedPublish:
    """The arguments of one `basic.publish`, encoded."""

    exchange: bytes
    routing_key: bytes
    properties: bytes
    body: bytes
    may_close_channel: bool = False
    """Whether the broker probably closes the channel over it; it is then published on one of its own."""

    @property
    def size(self) -> int:
        """Size of properties and body in bytes."""
        return len(self.properties) + len(self.body)


def may_close_channel(headers: Sequence[Header], properties: Sequence[Property], user: str) -> bool:
    """Whether the broker closes the channel over such a message [406 on 3.10.8 and 4.0.5, each case tried]."""
    for name, value in properties:
        match name:
            case "reply_to" if value == DIRECT_REPLY_TO:
                return True
            case "user_id" if value != user:
                return True
            case "expiration" if not str(value).isdecimal():
                return True
            case "delivery_mode" if value not in (1, 2):
                return True
            case _:
                pass
    return any(name in ("CC", "BCC") and kind != "array" for name, _, kind in headers)


def encode_publish(outgoing: Outgoing, user: str) -> EncodedPublish:
    """Encode a message that `user` sends. A queue or stream is reached by the default exchange.

    The message is persistent unless its properties say otherwise.

    Raises:
        BadInput: a header or property can't be encoded.
    """
    properties = outgoing.properties
    if not any(name == "delivery_mode" for name, _ in properties):
        properties += PERSISTENT
    encoded = encode_properties(outgoing.headers, properties)
    name, key = name_bytes(outgoing.target.name), name_bytes(outgoing.routing_key)
    if outgoing.target.kind is not Kind.EXCHANGE:
        name, key = b"", name
    if len(name) > 255 or len(key) > 255:
        raise BadInput("A routing key or a name is too long", "AMQP allows 255 bytes.")
    risky = may_close_channel(outgoing.headers, properties, user)
    return EncodedPublish(name, key, encoded, outgoing.value or b"", risky)


class ConfirmTracker:
    """Publishes on one channel and matches confirms and returns to messages."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._number = 0
        self._first_unconfirmed = 1
        self._unconfirmed: dict[int, tuple[EncodedPublish, OnOutcome]] = {}
        self._returned: dict[int, str] = {}
        self._last_returned = 0
        self._progress = asyncio.Event()
        self._all_confirmed = asyncio.Event()
        self._all_confirmed.set()
        self.unconfirmed_bytes = 0
        """Size of the messages that were sent and not yet confirmed or refused."""

        self.unresolved: Sequence[tuple[EncodedPublish, OnOutcome]] = ()
        """Where the broker closed the channel over a message: those without an outcome, in order."""

        channel.on_close.append(self._on_lost)

    async def start(self) -> None:
        """Turn on confirms."""
        await self._channel.confirm_select(self._on_confirm, self._on_return)

    @property
    def close_reason(self) -> BaseException | None:
        """What closed the channel; None while it is open."""
        return self._channel.close_reason

    @property
    def channel_error(self) -> tuple[int, str] | None:
        """Code and text with which the broker closed the channel over a message; None while it is open, or was lost."""
        return None if self._channel.close_reason is None else errors.channel_error(self._channel.close_reason)

    def send(self, message: EncodedPublish, on_outcome: OnOutcome) -> None:
        """Publish one message; `on_outcome` is called when the broker has confirmed, returned or refused it."""
        if self._channel.close_reason is not None:
            on_outcome(PublishStatus.REFUSED, NOT_SENT)
            return
        self._number += 1
        self._unconfirmed[self._number] = (message, on_outcome)
        self.unconfirmed_bytes += message.size
        self._all_confirmed.clear()
        self._channel.publish(message.exchange, message.routing_key, message.properties, message.body)

    async def wait_all(self) -> None:
        """Wait until every message has an outcome."""
        await self._all_confirmed.wait()

    async def wait_capacity(self, max_bytes: int) -> None:
        """Wait until fewer than `max_bytes` are unconfirmed."""
        while self.unconfirmed_bytes >= max_bytes and self._unconfirmed:
            self._progress.clear()
            await self._progress.wait()

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tag = method.delivery_tag
        state = PublishStatus.REFUSED if isinstance(method, spec.Basic.Nack) else PublishStatus.STORED
        if method.multiple:
            for number in range(self._first_unconfirmed, tag + 1):
                self._resolve(number, state)
            self._first_unconfirmed = max(self._first_unconfirmed, tag + 1)
        else:
            self._resolve(tag, state)
        self._progress.set()
        if not self._unconfirmed:
            self._all_confirmed.set()

    def _resolve(self, number: int, state: PublishStatus) -> None:
        found = self._unconfirmed.pop(number, None)
        if found is None:
            return
        message, on_outcome = found
        self.unconfirmed_bytes -= message.size
        reason = self._returned.pop(number, None) if self._returned else None
        if reason is not None:
            on_outcome(PublishStatus.RETURNED, reason)
        else:
            on_outcome(state, NACKED if state is PublishStatus.REFUSED else "")

    def _on_return(self, _: Any, method: Any, properties: RawProperties, body: bytes) -> None:
        number = self._match(as_bytes(method.exchange), as_bytes(method.routing_key), properties.encoded, body)
        if number is not None:
            self._returned[number] = f"unroutable: {method.reply_code} {method.reply_text}"
            self._last_returned = number

    def _match(self, exchange: bytes, routing_key: bytes, properties: bytes, body: bytes) -> int | None:
        """The number of the returned message. Where the broker rewrote its properties: the first with the same body."""
        alike: int | None = None
        for number, (message, _) in self._unconfirmed.items():
            if number <= self._last_returned or number in self._returned:
                continue
            if (message.exchange, message.routing_key) == (exchange, routing_key) and message.body == body:
                if message.properties == properties:
                    return number
                alike = alike or number
        return alike

    def _on_lost(self, reason: BaseException) -> None:
        lost, self._unconfirmed = self._unconfirmed, {}
        self.unconfirmed_bytes = 0
        if errors.channel_error(reason) is not None:
            self.unresolved = tuple(lost.values())
        else:
            for entry in lost.values():
                entry[1](PublishStatus.UNKNOWN, CONNECTION_LOST)
        self._progress.set()
        self._all_confirmed.set()
