"""How letters come out of a queue within bounds (R2, R8, R9).

A consumer takes them while more are left than it may hold; the last window, queues that vanish with their consumer,
walks that hold letters back and letters with few deliveries left are taken by `basic.get`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Any

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection.ack_tracker import Acks
from mqtui.brokers.rabbitmq.connection.amqp_frames import Given
from mqtui.brokers.rabbitmq.connection.channel import Channel, Got
from mqtui.brokers.rabbitmq.messages import CAME_BACK, letter, stop_reason
from mqtui.brokers.rabbitmq.read.peek_queue import unreadable
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue
from mqtui.domain.errors import BadInput, BrokerTrouble, MqtuiError
from mqtui.domain.message import Message

FEW = 3
"""A letter with fewer deliveries left is taken alone."""

SAMPLE = 5
"""Letters taken by `basic.get` before a consumer starts, to learn their size."""

WINDOW_BYTES = 64 * 1024 * 1024
"""What a consumer may hold."""

SMALL = 200
"""A hand up to this size is given as one batch; of a larger one a batch is half, so that taking and moving overlap."""

MOST = 2_000
"""Letters a consumer may hold, whatever the terms say [more brings no more speed]."""

BATCH = 1_000
BATCH_BYTES = 1024 * 1024
QUIET = 0.005
"""Seconds without an arrival after which a batch is given as it is."""

LATE, QUIET_TURNS = 0.01, 5
"""Seconds between two looks whether more comes for a consumer, and looks without an arrival that say no."""

TOO_MANY_HELD = "the walk ended: it held as many letters back as it may"
HELD_TOO_LONG = "the walk ended: it held letters back as long as it may"
IDLE = 0.1
"""Seconds without an arrival after which a consumer is taken to be at the end of the queue."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a walk ends: after `letters`; at one of `run`, or one that died after `at` (ms, the broker's clock).

    `held` and `seconds` end a walk that keeps letters back; `hand` is how many may be out at once.
    """

    letters: int
    hand: int
    run: str
    at: int | None
    held: int = 10_000
    seconds: float = 300.0
    alone: bool = False
    """Whether each letter is taken when the one before is out of hand."""


class Taking:
    """The letters of one queue on their way into hands; only on the I/O thread."""

    def __init__(self, channel: Channel, facts: Queue, bounds: Bounds) -> None:
        self.acks = Acks(channel, facts.name, self._gate, facts.applies)
        self.open: set[int] = set()
        """Tags that were given out, or wait to be, and are neither removed nor kept."""

        self.last: dict[int, tuple[bytes, bytes]] = {}
        """Letters with no delivery left, by tag: they must not be returned."""

        self.end_reason = ""
        """Why letters within its bounds stay that nobody looked at; "" where there are none."""

        self.unreadable = False
        """Whether the broker answered with an error instead of a letter."""

        self._channel = channel
        self._facts = facts
        self._bounds = bounds
        self._buffer: deque[tuple[Message, int]] = deque()
        """Letters with their weight in bytes."""

        self._news = asyncio.Event()
        self._taken = self._bytes = self._asked = self._held = 0
        self._few: set[int] = set()
        self._consumer = ""
        self._prefetch = self._consumable = 0
        self._cancelling: asyncio.Task[None] | None = None
        self._alone = bounds.alone or (facts.limit.costs and (facts.limit.spare(0) or 0) < FEW)
        self._over = bounds.letters <= 0
        self._stopped = self._dry = False
        self._kept_since: float | None = None
        self._trouble: MqtuiError | None = None
        channel.on_lost.append(lambda _: self._news.set())
        channel.lane.add_on_cancel_callback(self._on_cancelled_by_broker)

    async def next(self, size: int) -> list[Message]:
        """The next letters in order; none at the end.

        A letter with few deliveries left comes alone, and the next one when it was moved, settled or kept.

        Raises:
            BrokerTrouble: the connection was lost, or the queue was deleted.
        """
        hand = self._bounds.hand
        size = max(1, min(size, BATCH, hand if hand <= SMALL else hand // 2))
        while True:
            self._check()
            if self.unreadable:
                return []
            if self._ripe(size):
                return self._batch(size)
            if self._consumer:
                if not await self._wait(QUIET if self._buffer else IDLE) and self._ran_dry():
                    return self._batch(size)
            elif self._cancelling is not None:
                await asyncio.wait({self._cancelling})
            elif self._may_consume():
                await self._try_to_consume()
            else:
                await self._get(size - len(self._buffer))

    async def end(self) -> None:
        """Take no more; what is there already is still given out."""
        self._over = True
        self._stop_consumer()
        if self._cancelling is not None:
            await asyncio.wait({self._cancelling})
        while self._asked and self._channel.failure is None:
            await self._wait(None)

    def fail(self, trouble: MqtuiError) -> None:
        """Give no more letters, for that reason."""
        self._trouble = self._trouble or trouble
        self._stop_consumer()
        self._news.set()

    def resolved(self, tag: int) -> None:
        """That letter is out of hand: removed, or its fate is unknown."""
        self.open.discard(tag)
        self._news.set()

    def hold(self, tag: int) -> None:
        """That letter stays in the source: it is held until the end and returned with all others."""
        self.open.discard(tag)
        self._held += 1
        if self._kept_since is None:
            self._kept_since = monotonic()
        if self._held >= self._bounds.held:
            self._end_early(TOO_MANY_HELD)
        self._stop_consumer()
        self._news.set()

    def _gate(self, acknowledgements: int) -> bool:
        """A consumer is ended before an acknowledgement would let it get more than the walk may take."""
        if self._cancelling is not None and not self._cancelling.done():
            return False
        if not self._consumer or self.acks.sent + acknowledgements + self._prefetch <= self._consumable:
            return True
        self._stop_consumer()
        return False

    def _check(self) -> None:
        if self._channel.failure is not None:
            self.unreadable = self.unreadable or self._met_unreadable()
            if self.unreadable:
                return
            raise errors.talking(
                self._channel.failure, f"Taking letters from {self._facts.name}", f"read on queue {self._facts.name}"
            )
        if self._trouble is not None:
            raise self._trouble
        if self._kept_since is not None and monotonic() - self._kept_since > self._bounds.seconds:
            self._end_early(HELD_TOO_LONG)
            self._stop_consumer()

    def _met_unreadable(self) -> bool:
        """Whether the connection ended over a letter that the broker can't hand over; all in hand is back there."""
        found = unreadable(self._facts, self._channel, self._taken + 1)
        if found is not None:
            self.end_reason = f"{found.title}: {found.detail}. It and what stands behind it stays"
            self._buffer.clear()
        return found is not None

    async def _wait(self, seconds: float | None) -> bool:
        """Whether something happened in time."""
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _ripe(self, size: int) -> bool:
        """Whether a batch is ready, or nothing will come any more."""
        if len(self._buffer) >= size or (self._buffer and self._first_alone()):
            return True
        if self._consumer or self._cancelling is not None:
            return False
        if self._over or self._taken >= self._bounds.letters:
            return True
        return bool(self._buffer) and (self._alone or len(self.open) >= self._bounds.hand)

    def _ran_dry(self) -> bool:
        """Nothing came for a while: give what is there, or go on by `basic.get`, which says when the queue is empty."""
        if self._buffer:
            return True
        if self.acks.unacknowledged < self._prefetch:
            self._dry = True
            self._stop_consumer()
        return False

    def _may_consume(self) -> bool:
        if self._alone or self._dry or self._held or self._taken < SAMPLE:
            return False
        if self._facts.sort == UNKNOWN or self._facts.auto_delete:
            return False
        return self._bounds.letters - self._taken > self._window()

    def _window(self) -> int:
        mean = max(1, self._bytes // max(1, self._taken))
        return max(1, min(self._bounds.hand, MOST, WINDOW_BYTES // mean))

    async def _consume(self) -> None:
        """Start a consumer. It gets at most `prefetch` letters, and one more for each acknowledgement from now on."""
        self.acks.turn()
        self._prefetch = self._window()
        self._consumable = self.acks.sent + self._bounds.letters - self._taken
        self._consumer = await self._channel.consume(self._facts.name, self._prefetch, self._came)

    async def _try_to_consume(self) -> None:
        """A consumer that meets a letter which can't be handed over ends with its connection."""
        try:
            await self._consume()
        except MqtuiError:
            if not self._met_unreadable():
                raise

    def _stop_consumer(self) -> None:
        if self._consumer:
            tag, self._consumer = self._consumer, ""
            self._cancelling = asyncio.get_running_loop().create_task(self._cancel(tag))

    async def _cancel(self, tag: str) -> None:
        try:
            await self._filled()
            await self._channel.cancel(tag)
        except MqtuiError as error:
            self._trouble = self._trouble or error
        self._cancelling = None
        self.acks.turn()
        self.acks.prefix()
        self._news.set()

    async def _filled(self) -> None:
        """Wait until nothing is on its way to the consumer: all it may have is there, or the queue has no more.

        What is on its way when a consumer of a quorum queue ends, the broker itself returns, and that counts [3.10.8].
        """
        quiet = 0
        while self._facts.sort == "quorum" and quiet < QUIET_TURNS and self.acks.out_since_turn() < self._prefetch:
            before = self._taken
            await self._channel.barrier()
            await asyncio.sleep(LATE)
            quiet = quiet + 1 if self._taken == before else 0

    async def _get(self, size: int) -> None:
        """Ask for letters without waiting between them; for one that is to be alone only when none is out."""
        room = 1 - len(self.open) if self._alone else self._bounds.hand - len(self.open)
        if room <= 0:
            await self._wait(None)
            return
        if self._taken < SAMPLE:
            size = min(size, SAMPLE)
        self._asked = min(size, room, self._bounds.letters - self._taken)
        for _ in range(self._asked):
            self._channel.request(self._facts.name, self._got)
        self._dry = False
        asked = monotonic()
        while self._asked:
            await self._wait(None)
            self._check()
            if self.unreadable:
                return
            if asked:
                self.acks.latency, asked = monotonic() - asked, 0.0

    def _got(self, got: Got | None) -> None:
        self._asked -= 1
        if got is None:
            self._over = True
            self._news.set()
        else:
            self._came(*got)

    def _came(self, given: Given, properties: bytes, body: bytes) -> None:
        tag = given.delivery_tag
        self._taken += 1
        weight = len(properties) + len(body)
        self._bytes += weight
        self.acks.took(tag)
        self._news.set()
        try:
            message = letter(self._facts.ref, given, properties, body, self._facts.limit)
        except BadInput as error:
            self._trouble = error
            return
        spare = self._facts.limit.spare(message.envelope.deliveries if message.envelope else None)
        if spare is not None and spare < FEW:
            self._few.add(tag)
            self._alone = True
            self._stop_consumer()
            if spare == 0:
                self.last[tag] = (properties, body)
        reason = stop_reason(message, self._bounds.run, self._bounds.at)
        if self._stopped or reason:
            self._stopped = True
            self._end_early(reason if reason != CAME_BACK else "")
            self.hold(tag)
            return
        self.open.add(tag)
        self._buffer.append((message, weight))

    def _batch(self, size: int) -> list[Message]:
        batch: list[Message] = []
        weight = 0
        while self._buffer and len(batch) < size and weight < BATCH_BYTES:
            alone = self._first_alone()
            if alone and batch:
                break
            message, size_of_it = self._buffer.popleft()
            batch.append(message)
            weight += size_of_it
            if alone:
                break
        return batch

    def _first_alone(self) -> bool:
        return bool(self._few) and getattr(self._buffer[0][0].position, "tag", 0) in self._few

    def _end_early(self, reason: str) -> None:
        self._over = True
        self.end_reason = self.end_reason or reason

    def _on_cancelled_by_broker(self, _: Any) -> None:
        self._consumer = ""
        self._trouble = BrokerTrouble(
            f"The broker ended the reading of {self._facts.name}", "The queue was deleted, or its node went away."
        )
        self._news.set()
