"""Moving letters: they and the record that they are handled, in one transaction (K2, K4)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.errors import MISSING, RIGHTS, error_of, translate, underlying
from mqtui.brokers.kafka.poison_records import NOBODY, Blame, blame, parts
from mqtui.brokers.kafka.publish import refused
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.read.topic_metadata import state_topic
from mqtui.brokers.kafka.redrive.raw_records import ParcelLoad
from mqtui.brokers.kafka.redrive.source_lock import TRANSACTION_MS, Hold, lost
from mqtui.brokers.kafka.redrive.state_topic import Stamp, State, read_handlers, records_of
from mqtui.brokers.kafka.redrive.transaction_batch import Freight, Letters, Parcels, Transfers
from mqtui.brokers.kafka.redrive.transactional_sender import Outbox, Word, receipt_of
from mqtui.domain.bulk import BulkResult, FencedDuringMove, OffsetRanges
from mqtui.domain.errors import BrokerTrouble, Held, MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer

MOST_LETTERS = 10_000
MOST_BYTES = 4_000_000
MOST_SECONDS = 0.7
"""Of producing; with its commit a transaction stays open for about a second at most (K4)."""

LOOK = 256
"""Letters between two looks at the clock. Delivery reports wait for the commit: each poll gives the interpreter away,
and another busy thread keeps it for 5 ms."""

REPORTS = 0.05
"""Seconds between two looks at the reports. A commit would wait 5 s and more for letters behind a refused one."""

STANDSTILL = 3.0
"""Seconds without any report after which the targets are asked whether a partition has no leader (K19)."""

TRIES = 5
"""Transactions in a row that may fail without a letter to blame."""

RENEW = 10.0
"""Seconds between two writings of the holder record (K3)."""


Told = TypeVar("Told", list[Receipt], BulkResult)


def _receipts(words: Sequence[Word]) -> list[Receipt]:
    return [receipt_of(word) for word in words]


def _said(words: Sequence[Word | None]) -> list[Word]:
    return [word for word in words if word is not None]


class Mover:
    """Moves and settles letters under a hold. Used by one thread."""

    def __init__(
        self,
        connection: Connection,
        identity: str,
        hold: Hold,
        state: State,
        stamp: Stamp,
        meanwhile: Callable[[], None],
        limits: Mapping[str, TopicLimits],
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._hold = hold
        self._state = state
        self._stamp = stamp
        self._meanwhile = meanwhile
        """What to do while librdkafka sends: it must not raise, nor use the producer."""
        self._outbox = Outbox(connection, limits)
        self._topic = state_topic(connection.prefix)
        self._leaderless: frozenset[tuple[str, int]] = frozenset()
        """Partitions of targets that had no leader while letters waited for one, by topic."""

        self._sent: list[int] = []
        """Places of the letters in the open transaction."""

    def move(self, batch: Sequence[Transfer]) -> list[Receipt]:
        """One receipt a letter.

        Raises:
            FencedDuringMove: another run took over; it holds what became of each letter. Held: where that is unknown.
            NotFound, NotAuthorised: a target can't be had; what was committed before stays so.
            BrokerTrouble: no broker answers; the state topic will tell what became of the letters.
        """
        return self._settled(Transfers(batch), _receipts)

    def carry(self, load: ParcelLoad) -> BulkResult:
        """The same for letters unseen. Raises as `move`."""
        parcels = Parcels(load)
        return self._settled(parcels, parcels.told)

    def settle(self, letters: Sequence[Message]) -> list[Receipt]:
        """Mark letters handled, without sending them anywhere. Raises as `move`."""
        return self._settled(Letters(letters), _receipts)

    def renew(self) -> None:
        """Say that the run is still there, when it is time to (K3).

        Raises:
            Held: it was taken over.
        """
        if time.monotonic() - self._hold.renewed < RENEW:
            return
        try:
            self._hold.renew(ended=False)
        except (KafkaException, SystemError) as error:
            self._sent = []
            self._failed(underlying(error), Letters([]), [], ())

    def _settled(self, freight: Freight, told: Callable[[Sequence[Word]], Told]) -> Told:
        freight.ready(self._outbox)
        words: list[Word | None] = [None] * len(freight.offsets)
        try:
            self._all(freight, words)
        except Held as error:
            self._find_out(freight, words)
            if None in words:
                raise
            raise FencedDuringMove(error, told(_said(words))) from error
        return told(_said(words))

    def _all(self, freight: Freight, words: list[Word | None]) -> None:
        """Transactions until there is a word on each letter.

        Letters that their topic is expected to refuse are tried apart, so that no neighbour is sent twice.
        """
        expected = freight.objections(self._outbox.limits)
        sound: Sequence[int] = [place for place in range(len(words)) if place not in expected]
        groups: deque[Sequence[int]] = deque(group for group in (sound, list(expected)) if group)
        tries = 0
        while groups:
            group = groups.popleft()
            blamed = self._attempt(freight, group, words, expected)
            for place, error in blamed.refused.items():
                words[place] = refused(error, expected.get(place, ""))
            rest = [place for place in group if words[place] is None]
            groups.extendleft(reversed(parts(rest, blamed.suspects)))
            tries = tries + 1 if len(rest) == len(group) and not blamed else 0
            if tries >= TRIES:
                raise BrokerTrouble("The broker commits nothing", f"{TRIES} transactions in a row failed.")

    def _find_out(self, freight: Freight, words: list[Word | None]) -> None:
        """Once another run holds the topic, and this one's last transaction is over: who handled the rest (C8)."""
        wanted: dict[int, list[int]] = {}
        for place, word in enumerate(words):
            if word is None:
                wanted.setdefault(freight.partitions[place], []).append(freight.offsets[place])
        try:
            handlers = read_handlers(self._connection, self._identity, wanted)
        except MqtuiError:  # nobody tells: the letters stay in doubt
            return
        for place, word in enumerate(words):
            if word is None:
                run, operator = handlers.get((freight.partitions[place], freight.offsets[place]), ("", ""))
                if run == self._stamp.run:
                    words[place] = self._outbox.word(place)
                elif run:
                    words[place] = Receipt(PublishStatus.GONE, None, f"handled by run {run[:8]} of {operator}")
                else:
                    words[place] = Receipt(PublishStatus.RETURNED, None, "another run took the topic over")

    def _attempt(
        self, freight: Freight, group: Sequence[int], words: list[Word | None], expected: Container[int]
    ) -> Blame:
        """One transaction with as much of the group as fits. Returns the letters to blame where it was aborted."""
        self._outbox.clear()
        self._sent = []
        try:
            self._hold.producer.begin_transaction()
            self._send(freight, group, words)
            self._meanwhile()
            self._mark(freight)
            self._write()
            self._await_reports()
            self._hold.commit()
        except (KafkaException, SystemError) as error:
            return self._failed(underlying(error), freight, words, expected)
        self._state.written()
        for place in self._sent:
            words[place] = self._outbox.word(place)
        return NOBODY

    def _send(self, freight: Freight, group: Sequence[int], words: list[Word | None]) -> None:
        producer, outbox, send, sent = self._hold.producer, self._outbox, freight.send, self._sent
        weights, weight, until = freight.weights, 0, time.monotonic() + MOST_SECONDS
        for count, place in enumerate(group):
            if count % LOOK == 0 and count and time.monotonic() > until:
                return
            refusal = send(outbox, producer, place)
            if refusal is None:
                sent.append(place)
                weight += weights[place]
            else:
                words[place] = refusal
            if weight >= MOST_BYTES or count + 1 >= MOST_LETTERS:
                return

    def _await_reports(self) -> None:
        """Until every letter arrived, or one of them was refused.

        Raises:
            KafkaException: some wait for a partition that has no leader now.
        """
        until = time.monotonic() + TRANSACTION_MS / 1000
        left, since = 0, time.monotonic()
        while (waiting := self._hold.producer.flush(REPORTS)) and not self._outbox.failing:
            now = time.monotonic()
            if waiting != left:
                left, since = waiting, now
            elif now - since > STANDSTILL:
                self._leaderless = self._outbox.leaderless()
                if self._leaderless:
                    raise KafkaException(KafkaError(KafkaError._STATE, "letters wait for partitions without a leader"))
                since = now
            if now > until:
                return

    def _mark(self, freight: Freight) -> None:
        """Mark what is in the transaction handled, a run of neighbours at a time."""
        partitions, offsets, sent = freight.partitions, freight.offsets, self._sent
        for run in OffsetRanges.of([partitions[place] for place in sent], [offsets[place] for place in sent]).ranges:
            self._state.marks(run.partition).add(run.first, run.first + run.count)

    def _write(self) -> None:
        """Put what is handled, and from time to time who holds the topic, into the transaction."""
        producer = self._hold.producer
        for key, value in records_of(self._identity, self._state, self._stamp):
            producer.produce(self._topic, value, key, partition=0)
        if time.monotonic() - self._hold.renewed > RENEW / 2:
            self._hold.write_holder(ended=False)

    def _failed(
        self, error: KafkaException, freight: Freight, words: list[Word | None], expected: Container[int]
    ) -> Blame:
        """Abort and say which letters are to blame; or go on with a new producer and see what was committed.

        A letter that the broker refuses while others are still produced shows as `_STATE` of the next.
        """
        inner = error_of(error)
        over = inner.txn_requires_abort() or inner.code() == KafkaError._STATE
        if inner.code() in RIGHTS and not over:
            raise translate(error, "moving letters") from error
        if over and not inner.fatal():
            try:
                self._hold.abort()
            except (KafkaException, SystemError) as again:
                if not lost(underlying(again)):
                    raise translate(underlying(again), "aborting a transaction") from again
            else:
                return self._undone(inner, freight, expected)
        elif not lost(error):
            raise translate(error, "moving letters") from error
        self._state.partitions = self._hold.regain().partitions
        for place in self._sent:
            if self._state.marks(freight.partitions[place]).has(freight.offsets[place]):
                words[place] = self._outbox.word(place)
        return NOBODY

    def _undone(self, error: KafkaError, freight: Freight, expected: Container[int]) -> Blame:
        for place in self._sent:
            self._state.marks(freight.partitions[place]).drop([freight.offsets[place]])
        failures = list(self._outbox.failures())
        for reason in (error, *(failure.error for _, failure in failures)):
            if reason.code() in RIGHTS or reason.code() in MISSING:
                raise translate(reason, "moving letters")
        found = blame(failures, expected)
        stranded = {
            place: KafkaError(KafkaError.LEADER_NOT_AVAILABLE, f"partition {failure.partition} has no leader")
            for place, failure in failures
            if (failure.topic, failure.partition) in self._leaderless
        }
        return replace(found, refused={**found.refused, **stranded})
