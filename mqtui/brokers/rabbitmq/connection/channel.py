"""Conversations with RabbitMQ as coroutines, on the I/O thread's loop.

Two things pika's channel does on its own are not wanted here: it rejects what arrives while a consumer is being
cancelled (each such return spends a delivery, R2), and it allows one `basic.get` at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pika
from pika import exceptions as pika_errors
from pika import spec
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel as PikaChannel
from pika.compat import long
from pika.frame import decode_frame

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection import amqp_frames
from mqtui.brokers.rabbitmq.connection.amqp_frames import Assembler, Given

Arrival = Callable[[Given, bytes, bytes], None]
"""Called with what the broker says of a message, its encoded properties and its body."""

Got = tuple[Given, bytes, bytes]
Answered = Callable[[Got | None], None]
"""Called with the message that was asked for, or with None where the queue is empty."""

ANSWER = 30.0
"""Seconds an answer may take."""

ABANDONED = 2.0
"""Seconds an attempt to connect that nobody waits for may take to end."""

FLUSH = 64 * 1024
"""Bytes that are sent without waiting for the next turn of the loop."""


class _Lane(PikaChannel):
    """A channel that hands on whatever arrives."""

    on_delivery: Arrival
    on_got: Answered

    def _on_getempty(self, method_frame: Any) -> None:
        self.on_got(None)

    def ask_for(self, queue: str) -> None:
        """Send one `basic.get`."""
        cast("Any", self)._send_method(spec.Basic.Get(queue=queue, no_ack=False))


class _Wire(AsyncioConnection):
    """A connection that sends what is due in one turn of the loop in one go [pika: one system call a frame].

    Delivered messages are put together here and handed to their channel; pika sees all other frames.
    """

    _due: list[bytes]
    _due_size = 0
    _assembler: Assembler | None = None

    def _create_channel(self, channel_number: int, on_open_callback: Any) -> PikaChannel:
        return _Lane(self, channel_number, on_open_callback)

    def _on_data_available(self, data_in: bytes) -> None:
        wire = cast("Any", self)
        if not self.is_open:
            wire_class = cast("Any", super())
            wire_class._on_data_available(data_in)
            return
        if self._assembler is None:
            self._assembler = Assembler(self._arrived)
        buffer, wire._frame_buffer = wire._frame_buffer + data_in, b""
        at, end = 0, len(buffer)
        while end - at > amqp_frames.HEAD.size:
            kind, number, size = amqp_frames.HEAD.unpack_from(buffer, at)
            stop = at + amqp_frames.HEAD.size + size + 1
            if stop > end:
                break
            if not self._assembler.takes(kind, number, buffer[at + amqp_frames.HEAD.size : stop - 1]):
                wire._process_frame(decode_frame(buffer[at:stop])[1])
            at = stop
        wire._frame_buffer = buffer[at:]
        wire.bytes_received += at

    def _arrived(self, number: int, given: Given, properties: bytes, body: bytes) -> None:
        lane = cast("Any", self)._channels.get(number)
        if lane is None:
            return
        if given.asked:
            lane.on_got((given, properties, body))
        else:
            lane.on_delivery(given, properties, body)

    def cut(self) -> None:
        """Break the transport; who waits for the end is told."""
        cast("Any", self)._adapter_disconnect_stream()

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        if not self._due_size:
            self._due = []
            self.ioloop.call_soon(self._flush)
        self._due += marshaled_frames
        size = sum(map(len, marshaled_frames))
        self._due_size += size
        self.bytes_sent += size
        self.frames_sent += len(marshaled_frames)
        if self._due_size >= FLUSH:
            self._flush()

    def _flush(self) -> None:
        wire = cast("Any", self)
        if self._due_size and wire._transport is not None:
            wire._adapter_emit_data(b"".join(self._due))
        self._due, self._due_size = [], 0


class Channel:
    """One open channel. When it is closed, everything that waits on it raises."""

    def __init__(self, lane: _Lane) -> None:
        self.lane = lane
        self.failure: BaseException | None = None
        self.on_lost: list[Callable[[BaseException], None]] = []
        """Called once when the channel is closed, by whomever."""

        self._waiting: set[asyncio.Future[Any]] = set()
        self._gets: deque[Answered] = deque()
        self._prefetch = 1
        lane.on_got = self._on_got
        lane.add_on_close_callback(self._on_close)

    async def ask(self, send: Callable[[Callable[[Any], None]], object], doing: str, right: str = "") -> Any:
        """Send a method and wait for the frame that answers it.

        Raises:
            MqtuiError: the broker closed the channel or the connection instead, or did not answer.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)

        def answered(frame: Any) -> None:
            if not future.done():
                future.set_result(frame)

        try:
            if self.failure is not None:
                raise self.failure
            send(answered)
            return await asyncio.wait_for(future, ANSWER)
        except (pika_errors.AMQPError, OSError) as error:
            raise errors.talking(self.failure or error, doing, right) from error
        finally:
            self._waiting.discard(future)

    async def declared(self, queue: str) -> tuple[int, int]:
        """Ready messages and consumers of a queue, never creating it.

        Raises:
            NotFound: there is no such queue.
        """
        frame = await self.ask(
            lambda back: self.lane.queue_declare(queue, passive=True, callback=back), f"Looking for queue {queue}"
        )
        return int(frame.method.message_count), int(frame.method.consumer_count)

    async def exchange_declared(self, exchange: str) -> None:
        """Whether an exchange exists, never creating it.

        Raises:
            NotFound: there is no such exchange.
        """
        await self.ask(
            lambda back: self.lane.exchange_declare(exchange, passive=True, callback=back),
            f"Looking for exchange {exchange}",
        )

    async def barrier(self) -> None:
        """When it returns, the broker's channel has taken note of everything sent before."""
        await self.ask(lambda back: self.lane.basic_qos(prefetch_count=self._prefetch, callback=back), "Waiting")

    async def consume(
        self, queue: str, prefetch: int, arrived: Arrival, arguments: Mapping[str, Any] | None = None
    ) -> str:
        """Start a consumer with manual acknowledgement; its tag."""
        self._prefetch = prefetch
        self.lane.on_delivery = arrived
        await self.barrier()
        frame = await self.ask(
            lambda back: self.lane.basic_consume(
                queue, lambda *_: None, arguments=dict(arguments or {}), callback=back
            ),
            f"Reading queue {queue}",
            f"read on queue {queue}",
        )
        return str(frame.method.consumer_tag)

    async def applied(self, queue: str) -> None:
        """When it returns, a quorum queue before 4.0 has applied everything this channel sent it.

        A consumer without credit gets nothing; its start goes through the queue's log behind all earlier commands.
        """
        arguments = {"x-credit": {"credit": long(0), "drain": False}}
        frame = await self.ask(
            lambda back: self.lane.basic_consume(queue, lambda *_: None, arguments=arguments, callback=back),
            f"Waiting for queue {queue}",
        )
        await self.cancel(str(frame.method.consumer_tag))

    async def cancel(self, tag: str) -> None:
        """End a consumer; what arrives before the answer is still handed on."""
        await self.ask(lambda back: self.lane.basic_cancel(tag, callback=back), "Ending a consumer")

    async def get(self, queue: str) -> Got | None:
        """One message, to be acknowledged; None where the queue is empty."""
        found: Got | None = await self.ask(
            lambda back: self.request(queue, back), f"Reading queue {queue}", f"read on queue {queue}"
        )
        return found

    def request(self, queue: str, got: Answered) -> None:
        """Ask for one message without waiting."""
        self._gets.append(got)
        self.lane.ask_for(queue)

    async def confirming(self, heard: Callable[[Any], None], returned: Callable[..., None]) -> None:
        """Turn on publisher confirms."""
        self.lane.add_on_return_callback(returned)
        await self.ask(lambda back: self.lane.confirm_delivery(heard, callback=back), "Turning on confirms")

    def publish(self, exchange: bytes, routing_key: bytes, properties: bytes, body: bytes) -> None:
        """Send one message, mandatory."""
        if not self.lane.is_open:
            raise pika_errors.ChannelWrongStateError("Channel is closed.")
        wire = cast("Any", self.lane.connection)
        number, most = self.lane.channel_number, wire._body_max_length
        wire._output_marshaled_frames(amqp_frames.publish(number, exchange, routing_key, properties, body, most))

    def ack(self, tag: int, *, multiple: bool) -> None:
        """Acknowledge a delivery, or all up to it."""
        self.lane.basic_ack(tag, multiple)

    def give_back(self, tag: int) -> None:
        """Return all that is unacknowledged up to a delivery that is unacknowledged itself."""
        self.lane.basic_nack(tag, multiple=True, requeue=True)

    async def close(self) -> None:
        """Close it; whatever is unacknowledged goes back to its queue, and that counts as a return."""
        if not self.lane.is_open:
            return
        closed = asyncio.get_running_loop().create_future()

        def lost(_: BaseException) -> None:
            if not closed.done():
                closed.set_result(None)

        self.on_lost.append(lost)
        self.lane.close()
        await asyncio.wait_for(closed, ANSWER)

    def _on_got(self, got: Got | None) -> None:
        self._gets.popleft()(got)

    def _on_close(self, _: Any, reason: BaseException) -> None:
        self.failure = reason
        for future in self._waiting:
            if not future.done():
                future.set_exception(reason)
        for lost in self.on_lost:
            lost(reason)


class Link:
    """One connection."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._blocked: asyncio.Future[None] = loop.create_future()
        """An alarm stops publishers: the broker reads nothing more from one that published."""

        wire.add_on_close_callback(self._on_close)
        wire.add_on_connection_blocked_callback(self._on_blocked)

    @property
    def server(self) -> Mapping[str, Any]:
        """What the broker says of itself: `version`, `cluster_name`, `product`."""
        return dict(self._wire.server_properties or {})

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""
        return bool(self._wire.is_open)

    async def channel(self) -> Channel:
        """Open a channel.

        Raises:
            BrokerTrouble: the connection was lost.
        """
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def ready(lane: Any) -> None:
            if not opened.done():
                opened.set_result(lane)

        waiting = {opened, self._closed}
        try:
            self._wire.channel(on_open_callback=ready)
        except pika_errors.AMQPError as error:
            raise errors.talking(error, "Opening a channel") from error
        await asyncio.wait(waiting, timeout=ANSWER, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            raise errors.talking(pika_errors.StreamLostError("no channel was opened"), "Opening a channel")
        return Channel(opened.result())

    async def close(self, patience: float = ANSWER) -> None:
        """Close the connection. One that does not answer within `patience` seconds is cut off, and so is at once one
        that the broker does not read from.
        """
        if self._wire.is_open:
            self._wire.close()
        if not self._closed.done():
            ends = {self._closed, self._blocked}
            await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not self._closed.done():
            self._wire.cut()
            await asyncio.wait({self._closed}, timeout=ANSWER)

    def _on_close(self, _: Any, __: BaseException) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    def _on_blocked(self, _: Any, __: Any) -> None:
        if not self._blocked.done():
            self._blocked.set_result(None)


def _abandon(attempt: Any) -> None:
    """End an attempt to connect. During the AMQP handshake pika 1.4.4 trips over its own assertion before it closes."""
    try:
        attempt.abort()
    except AssertionError:
        attempt._connector._amqp_conn.close()


async def connect(parameters: Sequence[pika.ConnectionParameters], asked: errors.Asked) -> Link:
    """Open a connection to the first host that answers.

    Raises:
        CannotConnect, NotAuthorised, NotFound: as `errors.connecting`.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def came(result: Any) -> None:
        if not done.done():
            done.set_result(result)

    attempt = _Wire.create_connection(list(parameters), came, custom_ioloop=loop)
    try:
        result = await asyncio.shield(done)
    except asyncio.CancelledError:
        if not done.done():
            _abandon(attempt)
            await asyncio.wait({done}, timeout=ABANDONED)
        if done.done() and isinstance(done.result(), _Wire):
            await Link(done.result()).close()
        raise
    if not isinstance(result, _Wire):
        raise errors.connecting(result, asked)
    return Link(result)
