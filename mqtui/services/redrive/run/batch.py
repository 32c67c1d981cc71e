"""Letters in hand: how they are written down, moved, and what is said of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mqtui.brokers.port import BulkLease, RawBatch
from mqtui.domain.bulk import BulkResult, FencedDuringMove
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import OUTCOMES, Outcome, PublishStatus, Receipt, Transfer
from mqtui.services.redrive.run.journal_writer import JournalWriter
from mqtui.services.redrive.run.outcome_counter import JournalKey, OutcomeCounter
from mqtui.services.redrive.run.transports import STORED_BEFORE, Transport, is_handled_by_another_run
from mqtui.state.runs import Done, Mark

POSSIBLE_DUPLICATE = "perhaps twice: "
"""How the journal's reason of a moved letter begins that may be in two places; its name follows."""

NOT_REMOVED = "stored, and perhaps not removed"
ALREADY_STORED = Receipt(PublishStatus.STORED)
TAKEN_BY_OTHERS = "stored here, and another hand took it from the source meanwhile"


class CopyObserver(Protocol):
    """Who wants to know where copies went."""

    def add_batch(self, transfers: Sequence[Transfer], receipts: Sequence[Receipt]) -> None:
        """Of a batch."""

    def add_raw_batch(self, batch: RawBatch, result: BulkResult) -> None:
        """Of a load."""


@dataclass(frozen=True, slots=True)
class RunRecorder:
    """Where a run writes: its counts, its journal, and for whoever watches."""

    counter: OutcomeCounter
    journal: JournalWriter
    observer: CopyObserver | None
    may_duplicate: bool
    """Whether a letter whose fate is in doubt may be there twice."""


class MoveBatch(Protocol):
    """Letters that are to be moved: noted, moved, settled, in that order."""

    def __len__(self) -> int:
        """How many."""

    async def journal(self) -> int:
        """Write down that they are in hand, and get the number of the batch."""

    async def move(self) -> None:
        """Store them; where the broker does both in one step, they are removed from the source too."""

    async def remove(self) -> None:
        """Write down which are stored, and remove these from the source."""

    async def record(self, number: int) -> None:
        """Count and write down what became of them."""


class MessageMoveBatch:
    """Letters that were looked at, each with its way."""

    def __init__(
        self, recorder: RunRecorder, transport: Transport, keys: Sequence[JournalKey], transfers: Sequence[Transfer]
    ) -> None:
        self._recorder = recorder
        self._transport = transport
        self._keys = keys
        self._transfers = transfers
        self._receipts: list[Receipt] = []
        self._already_stored = frozenset(
            index for index, key in enumerate(keys) if key.was_stored and not key.fingerprint and transport.stores_first
        )
        """Places of letters that an earlier process stored, for sure: these are only removed."""

        self._taken_by_others: set[int] = set()
        """Places of letters that are stored, and that another hand took from the source."""

        self._removal_error: MqtuiError | None = None

    def __len__(self) -> int:
        return len(self._transfers)

    async def journal(self) -> int:
        """With the bytes where the source forgets them."""
        letters = [transfer.letter for transfer in self._transfers]
        in_flight: list[Mark] = [
            (key.name, key.fingerprint, deliveries_left(letter))
            for key, letter in zip(self._keys, letters, strict=True)
        ]
        return await self._recorder.journal.write_batch(in_flight, letters)

    async def move(self) -> None:
        """Where the broker breaks off nobody knows what became of them."""
        fresh = [index for index in range(len(self)) if index not in self._already_stored]
        try:
            receipts = await self._transport.store([self._transfers[index] for index in fresh])
        except FencedDuringMove as error:
            assert not isinstance(error.results, BulkResult)
            self._set_receipts(fresh, error.results)
            raise
        except MqtuiError:
            self._recorder.counter.add(Outcome.UNKNOWN, len(self))
            self._add_suspects(range(len(self)))
            raise
        self._set_receipts(fresh, receipts)
        if self._recorder.observer is not None:
            self._recorder.observer.add_batch(self._transfers, self._receipts)

    def _set_receipts(self, fresh: Sequence[int], receipts: Sequence[Receipt]) -> None:
        """Letters of an earlier process that the journal knows as stored are not sent again."""
        by_index = dict(zip(fresh, receipts, strict=True))
        self._receipts = [by_index.get(index, ALREADY_STORED) for index in range(len(self))]

    async def remove(self) -> None:
        """A letter that is stored and not removed stays in doubt: a resume removes it."""
        if not self._transport.stores_first:
            return
        stored = [index for index, receipt in enumerate(self._receipts) if receipt.state is PublishStatus.STORED]
        if not stored:
            return
        await self._recorder.journal.write_stored(
            [(self._keys[index].name, self._describe_position(index)) for index in stored]
        )
        try:
            removed = await self._transport.remove([self._transfers[index].letter for index in stored])
        except MqtuiError as error:
            self._removal_error = error
            removed = [Receipt(PublishStatus.UNKNOWN, None, error.title)] * len(stored)
        for index, receipt in zip(stored, removed, strict=True):
            if receipt.state is PublishStatus.GONE:
                self._taken_by_others.add(index)
            elif receipt.state is not PublishStatus.STORED:
                reason = f"{NOT_REMOVED}: {receipt.reason}" if receipt.reason else NOT_REMOVED
                self._receipts[index] = Receipt(PublishStatus.UNKNOWN, self._receipts[index].position, reason)

    def _describe_position(self, index: int) -> str:
        """Where a letter is stored, as the journal has it."""
        position = self._receipts[index].position
        key = self._transfers[index].target.name
        return key if position is None else f"{key} {position}"

    async def record(self, number: int) -> None:
        """A letter whose fate is in doubt stays open in the journal: a resume asks again.

        Raises:
            MqtuiError: the broker broke off while what is stored was removed.
        """
        counter, suspicious = self._recorder.counter, self._recorder.may_duplicate
        outcomes: list[Done] = []
        in_doubt: list[int] = []
        moved = 0
        for index, (key, transfer, receipt) in enumerate(zip(self._keys, self._transfers, self._receipts, strict=True)):
            outcome = OUTCOMES[receipt.state]
            sent_again = suspicious and key.was_in_flight and index not in self._already_stored
            possible_duplicate = (
                sent_again or index in self._taken_by_others or receipt.reason.startswith(STORED_BEFORE)
            )
            if outcome is Outcome.MOVED and not possible_duplicate:
                moved += 1
                outcomes.append((key.name, outcome, self._describe_position(index), ""))
                continue
            reason = "" if outcome is Outcome.MOVED else receipt.reason
            counter.add(outcome, reason=TAKEN_BY_OTHERS if index in self._taken_by_others else reason)
            self._count_gone(index)
            if possible_duplicate or outcome is Outcome.UNKNOWN:
                in_doubt.append(index)
            if outcome is Outcome.UNKNOWN or (possible_duplicate and outcome is Outcome.REFUSED):
                continue
            if possible_duplicate and outcome is Outcome.MOVED:
                reason = POSSIBLE_DUPLICATE + name_suspect(key, transfer.letter)
            outcomes.append((key.name, outcome, self._describe_position(index), reason))
        counter.add(Outcome.MOVED, moved)
        self._add_suspects(in_doubt)
        await self._recorder.journal.write_outcomes(number, outcomes)
        if self._removal_error is not None:
            raise self._removal_error

    def _count_gone(self, index: int) -> None:
        receipt = self._receipts[index]
        if index in self._taken_by_others or (
            receipt.state is PublishStatus.GONE and not is_handled_by_another_run(receipt)
        ):
            self._recorder.counter.gone += 1

    def _add_suspects(self, indices: range | list[int]) -> None:
        """Name letters that may be there twice, where the broker can't rule that out."""
        if self._recorder.may_duplicate:
            self._recorder.counter.suspects += [
                name_suspect(self._keys[index], self._transfers[index].letter) for index in indices
            ]


class RawMoveBatch:
    """A load of a convoy. The broker rules out doubles, and keeps the letters' bytes."""

    def __init__(self, recorder: RunRecorder, lease: BulkLease, batch: RawBatch) -> None:
        self._recorder = recorder
        self._lease = lease
        self._batch = batch
        self._result: BulkResult

    def __len__(self) -> int:
        return len(self._batch)

    async def journal(self) -> int:
        """By stretches."""
        return await self._recorder.journal.write_batch(self._batch.ranges, ())

    async def move(self) -> None:
        """Where the broker breaks off nobody knows what became of them."""
        try:
            self._result = await self._lease.move_raw(self._batch)
        except FencedDuringMove as error:
            assert isinstance(error.results, BulkResult)
            self._result = error.results
            raise
        except MqtuiError:
            self._recorder.counter.add(Outcome.UNKNOWN, len(self))
            raise
        if self._recorder.observer is not None:
            self._recorder.observer.add_raw_batch(self._batch, self._result)

    async def remove(self) -> None:
        """The broker removes what it stores."""

    async def record(self, number: int) -> None:
        """Those that were moved by columns, the others one by one; one in doubt stays open in the journal."""
        counter, journal = self._recorder.counter, self._recorder.journal
        counter.add(Outcome.MOVED, len(self._result.moved))
        await journal.write_outcomes(number, self._result.moved)
        outcomes: list[Done] = []
        for index, target, receipt in self._result.others:
            outcome = OUTCOMES[receipt.state]
            counter.add(outcome, reason=receipt.reason)
            counter.gone += receipt.state is PublishStatus.GONE and not is_handled_by_another_run(receipt)
            if outcome is not Outcome.UNKNOWN:
                outcomes.append((str(index), outcome, target.name, receipt.reason))
        await journal.write_outcomes(number, outcomes)


def name_suspect(key: JournalKey, letter: Message) -> str:
    """How a letter that may be doubled is named: its position, or its message id and fingerprint."""
    if letter.envelope is None:
        return f"{letter.resource.name} {key.name}"
    message_id = next((value for key, value in letter.envelope.properties if key == "message_id"), "")
    return " ".join(part for part in (letter.resource.name, str(message_id), key.fingerprint.hex()) if part)


def deliveries_left(letter: Message) -> int:
    """Deliveries left, -1 where there is no limit or it is unknown."""
    if letter.envelope is None or letter.envelope.left.number is None:
        return -1
    return int(letter.envelope.left.number)
