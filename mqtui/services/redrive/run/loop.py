"""The main loop of a run: take a batch from the source, journal it, move it, record the outcomes.

While one batch moves, the next is journaled and the previous one recorded. Batches move one after the other, so order
is kept. Deliveries are journaled at once: a crash before that loses a letter that has no delivery left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from mqtui.brokers.loop_yield import CLOCK_INTERVAL, TimeSlices
from mqtui.brokers.optional_port import BulkLease
from mqtui.brokers.port import Batch, Lease
from mqtui.domain.bulk import FencedDuringMove, RouteTemplates
from mqtui.domain.capability import Verb
from mqtui.domain.message import Message
from mqtui.domain.redrive import Outcome, Transfer
from mqtui.services.letter_selector import LetterSelector
from mqtui.services.rate_limit import RateLimiter
from mqtui.services.redrive.planning.routing import RedriveRouter, Unroutable
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.run.batch import MessageMoveBatch, MoveBatch, RawMoveBatch, RunRecorder, deliveries_left
from mqtui.services.redrive.run.outcome_counter import JournalKey, OutcomeCounter
from mqtui.services.redrive.run.transports import Transport

BATCH_SIZE = 5_000
MAX_BATCHES_IN_FLIGHT = 3
"""Batches that are journaled, moved or recorded at the same time."""

RAW_BATCH_SIZE = 10_000
"""Raw records of a batch on the bulk path: what one transaction holds at most (K4)."""


class RedriveLoop:
    """One pass over a source. `budget` is how many letters may be selected beside those of an earlier process.

    With `bulk_routes`, records that match one are moved without being parsed: all are selected, none is in doubt.
    """

    def __init__(
        self,
        request: RedriveRequest,
        router: RedriveRouter,
        selector: LetterSelector,
        recorder: RunRecorder,
        *,
        budget: int | None,
        stop: asyncio.Event,
        progress: Callable[[OutcomeCounter], None],
        bulk_routes: RouteTemplates | None = None,
    ) -> None:
        self._request = request
        self._router = router
        self._selector = selector
        self._recorder = recorder
        self._counter = recorder.counter
        self._budget = budget
        self._stop = stop
        self._progress = progress
        self._bulk_routes = bulk_routes
        self._limiter = RateLimiter(request.rate)

    async def run(self, lease: Lease, transport: Transport) -> None:
        """Run to the end of the snapshot, to the limit, or until the stop; batches in flight are always finished."""
        if self._budget == 0 and not self._counter.has_unmatched:
            return
        tasks: deque[asyncio.Task[int]] = deque()
        moved_before: asyncio.Future[bool] | None = None
        draining = False
        try:
            async for moving, batch in self._read_batches(lease, transport):
                if moving is not None:
                    before, moved_before = moved_before, asyncio.get_running_loop().create_future()
                    tasks.append(asyncio.create_task(self._process(moving, before, moved_before)))
                    if self._request.rate is not None:
                        await self._limiter.wait_after(await tasks.pop(), self._stop)
                if len(tasks) == MAX_BATCHES_IN_FLIGHT:
                    await tasks.popleft()
                if not draining and (self._stop.is_set() or self._is_done(batch)):
                    draining = True
                    await lease.drain()
        finally:
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _read_batches(self, lease: Lease, transport: Transport) -> AsyncIterator[tuple[MoveBatch | None, Batch]]:
        """What is to be moved, with the letters it was selected from where they were parsed."""
        if self._bulk_routes is None or not isinstance(lease, BulkLease):
            async for batch in lease.batches(self._limiter.batch_size(BATCH_SIZE)):
                yield await self._select_and_route(lease, transport, batch), batch
            return
        async for raw in lease.raw_batches(RAW_BATCH_SIZE, self._bulk_routes):
            if raw.is_routed and (self._budget is None or len(raw) <= self._budget):
                if self._budget is not None:
                    self._budget -= len(raw)
                yield RawMoveBatch(self._recorder, lease, raw), ()
            else:
                letters = raw.letters()
                for first in range(0, len(letters), BATCH_SIZE):
                    batch = letters[first : first + BATCH_SIZE]
                    yield await self._select_and_route(lease, transport, batch), batch

    async def _process(
        self, moving: MoveBatch, before: asyncio.Future[bool] | None, after: asyncio.Future[bool]
    ) -> int:
        """Journal a batch, move it after the previous one, record it. How many were tried: none once one failed."""
        moved = False
        try:
            number = await moving.write_journal()
            if before is not None and not await before:
                return 0
            try:
                await moving.move()
            except FencedDuringMove:
                await moving.record_outcomes(number)
                raise
            await moving.remove()
            moved = True
        finally:
            after.set_result(moved)
        await moving.record_outcomes(number)
        self._progress(self._counter)
        return len(moving)

    def _is_done(self, batch: Batch) -> bool:
        """Whether nothing more is wanted.

        Letters in flight at a crash are searched for to the end, since their broker keeps no better record. But where a
        requeue costs a delivery, the search ends at a letter that was never delivered: requeued ones stand before it,
        in any order, mixed with those the dead process had prefetched [995 of these came before 1,000 in flight].
        """
        if self._budget != 0:
            return False
        return not self._counter.has_unmatched or (
            bool(batch) and deliveries_left(batch[-1]) >= 0 and not _delivered(batch[-1])
        )

    async def _select_and_route(self, lease: Lease, transport: Transport, batch: Batch) -> MoveBatch | None:
        """Select the letters of a batch that are to be moved, and route them. The rest stays in the source."""
        keys: list[JournalKey] = []
        transfers: list[Transfer] = []
        rest: list[Message] = []
        unroutable: list[tuple[JournalKey, str]] = []
        all_keys = await self._keys_for(batch)
        wanted = await self._select(
            [letter for letter, key in zip(batch, all_keys, strict=True) if not key.was_in_flight]
        )
        chosen, slices = iter(wanted), TimeSlices()
        for index, (letter, key) in enumerate(zip(batch, all_keys, strict=True)):
            if not index % CLOCK_INTERVAL and slices.is_over:
                await slices.yield_to_loop()
            if not key.was_in_flight and not next(chosen):
                rest.append(letter)
                continue
            route = self._route(letter)
            if isinstance(route, Unroutable):
                rest.append(letter)
                unroutable.append((key, route.reason))
                continue
            keys.append(key)
            transfers.append(route)
        if rest:
            await lease.release(rest)
        for _, reason in unroutable:
            self._counter.add(Outcome.REFUSED, reason=reason)
        if unroutable:
            await self._recorder.journal.write_outcomes(
                0, [(key.name, Outcome.REFUSED, "", reason) for key, reason in unroutable]
            )
        return MessageMoveBatch(self._recorder, transport, keys, transfers) if transfers else None

    async def _keys_for(self, batch: Batch) -> list[JournalKey]:
        keys, slices = list[JournalKey](), TimeSlices()
        for index, letter in enumerate(batch):
            if not index % CLOCK_INTERVAL and slices.is_over:
                await slices.yield_to_loop()
            keys.append(self._counter.key_for(letter))
        return keys

    async def _select(self, letters: Batch) -> list[bool]:
        """Which letters are selected, counted off the budget. A stop ends the jq program: then none is."""
        if self._selector.jq_filter is None:
            wanted = await self._selector.select(letters, self._budget)
        else:
            selecting = asyncio.ensure_future(self._selector.select(letters, self._budget))
            stopped = asyncio.ensure_future(self._stop.wait())
            try:
                await asyncio.wait((selecting, stopped), return_when=asyncio.FIRST_COMPLETED)
                if not selecting.done():
                    return [False] * len(letters)
                wanted = selecting.result()
            finally:
                for task in (selecting, stopped):
                    task.cancel()
                await asyncio.gather(selecting, stopped, return_exceptions=True)
        if self._budget is not None:
            self._budget -= sum(wanted)
        return wanted

    def _route(self, letter: Message) -> Transfer | Unroutable:
        if self._request.verb is Verb.DISCARD:
            return Transfer(letter, letter.resource)
        return self._router.route(letter)


def _delivered(letter: Message) -> bool:
    """Whether it was delivered before."""
    return letter.envelope is not None and letter.envelope.redelivered
