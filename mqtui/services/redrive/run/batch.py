"""A batch in flight: journal it, move it, record the outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mqtui.brokers.loop_yield import CLOCK_INTERVAL, TimeSlices
from mqtui.brokers.optional_port import BulkLease, RawBatch
from mqtui.domain.bulk import BulkResult, FencedDuringMove
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import OUTCOMES, Outcome, PublishStatus, Receipt, Transfer
from mqtui.services.redrive.run.journal_writer import JournalWriter
from mqtui.services.redrive.run.outcome_counter import JournalKey, OutcomeCounter
from mqtui.services.redrive.run.transports import STORED_BEFORE, Transport, is_handled_by_another_run
from mqtui.state.journal import InFlight, OutcomeRow

POSSIBLE_DUPLICATE = "perhaps twice: "
"""How the journal's reason begins for a moved letter that may be in two places; its name follows."""

NOT_REMOVED = "stored, and perhaps not removed"
ALREADY_STORED = Receipt(PublishStatus.STORED)
TAKEN_BY_OTHERS = "stored here, and somebody else took it from the source meanwhile"


class CopyObserver(Protocol):
    """Gets the positions of stored copies: the monitor, which watches whether consumers pass them."""

    async def add_batch(self, transfers: Sequence[Transfer], receipts: Sequence[Receipt]) -> None:
        """Take the receipts of a batch of messages."""

    def add_raw_batch(self, batch: RawBatch, result: BulkResult) -> None:
        """Take the result of a batch of raw records."""


@dataclass(frozen=True, slots=True)
class RunRecorder:
    """Where a run records what happens: its counts, its journal and its monitor."""

    counter: OutcomeCounter
    journal: JournalWriter
    observer: CopyObserver | None
    may_duplicate: bool
    """Whether a letter in doubt may have been stored twice: not where the broker moves in a transaction or script."""


class MoveBatch(Protocol):
    """Letters that are moved together: journaled, moved, removed, recorded, in that order."""

    def __len__(self) -> int:
        """How many letters."""

    async def write_journal(self) -> int:
        """Write to the journal that they are in flight; the number of the batch there."""

    async def move(self) -> None:
        """Store them in the target; where the broker does both in one step, they are removed from the source too."""

    async def remove(self) -> None:
        """Write to the journal which are stored, and remove these from the source."""

    async def record_outcomes(self, number: int) -> None:
        """Count the outcomes and write them to the journal."""


class MessageMoveBatch:
    """Letters that were parsed, each with its route."""

    def __init__(
        self, recorder: RunRecorder, transport: Transport, keys: Sequence[JournalKey], transfers: Sequence[Transfer]
    ) -> None:
        self._recorder = recorder
        self._transport = transport
        self._keys = keys
        self._transfers = transfers
        self._receipts: list[Receipt] = []
        self._already_stored = frozenset(
            index
            for index, key in enumerate(keys if transport.stores_first else ())
            if key.was_stored and not key.fingerprint
        )
        """Indices of letters that an earlier process of this run stored for certain: these are only removed."""

        self._taken_by_others: set[int] = set()
        """Indices of letters that we stored, and that somebody else took from the source."""

        self._removal_error: MqtuiError | None = None

    def __len__(self) -> int:
        return len(self._transfers)

    async def write_journal(self) -> int:
        """With their bytes where the run keeps a bundle."""
        in_flight, letters, slices = list[InFlight](), list[Message](), TimeSlices()
        for index, (key, transfer) in enumerate(zip(self._keys, self._transfers, strict=True)):
            if not index % CLOCK_INTERVAL and slices.is_over:
                await slices.yield_to_loop()
            in_flight.append((key.name, key.fingerprint, deliveries_left(transfer.letter)))
            letters.append(transfer.letter)
        return await self._recorder.journal.write_batch(in_flight, letters)

    async def move(self) -> None:
        """Where the connection breaks, all of them count as unknown."""
        fresh = (
            range(len(self))
            if not self._already_stored
            else [index for index in range(len(self)) if index not in self._already_stored]
        )
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
            await self._recorder.observer.add_batch(self._transfers, self._receipts)

    def _set_receipts(self, fresh: Sequence[int], receipts: Sequence[Receipt]) -> None:
        """Letters that an earlier process stored were not sent again: their receipts say so."""
        if not self._already_stored:
            self._receipts = list(receipts)
            return
        by_index = dict(zip(fresh, receipts, strict=True))
        self._receipts = [by_index.get(index, ALREADY_STORED) for index in range(len(self))]

    async def remove(self) -> None:
        """A letter that is stored and can't be removed counts as unknown: a resume removes it."""
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
        """Where a letter is stored, in the journal's form."""
        position = self._receipts[index].position
        name = self._transfers[index].target.name
        return name if position is None else f"{name} {position}"

    async def record_outcomes(self, number: int) -> None:
        """An unknown letter stays open in the journal: a resume asks the broker again.

        Raises:
            MqtuiError: the connection broke while stored letters were removed.
        """
        counter, may_duplicate = self._recorder.counter, self._recorder.may_duplicate
        outcomes: list[OutcomeRow] = []
        in_doubt: list[int] = []
        moved, slices = 0, TimeSlices()
        for index, (key, transfer, receipt) in enumerate(zip(self._keys, self._transfers, self._receipts, strict=True)):
            if not index % CLOCK_INTERVAL and slices.is_over:
                await slices.yield_to_loop()
            sent_again = may_duplicate and key.was_in_flight and index not in self._already_stored
            possible_duplicate = (
                sent_again or index in self._taken_by_others or receipt.reason.startswith(STORED_BEFORE)
            )
            if receipt.state is PublishStatus.STORED and not possible_duplicate:
                moved += 1
                outcomes.append((key.name, Outcome.MOVED, self._describe_position(index), ""))
                continue
            outcome = OUTCOMES[receipt.state]
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
        """Name letters that may have been stored twice, where the broker can't rule that out."""
        if self._recorder.may_duplicate:
            self._recorder.counter.suspects += [
                name_suspect(self._keys[index], self._transfers[index].letter) for index in indices
            ]


class RawMoveBatch:
    """A batch of raw records on the bulk path. The broker rules out duplicates."""

    def __init__(self, recorder: RunRecorder, lease: BulkLease, batch: RawBatch) -> None:
        self._recorder = recorder
        self._lease = lease
        self._batch = batch
        self._result: BulkResult

    def __len__(self) -> int:
        return len(self._batch)

    async def write_journal(self) -> int:
        """As offset ranges, or as raw entries with their bytes."""
        return await self._recorder.journal.write_batch(self._batch.positions)

    async def move(self) -> None:
        """Where the connection breaks, all of them count as unknown."""
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
        """Nothing to do: the broker removes in the same transaction."""

    async def record_outcomes(self, number: int) -> None:
        """Moved letters as columns, the others one by one. An unknown letter stays open in the journal."""
        counter, journal = self._recorder.counter, self._recorder.journal
        counter.add(Outcome.MOVED, len(self._result.moved))
        await journal.write_outcomes(number, self._result.moved)
        outcomes: list[OutcomeRow] = []
        for position, target, receipt in self._result.others:
            outcome = OUTCOMES[receipt.state]
            counter.add(outcome, reason=receipt.reason)
            counter.gone += receipt.state is PublishStatus.GONE and not is_handled_by_another_run(receipt)
            if outcome is not Outcome.UNKNOWN:
                outcomes.append((str(position), outcome, target.name, receipt.reason))
        await journal.write_outcomes(number, outcomes)


def name_suspect(key: JournalKey, letter: Message) -> str:
    """How a possibly duplicated letter is named to people: by position, or by message id and fingerprint."""
    if letter.envelope is None:
        return f"{letter.resource.name} {key.name}"
    message_id = next((value for name, value in letter.envelope.properties if name == "message_id"), "")
    return " ".join(part for part in (letter.resource.name, str(message_id), key.fingerprint.hex()) if part)


def deliveries_left(letter: Message) -> int:
    """Deliveries left before the queue's delivery limit; -1 where there is no limit or it is unknown."""
    if letter.envelope is None or letter.envelope.left.number is None:
        return -1
    return int(letter.envelope.left.number)
