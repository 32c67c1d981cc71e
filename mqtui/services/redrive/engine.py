"""Walking through a source: take a batch, write down that it is in hand, move it, write down what became of it.

While one batch moves, the next is written down and the one before is settled. Batches move one after the other, so
order is kept. What is lent is written down at once: a crash before that costs a letter with no delivery left its life.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.port import Batch, Convoy, Lease
from mqtui.domain.capability import Verb
from mqtui.domain.convoy import Lanes, TakenOver
from mqtui.domain.message import Message
from mqtui.domain.redrive import Outcome, Transfer
from mqtui.services.letters import Selector
from mqtui.services.pace import Pace
from mqtui.services.redrive.hands import Books, Hand, Shown, Unseen, left
from mqtui.services.redrive.ledger import Ledger, Name
from mqtui.services.redrive.movers import Mover
from mqtui.services.redrive.order import Order
from mqtui.services.redrive.routing import Lost, Router

BATCH = 5_000
STEPS = 3
"""Batches in hand at once."""

LOAD = 10_000
"""Letters of a load: what one transaction holds at most (K4)."""


class Walk:
    """One walk through a source. `budget` is how many letters may be chosen beside those of an earlier process.

    With `lanes`, letters of a convoy that have one are moved unseen: all of them were selected, and none is in doubt.
    """

    def __init__(
        self,
        order: Order,
        router: Router,
        selector: Selector,
        books: Books,
        *,
        budget: int | None,
        stop: asyncio.Event,
        progress: Callable[[Ledger], None],
        lanes: Lanes | None = None,
    ) -> None:
        self._order = order
        self._router = router
        self._selector = selector
        self._books = books
        self._ledger = books.ledger
        self._budget = budget
        self._stop = stop
        self._progress = progress
        self._lanes = lanes
        self._pace = Pace(order.rate)

    async def through(self, lease: Lease, mover: Mover) -> None:
        """Walk to the end of the snapshot, to the limit, or until the stop; what is in hand is always finished."""
        if self._budget == 0 and not self._ledger.awaits:
            return
        steps: deque[asyncio.Task[int]] = deque()
        turn: asyncio.Future[bool] | None = None
        drained = False
        try:
            async for hand, batch in self._hands(lease, mover):
                if hand is not None:
                    before, turn = turn, asyncio.get_running_loop().create_future()
                    steps.append(asyncio.create_task(self._step(hand, before, turn)))
                    if self._order.rate is not None:
                        await self._pace.after(await steps.pop(), self._stop)
                if len(steps) == STEPS:
                    await steps.popleft()
                if not drained and (self._stop.is_set() or self._enough(batch)):
                    drained = True
                    await lease.drain()
        finally:
            ends = await asyncio.gather(*steps, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _hands(self, lease: Lease, mover: Mover) -> AsyncIterator[tuple[Hand | None, Batch]]:
        """What is to be moved, with the letters it was chosen from as far as they were shown."""
        if self._lanes is None or not isinstance(lease, Convoy):
            async for batch in lease.batches(self._pace.batch(BATCH)):
                yield await self._choose(lease, mover, batch), batch
            return
        async for load in lease.loads(LOAD, self._lanes):
            if load.whole and (self._budget is None or len(load) <= self._budget):
                if self._budget is not None:
                    self._budget -= len(load)
                yield Unseen(self._books, lease, load), ()
            else:
                letters = load.letters()
                for first in range(0, len(letters), BATCH):
                    batch = letters[first : first + BATCH]
                    yield await self._choose(lease, mover, batch), batch

    async def _step(self, hand: Hand, before: asyncio.Future[bool] | None, after: asyncio.Future[bool]) -> int:
        """Write down, move when the step before has moved, settle; how many were tried. None are once a step failed."""
        moved = False
        try:
            number = await hand.note()
            if before is not None and not await before:
                return 0
            try:
                await hand.move()
            except TakenOver:
                await hand.settle(number)
                raise
            await hand.remove()
            moved = True
        finally:
            after.set_result(moved)
        await hand.settle(number)
        self._progress(self._ledger)
        return len(hand)

    def _enough(self, batch: Batch) -> bool:
        """Whether nothing more is wanted.

        Letters in hand at a crash are looked for to the end, since their broker keeps no better record. But where a
        return costs a delivery, a letter that was never delivered is the last: those that came back stand before it, in
        any order, with what was only on its way to the dead process [995 of those came before 1,000 in hand].
        """
        if self._budget != 0:
            return False
        return not self._ledger.awaits or (bool(batch) and left(batch[-1]) >= 0 and not _delivered(batch[-1]))

    async def _choose(self, lease: Lease, mover: Mover, batch: Batch) -> Hand | None:
        """What is to be moved of a batch. The rest stays in the source."""
        names: list[Name] = []
        transfers: list[Transfer] = []
        rest: list[Message] = []
        lost: list[tuple[Name, str]] = []
        named = [self._ledger.name(letter) for letter in batch]
        wanted = await self._wanted([letter for letter, name in zip(batch, named, strict=True) if not name.suspect])
        chosen, slices = iter(wanted), TimeSlices()
        for letter, name in zip(batch, named, strict=True):
            if slices.is_over:
                await slices.yield_to_loop()
            if not name.suspect and not next(chosen):
                rest.append(letter)
                continue
            way = self._way(letter)
            if isinstance(way, Lost):
                rest.append(letter)
                lost.append((name, way.reason))
                continue
            names.append(name)
            transfers.append(way)
        if rest:
            await lease.keep(rest)
        for _, reason in lost:
            self._ledger.add(Outcome.REFUSED, reason=reason)
        if lost:
            await self._books.keeper.done(0, [(name.text, Outcome.REFUSED, "", reason) for name, reason in lost])
        return Shown(self._books, mover, names, transfers) if transfers else None

    async def _wanted(self, letters: Batch) -> list[bool]:
        """Which letters are chosen, counted off the budget. The stop ends a jq program, and none is chosen then."""
        if self._selector.where is None:
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

    def _way(self, letter: Message) -> Transfer | Lost:
        if self._order.verb is Verb.DISCARD:
            return Transfer(letter, letter.resource)
        return self._router.route(letter)


def _delivered(letter: Message) -> bool:
    """Whether it was delivered before."""
    return letter.envelope is not None and letter.envelope.redelivered
