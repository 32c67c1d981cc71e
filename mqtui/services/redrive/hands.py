"""Letters in hand: how they are written down, moved, and what is said of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mqtui.brokers.port import Convoy, Load
from mqtui.domain.convoy import Carried, TakenOver
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import OUTCOMES, Outcome, Receipt, Stored, Transfer
from mqtui.services.redrive.keeping import Keeper
from mqtui.services.redrive.ledger import Ledger, Name
from mqtui.services.redrive.movers import STORED_BEFORE, Mover, is_by_another_run
from mqtui.state.runs import Done, Mark

PERHAPS_TWICE = "perhaps twice: "
"""How the journal's reason of a moved letter begins that may be in two places; its name follows."""

NOT_REMOVED = "stored, and perhaps not removed"
COPIED = Receipt(Stored.STORED)
TAKEN = "stored here, and another hand took it from the source meanwhile"


class Watcher(Protocol):
    """Who wants to know where copies went."""

    def note(self, transfers: Sequence[Transfer], receipts: Sequence[Receipt]) -> None:
        """Of a batch."""

    def note_load(self, load: Load, carried: Carried) -> None:
        """Of a load."""


@dataclass(frozen=True, slots=True)
class Books:
    """Where a run writes: its counts, its journal, and for whoever watches."""

    ledger: Ledger
    keeper: Keeper
    watcher: Watcher | None
    suspicious: bool
    """Whether a letter whose fate is in doubt may be there twice."""


class Hand(Protocol):
    """Letters that are to be moved: noted, moved, settled, in that order."""

    def __len__(self) -> int:
        """How many."""

    async def note(self) -> int:
        """Write down that they are in hand, and get the number of the batch."""

    async def move(self) -> None:
        """Store them; where the broker does both in one step, they are removed from the source too."""

    async def remove(self) -> None:
        """Write down which are stored, and remove these from the source."""

    async def settle(self, number: int) -> None:
        """Count and write down what became of them."""


class Shown:
    """Letters that were looked at, each with its way."""

    def __init__(self, books: Books, mover: Mover, names: Sequence[Name], transfers: Sequence[Transfer]) -> None:
        self._books = books
        self._mover = mover
        self._names = names
        self._transfers = transfers
        self._receipts: list[Receipt] = []
        self._copied = frozenset(
            place for place, name in enumerate(names) if name.stored and not name.print and mover.stores_first
        )
        """Places of letters that an earlier process stored, for sure: these are only removed."""

        self._taken: set[int] = set()
        """Places of letters that are stored, and that another hand took from the source."""

        self._broken: MqtuiError | None = None

    def __len__(self) -> int:
        return len(self._transfers)

    async def note(self) -> int:
        """With the bytes where the source forgets them."""
        letters = [transfer.letter for transfer in self._transfers]
        marks: list[Mark] = [
            (name.text, name.print, left(letter)) for name, letter in zip(self._names, letters, strict=True)
        ]
        return await self._books.keeper.take(marks, letters)

    async def move(self) -> None:
        """Where the broker breaks off nobody knows what became of them."""
        fresh = [place for place in range(len(self)) if place not in self._copied]
        try:
            receipts = await self._mover.store([self._transfers[place] for place in fresh])
        except TakenOver as error:
            assert not isinstance(error.told, Carried)
            self._take(fresh, error.told)
            raise
        except MqtuiError:
            self._books.ledger.add(Outcome.UNKNOWN, len(self))
            self._suspect(range(len(self)))
            raise
        self._take(fresh, receipts)
        if self._books.watcher is not None:
            self._books.watcher.note(self._transfers, self._receipts)

    def _take(self, fresh: Sequence[int], receipts: Sequence[Receipt]) -> None:
        """Letters of an earlier process that the journal knows as stored are not sent again."""
        told = dict(zip(fresh, receipts, strict=True))
        self._receipts = [told.get(place, COPIED) for place in range(len(self))]

    async def remove(self) -> None:
        """A letter that is stored and not removed stays in doubt: a resume removes it."""
        if not self._mover.stores_first:
            return
        stored = [place for place, receipt in enumerate(self._receipts) if receipt.state is Stored.STORED]
        if not stored:
            return
        await self._books.keeper.stored([(self._names[place].text, self._at(place)) for place in stored])
        try:
            removed = await self._mover.remove([self._transfers[place].letter for place in stored])
        except MqtuiError as error:
            self._broken = error
            removed = [Receipt(Stored.UNKNOWN, None, error.title)] * len(stored)
        for place, receipt in zip(stored, removed, strict=True):
            if receipt.state is Stored.GONE:
                self._taken.add(place)
            elif receipt.state is not Stored.STORED:
                reason = f"{NOT_REMOVED}: {receipt.reason}" if receipt.reason else NOT_REMOVED
                self._receipts[place] = Receipt(Stored.UNKNOWN, self._receipts[place].position, reason)

    def _at(self, place: int) -> str:
        """Where a letter is stored, as the journal has it."""
        position = self._receipts[place].position
        name = self._transfers[place].target.name
        return name if position is None else f"{name} {position}"

    async def settle(self, number: int) -> None:
        """A letter whose fate is in doubt stays open in the journal: a resume asks again.

        Raises:
            MqtuiError: the broker broke off while what is stored was removed.
        """
        ledger, suspicious = self._books.ledger, self._books.suspicious
        dones: list[Done] = []
        doubted: list[int] = []
        moved = 0
        for place, (name, transfer, receipt) in enumerate(
            zip(self._names, self._transfers, self._receipts, strict=True)
        ):
            outcome = OUTCOMES[receipt.state]
            again = suspicious and name.suspect and place not in self._copied
            twice = again or place in self._taken or receipt.reason.startswith(STORED_BEFORE)
            if outcome is Outcome.MOVED and not twice:
                moved += 1
                dones.append((name.text, outcome, self._at(place), ""))
                continue
            reason = "" if outcome is Outcome.MOVED else receipt.reason
            ledger.add(outcome, reason=TAKEN if place in self._taken else reason)
            self._count_gone(place)
            if twice or outcome is Outcome.UNKNOWN:
                doubted.append(place)
            if outcome is Outcome.UNKNOWN or (twice and outcome is Outcome.REFUSED):
                continue
            if twice and outcome is Outcome.MOVED:
                reason = PERHAPS_TWICE + suspect(name, transfer.letter)
            dones.append((name.text, outcome, self._at(place), reason))
        ledger.add(Outcome.MOVED, moved)
        self._suspect(doubted)
        await self._books.keeper.done(number, dones)
        if self._broken is not None:
            raise self._broken

    def _count_gone(self, place: int) -> None:
        receipt = self._receipts[place]
        if place in self._taken or (receipt.state is Stored.GONE and not is_by_another_run(receipt)):
            self._books.ledger.gone += 1

    def _suspect(self, places: range | list[int]) -> None:
        """Name letters that may be there twice, where the broker can't rule that out."""
        if self._books.suspicious:
            self._books.ledger.suspects += [
                suspect(self._names[place], self._transfers[place].letter) for place in places
            ]


class Unseen:
    """A load of a convoy. The broker rules out doubles, and keeps the letters' bytes."""

    def __init__(self, books: Books, convoy: Convoy, load: Load) -> None:
        self._books = books
        self._convoy = convoy
        self._load = load
        self._carried: Carried

    def __len__(self) -> int:
        return len(self._load)

    async def note(self) -> int:
        """By stretches."""
        return await self._books.keeper.take(self._load.places, ())

    async def move(self) -> None:
        """Where the broker breaks off nobody knows what became of them."""
        try:
            self._carried = await self._convoy.carry(self._load)
        except TakenOver as error:
            assert isinstance(error.told, Carried)
            self._carried = error.told
            raise
        except MqtuiError:
            self._books.ledger.add(Outcome.UNKNOWN, len(self))
            raise
        if self._books.watcher is not None:
            self._books.watcher.note_load(self._load, self._carried)

    async def remove(self) -> None:
        """The broker removes what it stores."""

    async def settle(self, number: int) -> None:
        """Those that were moved by columns, the others one by one; one in doubt stays open in the journal."""
        ledger, keeper = self._books.ledger, self._books.keeper
        ledger.add(Outcome.MOVED, len(self._carried.moved))
        await keeper.done(number, self._carried.moved)
        dones: list[Done] = []
        for place, target, receipt in self._carried.others:
            outcome = OUTCOMES[receipt.state]
            ledger.add(outcome, reason=receipt.reason)
            ledger.gone += receipt.state is Stored.GONE and not is_by_another_run(receipt)
            if outcome is not Outcome.UNKNOWN:
                dones.append((str(place), outcome, target.name, receipt.reason))
        await keeper.done(number, dones)


def suspect(name: Name, letter: Message) -> str:
    """How a letter that may be doubled is named: its position, or its message id and fingerprint."""
    if letter.envelope is None:
        return f"{letter.resource.name} {name.text}"
    message_id = next((value for key, value in letter.envelope.properties if key == "message_id"), "")
    return " ".join(part for part in (letter.resource.name, str(message_id), name.print.hex()) if part)


def left(letter: Message) -> int:
    """Deliveries left, -1 where there is no limit or it is unknown."""
    if letter.envelope is None or letter.envelope.left.number is None:
        return -1
    return int(letter.envelope.left.number)
