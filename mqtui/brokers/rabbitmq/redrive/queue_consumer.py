"""Take letters from a queue without ever taking too many (R2, R8, R9).

A consumer takes them while more are left than its prefetch. Taken by `basic.get` are the last letters, those of a queue
that is deleted with its consumer, those with few deliveries left, and all once a letter is held.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Any

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection.ack_tracker import AckTracker
from mqtui.brokers.rabbitmq.connection.amqp_frames import DeliveryInfo
from mqtui.brokers.rabbitmq.connection.channel import Channel, RawDelivery
from mqtui.brokers.rabbitmq.messages import CAME_BACK, queue_message, stop_reason
from mqtui.brokers.rabbitmq.read.peek_queue import unreadable
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo
from mqtui.domain.errors import BadInput, BrokerTrouble, MqtuiError
from mqtui.domain.message import Message

LOW_DELIVERIES = 3
"""A letter with fewer deliveries left than this is taken alone."""

SIZE_SAMPLE = 5
"""Letters taken by `basic.get` before a consumer starts, to learn their mean size."""

PREFETCH_BYTES = 64 * 1024 * 1024
"""Size of the letters that a consumer may hold unacknowledged, by their mean size."""

SMALL_IN_FLIGHT = 200
"""Up to this many in flight make one batch; of more a batch is half, so that taking and moving overlap."""

MAX_PREFETCH = 2_000
"""The largest prefetch, whatever the options say [a larger one is no faster]."""

BATCH = 1_000
BATCH_BYTES = 1024 * 1024
BATCH_IDLE = 0.005
"""Seconds without a delivery after which a batch is given as it is."""

PREFETCH_CHECK_INTERVAL, PREFETCH_IDLE_CHECKS = 0.01, 5
"""Seconds between two checks for deliveries on their way, and how many checks without one end the wait."""

TOO_MANY_HELD = "the run ended: as many letters are held as may be held at once"
HELD_TOO_LONG = "the run ended: letters were held as long as they may be held"
CONSUMER_IDLE = 0.1
"""Seconds without a delivery after which a consumer is taken to be at the end of the queue."""


@dataclass(frozen=True, slots=True)
class ConsumeLimits:
    """When to stop: after `max_messages`, or at a letter that came back from `run` or died after `snapshot_time`.

    `snapshot_time` is in ms by the broker's clock, None where it is unknown. Where letters are held, `max_held` and
    `max_held_seconds` end the redrive too. `max_in_flight` is how many letters may be with the caller at once.
    """

    max_messages: int
    max_in_flight: int
    run: str
    snapshot_time: int | None
    max_held: int = 10_000
    max_held_seconds: float = 300.0
    one_by_one: bool = False
    """Whether each letter is taken only when the one before was moved, removed or held."""


class BoundedQueueConsumer:
    """Takes letters from one queue in batches. Only on the I/O thread."""

    def __init__(self, channel: Channel, queue: QueueInfo, limits: ConsumeLimits) -> None:
        self.acks = AckTracker(channel, queue.name, self._may_ack, queue.ack_visibility)
        self.in_flight: set[int] = set()
        """Delivery tags of letters that are buffered or with the caller: neither removed nor held yet."""

        self.no_delivery_left: dict[int, tuple[bytes, bytes]] = {}
        """Properties and body of letters with no delivery left, by tag: a requeue would drop them."""

        self.end_reason = ""
        """Why the redrive ended before its limits were reached; "" where it did not."""

        self.unreadable = False
        """Whether the connection was closed over a letter that AMQP 0-9-1 can't carry."""

        self._channel = channel
        self._queue = queue
        self._limits = limits
        self._buffer: deque[tuple[Message, int]] = deque()
        """Letters with their sizes in bytes."""

        self._changed = asyncio.Event()
        self._received = self._received_bytes = self._gets_pending = self._held_count = 0
        self._low_delivery: set[int] = set()
        self._consumer = ""
        self._prefetch = self._ack_allowance = 0
        self._cancelling: asyncio.Task[None] | None = None
        self._single = limits.one_by_one or (
            queue.limit.counts_deliveries and (queue.limit.deliveries_left(0) or 0) < LOW_DELIVERIES
        )
        self._finished = limits.max_messages <= 0
        self._stop_met = self._consumer_idle = False
        self._held_since: float | None = None
        self._error: MqtuiError | None = None
        channel.on_close.append(lambda _: self._changed.set())
        channel.raw.add_on_cancel_callback(self._on_cancelled_by_broker)

    async def next_batch(self, size: int) -> list[Message]:
        """The next letters in order; none at the end.

        A letter with few deliveries left comes alone, and the next one only when it was moved, removed or held.

        Raises:
            BrokerTrouble: the connection was lost, or the queue was deleted.
        """
        in_flight = self._limits.max_in_flight
        size = max(1, min(size, BATCH, in_flight if in_flight <= SMALL_IN_FLIGHT else in_flight // 2))
        while True:
            self._check()
            if self.unreadable:
                return []
            if self._batch_ready(size):
                return self._batch(size)
            if self._consumer:
                if not await self._wait(BATCH_IDLE if self._buffer else CONSUMER_IDLE) and self._on_idle():
                    return self._batch(size)
            elif self._cancelling is not None:
                await asyncio.wait({self._cancelling})
            elif self._may_consume():
                await self._consume_or_stop()
            else:
                await self._get(size - len(self._buffer))

    async def stop(self) -> None:
        """Take no more letters. Those that are buffered are still given."""
        self._finished = True
        self._stop_consumer()
        if self._cancelling is not None:
            await asyncio.wait({self._cancelling})
        while self._gets_pending and self._channel.close_reason is None:
            await self._wait(None)

    def fail(self, error: MqtuiError) -> None:
        """Give no more letters; `next_batch` raises the error."""
        self._error = self._error or error
        self._stop_consumer()
        self._changed.set()

    def mark_resolved(self, tag: int) -> None:
        """Record that a letter was removed, or that its outcome is unknown."""
        self.in_flight.discard(tag)
        self._changed.set()

    def hold(self, tag: int) -> None:
        """Keep a letter in the source: it stays unacknowledged until the end and is requeued with the others."""
        self.in_flight.discard(tag)
        self._held_count += 1
        if self._held_since is None:
            self._held_since = monotonic()
        if self._held_count >= self._limits.max_held:
            self._end_early(TOO_MANY_HELD)
        self._stop_consumer()
        self._changed.set()

    def _may_ack(self, acknowledgements: int) -> bool:
        """Whether acks may be sent. The consumer is cancelled before acks would let it get more than `max_messages`."""
        if self._cancelling is not None and not self._cancelling.done():
            return False
        if not self._consumer or self.acks.acks_sent + acknowledgements + self._prefetch <= self._ack_allowance:
            return True
        self._stop_consumer()
        return False

    def _check(self) -> None:
        if self._channel.close_reason is not None:
            self.unreadable = self.unreadable or self._stopped_by_unreadable()
            if self.unreadable:
                return
            raise errors.amqp_error(
                self._channel.close_reason,
                f"Taking letters from {self._queue.name}",
                f"read on queue {self._queue.name}",
            )
        if self._error is not None:
            raise self._error
        if self._held_since is not None and monotonic() - self._held_since > self._limits.max_held_seconds:
            self._end_early(HELD_TOO_LONG)
            self._stop_consumer()

    def _stopped_by_unreadable(self) -> bool:
        """Whether the connection was closed over a letter that AMQP 0-9-1 can't carry, which requeues all."""
        found = unreadable(self._queue, self._channel, self._received + 1)
        if found is not None:
            self.end_reason = f"{found.title}: {found.detail}. It and those behind it stay"
            self._buffer.clear()
        return found is not None

    async def _wait(self, seconds: float | None) -> bool:
        """Wait for the next event; False where none comes within `seconds`."""
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _batch_ready(self, size: int) -> bool:
        """Whether a batch is complete, or no more letters will come."""
        if len(self._buffer) >= size or (self._buffer and self._first_is_single()):
            return True
        if self._consumer or self._cancelling is not None:
            return False
        if self._finished or self._received >= self._limits.max_messages:
            return True
        return bool(self._buffer) and (self._single or len(self.in_flight) >= self._limits.max_in_flight)

    def _on_idle(self) -> bool:
        """No delivery for a while: give what is buffered (True), else go on by `basic.get`, which shows the end."""
        if self._buffer:
            return True
        if self.acks.unacked < self._prefetch:
            self._consumer_idle = True
            self._stop_consumer()
        return False

    def _may_consume(self) -> bool:
        if self._single or self._consumer_idle or self._held_count or self._received < SIZE_SAMPLE:
            return False
        if self._queue.type == UNKNOWN or self._queue.auto_delete:
            return False
        return self._limits.max_messages - self._received > self._prefetch_count()

    def _prefetch_count(self) -> int:
        mean = max(1, self._received_bytes // max(1, self._received))
        return max(1, min(self._limits.max_in_flight, MAX_PREFETCH, PREFETCH_BYTES // mean))

    async def _consume(self) -> None:
        """Start a consumer. It gets its prefetch of letters, and one more for each ack from now on."""
        self.acks.mark_source_change()
        self._prefetch = self._prefetch_count()
        self._ack_allowance = self.acks.acks_sent + self._limits.max_messages - self._received
        self._consumer = await self._channel.consume(self._queue.name, self._prefetch, self._on_message)

    async def _consume_or_stop(self) -> None:
        """Start a consumer. Where it meets a letter that AMQP 0-9-1 can't carry, its connection is closed."""
        try:
            await self._consume()
        except MqtuiError:
            if not self._stopped_by_unreadable():
                raise

    def _stop_consumer(self) -> None:
        if self._consumer:
            tag, self._consumer = self._consumer, ""
            self._cancelling = asyncio.get_running_loop().create_task(self._cancel(tag))

    async def _cancel(self, tag: str) -> None:
        try:
            await self._wait_for_prefetch()
            await self._channel.cancel(tag)
        except MqtuiError as error:
            self._error = self._error or error
        self._cancelling = None
        self.acks.mark_source_change()
        self.acks.ack_prefix()
        self._changed.set()

    async def _wait_for_prefetch(self) -> None:
        """Wait until nothing is on its way to the consumer: its prefetch is full, or the queue has no more.

        When a consumer of a quorum queue is cancelled, the broker requeues what is on its way, which counts as a
        delivery [3.10.8].
        """
        idle_checks = 0
        while (
            self._queue.type == "quorum"
            and idle_checks < PREFETCH_IDLE_CHECKS
            and self.acks.unacked_since_source_change() < self._prefetch
        ):
            before = self._received
            await self._channel.sync()
            await asyncio.sleep(PREFETCH_CHECK_INTERVAL)
            idle_checks = idle_checks + 1 if self._received == before else 0

    async def _get(self, size: int) -> None:
        """Send several `basic.get` at once; of letters that are taken alone only one, and when none is in flight."""
        capacity = 1 - len(self.in_flight) if self._single else self._limits.max_in_flight - len(self.in_flight)
        if capacity <= 0:
            await self._wait(None)
            return
        if self._received < SIZE_SAMPLE:
            size = min(size, SIZE_SAMPLE)
        self._gets_pending = min(size, capacity, self._limits.max_messages - self._received)
        for _ in range(self._gets_pending):
            self._channel.request_get(self._queue.name, self._on_get)
        self._consumer_idle = False
        sent_at = monotonic()
        while self._gets_pending:
            await self._wait(None)
            self._check()
            if self.unreadable:
                return
            if sent_at:
                self.acks.get_latency, sent_at = monotonic() - sent_at, 0.0

    def _on_get(self, delivery: RawDelivery | None) -> None:
        self._gets_pending -= 1
        if delivery is None:
            self._finished = True
            self._changed.set()
        else:
            self._on_message(*delivery)

    def _on_message(self, info: DeliveryInfo, properties: bytes, body: bytes) -> None:
        tag = info.delivery_tag
        self._received += 1
        size_bytes = len(properties) + len(body)
        self._received_bytes += size_bytes
        self.acks.on_delivery(tag)
        self._changed.set()
        try:
            message = queue_message(self._queue.ref, info, properties, body, self._queue.limit)
        except BadInput as error:
            self._error = error
            return
        left = self._queue.limit.deliveries_left(message.envelope.deliveries if message.envelope else None)
        if left is not None and left < LOW_DELIVERIES:
            self._low_delivery.add(tag)
            self._single = True
            self._stop_consumer()
            if left == 0:
                self.no_delivery_left[tag] = (properties, body)
        reason = stop_reason(message, self._limits.run, self._limits.snapshot_time)
        if self._stop_met or reason:
            self._stop_met = True
            self._end_early(reason if reason != CAME_BACK else "")
            self.hold(tag)
            return
        self.in_flight.add(tag)
        self._buffer.append((message, size_bytes))

    def _batch(self, size: int) -> list[Message]:
        batch: list[Message] = []
        size_bytes = 0
        while self._buffer and len(batch) < size and size_bytes < BATCH_BYTES:
            alone = self._first_is_single()
            if alone and batch:
                break
            message, message_bytes = self._buffer.popleft()
            batch.append(message)
            size_bytes += message_bytes
            if alone:
                break
        return batch

    def _first_is_single(self) -> bool:
        return bool(self._low_delivery) and getattr(self._buffer[0][0].position, "tag", 0) in self._low_delivery

    def _end_early(self, reason: str) -> None:
        self._finished = True
        self.end_reason = self.end_reason or reason

    def _on_cancelled_by_broker(self, _: Any) -> None:
        self._consumer = ""
        self._error = BrokerTrouble(
            f"The broker cancelled the consumer of {self._queue.name}", "The queue was deleted, or its node failed."
        )
        self._changed.set()
