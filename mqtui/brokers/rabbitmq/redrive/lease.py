"""Letters taken from one queue: the caller's side of a `Hand`, a batch a crossing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mqtui.brokers.port import Batch
from mqtui.brokers.rabbitmq.capabilities import NO_REMOVAL
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read import peek_budget, peek_cost, queue_fingerprint
from mqtui.brokers.rabbitmq.read.queue_info import Queue, queue_facts
from mqtui.brokers.rabbitmq.redrive.move import Hand
from mqtui.brokers.rabbitmq.redrive.queue_consumer import Bounds
from mqtui.domain.errors import Refused, Unsupported
from mqtui.domain.redrive import CountBound, LeaseOptions, Receipt, Source, Transfer

REPLAN = "Plan again, on the queue as it is now."


class RabbitLease:
    """Letters of one queue. At least once: what was in hand when the connection was lost may come again (C6)."""

    def __init__(self, access: Access, hand: Hand) -> None:
        self._access = access
        self._hand = hand

    @property
    def end_reason(self) -> str:
        """Why `batches` ended although letters of the snapshot may be there still, in words; "" where it did not."""
        return self._hand.taking.end_reason

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters in order up to the snapshot, at most `size` and at most half a hand at once.

        A letter with fewer than 3 deliveries left comes alone, and the next one when it was moved, settled or kept.

        Raises:
            BrokerTrouble: the connection was lost, or the queue was deleted.
        """
        while batch := await self._access.io.call(self._hand.taking.next(size)):
            yield batch

    async def drain(self) -> None:
        """Take no more."""
        await self._access.io.call(self._hand.taking.end())

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Publish, wait for the confirms, acknowledge what was stored. What was refused stays."""
        return await asyncio.shield(self._access.io.call(self._hand.move(batch)))

    async def store(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Publish and wait for the confirms. What was stored stays in hand until it is settled."""
        return await asyncio.shield(self._access.io.call(self._hand.store(batch)))

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Acknowledge letters that are stored elsewhere, or are discarded."""
        return await asyncio.shield(self._access.io.call(self._hand.settle(letters)))

    async def release(self, letters: Batch) -> None:
        """Hold letters back; they are returned at the end, in order."""
        await self._access.io.call(self._hand.keep(letters))


@asynccontextmanager
async def leasing(access: Access, source: Source, terms: LeaseOptions) -> AsyncIterator[RabbitLease]:
    """Take letters from a queue for a while. Leaving returns what is still in hand.

    Raises:
        Refused: the queue has consumers and `terms.shared` does not allow that.
        Unsupported: the source is a stream.
        NotAuthorised: a right is missing.
    """
    facts = await queue_facts(access, source.ref.name)
    if facts.sort == "stream":
        raise Unsupported(f"{source.ref} can't be a source", NO_REMOVAL.reason, NO_REMOVAL.hint)
    if facts.consumers and not terms.shared:
        raise Refused(
            f"{source.ref} has consumers",
            f"{facts.consumers} read it: they would take letters from this walk, and it from them",
            "Stop them, or agree with --yes-shared.",
        )
    if await is_another(access, source, facts):
        raise Refused(f"{source.ref} is not the one the plan was made on", "It was deleted and made again.", REPLAN)
    key = await peek_budget.budget_key(access, facts.name)
    limits = await _alone_if_unreadable(access, facts, key, bounds(source, terms))
    known = await queue_fingerprint.creation_of(access, facts)
    await peek_budget.record_start_of(access, key, known)
    hand = await access.io.call(_opened(access, facts, limits))
    hand.post.careful = terms.resumed
    access.endings.add(hand.leave)
    try:
        yield RabbitLease(access, hand)
    finally:
        if not hand.left:
            await asyncio.shield(access.io.call(hand.leave()))
        access.endings.discard(hand.leave)
        unreadable = int(hand.taking.unreadable)
        await access.remembered(lambda counts: counts.end(key, unreadable=unreadable))


async def is_another(access: Access, source: Source, facts: Queue) -> bool:
    """Whether the queue is proved not to be the one of the snapshot."""
    before = queue_fingerprint.decoded(source.bounds.mark) if isinstance(source.bounds, CountBound) else None
    if before is None:
        return False
    now = await queue_fingerprint.creation_of(access, facts)
    return now is not None and queue_fingerprint.is_another(before, now)


async def _alone_if_unreadable(access: Access, facts: Queue, key: str, limits: Bounds) -> Bounds:
    """The bounds of a queue that holds a letter which the broker can't hand over: those before it come one by one.

    Raises:
        Refused: that letter may have no delivery left.
    """
    cost = await peek_cost.of(access, facts)
    met = (await access.remembered(lambda counts: counts.history(key))).unreadable
    if not met:
        return limits
    if peek_cost.is_last_chance(facts.limit, met):
        raise Refused(f"{facts.ref} can't be walked through", cost.refusal, "Take that message out by AMQP 1.0.")
    return replace(limits, alone=True)


def bounds(source: Source, terms: LeaseOptions) -> Bounds:
    """Where the walk ends (R8)."""
    snapshot = source.bounds
    if not isinstance(snapshot, CountBound):
        raise TypeError(f"{source.ref} was not counted")
    letters = snapshot.ready if terms.limit is None else min(terms.limit, snapshot.ready)
    return Bounds(letters, max(1, terms.max_in_flight), terms.run, snapshot.at)


async def _opened(access: Access, facts: Queue, limits: Bounds) -> Hand:
    link = await access.connect()
    hand = None
    try:
        hand = Hand(access, facts, link, await link.channel(), limits)
        await hand.open()
    except BaseException:
        if hand is not None:
            await hand.close()
        await link.close()
        raise
    return hand
