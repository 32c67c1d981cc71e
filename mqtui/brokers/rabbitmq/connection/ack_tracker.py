"""Acknowledgements of one channel: ack what was stored (R6), requeue the rest in order (R5).

Quorum queues need care [3.10.8]. Their client process in the broker queues up commands while 32 wait to be applied, and
loses those with the channel: 157 of 1,000 single acks had no effect although the channel had answered a later method,
and in 3 of 80 runs an ack sent right before the channel closed. A quorum queue also requeues what one `nack multiple`
covers consumer by consumer, `basic.get` first, more than 32 messages in no order at all, and two nacks as one where the
first is not yet applied.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import groupby

from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.domain.errors import MqtuiError

MayAck = Callable[[int], bool]
"""Whether that many acks may be sent now: each lets the broker deliver one more message to a consumer (R2)."""

MAX_UNAPPLIED = 24
"""Acks that a quorum queue may have to apply yet; fewer than the 32 after which its client process holds back."""

QUORUM_ACK_INTERVAL = 0.005
"""Seconds between two acks on a quorum queue."""

APPLY_TIME = 0.1
"""Seconds to wait for acks to be applied where nothing reports it, or four times the latency of a `basic.get`."""

MAX_ORDERED_REQUEUE = 32
"""Messages that a quorum queue requeues in order: it keeps them in an Erlang map, which is unordered beyond that."""

READY_COUNT_CHECKS = 100
"""How often a queue's ready count is read, every 10 ms, until it includes what was requeued."""


class AckVisibility(StrEnum):
    """How it is known that a queue has applied acks and requeues."""

    IMMEDIATE = "immediate"
    """Classic queues: with the next answer on the channel."""

    BY_PROBE = "by probe"
    """Quorum queues before 4.0: by starting a consumer with zero credit."""

    BY_WAITING = "by waiting"
    """Other queues: nothing reports it, so some time is given."""


class AckTracker:
    """The unacknowledged delivery tags of one channel. `ack multiple` covers only stored messages from the front."""

    def __init__(self, channel: Channel, queue: str, may_ack: MayAck, visibility: AckVisibility) -> None:
        self._channel = channel
        self._queue = queue
        self._may_ack = may_ack
        self._visibility = visibility
        self._tags: deque[int] = deque()
        self._stored: set[int] = set()
        self._acked_singly: set[int] = set()
        self._source_changes: list[int] = []
        self._last_tag = 0
        self._unapplied = 0
        self._ack_scheduled = False
        self._apply_task: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()
        self.get_latency = 0.0
        """Seconds the queue needed for a `basic.get`, as last seen."""

        self.acks_sent = 0
        """How many deliveries were acknowledged so far."""

    @property
    def unacked(self) -> int:
        """How many deliveries the broker still counts as unacknowledged."""
        return len(self._tags) - len(self._acked_singly)

    def on_delivery(self, tag: int) -> None:
        """Add a delivery."""
        self._tags.append(tag)
        self._last_tag = tag

    def mark_source_change(self) -> None:
        """Record that later deliveries come from the other source: a consumer, or `basic.get`."""
        self._source_changes.append(self._last_tag)

    def unacked_since_source_change(self) -> int:
        """How many unacknowledged deliveries came from the present source."""
        first = self._source_changes[-1] if self._source_changes else 0
        return sum(tag > first and tag not in self._acked_singly for tag in self._tags)

    def mark_stored(self, tag: int) -> None:
        """Record that this message is stored elsewhere. It is acknowledged a moment later, together with others."""
        self._stored.add(tag)
        if not self._ack_scheduled:
            self._ack_scheduled = True
            loop = asyncio.get_running_loop()
            if self._visibility is AckVisibility.IMMEDIATE:
                loop.call_soon(self.ack_prefix)
            else:
                loop.call_later(QUORUM_ACK_INTERVAL, self._ack_when_applied)

    def _ack_when_applied(self) -> None:
        """Acknowledge on a quorum queue, unless too many acks wait to be applied."""
        if self._unapplied < MAX_UNAPPLIED // 2:
            self.ack_prefix()
        elif self._channel.close_reason is None:
            self._apply_task = asyncio.get_running_loop().create_task(self._apply_then_ack())

    async def _apply_then_ack(self) -> None:
        with suppress(MqtuiError):
            await self._wait_until_applied(1)
        self.ack_prefix()

    def ack_prefix(self) -> None:
        """Acknowledge the stored messages at the front by one `ack multiple`."""
        self._ack_scheduled = False
        if self._channel.close_reason is not None:
            return
        run = 0
        for tag in self._tags:
            if tag in self._stored:
                run += 1
            elif tag not in self._acked_singly:
                break
        if not run or not self._may_ack(run):
            return
        last = 0
        while run:
            tag = self._tags.popleft()
            if tag in self._acked_singly:
                self._acked_singly.discard(tag)
                continue
            self._stored.discard(tag)
            last, run = tag, run - 1
            self.acks_sent += 1
        self._channel.ack(last, multiple=True)
        self._unapplied += 1

    async def flush(self) -> None:
        """Acknowledge every stored message, one by one behind a message that is held; wait until the acks are applied.

        Raises:
            BrokerTrouble: the channel was lost; which acks were applied is unknown.
        """
        async with self._flushing:
            await self._wait_until_applied(MAX_UNAPPLIED // 2)
            self.ack_prefix()
            while self._stored and not self._may_ack(len(self._stored)):
                await self._channel.sync()
                self.ack_prefix()
            left = sorted(self._stored)
            self._stored.clear()
            for tag in left:
                self._channel.ack(tag, multiple=False)
                self._acked_singly.add(tag)
                self.acks_sent += 1
                self._unapplied += 1
                await self._wait_until_applied(MAX_UNAPPLIED)
            await self._wait_until_applied(1)
            await self._channel.sync()

    def mark_acked(self, tag: int) -> None:
        """Record that other code has acknowledged this delivery on the channel."""
        self._acked_singly.add(tag)
        self._unapplied += 1

    async def requeue_all(self) -> None:
        """Requeue everything unacknowledged, in order, and wait until the queue counts it as ready.

        Raises:
            BrokerTrouble: the channel was lost; the broker requeues it all.
        """
        left = [tag for tag in self._tags if tag not in self._acked_singly]
        self._tags.clear()
        self._acked_singly.clear()
        await self._wait_until_applied(1)
        if not left:
            return
        ready = (await self._channel.queue_counts(self._queue))[0]
        for tags in [left] if self._visibility is AckVisibility.IMMEDIATE else self._requeue_portions(left):
            self._channel.requeue_up_to(tags[-1])
            ready += len(tags)
            if self._visibility is AckVisibility.BY_PROBE:
                await self._channel.wait_until_applied(self._queue)
            else:
                await self._wait_for_ready_count(ready)

    def _requeue_portions(self, left: Sequence[int]) -> Iterator[Sequence[int]]:
        """Tags from one source, in groups that a quorum queue requeues in order."""
        for _, group in groupby(left, lambda tag: bisect_left(self._source_changes, tag)):
            tags = list(group)
            for start in range(0, len(tags), MAX_ORDERED_REQUEUE):
                yield tags[start : start + MAX_ORDERED_REQUEUE]

    async def _wait_for_ready_count(self, ready: int) -> None:
        """Wait until the queue has that many ready messages, at most a second: others may take them meanwhile."""
        for _ in range(READY_COUNT_CHECKS):
            if (await self._channel.queue_counts(self._queue))[0] >= ready:
                return
            await asyncio.sleep(0.01)

    async def _wait_until_applied(self, limit: int) -> None:
        """Wait until fewer than `limit` acks may still have to be applied."""
        if self._visibility is AckVisibility.IMMEDIATE or self._unapplied < limit:
            return
        self._unapplied = 0
        if self._visibility is AckVisibility.BY_PROBE:
            await self._channel.wait_until_applied(self._queue)
        else:
            await self._channel.sync()
            await asyncio.sleep(max(APPLY_TIME, 4 * self.get_latency))
