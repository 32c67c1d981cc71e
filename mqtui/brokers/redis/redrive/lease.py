"""The lease on a stream: its letters are read ahead by XRANGE, then moved, removed or kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mqtui.brokers.port import Batch
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.redrive.acl import commands_to_remove, require_rights
from mqtui.brokers.redis.redrive.bookkeeping_keys import handled_set_key, move_log_key
from mqtui.brokers.redis.redrive.cross_broker_claims import CrossBrokerClaims
from mqtui.brokers.redis.redrive.killed_run_outcomes import OtherRunLookup
from mqtui.brokers.redis.redrive.move import EntryMover
from mqtui.brokers.redis.redrive.move_spec import CHUNK_BYTES
from mqtui.brokers.redis.redrive.prefetch import Prefetcher
from mqtui.brokers.redis.redrive.receipts import GONE
from mqtui.brokers.redis.redrive.remove import EntryRemover
from mqtui.domain.redrive import IdBounds, LeaseOptions, LetterClaim, Receipt, Source, Transfer


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
        self._prefetcher: Prefetcher | None = None
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
        bounds = self._source.bounds
        if not isinstance(bounds, IdBounds) or bounds.first is None or bounds.last is None:
            return
        handled_set = self._handled_set if self._has_handled_set else None
        self._prefetcher = Prefetcher(self._router, self._source.ref, bounds.first, bounds.last, handled_set, size)
        batches = self._prefetcher.batches()
        given = 0
        try:
            async for batch in batches:
                left = None if self._options.limit is None else self._options.limit + self._kept - given
                if self._is_draining or (left is not None and left <= 0):
                    return
                some = batch if left is None else batch[:left]
                given += len(some)
                yield some
        finally:
            await batches.aclose()

    async def drain(self) -> None:
        """Give no more batches. Nothing has to be returned: a stream reserves nothing for a reader."""
        self._is_draining = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """One receipt a letter. Letters with the same target and the same changes keep their order.

        A target that can't be used refuses its own letters only.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; the rest was not moved.
        """
        largest = self._prefetcher.largest_entry if self._prefetcher else CHUNK_BYTES
        receipts = await self._mover.move(batch, largest)
        return await self._other_runs.name_runs([transfer.letter for transfer in batch], receipts)

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Remove letters that no other group needs. Those that one needs stay and are marked as handled (D1).

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was removed.
        """
        receipts = await self._remover.remove(letters)
        await self._claims.give_up(letters)
        return await self._other_runs.name_runs(letters, receipts)

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
        named = await self._other_runs.name_runs([letters[index] for index in refused], receipts)
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
