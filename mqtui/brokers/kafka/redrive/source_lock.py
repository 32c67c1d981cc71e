"""The transactional producer of one dead-letter topic, and the order in which a run takes hold of it (K1, K3).

Holder first, then `init_transactions`, which ends or fences an earlier run; only then is read what was handled.
"""

from __future__ import annotations

import time

from confluent_kafka import KafkaError, KafkaException, Producer

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.errors import FENCED, RIGHTS, error_of, underlying
from mqtui.brokers.kafka.publish import REQUEST_MAX
from mqtui.brokers.kafka.read.topic_metadata import state_topic
from mqtui.brokers.kafka.redrive.state_topic import (
    HolderRecord,
    Stamp,
    State,
    holder_record,
    read_holder,
    read_state,
    transactional_id,
    watch_holder,
)
from mqtui.domain.errors import BrokerTrouble, Held, Unreachable
from mqtui.domain.times import format_time

TRANSACTION_MS = 15_000
"""How long the coordinator leaves a transaction of a dead run open (K4)."""

OUTAGE = 30.0
"""Seconds a run waits for a broker that went away."""

TAKES = 5
"""How often a run that is fenced before its record is written takes hold again."""

STEP = 5.0
PAUSE = 0.5


class Hold:
    """A hold on one dead-letter topic. Used by one thread."""

    def __init__(
        self, connection: Connection, identity: str, name: str, stamp: Stamp, batch_bytes: int, codec: str = ""
    ) -> None:
        self._connection = connection
        self._identity = identity
        self._name = name
        self._stamp = stamp
        self._batch_bytes = batch_bytes
        self._codec = codec
        self._since = int(time.time() * 1000)
        self.renewed = 0.0
        """When the holder record was last written (monotonic)."""
        self.producer: Producer

    def take(self, *, take_over: bool, resumed: bool) -> State:
        """Check, fence, read, and say so. Returns what was handled.

        Raises:
            Held: another run holds the topic.
            NotAuthorised: a right on the transactional id or the state topic is missing.
            BrokerTrouble: another run takes it back again and again.
        """
        for _ in range(TAKES):
            state = self._take(take_over=take_over, resumed=resumed)
            try:
                self.renew(ended=False)
            except (KafkaException, SystemError) as error:
                if not lost(underlying(error)):
                    raise self._connection.translate(underlying(error), f"taking hold of {self._name}") from error
            else:
                return state
        raise BrokerTrouble(
            f"{self._name} can't be held", "Another run takes it back each time.", "End it, then retry."
        )

    def _take(self, *, take_over: bool, resumed: bool) -> State:
        """Check, fence and read. Whoever fences this one before its record is written may move letters meanwhile."""
        before = read_holder(self._connection, self._identity)
        if not take_over and before is not None and not self._is_own(before, resumed=resumed):
            before = watch_holder(self._connection, self._identity)
            self._refuse(before, resumed=resumed)
        self._open()
        state = read_state(self._connection, self._identity, settled=True)
        if not take_over and state.holder is not None and (before is None or state.holder.stamp != before.stamp):
            self._refuse(watch_holder(self._connection, self._identity), resumed=resumed)
        return state

    def regain(self) -> State:
        """After `_FENCED` or a lost reply: go on with a new producer, unless another run holds the topic now.

        Raises:
            Held: it was taken over.
            BrokerTrouble: no broker answered for `OUTAGE` seconds.
        """
        until = time.monotonic() + OUTAGE
        while True:
            try:
                self._recognise(read_holder(self._connection, self._identity))
                self._open()
                state = read_state(self._connection, self._identity, settled=True)
                self._recognise(state.holder)  # it may have been written between the first look and the fencing
            except (BrokerTrouble, Unreachable):
                if time.monotonic() > until:
                    raise
                time.sleep(PAUSE)
                continue
            self.renewed = 0.0
            return state

    def renew(self, *, ended: bool) -> None:
        """Write the holder record in a transaction of its own."""
        self.producer.begin_transaction()
        self.write_holder(ended=ended)
        self.commit()

    def write_holder(self, *, ended: bool) -> None:
        """Put the holder record into the open transaction."""
        key, value = holder_record(self._identity, self._stamp, self._since, ended=ended)
        self.producer.produce(state_topic(self._connection.prefix), value, key, partition=0)
        self.renewed = time.monotonic()

    def commit(self) -> None:
        """Commit, and go on trying for as long as the coordinator may still do it.

        Raises:
            KafkaException: it did not, or nobody knows.
        """
        until = time.monotonic() + TRANSACTION_MS / 1000
        while True:
            try:
                self.producer.commit_transaction(STEP)
            except KafkaException as error:
                inner = error_of(error)
                if inner.txn_requires_abort() or inner.fatal() or not inner.retriable() or time.monotonic() > until:
                    raise
            else:
                return

    def abort(self) -> None:
        """Abort.

        Raises:
            KafkaException: the transaction is in another's hands.
        """
        until = time.monotonic() + TRANSACTION_MS / 1000
        while True:
            try:
                self.producer.abort_transaction(STEP)
            except KafkaException as error:
                if not error_of(error).retriable() or time.monotonic() > until:
                    raise
            else:
                return

    def _open(self) -> None:
        """A new producer: it fences the old one, whoever has it."""
        producer = self._connection.producer(
            "redrive",
            transactional_id=transactional_id(self._connection.prefix, self._identity),
            transaction_timeout_ms=TRANSACTION_MS,
            message_max_bytes=REQUEST_MAX,
            batch_size=self._batch_bytes,
            linger_ms=5,
            **({"compression_type": self._codec} if self._codec else {}),
        )
        until = time.monotonic() + OUTAGE
        while True:
            try:
                producer.init_transactions(STEP)
            except KafkaException as error:
                inner = error_of(error)
                if inner.code() in RIGHTS or not inner.retriable() or time.monotonic() > until:
                    raise self._connection.translate(error, f"taking hold of {self._name}") from error
            else:
                self.producer = producer
                return

    def _refuse(self, holder: HolderRecord | None, *, resumed: bool) -> None:
        if holder is not None and not holder.lapsed and not self._is_own(holder, resumed=resumed):
            raise held(self._name, holder)

    def _is_own(self, holder: HolderRecord, *, resumed: bool) -> bool:
        stamp = holder.stamp
        return stamp.run == self._stamp.run and (resumed or stamp.presence == self._stamp.presence)

    def _recognise(self, holder: HolderRecord | None) -> None:
        """Whether the last holder is still this very run: else it was taken over, even if that run has ended by now."""
        if holder is not None and (holder.stamp.run, holder.stamp.presence) != (self._stamp.run, self._stamp.presence):
            raise held(self._name, holder)


def held(name: str, holder: HolderRecord) -> Held:
    """The refusal that names who, where and since when."""
    since = format_time(holder.since, "%H:%M:%S")
    return Held(
        f"{name} is held by another run",
        f"run {holder.stamp.run[:8]} of {holder.stamp.operator} on {holder.stamp.presence.host} since {since}, "
        f"last heard of {max(0, round(holder.age()))} s ago",
        "Wait for its end, or take it over with --take-over.",
    )


def lost(error: KafkaException) -> bool:
    """Whether the producer is of no use any more, or the outcome is not known."""
    inner = error_of(error)
    over = inner.code() in FENCED or inner.code() in (KafkaError._FATAL, KafkaError._TIMED_OUT)
    return bool(inner.fatal() or over or inner.retriable())
