"""Letters in hand: how they are written down, moved, and what is said of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mqtui.brokers.port import Convoy, Load
from mqtui.domain.convoy import Carried, TakenOver
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import OUTCOMES, Outcome, Receipt, Transfer
from mqtui.services.redrive.keeping import Keeper
from mqtui.services.redrive.ledger import Ledger, Name
from mqtui.services.redrive.movers import Mover
from mqtui.state.runs import Done, Mark

PERHAPS_TWICE = "perhaps twice: "
"""How the journal's reason of a moved letter begins that may have been stored before a crash too; its name follows."""


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
        """Move them."""

    async def settle(self, number: int) -> None:
        """Count and write down what became of them."""


class Shown:
    """Letters that were looked at, each with its way."""

    def __init__(self, books: Books, mover: Mover, names: Sequence[Name], transfers: Sequence[Transfer]) -> None:
        self._books = books
        self._mover = mover
        self._names = names
        self._transfers = transfers
        self._receipts: Sequence[Receipt] = ()

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
        try:
            self._receipts = await self._mover(self._transfers)
        except TakenOver as error:
            assert not isinstance(error.told, Carried)
            self._receipts = error.told
            raise
        except MqtuiError:
            self._books.ledger.add(Outcome.UNKNOWN, len(self))
            self._suspect(range(len(self)))
            raise
        if self._books.watcher is not None:
            self._books.watcher.note(self._transfers, self._receipts)

    async def settle(self, number: int) -> None:
        """A letter whose fate is in doubt stays open in the journal: a resume asks again."""
        ledger, suspicious = self._books.ledger, self._books.suspicious
        dones: list[Done] = []
        doubted: list[int] = []
        moved = 0
        for place, (name, transfer, receipt) in enumerate(
            zip(self._names, self._transfers, self._receipts, strict=True)
        ):
            outcome = OUTCOMES[receipt.state]
            at = transfer.target.name
            if receipt.position is not None:
                at = f"{at} {receipt.position}"
            twice = suspicious and name.suspect
            if outcome is Outcome.MOVED and not twice:
                moved += 1
                dones.append((name.text, outcome, at, ""))
                continue
            reason = "" if outcome is Outcome.MOVED else receipt.reason
            ledger.add(outcome, reason=reason)
            if twice or outcome is Outcome.UNKNOWN:
                doubted.append(place)
            if outcome is Outcome.UNKNOWN or (twice and outcome is Outcome.REFUSED):
                continue
            if twice and outcome is Outcome.MOVED:
                reason = PERHAPS_TWICE + suspect(name, transfer.letter)
            dones.append((name.text, outcome, at, reason))
        ledger.add(Outcome.MOVED, moved)
        self._suspect(doubted)
        await self._books.keeper.done(number, dones)

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

    async def settle(self, number: int) -> None:
        """Those that were moved by columns, the others one by one; one in doubt stays open in the journal."""
        ledger, keeper = self._books.ledger, self._books.keeper
        ledger.add(Outcome.MOVED, len(self._carried.moved))
        await keeper.done(number, self._carried.moved)
        dones: list[Done] = []
        for place, target, receipt in self._carried.others:
            outcome = OUTCOMES[receipt.state]
            ledger.add(outcome, reason=receipt.reason)
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
