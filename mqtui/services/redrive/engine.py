"""Walking through a source: take a batch, write down that it is in hand, move it, write down what became of it.

While one batch moves, the next is written down and the one before is settled. Batches move one after the other, so
order is kept. What is lent is written down at once: a crash before that costs a letter with no delivery left its life.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mqtui.brokers.port import Batch, Lease
from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import OUTCOMES, Outcome, Receipt, Transfer
from mqtui.services.letters import Selector
from mqtui.services.pace import Pace
from mqtui.services.redrive.keeping import Keeper
from mqtui.services.redrive.ledger import Ledger, Name
from mqtui.services.redrive.movers import Mover
from mqtui.services.redrive.order import Order
from mqtui.services.redrive.routing import Lost, Router
from mqtui.state.runs import Done, Mark

BATCH = 5_000
STEPS = 3
"""Batches in hand at once."""

PERHAPS_TWICE = "perhaps twice: "
"""How the journal's reason of a moved letter begins that may have been stored before a crash too; its name follows."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Letters that are to be moved."""

    names: Sequence[Name]
    transfers: Sequence[Transfer]


class Walk:
    """One walk through a source. `budget` is how many letters may be chosen beside those of an earlier process."""

    def __init__(
        self,
        order: Order,
        router: Router,
        selector: Selector,
        ledger: Ledger,
        keeper: Keeper,
        *,
        budget: int | None,
        suspicious: bool,
        stop: asyncio.Event,
        progress: Callable[[Ledger], None],
        stored: Callable[[Sequence[Transfer], Sequence[Receipt]], None],
    ) -> None:
        self._order = order
        self._router = router
        self._selector = selector
        self._ledger = ledger
        self._keeper = keeper
        self._budget = budget
        self._suspicious = suspicious
        self._stop = stop
        self._progress = progress
        self._stored = stored
        self._pace = Pace(order.rate)

    async def through(self, lease: Lease, mover: Mover) -> None:
        """Walk to the end of the snapshot, to the limit, or until the stop; what is in hand is always finished."""
        if self._budget == 0 and not self._ledger.awaits:
            return
        steps: deque[asyncio.Task[int]] = deque()
        turn: asyncio.Future[bool] | None = None
        drained = False
        try:
            async for batch in lease.batches(self._pace.batch(BATCH)):
                hand = await self._choose(lease, batch)
                if hand is not None:
                    before, turn = turn, asyncio.get_running_loop().create_future()
                    steps.append(asyncio.create_task(self._step(hand, mover, before, turn)))
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

    async def _step(
        self, hand: Hand, mover: Mover, before: asyncio.Future[bool] | None, after: asyncio.Future[bool]
    ) -> int:
        """Write down, move when the step before has moved, settle; how many were tried. None are once a step failed."""
        moved = False
        try:
            letters = [transfer.letter for transfer in hand.transfers]
            marks: list[Mark] = [
                (name.text, name.print, _left(letter)) for name, letter in zip(hand.names, letters, strict=True)
            ]
            number = await self._keeper.take(marks, letters)
            if before is not None and not await before:
                return 0
            receipts = await self._move(hand, mover)
            self._stored(hand.transfers, receipts)
            moved = True
        finally:
            after.set_result(moved)
        await self._settle(hand, number, receipts)
        return len(receipts)

    def _enough(self, batch: Batch) -> bool:
        """Whether nothing more is wanted.

        Letters in hand at a crash are looked for to the end, since their broker keeps no better record. But where a
        return costs a delivery, a letter that was never delivered is the last: those that came back stand before it, in
        any order, with what was only on its way to the dead process [995 of those came before 1,000 in hand].
        """
        if self._budget != 0:
            return False
        return not self._ledger.awaits or (bool(batch) and _left(batch[-1]) >= 0 and not _delivered(batch[-1]))

    async def _choose(self, lease: Lease, batch: Batch) -> Hand | None:
        """What is to be moved of a batch. The rest stays in the source."""
        names: list[Name] = []
        transfers: list[Transfer] = []
        rest: list[Message] = []
        lost: list[tuple[Name, str]] = []
        for letter in batch:
            name = self._ledger.name(letter)
            if not self._chosen(letter, name):
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
            await self._keeper.done(0, [(name.text, Outcome.REFUSED, "", reason) for name, reason in lost])
        return Hand(names, transfers) if transfers else None

    def _chosen(self, letter: Message, name: Name) -> bool:
        if name.suspect:
            return True
        if self._budget == 0 or not self._selector.accepts(letter):
            return False
        if self._budget is not None:
            self._budget -= 1
        return True

    def _way(self, letter: Message) -> Transfer | Lost:
        if self._order.verb is Verb.DISCARD:
            return Transfer(letter, letter.resource)
        return self._router.route(letter)

    async def _move(self, hand: Hand, mover: Mover) -> Sequence[Receipt]:
        try:
            return await mover(hand.transfers)
        except MqtuiError:
            self._ledger.add(Outcome.UNKNOWN, len(hand.transfers))
            self._suspect(hand, range(len(hand.names)))
            raise

    async def _settle(self, hand: Hand, number: int, receipts: Sequence[Receipt]) -> None:
        """Count and write down. A letter whose fate is in doubt stays open in the journal: a resume asks again."""
        dones: list[Done] = []
        doubted: list[int] = []
        moved = 0
        for place, (name, transfer, receipt) in enumerate(zip(hand.names, hand.transfers, receipts, strict=True)):
            outcome = OUTCOMES[receipt.state]
            at = transfer.target.name
            if receipt.position is not None:
                at = f"{at} {receipt.position}"
            twice = self._suspicious and name.suspect
            if outcome is Outcome.MOVED and not twice:
                moved += 1
                dones.append((name.text, outcome, at, ""))
                continue
            reason = "" if outcome is Outcome.MOVED else receipt.reason
            self._ledger.add(outcome, reason=reason)
            if twice or outcome is Outcome.UNKNOWN:
                doubted.append(place)
            if outcome is Outcome.UNKNOWN or (twice and outcome is Outcome.REFUSED):
                continue
            if twice and outcome is Outcome.MOVED:
                reason = PERHAPS_TWICE + suspect(name, transfer.letter)
            dones.append((name.text, outcome, at, reason))
        self._ledger.add(Outcome.MOVED, moved)
        self._suspect(hand, doubted)
        await self._keeper.done(number, dones)
        self._progress(self._ledger)

    def _suspect(self, hand: Hand, places: range | list[int]) -> None:
        """Name letters that may be there twice, where the broker can't rule that out."""
        if self._suspicious:
            self._ledger.suspects += [suspect(hand.names[place], hand.transfers[place].letter) for place in places]


def suspect(name: Name, letter: Message) -> str:
    """How a letter that may be doubled is named: its position, or its message id and fingerprint."""
    if letter.envelope is None:
        return f"{letter.resource.name} {name.text}"
    message_id = next((value for key, value in letter.envelope.properties if key == "message_id"), "")
    return " ".join(part for part in (letter.resource.name, str(message_id), name.print.hex()) if part)


def _delivered(letter: Message) -> bool:
    """Whether it was delivered before."""
    return letter.envelope is not None and letter.envelope.redelivered


def _left(letter: Message) -> int:
    """Deliveries left, -1 where there is no limit or it is unknown."""
    if letter.envelope is None or letter.envelope.left.number is None:
        return -1
    return int(letter.envelope.left.number)
