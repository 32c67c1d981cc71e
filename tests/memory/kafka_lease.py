"""Letters of a topic: a run holds the topic, and a batch with its marks is one step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mqtui.brokers.optional_port import RawBatch
from mqtui.brokers.port import Batch
from mqtui.domain.bulk import BulkResult, FencedDuringMove, RouteTemplate, RouteTemplates
from mqtui.domain.errors import Held, NotFound
from mqtui.domain.message import Message, Offset, Outgoing
from mqtui.domain.read_range import ReadRange
from mqtui.domain.redrive import LeaseOptions, OffsetBounds, PublishStatus, Receipt, Source, Transfer
from tests.memory.faults import Killed
from tests.memory.kafka_raw_batch import MemoryRawBatch

if TYPE_CHECKING:
    from tests.memory.kafka import MemoryKafka, Topic


@dataclass(slots=True)
class Run:
    """Who holds a topic. A later run of the same topic fences the earlier one: `epoch` grows."""

    run: str
    operator: str
    host: str
    since: int
    renewed: int
    epoch: int
    ended: bool = False


class KafkaLease:
    """The letters between the handled watermark and the snapshot's end."""

    def __init__(self, server: MemoryKafka, topic: Topic, source: Source, options: LeaseOptions, mine: Run) -> None:
        self._server = server
        self._topic = topic
        self._source = source
        self._options = options
        self._mine = mine
        self._draining = False
        self._unread: list[Message] = []

    @classmethod
    @asynccontextmanager
    async def taken(cls, server: MemoryKafka, source: Source, options: LeaseOptions) -> AsyncIterator[KafkaLease]:
        """Hold the topic, then read what is handled (K1)."""
        topic = server.topic(source.ref)
        if topic.id != source.identity:
            raise NotFound(f"{source.ref} was deleted and made again since the plan")
        before = server.runs.get(topic.id)
        holder = server.holder_of(topic)
        if holder and not (holder.stale or options.take_over or (options.resumed and holder.run == options.run)):
            raise Held(
                f"{source.ref} is held by another run",
                f"run {holder.run} of {holder.operator} on {holder.host}, renewed {holder.age:.0f} s ago",
                "Wait for it, or fence it with --take-over.",
            )
        now, epoch = server.clock.now, before.epoch + 1 if before else 0
        mine = server.runs[topic.id] = Run(options.run, options.operator, "memory", now, now, epoch)
        try:
            yield cls(server, topic, source, options, mine)
        except Killed:
            raise
        except BaseException:
            mine.ended = True
            raise
        mine.ended = True

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Unhandled letters in order."""
        handled = self._server.handled_in(self._topic)
        bounds = self._source.bounds
        assert isinstance(bounds, OffsetBounds)
        self._unread = [
            letter
            for letter in self._server.messages(self._source.ref, ReadRange(after=bounds.first))
            if isinstance(letter.position, Offset)
            and letter.position.offset < bounds.end.get(letter.position.partition, 0)
            and not handled.has(letter.position.partition, letter.position.offset)
        ][: self._options.limit]
        while self._unread and not self._draining:
            batch, self._unread = self._unread[:size], self._unread[size:]
            yield batch

    async def raw_batches(self, size: int, lanes: RouteTemplates) -> AsyncIterator[MemoryRawBatch]:
        """As `batches`, with the lane of each letter; the lane is asked of the first of each shape, as on Kafka."""
        known: dict[Hashable, RouteTemplate | None] = {}
        async for batch in self.batches(size):
            ways: list[RouteTemplate | None] = []
            for letter in batch:
                names = tuple(name for name, _, _ in letter.headers)
                shape = (names, *(letter.headers[place] for place in lanes.discriminating_headers(letter)))
                if shape not in known:
                    known[shape] = lanes.route_for(letter)
                ways.append(known[shape])
            yield MemoryRawBatch(batch, ways)

    async def move_raw(self, load: RawBatch) -> BulkResult:
        """As `move`, by the lanes."""
        assert isinstance(load, MemoryRawBatch)
        try:
            return load.to_result(self._moved(load.letters(), load.outgoing()))
        except FencedDuringMove as error:
            assert not isinstance(error.results, BulkResult)
            raise FencedDuringMove(Held(error.title, error.detail), load.to_result(error.results)) from error

    async def drain(self) -> None:
        """Nothing is in hand between batches: a topic lends nothing."""
        self._draining = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """All of the batch with its marks, or nothing of it."""
        return self._moved([transfer.letter for transfer in batch], [transfer.outgoing() for transfer in batch])

    def _moved(self, letters: Batch, sent: Sequence[Outgoing]) -> Sequence[Receipt]:
        self._still_mine(letters)
        self._server.faults.conversation(self._server.address.secret)
        restore = self._before()
        receipts: list[Receipt] = []
        try:
            receipts.extend(self._server.store(outgoing) for outgoing in sent)
        except BaseException:
            restore()
            raise
        gone = [letter for letter, receipt in zip(letters, receipts, strict=True) if receipt.state in PLACED]
        self._server.mark(self._topic, self._options.run, gone)
        self._mine.renewed = self._server.clock.now
        self._server.faults.batch_done()
        return receipts

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Mark them handled."""
        self._still_mine(letters)
        self._server.faults.conversation(self._server.address.secret)
        self._server.mark(self._topic, self._options.run, letters)
        return [Receipt(PublishStatus.STORED, letter.position) for letter in letters]

    def lost(self) -> None:
        """The connection is gone; nothing was lent."""

    async def release(self, letters: Batch) -> None:
        """They were never taken away."""

    def _still_mine(self, letters: Batch) -> None:
        run = self._server.runs[self._topic.id]
        if run is not self._mine:
            held = Held(f"{self._source.ref} was taken over", f"by run {run.run} of {run.operator}")
            raise FencedDuringMove(held, [self._left_behind(letter) for letter in letters])

    def _left_behind(self, letter: Message) -> Receipt:
        assert isinstance(letter.position, Offset)
        gone = (self._topic.id, letter.position) in self._server.marked_by
        return (
            Receipt(PublishStatus.GONE, None, "handled by the other")
            if gone
            else Receipt(PublishStatus.RETURNED, None, "taken")
        )

    def _before(self) -> Restore:
        return Restore(self._server)


PLACED = (PublishStatus.STORED, PublishStatus.UNKNOWN)


class Restore:
    """What an aborted transaction leaves: the topics as they were."""

    def __init__(self, server: MemoryKafka) -> None:
        self._server = server
        self._events = len(server.events)
        self._counts = {
            name: [(len(partition.records), partition.next) for partition in topic.partitions]
            for name, topic in server.topics.items()
        }

    def __call__(self) -> None:
        """Put it back."""
        del self._server.events[self._events :]
        for name, counts in self._counts.items():
            for partition, (count, following) in zip(self._server.topics[name].partitions, counts, strict=True):
                del partition.records[count:]
                partition.next = following
