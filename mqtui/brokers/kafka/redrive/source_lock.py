"""The lock of a dead-letter topic: its transactional producer, and the record in the state topic that names the owner.

To acquire it, a run reads the lock record, then calls `init_transactions`, which fences the previous run, and only then
reads which offsets are handled (K1, K3).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Producer

from mqtui.brokers.kafka.connection.clients import KafkaClients, wait_for_connection
from mqtui.brokers.kafka.errors import FENCED, MISSING_RIGHTS, kafka_cause, unwrap
from mqtui.brokers.kafka.publish import MAX_REQUEST_BYTES
from mqtui.brokers.kafka.read.topic_metadata import state_topic_name
from mqtui.brokers.kafka.redrive.state_topic import (
    LockRecord,
    RunIdentity,
    TopicProgress,
    lock_record,
    read_lock,
    read_progress,
    transactional_id,
    watch_lock,
)
from mqtui.domain.errors import BrokerTrouble, Held, Unreachable
from mqtui.domain.times import format_time

TRANSACTION_TIMEOUT_MS = 15_000
"""transaction.timeout.ms: how long a killed run's transaction stays open (K4)."""

OUTAGE_TIMEOUT = 30.0
"""Seconds a run waits for brokers to come back."""

MAX_ATTEMPTS = 5
"""How often a run tries again if it is fenced before its lock record is written."""

CALL_TIMEOUT = 5.0
RETRY_PAUSE = 0.5


class SourceLock:
    """The lock of one dead-letter topic, held by one run. Used by one thread."""

    def __init__(
        self, clients: KafkaClients, identity: str, name: str, author: RunIdentity, batch_size: int, codec: str = ""
    ) -> None:
        self._clients = clients
        self._identity = identity
        self._name = name
        self._author = author
        self._batch_size = batch_size
        self._codec = codec
        self._since = int(time.time() * 1000)
        self.renewed_at = 0.0
        """When the lock record was last written (time.monotonic)."""
        self.producer: Producer

    def acquire(self, on_progress: Callable[[TopicProgress], None], *, take_over: bool, resumed: bool) -> TopicProgress:
        """Check the lock record, fence, read the progress, write the lock record; returns the progress.

        `on_progress` is called before the lock record is written, with what holds if that succeeds.

        Raises:
            Held: another run holds the topic.
            NotAuthorised: an ACL on the transactional id or the state topic is missing.
            BrokerTrouble: another run fences this one again and again.
        """
        for _ in range(MAX_ATTEMPTS):
            progress = self._acquire_once(take_over=take_over, resumed=resumed)
            on_progress(progress)
            try:
                self.renew(ended=False)
            except (KafkaException, SystemError) as error:
                if not is_fenced_or_unknown(kafka_cause(error)):
                    raise self._clients.translate(kafka_cause(error), f"acquiring the lock of {self._name}") from error
            else:
                return progress
        raise BrokerTrouble(
            f"The lock of {self._name} can't be kept", "Another run takes it back each time.", "End it, then retry."
        )

    def _acquire_once(self, *, take_over: bool, resumed: bool) -> TopicProgress:
        """Check, fence and read. Until the lock record is written, another run may fence this one and move letters."""
        producer = self._create_producer()
        before = read_lock(self._clients, self._identity)
        if not take_over and before is not None and not self._is_own(before, resumed=resumed):
            before = watch_lock(self._clients, self._identity)
            self._raise_if_held(before, resumed=resumed)
        self._init_transactions(producer)
        progress = read_progress(self._clients, self._identity, to_high_watermark=True)
        if not take_over and progress.lock is not None and (before is None or progress.lock.author != before.author):
            self._raise_if_held(watch_lock(self._clients, self._identity), resumed=resumed)
        return progress

    def reacquire(self) -> TopicProgress:
        """After `_FENCED` or a lost response: fence with a new producer, unless another run owns the lock now.

        Raises:
            Held: another run owns it.
            BrokerTrouble: no broker answered for `OUTAGE_TIMEOUT` seconds.
        """
        until = time.monotonic() + OUTAGE_TIMEOUT
        while True:
            try:
                producer = self._create_producer()
                self._raise_if_taken_over(read_lock(self._clients, self._identity))
                self._init_transactions(producer)
                progress = read_progress(self._clients, self._identity, to_high_watermark=True)
                self._raise_if_taken_over(progress.lock)  # it may be written between read_lock and the fencing
            except (BrokerTrouble, Unreachable):
                if time.monotonic() > until:
                    raise
                time.sleep(RETRY_PAUSE)
                continue
            self.renewed_at = 0.0
            return progress

    def renew(self, *, ended: bool) -> None:
        """Write the lock record in a transaction of its own."""
        self.producer.begin_transaction()
        self.write_lock_record(ended=ended)
        self.commit()

    def write_lock_record(self, *, ended: bool) -> None:
        """Produce the lock record into the open transaction."""
        key, value = lock_record(self._identity, self._author, self._since, ended=ended)
        self.producer.produce(state_topic_name(self._clients.prefix), value, key, partition=0)
        self.renewed_at = time.monotonic()

    def commit(self) -> None:
        """Commit the transaction, with retries until its timeout.

        Raises:
            KafkaException: it was not committed, or the outcome is unknown.
        """
        until = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1000
        while True:
            try:
                self.producer.commit_transaction(CALL_TIMEOUT)
            except KafkaException as error:
                kafka_error = unwrap(error)
                if (
                    kafka_error.txn_requires_abort()
                    or kafka_error.fatal()
                    or not kafka_error.retriable()
                    or time.monotonic() > until
                ):
                    raise
            else:
                return

    def abort(self) -> None:
        """Abort the transaction, with retries until its timeout.

        Raises:
            KafkaException: another producer took over the transactional id.
        """
        until = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1000
        while True:
            try:
                self.producer.abort_transaction(CALL_TIMEOUT)
            except KafkaException as error:
                if not unwrap(error).retriable() or time.monotonic() > until:
                    raise
            else:
                return

    def _create_producer(self) -> Producer:
        """A transactional producer, which fences nobody yet. It connects while the lock record is read."""
        return self._clients.create_producer(
            "redrive",
            transactional_id=transactional_id(self._clients.prefix, self._identity),
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            message_max_bytes=MAX_REQUEST_BYTES,
            batch_size=self._batch_size,
            linger_ms=5,
            **({"compression_type": self._codec} if self._codec else {}),
        )

    def _init_transactions(self, producer: Producer) -> None:
        """Fence the producer before this one, whoever has that."""
        wait_for_connection(producer)
        until = time.monotonic() + OUTAGE_TIMEOUT
        while True:
            try:
                producer.init_transactions(CALL_TIMEOUT)
            except KafkaException as error:
                kafka_error = unwrap(error)
                if kafka_error.code() in MISSING_RIGHTS or not kafka_error.retriable() or time.monotonic() > until:
                    raise self._clients.translate(error, f"acquiring the lock of {self._name}") from error
            else:
                self.producer = producer
                return

    def _raise_if_held(self, lock: LockRecord | None, *, resumed: bool) -> None:
        if lock is not None and not lock.has_lapsed and not self._is_own(lock, resumed=resumed):
            raise held_error(self._name, lock)

    def _is_own(self, lock: LockRecord, *, resumed: bool) -> bool:
        author = lock.author
        return author.run == self._author.run and (resumed or author.process == self._author.process)

    def _raise_if_taken_over(self, lock: LockRecord | None) -> None:
        """Raise if another run wrote the lock record last, even if that run has ended by now."""
        if lock is not None and (lock.author.run, lock.author.process) != (self._author.run, self._author.process):
            raise held_error(self._name, lock)


def held_error(name: str, lock: LockRecord) -> Held:
    """The error that names the owner: who, where, since when."""
    since = format_time(lock.since, "%H:%M:%S")
    return Held(
        f"{name} is held by another run",
        f"run {lock.author.run[:8]} of {lock.author.operator} on {lock.author.process.host} since {since}, "
        f"last heard of {max(0, round(lock.age()))} s ago",
        "Wait for its end, or take it over with --take-over.",
    )


def is_fenced_or_unknown(error: KafkaException) -> bool:
    """Whether the producer was fenced or is unusable, or the outcome of the call is unknown."""
    kafka_error = unwrap(error)
    over = kafka_error.code() in FENCED or kafka_error.code() in (KafkaError._FATAL, KafkaError._TIMED_OUT)
    return bool(kafka_error.fatal() or over or kafka_error.retriable())
