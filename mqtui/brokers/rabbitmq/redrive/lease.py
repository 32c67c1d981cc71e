"""The lease of the port: letters taken from one queue. The work is done by a `MoveSession` on the I/O thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mqtui.brokers.port import Batch
from mqtui.brokers.rabbitmq.capabilities import NO_REMOVAL
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read import peek_budget, peek_cost, queue_fingerprint
from mqtui.brokers.rabbitmq.read.queue_info import QueueInfo, describe_queue
from mqtui.brokers.rabbitmq.redrive.move import MoveSession
from mqtui.brokers.rabbitmq.redrive.queue_consumer import ConsumeLimits
from mqtui.domain.errors import Refused, Unsupported
from mqtui.domain.redrive import CountBound, LeaseOptions, Receipt, Source, Transfer

REPLAN = "Plan again, on the queue as it is now."


class RabbitLease:
    """Letters of one queue, at least once: what was unacknowledged when the connection was lost may come again (C6)."""

    def __init__(self, session: RabbitSession, move_session: MoveSession) -> None:
        self._session = session
        self._move_session = move_session

    @property
    def end_reason(self) -> str:
        """Why `batches` ended although letters of the snapshot may be there still, in words; "" where it did not."""
        return self._move_session.consumer.end_reason

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters in order up to the snapshot, at most `size` a batch.

        A letter with fewer than 3 deliveries left comes alone, and the next one only when it was moved, settled or
        kept.

        Raises:
            BrokerTrouble: the connection was lost, or the queue was deleted.
        """
        while batch := await self._session.io.call(self._move_session.consumer.next_batch(size)):
            yield batch

    async def drain(self) -> None:
        """Take no more letters."""
        await self._session.io.call(self._move_session.consumer.stop())

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Publish, wait for the confirms, acknowledge what was stored. What was refused stays."""
        return await asyncio.shield(self._session.io.call(self._move_session.move(batch)))

    async def store(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Publish and wait for the confirms. What was stored stays unacknowledged until it is settled."""
        return await asyncio.shield(self._session.io.call(self._move_session.store(batch)))

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Acknowledge letters that are stored elsewhere, or are discarded."""
        return await asyncio.shield(self._session.io.call(self._move_session.settle(letters)))

    async def release(self, letters: Batch) -> None:
        """Keep letters in the source: they are held, and requeued at the end, in order."""
        await self._session.io.call(self._move_session.release(letters))


@asynccontextmanager
async def open_lease(session: RabbitSession, source: Source, options: LeaseOptions) -> AsyncIterator[RabbitLease]:
    """Take letters from a queue. At the end those that were not removed are requeued.

    Raises:
        Refused: the queue has consumers and `options.shared` does not allow that.
        Unsupported: the source is a stream.
        NotAuthorised: a permission is missing.
    """
    queue = await describe_queue(session, source.ref.name)
    if queue.type == "stream":
        raise Unsupported(f"{source.ref} can't be a source", NO_REMOVAL.reason, NO_REMOVAL.hint)
    if queue.consumers and not options.shared:
        raise Refused(
            f"{source.ref} has consumers",
            f"{queue.consumers} read it: they would take letters from this run, and the run from them",
            "Stop them, or agree with --yes-shared.",
        )
    if await is_different_queue(session, source, queue):
        raise Refused(f"{source.ref} is not the queue that was planned", "It was deleted and declared again.", REPLAN)
    key = await peek_budget.budget_key(session, queue.name)
    limits = await _one_by_one_if_unreadable(session, queue, key, consume_limits(source, options))
    known = await queue_fingerprint.take_fingerprint(session, queue)
    await peek_budget.record_start_of(session, key, known)
    move_session = await session.io.call(_open_move_session(session, queue, limits))
    move_session.publisher.dry_run_first = options.resumed
    session.closers.add(move_session.finish)
    try:
        yield RabbitLease(session, move_session)
    finally:
        if not move_session.finished:
            await asyncio.shield(session.io.call(move_session.finish()))
        session.closers.discard(move_session.finish)
        unreadable = int(move_session.consumer.unreadable)
        await session.with_peek_budget(lambda budget: budget.end(key, unreadable=unreadable))


async def is_different_queue(session: RabbitSession, source: Source, queue: QueueInfo) -> bool:
    """Whether the queue is proved to be another one than that of the snapshot."""
    before = queue_fingerprint.decode(source.bounds.mark) if isinstance(source.bounds, CountBound) else None
    if before is None:
        return False
    now = await queue_fingerprint.take_fingerprint(session, queue)
    return now is not None and queue_fingerprint.is_different_queue(before, now)


async def _one_by_one_if_unreadable(
    session: RabbitSession, queue: QueueInfo, key: str, limits: ConsumeLimits
) -> ConsumeLimits:
    """On a queue with a letter that AMQP 0-9-1 can't carry, take letters one by one up to it.

    Raises:
        Refused: that letter may have no delivery left.
    """
    cost = await peek_cost.cost_of_peek(session, queue)
    met = (await session.with_peek_budget(lambda budget: budget.history(key))).unreadable
    if not met:
        return limits
    if peek_cost.may_be_last_delivery(queue.limit, met):
        raise Refused(f"{queue.ref} can't be redriven", cost.refusal, "Take that message out by AMQP 1.0.")
    return replace(limits, one_by_one=True)


def consume_limits(source: Source, options: LeaseOptions) -> ConsumeLimits:
    """How many letters to take, and which one ends the redrive (R8)."""
    snapshot = source.bounds
    if not isinstance(snapshot, CountBound):
        raise TypeError(f"{source.ref} was not counted")
    max_messages = snapshot.ready if options.limit is None else min(options.limit, snapshot.ready)
    return ConsumeLimits(max_messages, max(1, options.max_in_flight), options.run, snapshot.at)


async def _open_move_session(session: RabbitSession, queue: QueueInfo, limits: ConsumeLimits) -> MoveSession:
    connection = await session.connect()
    move_session = None
    try:
        move_session = MoveSession(session, queue, connection, await connection.channel(), limits)
        await move_session.open()
    except BaseException:
        if move_session is not None:
            await move_session.close()
        await connection.close()
        raise
    return move_session
