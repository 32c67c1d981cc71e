"""Moves letters in transactions: each commits the copies together with the record that they were handled (K2, K4)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, NOT_FOUND, kafka_cause, translate, unwrap
from mqtui.brokers.kafka.publish import refusal_receipt
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.read.topic_metadata import state_topic_name
from mqtui.brokers.kafka.redrive.raw_records import RawRecordBatch
from mqtui.brokers.kafka.redrive.source_lock import TRANSACTION_TIMEOUT_MS, SourceLock, is_fenced_or_unknown
from mqtui.brokers.kafka.redrive.state_topic import RunIdentity, TopicProgress, progress_records, read_handling_runs
from mqtui.brokers.kafka.redrive.transaction_batch import MarkOnly, MessageTransfers, RawTransfers, TransactionBatch
from mqtui.brokers.kafka.redrive.transactional_sender import DeliveryOutcome, TransactionalSender, to_receipt
from mqtui.brokers.kafka.refused_records import NONE_REFUSED, RefusedRecords, find_refused_records, split_suspects
from mqtui.domain.bulk import BulkResult, FencedDuringMove, OffsetRanges
from mqtui.domain.errors import BrokerTrouble, Held, MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer

MAX_RECORDS = 10_000
MAX_BYTES = 4_000_000
MAX_SECONDS = 0.7
"""Seconds of producing per transaction; with the commit it is open for about a second at most (K4)."""

CLOCK_CHECK_EVERY = 256
"""Records between two checks of the clock. The producer is not polled meanwhile: each poll releases the GIL, and a busy
thread keeps it for 5 ms. Delivery reports are handled before the commit."""

REPORT_INTERVAL = 0.05
"""Seconds between two checks of the delivery reports. A commit would wait 5 s and more for records behind a refused
one."""

STALL_TIMEOUT = 3.0
"""Seconds without a delivery report after which the targets are checked for leaderless partitions (K19)."""

MAX_ATTEMPTS = 5
"""Transactions in a row that may fail without a refused record to blame."""

RENEW_INTERVAL = 10.0
"""Seconds between two renewals of the lock record (K3)."""


Result = TypeVar("Result", list[Receipt], BulkResult)


def _to_receipts(outcomes: Sequence[DeliveryOutcome]) -> list[Receipt]:
    return [to_receipt(outcome) for outcome in outcomes]


def _known_outcomes(outcomes: Sequence[DeliveryOutcome | None]) -> list[DeliveryOutcome]:
    return [outcome for outcome in outcomes if outcome is not None]


class TransactionalMover:
    """Moves letters, or only marks them handled, under the lock. Used by one thread."""

    def __init__(
        self,
        clients: KafkaClients,
        identity: str,
        lock: SourceLock,
        progress: TopicProgress,
        author: RunIdentity,
        while_sending: Callable[[], None],
        limits: Mapping[str, TopicLimits],
    ) -> None:
        self._clients = clients
        self._identity = identity
        self._lock = lock
        self._progress = progress
        self._author = author
        self._while_sending = while_sending
        """Called while librdkafka sends; it must not raise nor use the producer."""
        self._sender = TransactionalSender(clients, limits)
        self._topic = state_topic_name(clients.prefix)
        self._leaderless: frozenset[tuple[str, int]] = frozenset()
        """Leaderless partitions of targets, as (topic, partition), found when delivery reports stalled."""

        self._in_transaction: list[int] = []
        """Indexes of the letters in the open transaction."""

    def move(self, batch: Sequence[Transfer]) -> list[Receipt]:
        """Store letters and mark them handled; one receipt per letter.

        Raises:
            FencedDuringMove: another run took over; it has the outcome of each letter.
            Held: another run took over, and the outcomes can't be read.
            NotFound, NotAuthorised: a target can't be written; transactions committed before stay committed.
            BrokerTrouble: no broker answers; the state topic will have the outcome of each letter.
        """
        return self._run(MessageTransfers(batch), _to_receipts)

    def move_raw(self, raw_batch: RawRecordBatch) -> BulkResult:
        """`move` for raw records, with the same errors."""
        transfers = RawTransfers(raw_batch)
        return self._run(transfers, transfers.to_result)

    def mark_handled(self, letters: Sequence[Message]) -> list[Receipt]:
        """Mark letters handled without sending them. Raises as `move`."""
        return self._run(MarkOnly(letters), _to_receipts)

    def renew(self) -> None:
        """Renew the lock if that is due (K3).

        Raises:
            Held: another run took over.
        """
        if time.monotonic() - self._lock.renewed_at < RENEW_INTERVAL:
            return
        try:
            self._lock.renew(ended=False)
        except (KafkaException, SystemError) as error:
            self._in_transaction = []
            self._after_failure(kafka_cause(error), MarkOnly([]), [], ())

    def _run(self, batch: TransactionBatch, to_result: Callable[[Sequence[DeliveryOutcome]], Result]) -> Result:
        batch.describe_targets(self._sender)
        outcomes: list[DeliveryOutcome | None] = [None] * len(batch.offsets)
        try:
            self._commit_all(batch, outcomes)
        except Held as error:
            self._resolve_after_fencing(batch, outcomes)
            if None in outcomes:
                raise
            raise FencedDuringMove(error, to_result(_known_outcomes(outcomes))) from error
        return to_result(_known_outcomes(outcomes))

    def _commit_all(self, batch: TransactionBatch, outcomes: list[DeliveryOutcome | None]) -> None:
        """Run transactions until each letter has an outcome.

        Letters that their topic will probably refuse get transactions of their own, so that no neighbour is sent twice.
        """
        predicted = batch.predict_refusals(self._sender.limits)
        acceptable: Sequence[int] = [index for index in range(len(outcomes)) if index not in predicted]
        groups: deque[Sequence[int]] = deque(group for group in (acceptable, list(predicted)) if group)
        attempts = 0
        while groups:
            group = groups.popleft()
            failed = self._try_commit(batch, group, outcomes, predicted)
            for index, error in failed.refused.items():
                outcomes[index] = refusal_receipt(error, predicted.get(index, ""))
            rest = [index for index in group if outcomes[index] is None]
            groups.extendleft(reversed(split_suspects(rest, failed.suspects)))
            attempts = attempts + 1 if len(rest) == len(group) and not failed else 0
            if attempts >= MAX_ATTEMPTS:
                raise BrokerTrouble("The broker commits nothing", f"{MAX_ATTEMPTS} transactions in a row failed.")

    def _resolve_after_fencing(self, batch: TransactionBatch, outcomes: list[DeliveryOutcome | None]) -> None:
        """After another run took the lock: find out from the state topic who handled the remaining letters (C8)."""
        wanted: dict[int, list[int]] = {}
        for index, outcome in enumerate(outcomes):
            if outcome is None:
                wanted.setdefault(batch.partitions[index], []).append(batch.offsets[index])
        try:
            handlers = read_handling_runs(self._clients, self._identity, wanted)
        except MqtuiError:  # the outcomes stay unknown
            return
        for index, outcome in enumerate(outcomes):
            if outcome is None:
                run, operator = handlers.get((batch.partitions[index], batch.offsets[index]), ("", ""))
                if run == self._author.run:
                    outcomes[index] = self._sender.outcome(index)
                elif run:
                    outcomes[index] = Receipt(PublishStatus.GONE, None, f"handled by run {run[:8]} of {operator}")
                else:
                    outcomes[index] = Receipt(PublishStatus.RETURNED, None, "another run took the topic over")

    def _try_commit(
        self,
        batch: TransactionBatch,
        group: Sequence[int],
        outcomes: list[DeliveryOutcome | None],
        predicted: Container[int],
    ) -> RefusedRecords:
        """Run one transaction with as much of the group as fits; the refused records if it was aborted."""
        self._sender.reset()
        self._in_transaction = []
        try:
            self._lock.producer.begin_transaction()
            self._produce(batch, group, outcomes)
            self._while_sending()
            self._mark_handled(batch)
            self._write_state()
            self._await_reports()
            self._lock.commit()
        except (KafkaException, SystemError) as error:
            return self._after_failure(kafka_cause(error), batch, outcomes, predicted)
        self._progress.mark_committed()
        for index in self._in_transaction:
            outcomes[index] = self._sender.outcome(index)
        return NONE_REFUSED

    def _produce(self, batch: TransactionBatch, group: Sequence[int], outcomes: list[DeliveryOutcome | None]) -> None:
        producer, sender, send, in_transaction = self._lock.producer, self._sender, batch.produce, self._in_transaction
        value_sizes, size, until = batch.value_sizes, 0, time.monotonic() + MAX_SECONDS
        for count, index in enumerate(group):
            if count % CLOCK_CHECK_EVERY == 0 and count and time.monotonic() > until:
                return
            refusal = send(sender, producer, index)
            if refusal is None:
                in_transaction.append(index)
                size += value_sizes[index]
            else:
                outcomes[index] = refusal
            if size >= MAX_BYTES or count + 1 >= MAX_RECORDS:
                return

    def _await_reports(self) -> None:
        """Wait until every record was delivered, or one was refused.

        Raises:
            KafkaException: records wait for a leaderless partition.
        """
        until = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1000
        left, since = 0, time.monotonic()
        while (waiting := self._lock.producer.flush(REPORT_INTERVAL)) and not self._sender.has_failed:
            now = time.monotonic()
            if waiting != left:
                left, since = waiting, now
            elif now - since > STALL_TIMEOUT:
                self._leaderless = self._sender.leaderless_partitions()
                if self._leaderless:
                    raise KafkaException(KafkaError(KafkaError._STATE, "letters wait for partitions without a leader"))
                since = now
            if now > until:
                return

    def _mark_handled(self, batch: TransactionBatch) -> None:
        """Add the letters of the open transaction to the handled offsets, range by range."""
        partitions, offsets, in_transaction = batch.partitions, batch.offsets, self._in_transaction
        for run in OffsetRanges.of(
            [partitions[index] for index in in_transaction], [offsets[index] for index in in_transaction]
        ).ranges:
            self._progress.handled_in(run.partition).add_range(run.first, run.first + run.count)

    def _write_state(self) -> None:
        """Produce the changed progress records, and the lock record if it is due, into the open transaction."""
        producer = self._lock.producer
        for key, value in progress_records(self._identity, self._progress, self._author):
            producer.produce(self._topic, value, key, partition=0)
        if time.monotonic() - self._lock.renewed_at > RENEW_INTERVAL / 2:
            self._lock.write_lock_record(ended=False)

    def _after_failure(
        self,
        error: KafkaException,
        batch: TransactionBatch,
        outcomes: list[DeliveryOutcome | None],
        predicted: Container[int],
    ) -> RefusedRecords:
        """Abort and find the refused records; or, after fencing, reacquire the lock and find out what was committed.

        If the broker refuses a record while others are still being produced, the next produce fails with `_STATE`.
        """
        kafka_error = unwrap(error)
        over = kafka_error.txn_requires_abort() or kafka_error.code() == KafkaError._STATE
        if kafka_error.code() in MISSING_RIGHTS and not over:
            raise translate(error, "moving letters") from error
        if over and not kafka_error.fatal():
            try:
                self._lock.abort()
            except (KafkaException, SystemError) as again:
                if not is_fenced_or_unknown(kafka_cause(again)):
                    raise translate(kafka_cause(again), "aborting a transaction") from again
            else:
                return self._after_abort(kafka_error, batch, predicted)
        elif not is_fenced_or_unknown(error):
            raise translate(error, "moving letters") from error
        self._progress.partitions = self._lock.reacquire().partitions
        for index in self._in_transaction:
            if self._progress.handled_in(batch.partitions[index]).contains(batch.offsets[index]):
                outcomes[index] = self._sender.outcome(index)
        return NONE_REFUSED

    def _after_abort(self, error: KafkaError, batch: TransactionBatch, predicted: Container[int]) -> RefusedRecords:
        for index in self._in_transaction:
            self._progress.handled_in(batch.partitions[index]).remove([batch.offsets[index]])
        failed_deliveries = list(self._sender.failed_deliveries())
        for reason in (error, *(failure.error for _, failure in failed_deliveries)):
            if reason.code() in MISSING_RIGHTS or reason.code() in NOT_FOUND:
                raise translate(reason, "moving letters")
        found = find_refused_records(failed_deliveries, predicted)
        stranded = {
            index: KafkaError(KafkaError.LEADER_NOT_AVAILABLE, f"partition {failure.partition} has no leader")
            for index, failure in failed_deliveries
            if (failure.topic, failure.partition) in self._leaderless
        }
        return replace(found, refused={**found.refused, **stranded})
