"""pika's connection and channel with coroutines in place of callbacks. Everything here runs on the I/O thread's loop.

Two habits of pika's channel are switched off: it rejects what arrives while a consumer is being cancelled (each such
requeue counts as a delivery, R2), and it allows only one `basic.get` at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from mqtui.brokers.rabbitmq.connection.amqp_frames import DeliveryAssembler, DeliveryInfo

OnDelivery = Callable[[DeliveryInfo, bytes, bytes], None]
"""Called with the delivery's method fields, the encoded properties and the body of a message."""

RawDelivery = tuple[DeliveryInfo, bytes, bytes]
OnGet = Callable[[RawDelivery | None], None]
"""Called with the message a `basic.get` brought, or with None where the queue is empty."""

REPLY_TIMEOUT = 30.0
"""Seconds within which the broker must answer a method."""

ABORT_TIMEOUT = 2.0
"""Seconds given to a cancelled connection attempt to end."""

FLUSH_BYTES = 64 * 1024
"""Bytes of frames that are written at once; fewer wait for the next turn of the loop."""


class RawChannel(PikaChannel):
    """pika's channel, with every delivery and `basic.get` answer passed on as it arrives."""

    on_delivery: OnDelivery
    on_get: OnGet

    def _on_getempty(self, method_frame: Any) -> None:
        self.on_get(None)

    def send_get(self, queue: str) -> None:
        """Send one `basic.get`."""
        cast("Any", self)._send_method(spec.Basic.Get(queue=queue, no_ack=False))


class RawConnection(AsyncioConnection):
    """pika's connection with batched writes: all frames of one turn of the loop in one call [pika: one call a frame].

    Delivered messages are assembled here and passed to their channel; pika handles all other frames.
    """

    _outgoing: list[bytes]
    _outgoing_bytes = 0
    _assembler: DeliveryAssembler | None = None

    def _create_channel(self, channel_number: int, on_open_callback: Any) -> PikaChannel:
        return RawChannel(self, channel_number, on_open_callback)

    def _on_data_available(self, data_in: bytes) -> None:
        raw = cast("Any", self)
        if not self.is_open:
            pika_connection = cast("Any", super())
            pika_connection._on_data_available(data_in)
            return
        if self._assembler is None:
            self._assembler = DeliveryAssembler(self._on_assembled)
        buffer, raw._frame_buffer = raw._frame_buffer + data_in, b""
        at, end = 0, len(buffer)
        while end - at > amqp_frames.FRAME_HEADER.size:
            kind, number, size = amqp_frames.FRAME_HEADER.unpack_from(buffer, at)
            stop = at + amqp_frames.FRAME_HEADER.size + size + 1
            if stop > end:
                break
            if not self._assembler.accept(kind, number, buffer[at + amqp_frames.FRAME_HEADER.size : stop - 1]):
                raw._process_frame(decode_frame(buffer[at:stop])[1])
            at = stop
        raw._frame_buffer = buffer[at:]
        raw.bytes_received += at

    def _on_assembled(self, number: int, info: DeliveryInfo, properties: bytes, body: bytes) -> None:
        channel = cast("Any", self)._channels.get(number)
        if channel is None:
            return
        if info.from_get:
            channel.on_get((info, properties, body))
        else:
            channel.on_delivery(info, properties, body)

    def drop_transport(self) -> None:
        """Close the socket without AMQP's handshake; the close callbacks are called."""
        cast("Any", self)._adapter_disconnect_stream()

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        if not self._outgoing_bytes:
            self._outgoing = []
            self.ioloop.call_soon(self._flush)
        self._outgoing += marshaled_frames
        size = sum(map(len, marshaled_frames))
        self._outgoing_bytes += size
        self.bytes_sent += size
        self.frames_sent += len(marshaled_frames)
        if self._outgoing_bytes >= FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        raw = cast("Any", self)
        if self._outgoing_bytes and raw._transport is not None:
            raw._adapter_emit_data(b"".join(self._outgoing))
        self._outgoing, self._outgoing_bytes = [], 0


class Channel:
    """One open channel. When it is closed, every coroutine that waits for an answer on it raises."""

    def __init__(self, raw: RawChannel) -> None:
        self.raw = raw
        self.close_reason: BaseException | None = None
        self.on_close: list[Callable[[BaseException], None]] = []
        """Called once when the channel is closed, by either side."""

        self._waiting: set[asyncio.Future[Any]] = set()
        self._gets: deque[OnGet] = deque()
        self._prefetch = 1
        raw.on_get = self._on_get
        raw.add_on_close_callback(self._on_close)

    async def call(self, send: Callable[[Callable[[Any], None]], object], doing: str, right: str = "") -> Any:
        """Send a method and wait for its answer. `doing` and `right` (a permission) are named in errors.

        Raises:
            MqtuiError: the broker closed the channel or the connection instead, or did not answer.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)

        def answered(frame: Any) -> None:
            if not future.done():
                future.set_result(frame)

        try:
            if self.close_reason is not None:
                raise self.close_reason
            send(answered)
            async with asyncio.timeout(REPLY_TIMEOUT):
                return await future
        except (pika_errors.AMQPError, OSError) as error:
            raise errors.amqp_error(self.close_reason or error, doing, right) from error
        finally:
            self._waiting.discard(future)

    async def queue_counts(self, queue: str) -> tuple[int, int]:
        """Ready messages and consumers of a queue, by a passive declare, which creates nothing.

        Raises:
            NotFound: there is no such queue.
        """
        frame = await self.call(
            lambda back: self.raw.queue_declare(queue, passive=True, callback=back), f"Looking for queue {queue}"
        )
        return int(frame.method.message_count), int(frame.method.consumer_count)

    async def require_exchange(self, exchange: str) -> None:
        """Check that an exchange exists, by a passive declare, which creates nothing.

        Raises:
            NotFound: there is no such exchange.
        """
        await self.call(
            lambda back: self.raw.exchange_declare(exchange, passive=True, callback=back),
            f"Looking for exchange {exchange}",
        )

    async def sync(self) -> None:
        """Wait until the broker's channel has processed everything sent before; `basic.qos` is the question."""
        await self.call(lambda back: self.raw.basic_qos(prefetch_count=self._prefetch, callback=back), "Waiting")

    async def consume(
        self, queue: str, prefetch: int, on_delivery: OnDelivery, arguments: Mapping[str, Any] | None = None
    ) -> str:
        """Start a consumer with manual acknowledgement; returns its tag."""
        self._prefetch = prefetch
        self.raw.on_delivery = on_delivery
        await self.sync()
        frame = await self.call(
            lambda back: self.raw.basic_consume(queue, lambda *_: None, arguments=dict(arguments or {}), callback=back),
            f"Reading queue {queue}",
            f"read on queue {queue}",
        )
        return str(frame.method.consumer_tag)

    async def wait_until_applied(self, queue: str) -> None:
        """Wait until a quorum queue before 4.0 has applied every command of this channel.

        A consumer with zero credit gets no message, and its start goes through the queue's log behind all earlier
        commands.
        """
        arguments = {"x-credit": {"credit": long(0), "drain": False}}
        frame = await self.call(
            lambda back: self.raw.basic_consume(queue, lambda *_: None, arguments=arguments, callback=back),
            f"Waiting for queue {queue}",
        )
        await self.cancel(str(frame.method.consumer_tag))

    async def cancel(self, tag: str) -> None:
        """Cancel a consumer; deliveries that arrive before the answer are still passed on."""
        await self.call(lambda back: self.raw.basic_cancel(tag, callback=back), "Ending a consumer")

    async def get(self, queue: str) -> RawDelivery | None:
        """One message by `basic.get`, not yet acknowledged; None where the queue is empty."""
        found: RawDelivery | None = await self.call(
            lambda back: self.request_get(queue, back), f"Reading queue {queue}", f"read on queue {queue}"
        )
        return found

    def request_get(self, queue: str, on_get: OnGet) -> None:
        """Send a `basic.get` without waiting for its answer; several may be open."""
        self._gets.append(on_get)
        self.raw.send_get(queue)

    async def confirm_select(self, on_confirm: Callable[[Any], None], on_return: Callable[..., None]) -> None:
        """Turn on publisher confirms; unroutable messages come to `on_return`."""
        self.raw.add_on_return_callback(on_return)
        await self.call(lambda back: self.raw.confirm_delivery(on_confirm, callback=back), "Turning on confirms")

    def publish(self, exchange: bytes, routing_key: bytes, properties: bytes, body: bytes) -> None:
        """Publish one message with the flag `mandatory`; returns before it is sent."""
        if not self.raw.is_open:
            raise pika_errors.ChannelWrongStateError("Channel is closed.")
        connection = cast("Any", self.raw.connection)
        number, max_body = self.raw.channel_number, connection._body_max_length
        frames = amqp_frames.publish_frames(number, exchange, routing_key, properties, body, max_body)
        connection._output_marshaled_frames(frames)

    def ack(self, tag: int, *, multiple: bool) -> None:
        """Acknowledge a delivery; with `multiple` all unacknowledged ones up to it.

        Raises:
            BrokerTrouble: the channel is closed.
        """
        with self._translating("Acknowledging"):
            self.raw.basic_ack(tag, multiple)

    def requeue_up_to(self, tag: int) -> None:
        """Requeue all unacknowledged deliveries up to this one, which must be one of them, by one `basic.nack`.

        Raises:
            BrokerTrouble: the channel is closed.
        """
        with self._translating("Requeueing"):
            self.raw.basic_nack(tag, multiple=True, requeue=True)

    @contextmanager
    def _translating(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (pika_errors.AMQPError, OSError) as error:
            raise errors.amqp_error(self.close_reason or error, doing) from error

    async def close(self) -> None:
        """Close the channel. The broker requeues what is unacknowledged, and counts that as a delivery."""
        if not self.raw.is_open:
            return
        closed = asyncio.get_running_loop().create_future()

        def on_close(_: BaseException) -> None:
            if not closed.done():
                closed.set_result(None)

        self.on_close.append(on_close)
        self.raw.close()
        async with asyncio.timeout(REPLY_TIMEOUT):
            await closed

    def _on_get(self, got: RawDelivery | None) -> None:
        self._gets.popleft()(got)

    def _on_close(self, _: Any, reason: BaseException) -> None:
        self.close_reason = reason
        for future in self._waiting:
            if not future.done():
                future.set_exception(reason)
        for callback in self.on_close:
            callback(reason)


class Connection:
    """One open AMQP connection."""

    def __init__(self, raw: RawConnection) -> None:
        self._raw = raw
        loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._blocked: asyncio.Future[None] = loop.create_future()
        """Done when an alarm blocks publishers: then the broker reads nothing more from a connection that published."""

        raw.add_on_close_callback(self._on_close)
        raw.add_on_connection_blocked_callback(self._on_blocked)

    @property
    def server_properties(self) -> Mapping[str, Any]:
        """The server properties of `connection.start`: `version`, `cluster_name`, `product` and others."""
        return dict(self._raw.server_properties or {})

    @property
    def is_open(self) -> bool:
        """Whether channels can still be opened on it."""
        return bool(self._raw.is_open)

    async def channel(self) -> Channel:
        """Open a channel.

        Raises:
            BrokerTrouble: the connection was lost.
        """
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def ready(raw: Any) -> None:
            if not opened.done():
                opened.set_result(raw)

        ends = {opened, self._closed}
        try:
            self._raw.channel(on_open_callback=ready)
        except pika_errors.AMQPError as error:
            raise errors.amqp_error(error, "Opening a channel") from error
        await asyncio.wait(ends, timeout=REPLY_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            raise errors.amqp_error(pika_errors.StreamLostError("no channel was opened"), "Opening a channel")
        return Channel(opened.result())

    async def close(self, timeout: float = REPLY_TIMEOUT) -> None:
        """Close the connection. Its socket is closed where the broker does not answer within `timeout` seconds, and at
        once where an alarm keeps the broker from reading.
        """
        if self._raw.is_open:
            self._raw.close()
        if not self._closed.done():
            ends = {self._closed, self._blocked}
            await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not self._closed.done():
            self._raw.drop_transport()
            await asyncio.wait({self._closed}, timeout=REPLY_TIMEOUT)

    def _on_close(self, _: Any, __: BaseException) -> None:
        if not self._closed.done():
            self._closed.set_result(None)

    def _on_blocked(self, _: Any, __: Any) -> None:
        if not self._blocked.done():
            self._blocked.set_result(None)


def _abort(attempt: Any) -> None:
    """End a connection attempt. During the AMQP handshake pika 1.4.4 fails an assertion of its own before it closes."""
    try:
        attempt.abort()
    except AssertionError:
        attempt._connector._amqp_conn.close()


async def open_connection(parameters: Sequence[pika.ConnectionParameters], endpoint: errors.Endpoint) -> Connection:
    """Open a connection to the first host that answers.

    Raises:
        CannotConnect, NotAuthorised, NotFound: as `errors.connect_error`.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def on_result(result: Any) -> None:
        if not done.done():
            done.set_result(result)

    attempt = RawConnection.create_connection(list(parameters), on_result, custom_ioloop=loop)
    try:
        result = await asyncio.shield(done)
    except asyncio.CancelledError:
        if not done.done():
            _abort(attempt)
            await asyncio.wait({done}, timeout=ABORT_TIMEOUT)
        if done.done() and isinstance(done.result(), RawConnection):
            await Connection(done.result()).close()
        raise
    if not isinstance(result, RawConnection):
        raise errors.connect_error(result, endpoint)
    return Connection(result)
