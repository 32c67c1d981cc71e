"""The lease for principals without ACLs for transactions or the state topic: at least once, without a lock (K2).

An idempotent producer sends the letters, and only this machine's journal knows which ones were handled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.thread_queue import ThreadToLoopQueue
from mqtui.brokers.kafka.messages import to_message
from mqtui.brokers.kafka.publish import KafkaPublisher
from mqtui.brokers.kafka.redrive.unhandled_reader import UnhandledReader
from mqtui.brokers.port import Batch
from mqtui.domain.redrive import LeaseOptions, PublishStatus, Receipt, Source, Transfer


class AtLeastOnceLease:
    """The port's Lease without transactions: letters are published, and nothing is marked at the broker."""

    def __init__(self, clients: KafkaClients, source: Source, options: LeaseOptions, publisher: KafkaPublisher) -> None:
        self._clients = clients
        self._source = source
        self._options = options
        self._publisher = publisher
        self._handed_out = 0
        self._drained = False

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters up to the snapshot's ends, without those that were handled when it was taken."""
        queue: ThreadToLoopQueue[Batch] = ThreadToLoopQueue(capacity=1)
        queue.run_producer("redrive", partial(self._read, size, queue))
        want = self._options.limit
        try:
            async for batch in queue.items():
                if self._drained or (want is not None and self._handed_out >= want):
                    return
                wanted = batch if want is None else batch[: want - self._handed_out]
                self._handed_out += len(wanted)
                yield wanted
        finally:
            queue.close()

    async def drain(self) -> None:
        """End `batches` early."""
        self._drained = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Publish each letter; the receipts are the broker's confirmations."""
        return await self._publisher.send([transfer.outgoing() for transfer in batch])

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Nothing to do at the broker: the caller's journal records it."""
        return [Receipt(PublishStatus.STORED)] * len(letters)

    async def release(self, letters: Batch) -> None:
        """They stay in the topic and do not count towards `LeaseOptions.limit`."""
        self._handed_out -= len(letters)

    def _read(self, size: int, queue: ThreadToLoopQueue[Batch]) -> None:
        reader = UnhandledReader.of_snapshot(self._clients, self._source, size)
        reader.make_item = partial(to_message, self._source.ref)
        try:
            while (batch := reader.next_items(size)) and queue.put(batch):
                pass
        finally:
            reader.close()
