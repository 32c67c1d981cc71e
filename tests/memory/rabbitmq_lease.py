"""A queue lease: letters are delivered by tag, stored, then acknowledged; released ones are requeued."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mqtui.brokers.port import Batch
from mqtui.domain.errors import Refused
from mqtui.domain.message import Delivery, Message
from mqtui.domain.redrive import CountBound, LeaseOptions, PublishStatus, Receipt, Source, Transfer

DIED_LATER = "died after the plan, by the broker's clock"

if TYPE_CHECKING:
    from tests.memory.rabbitmq import Item, MemoryRabbitMQ, Queue


class RabbitMQLease:
    """At most `max_in_flight` letters are in flight; released ones stay unacknowledged until the end (R5)."""

    def __init__(self, server: MemoryRabbitMQ, queue: Queue, source: Source, options: LeaseOptions) -> None:
        self._server = server
        self._queue = queue
        self._source = source
        self._options = options
        self._draining = False
        self.end_reason = ""
        self._lent: dict[int, Item] = {}
        self._tag = 0

    @classmethod
    @asynccontextmanager
    async def taken(cls, server: MemoryRabbitMQ, source: Source, options: LeaseOptions) -> AsyncIterator[RabbitMQLease]:
        """Consume; what is still unacknowledged at the end is requeued."""
        queue = server.queue(source.ref)
        if queue.consumers and not options.shared:
            raise Refused(f"{source.ref} has consumers", ", ".join(queue.consumers), "Agree with --yes-shared.")
        lease = cls(server, queue, source, options)
        try:
            yield lease
        finally:
            lease.give_back()

    def lost(self) -> None:
        """The connection is lost: the broker requeues what is unacknowledged."""
        self.give_back()

    def give_back(self) -> None:
        """Requeue all that is unacknowledged at once: the order stays."""
        self._server.requeue(self._queue, list(self._lent.values()))
        self._lent.clear()

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters up to the count of the snapshot."""
        assert isinstance(self._source.bounds, CountBound) and self._source.bounds.at is not None
        to_give = self._source.bounds.ready
        if self._options.limit is not None:
            to_give = min(to_give, self._options.limit)
        while to_give and not self._draining:
            batch: list[Message] = []
            while to_give and len(batch) < min(size, self._options.max_in_flight):
                item = self._server.take(self._queue)
                if item is None or item.timestamp > self._source.bounds.at:
                    self.end_reason = DIED_LATER if item is not None else ""
                    self._return(item)
                    to_give = 0
                    break
                self._tag += 1
                self._lent[self._tag] = item
                batch.append(self._server.delivered(self._source.ref, self._queue, item, self._tag))
                to_give -= 1
            if batch:
                yield batch

    def _return(self, item: Item | None) -> None:
        if item is not None:
            self._server.give_back(self._queue, item)

    async def drain(self) -> None:
        """Take no more."""
        self._draining = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Publish each, and acknowledge those that were confirmed and not returned."""
        receipts: list[Receipt] = []
        for transfer in batch:
            (receipt,) = await self.store([transfer])
            if receipt.state is PublishStatus.STORED:
                self._ack(transfer.letter)
            receipts.append(receipt)
        self._server.faults.batch_done()
        return receipts

    async def store(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Publish each; nothing is acknowledged yet."""
        receipts = []
        for transfer in batch:
            self._server.faults.conversation(self._server.address.secret)
            receipts.append(self._server.store(transfer.outgoing()))
        return receipts

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Acknowledge."""
        self._server.faults.conversation(self._server.address.secret)
        for letter in letters:
            self._ack(letter)
        self._server.faults.batch_done()
        return [Receipt(PublishStatus.STORED) for _ in letters]

    async def release(self, letters: Batch) -> None:
        """They stay unacknowledged until the end."""

    def _ack(self, letter: Message) -> None:
        assert isinstance(letter.position, Delivery)
        self._server.ack(self._queue, self._lent.pop(letter.position.tag))
