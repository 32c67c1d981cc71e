"""Messages on their way to the broker: mandatory, confirmed, each with the broker's word (R6, R7).

Confirms name a publish by its number on the channel and may come out of order. A returned message names nothing: it
precedes its own confirm and returns keep the order of publishing, so it belongs to the next open publish after the
last returned one that has its exchange, routing key and body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pika import spec
from pika.compat import as_bytes

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection.basic_properties import RawProperties, closed
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Header, Outgoing, Property
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import Kind, name_bytes

NACKED = "the broker refused it (nack): a full queue that rejects, or trouble in the queue"
UNHEARD = "the connection was lost before the broker's word"
NOT_SENT = "not sent: the connection was lost before"
FAST_REPLY = "amq.rabbitmq.reply-to"
PERSISTENT: tuple[Property, ...] = (("delivery_mode", 2),)

Word = Callable[[PublishStatus, str], None]
"""Called once for a message: what became of it and why. `UNKNOWN` where the channel was lost before."""


@dataclass(slots=True)
class Parcel:
    """One message ready to be sent; names as the broker holds them."""

    exchange: bytes
    routing_key: bytes
    properties: bytes
    body: bytes
    risky: bool = False
    """Whether the broker is likely to close the channel over it."""

    @property
    def size(self) -> int:
        """Bytes of properties and body."""
        return len(self.properties) + len(self.body)


def is_risky(headers: Sequence[Header], properties: Sequence[Property], user: str) -> bool:
    """Whether the broker answers such a message by closing the channel [406 on 3.10.8 and 4.0.5, each tried]."""
    for name, value in properties:
        match name:
            case "reply_to" if value == FAST_REPLY:
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


def parcel(outgoing: Outgoing, user: str) -> Parcel:
    """A queue or stream is reached by the default exchange. Persistent unless the properties say otherwise.

    `user` is the one who sends.

    Raises:
        BadInput: a header or property can't be written.
    """
    properties = outgoing.properties
    if not any(name == "delivery_mode" for name, _ in properties):
        properties += PERSISTENT
    encoded = closed(outgoing.headers, properties)
    name, key = name_bytes(outgoing.target.name), name_bytes(outgoing.routing_key)
    if outgoing.target.kind is not Kind.EXCHANGE:
        name, key = b"", name
    if len(name) > 255 or len(key) > 255:
        raise BadInput("A routing key or a name is too long", "AMQP allows 255 bytes.")
    risky = is_risky(outgoing.headers, properties, user)
    return Parcel(name, key, encoded, outgoing.value or b"", risky)


class Outbox:
    """Sends on one channel. `open_bytes` are on their way without the broker's word."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._number = 0
        self._low = 1
        self._open: dict[int, tuple[Parcel, Word]] = {}
        self._returned: dict[int, str] = {}
        self._last_returned = 0
        self._heard = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.open_bytes = 0
        self.unsettled: Sequence[tuple[Parcel, Word]] = ()
        """Messages in order whose `word` is still to be called: the broker closed the channel over one of them."""

        channel.on_lost.append(self._on_lost)

    async def start(self) -> None:
        """Turn on confirms."""
        await self._channel.confirming(self._on_confirm, self._on_return)

    @property
    def failure(self) -> BaseException | None:
        """What ended the channel; None while it is open."""
        return self._channel.failure

    @property
    def refusal(self) -> tuple[int, str] | None:
        """Code and words with which the broker closed the channel; None while it is open, or was lost."""
        return None if self._channel.failure is None else errors.answered_with(self._channel.failure)

    def send(self, parcel: Parcel, word: Word) -> None:
        """Send one message; `word` is called when its fate is known."""
        if self._channel.failure is not None:
            word(PublishStatus.REFUSED, NOT_SENT)
            return
        self._number += 1
        self._open[self._number] = (parcel, word)
        self.open_bytes += parcel.size
        self._quiet.clear()
        self._channel.publish(parcel.exchange, parcel.routing_key, parcel.properties, parcel.body)

    async def quiet(self) -> None:
        """Wait until every message has the broker's word."""
        await self._quiet.wait()

    async def room(self, most: int) -> None:
        """Wait until fewer than `most` bytes are on their way."""
        while self.open_bytes >= most and self._open:
            self._heard.clear()
            await self._heard.wait()

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        tag = method.delivery_tag
        state = PublishStatus.REFUSED if isinstance(method, spec.Basic.Nack) else PublishStatus.STORED
        if method.multiple:
            for number in range(self._low, tag + 1):
                self._tell(number, state)
            self._low = max(self._low, tag + 1)
        else:
            self._tell(tag, state)
        self._heard.set()
        if not self._open:
            self._quiet.set()

    def _tell(self, number: int, state: PublishStatus) -> None:
        found = self._open.pop(number, None)
        if found is None:
            return
        parcel, word = found
        self.open_bytes -= parcel.size
        reason = self._returned.pop(number, None) if self._returned else None
        if reason is not None:
            word(PublishStatus.RETURNED, reason)
        else:
            word(state, NACKED if state is PublishStatus.REFUSED else "")

    def _on_return(self, _: Any, method: Any, properties: RawProperties, body: bytes) -> None:
        number = self._match(as_bytes(method.exchange), as_bytes(method.routing_key), properties.encoded, body)
        if number is not None:
            self._returned[number] = f"unroutable: {method.reply_code} {method.reply_text}"
            self._last_returned = number

    def _match(self, exchange: bytes, routing_key: bytes, properties: bytes, body: bytes) -> int | None:
        """The number of the returned message; where brokers rewrite properties the first that looks like it."""
        alike: int | None = None
        for number, (parcel, _) in self._open.items():
            if number <= self._last_returned or number in self._returned:
                continue
            if (parcel.exchange, parcel.routing_key) == (exchange, routing_key) and parcel.body == body:
                if parcel.properties == properties:
                    return number
                alike = alike or number
        return alike

    def _on_lost(self, reason: BaseException) -> None:
        lost, self._open = self._open, {}
        self.open_bytes = 0
        if errors.answered_with(reason) is not None:
            self.unsettled = tuple(lost.values())
        else:
            for parcel_and_word in lost.values():
                parcel_and_word[1](PublishStatus.UNKNOWN, UNHEARD)
        self._heard.set()
        self._quiet.set()
