"""A lease without a hold, for principals that may not use transactions or the state topic (K2).

At least once: an idempotent producer sends, and only the journal of this machine knows what was handled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.connection.thread_queue import Feed
from mqtui.brokers.kafka.messages import message
from mqtui.brokers.kafka.publish import KafkaPublisher
from mqtui.brokers.kafka.redrive.state_topic import State
from mqtui.brokers.kafka.redrive.unhandled_reader import Letters
from mqtui.brokers.port import Batch
from mqtui.domain.redrive import LeaseOptions, PublishStatus, Receipt, Source, Transfer


class LooseLease:
    """Letters read from the plan's bounds, sent and not marked."""

    def __init__(self, connection: Connection, source: Source, terms: LeaseOptions, publisher: KafkaPublisher) -> None:
        self._connection = connection
        self._source = source
        self._terms = terms
        self._publisher = publisher
        self._given = 0
        self._drained = False

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters up to the snapshot, less those the plan knew as handled."""
        feed: Feed[Batch] = Feed(room=1)
        feed.fill("redrive", partial(self._read, size, feed))
        want = self._terms.limit
        try:
            async for batch in feed.items():
                if self._drained or (want is not None and self._given >= want):
                    return
                wanted = batch if want is None else batch[: want - self._given]
                self._given += len(wanted)
                yield wanted
        finally:
            feed.close()

    async def drain(self) -> None:
        """Take no more."""
        self._drained = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store each, confirmed by the broker."""
        return await self._publisher.send([transfer.outgoing() for transfer in batch])

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Nothing can be marked at the broker; the caller's journal keeps it."""
        return [Receipt(PublishStatus.STORED)] * len(letters)

    async def release(self, letters: Batch) -> None:
        """They stay in the topic, and others are given for them."""
        self._given -= len(letters)

    def _read(self, size: int, feed: Feed[Batch]) -> None:
        known = State()
        for number, mark in self._source.handled.watermark.items():
            known.marks(number).add(0, mark)
        for number, offsets in self._source.handled.above.items():
            for offset in offsets:
                known.marks(number).add(offset, offset + 1)
        letters = Letters(self._connection, self._source, known, size)
        letters.make = partial(message, self._source.ref)
        try:
            while (batch := letters.take(size)) and feed.give(batch):
                pass
        finally:
            letters.close()
