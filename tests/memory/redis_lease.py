"""Letters of a stream, by id: a batch is one script that stores and removes what is still there (D4)."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import TYPE_CHECKING

from mqtui.brokers.optional_port import RawBatch
from mqtui.brokers.port import Batch
from mqtui.brokers.redis.redrive.raw_entries import EntryRouter, RawEntryBatch
from mqtui.domain.bulk import BulkResult, EntryReceipts, RouteTemplates
from mqtui.domain.message import EntryId, Message, Position
from mqtui.domain.redrive import IdBounds, LeaseOptions, PublishStatus, Receipt, Source, Transfer

if TYPE_CHECKING:
    from tests.memory.redis import MemoryRedis, Stream

GONE = Receipt(PublishStatus.GONE, reason="no longer in the source")


class RedisLease:
    """The entries between the snapshot's ids. Nothing is held: another run may move them first."""

    def __init__(self, server: MemoryRedis, stream: Stream, source: Source, options: LeaseOptions) -> None:
        self._server = server
        self._stream = stream
        self._source = source
        self._options = options
        self._draining = False

    @classmethod
    @asynccontextmanager
    async def taken(cls, server: MemoryRedis, source: Source, options: LeaseOptions) -> AsyncIterator[RedisLease]:
        """Nothing to hold, nothing to return."""
        yield cls(server, server.stream(source.ref), source, options)

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Entries by id, as they are there when read."""
        bounds, given = self._source.bounds, 0
        assert isinstance(bounds, IdBounds)
        if bounds.first is None or bounds.last is None:
            return
        after = EntryId(bounds.first.ms, bounds.first.seq - 1)
        while not self._draining:
            room = size if self._options.limit is None else min(size, self._options.limit - given)
            ids = [entry for entry in sorted(self._stream.entries) if after < entry <= bounds.last]
            ids = [entry for entry in ids if entry not in self._stream.handled][:room]
            if not ids:
                return
            after, given = ids[-1], given + len(ids)
            yield [self._server.message(self._source.ref, entry, self._stream.entries[entry]) for entry in ids]

    async def raw_batches(self, size: int, templates: RouteTemplates) -> AsyncIterator[RawEntryBatch]:
        """The same letters as raw entries, routed by the adapter's own code."""
        router = EntryRouter(self._source.ref, templates, lambda _: True)
        async for batch in self.batches(size):
            entries = [(str(letter.position).encode(), [*chain.from_iterable(letter.fields)]) for letter in batch]
            yield RawEntryBatch(self._source.ref, entries, router.route(entries))

    async def move_raw(self, raw_batch: RawBatch) -> BulkResult:
        """As `move`."""
        assert isinstance(raw_batch, RawEntryBatch)
        transfers, indexes = list[Transfer](), list[int]()
        for letter, route in zip(raw_batch.letters(), raw_batch.route_of_each, strict=True):
            assert route is not None
            spec = route.spec
            transfers.append(Transfer(letter, spec.target, stripped=spec.stripped, added=spec.added))
            indexes.append(raw_batch.entry_routes.index(route))
        receipts = await self.move(transfers)
        rows = list(zip(transfers, receipts, indexes, strict=True))
        moved = [row for row in rows if row[1].state is PublishStatus.STORED]
        routes = array("i", [index for _, _, index in moved]).tobytes()
        return BulkResult(
            EntryReceipts(
                [str(transfer.letter.position).encode() for transfer, _, _ in moved],
                tuple(route.target.name for route in raw_batch.routes),
                routes,
                [str(receipt.position).encode() for _, receipt, _ in moved],
            ),
            [
                (transfer.letter.position, transfer.target, receipt)
                for transfer, receipt, _ in rows
                if receipt.state is not PublishStatus.STORED
            ],
            routes,
        )

    async def drain(self) -> None:
        """Read no more."""
        self._draining = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """One script for each letter; a batch that is cut short has moved its first ones."""
        receipts = []
        for transfer in batch:
            self._server.faults.conversation(self._server.address.secret)
            if not self._here(transfer.letter):
                receipts.append(GONE)
                continue
            try:
                receipt = self._server.store(transfer.outgoing())
            except BaseException:
                self._record(transfer.letter, None)
                self._take_out(transfer.letter)
                raise
            if receipt.state in (PublishStatus.STORED, PublishStatus.UNKNOWN):
                self._record(transfer.letter, receipt.position)
                self._take_out(transfer.letter)
            receipts.append(receipt)
        self._server.faults.batch_done()
        return receipts

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Remove those still there."""
        self._server.faults.conversation(self._server.address.secret)
        receipts = []
        for letter in letters:
            here = self._here(letter)
            if here:
                self._record(letter, None)
                self._take_out(letter)
            receipts.append(Receipt(PublishStatus.STORED, letter.position) if here else GONE)
        return receipts

    def lost(self) -> None:
        """The connection is gone; nothing was lent."""

    async def release(self, letters: Batch) -> None:
        """They were never taken away."""

    def _here(self, letter: Message) -> bool:
        return letter.position in self._stream.entries and letter.position not in self._stream.handled

    def _record(self, letter: Message, place: Position | None) -> None:
        assert isinstance(letter.position, EntryId)
        self._server.moved.setdefault((self._source.ref.name, self._options.run), {})[letter.position] = place

    def _take_out(self, letter: Message) -> None:
        assert isinstance(letter.position, EntryId)
        self._server.take_out(self._stream, letter.position)
