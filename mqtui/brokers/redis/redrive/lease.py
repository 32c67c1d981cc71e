"""The lease on a stream: its letters are read ahead by XRANGE, then moved, removed or kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

from mqtui.brokers.optional_port import RawBatch
from mqtui.brokers.port import Batch
from mqtui.brokers.redis.connection.resp import Entry
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.redrive.acl import commands_to_remove, require_rights
from mqtui.brokers.redis.redrive.bookkeeping_keys import handled_set_key, move_log_key
from mqtui.brokers.redis.redrive.cross_broker_claims import CrossBrokerClaims
from mqtui.brokers.redis.redrive.killed_run_outcomes import OtherRunLookup
from mqtui.brokers.redis.redrive.move import EntryMover
from mqtui.brokers.redis.redrive.move_spec import CHUNK_BYTES
from mqtui.brokers.redis.redrive.prefetch import Prefetcher
from mqtui.brokers.redis.redrive.raw_entries import EntryRouter, RawEntryBatch
from mqtui.brokers.redis.redrive.receipts import GONE
from mqtui.brokers.redis.redrive.remove import EntryRemover
from mqtui.domain.bulk import BulkResult, RouteTemplates
from mqtui.domain.message import Message
from mqtui.domain.redrive import IdBounds, LeaseOptions, LetterClaim, Receipt, Source, Transfer

Item = TypeVar("Item", Message, Entry)


class RedisLease:
    """Reserves nothing while it is open: letters stay in the stream, visible to all, until they are moved."""

    def __init__(self, router: Router, source: Source, options: LeaseOptions) -> None:
        self._router = router
        self._source = source
        self._options = options
        self._key = stream_key(source.ref)
        self._handled_set = handled_set_key(router.address.prefix, self._key)
        self._move_log = move_log_key(router.address.prefix, self._key, options.run)
        self._connection = WriteConnection(router, self._key)
        self._remover = EntryRemover(router, self._connection, source.ref, self._handled_set, self._move_log)
        self._mover = EntryMover(router, self._connection, source.ref, options, self._remover)
        self._other_runs = OtherRunLookup(router, source.ref, options.run)
        self._claims = CrossBrokerClaims(router, self._connection, source.ref, self._handled_set, options)
        self._prefetcher: Prefetcher[Message] | Prefetcher[Entry] | None = None
        self._has_handled_set = False
        self._is_draining = False
        self._kept = 0

    async def close(self) -> None:
        """Stop reading ahead and close the connections."""
        if self._prefetcher is not None:
            await self._prefetcher.close()
        await self._claims.close()
        await self._connection.close()
        await self._mover.close()

    async def prepare(self) -> None:
        """Check the source, the rights and the targets."""
        key_type, exists = await self._router.execute_pipeline(
            self._key, [("TYPE", self._key), ("EXISTS", self._handled_set)]
        )
        bounds = self._source.bounds
        if isinstance(bounds, IdBounds) and bounds.last is None:
            return
        require_stream(key_type, self._source.ref)
        commands = commands_to_remove(self._key, self._handled_set, self._move_log)
        await require_rights(self._connection, commands, self._source.ref.name)
        self._has_handled_set = exists == 1
        await self._mover.check_targets(self._options.targets)

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters by id from the snapshot's first to its last, without those that stay but were handled before."""
        prefetcher = self._prefetch(size, partial(to_messages, self._source.ref))
        if prefetcher is not None:
            self._prefetcher = prefetcher
            async with aclosing(self._up_to_limit(prefetcher)) as batches:
                async for batch in batches:
                    yield batch

    async def raw_batches(self, size: int, templates: RouteTemplates) -> AsyncIterator[RawBatch]:
        """`batches` as raw entries, each with its route."""
        router = EntryRouter(self._source.ref, templates, self._mover.is_in_same_slot)
        prefetcher = self._prefetch(size, list[Entry])
        if prefetcher is not None:
            self._prefetcher = prefetcher
            async with aclosing(self._up_to_limit(prefetcher)) as batches:
                async for entries in batches:
                    yield RawEntryBatch(self._source.ref, entries, router.route(entries))

    def _prefetch(self, size: int, convert: Callable[[list[Entry]], list[Item]]) -> Prefetcher[Item] | None:
        """A reader of the snapshot; None where that is empty."""
        bounds = self._source.bounds
        if not isinstance(bounds, IdBounds) or bounds.first is None or bounds.last is None:
            return None
        handled_set = self._handled_set if self._has_handled_set else None
        return Prefetcher(self._router, self._source.ref, (bounds.first, bounds.last), handled_set, size, convert)

    async def _up_to_limit(self, prefetcher: Prefetcher[Item]) -> AsyncGenerator[list[Item], None]:
        """The batches, until the limit of the options or `drain`."""
        given = 0
        async with aclosing(prefetcher.batches()) as batches:
            async for batch in batches:
                left = None if self._options.limit is None else self._options.limit + self._kept - given
                if self._is_draining or (left is not None and left <= 0):
                    return
                some = batch if left is None else batch[:left]
                given += len(some)
                yield some

    async def drain(self) -> None:
        """Give no more batches. Nothing has to be returned: a stream reserves nothing for a reader."""
        self._is_draining = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """One receipt a letter. Letters with the same target and the same changes keep their order.

        A target that can't be used refuses its own letters only.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; the rest was not moved.
        """
        receipts = await self._mover.move(batch, self._largest_entry)
        return await self._other_runs.name_runs((transfer.letter.position for transfer in batch), receipts)

    async def move_raw(self, raw_batch: RawBatch) -> BulkResult:
        """Move raw entries, as `move` does with messages."""
        if not isinstance(raw_batch, RawEntryBatch):
            raise TypeError(f"{raw_batch} is no raw batch of this lease")
        result = await self._mover.move_raw(raw_batch, self._largest_entry)
        receipts = [receipt for _, _, receipt in result.others]
        named = await self._other_runs.name_runs([position for position, _, _ in result.others], receipts)
        others = [
            (position, target, receipt) for (position, target, _), receipt in zip(result.others, named, strict=True)
        ]
        return replace(result, others=others)

    @property
    def _largest_entry(self) -> int:
        """Bytes of the largest letter that was read."""
        return self._prefetcher.largest_entry if self._prefetcher else CHUNK_BYTES

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Remove letters that no other group needs. Those that one needs stay and are marked as handled (D1).

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was removed.
        """
        receipts = await self._remover.remove(letters)
        await self._claims.give_up(letters)
        return await self._other_runs.name_runs((letter.position for letter in letters), receipts)

    async def release(self, letters: Batch) -> None:
        """Leave letters where they are, for any run."""
        self._kept += len(letters)
        await self._claims.give_up(letters)

    async def claim(self, letters: Batch) -> Sequence[LetterClaim]:
        """Claim letters before they are stored at another broker, so that no other run stores them too.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing may be stored elsewhere.
        """
        claims = await self._claims.claim(letters)
        refused = [index for index, claim in enumerate(claims) if claim.refused is not None]
        receipts = [claim.refused or GONE for claim in claims if claim.refused is not None]
        named = await self._other_runs.name_runs((letters[index].position for index in refused), receipts)
        for index, receipt in zip(refused, named, strict=True):
            claims[index] = LetterClaim(receipt)
        return claims


@asynccontextmanager
async def open_lease(router: Router, source: Source, options: LeaseOptions) -> AsyncIterator[RedisLease]:
    """A lease whose rights and targets were checked before the first letter is touched (D4).

    Raises:
        NotFound: the source is no stream or gone (unless it was empty), or none of the targets exists.
        NotAuthorised: a right is missing; the error names it.
        CannotConnect, BrokerTrouble: the server can't be reached, or takes no writes now.
    """
    lease = RedisLease(router, source, options)
    try:
        await lease.prepare()
        yield lease
    finally:
        await lease.close()
