"""Skips messages of a group with copies: copies and offset are committed in one transaction (K21).

The transactional id is the group's own: a run that follows a killed one ends its transaction first (K1), and only then
reads where the group stands. So a message is either copied and skipped, or neither.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from hashlib import sha256

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from mqtui.brokers.blocking import submit_to_thread, wait_uncancelled
from mqtui.brokers.kafka.connection.clients import KafkaClients, wait_for_connection
from mqtui.brokers.kafka.errors import FENCED, kafka_cause, unwrap
from mqtui.brokers.kafka.messages import WireHeaders, header_error
from mqtui.brokers.kafka.offset_moves import in_use_error, key_of, offset_of, pending_moves
from mqtui.brokers.kafka.publish import ANY_PARTITION, MAX_REQUEST_BYTES
from mqtui.brokers.kafka.read.offset_preview import describe_group
from mqtui.brokers.kafka.read.topic_metadata import describe_topic, topic_name
from mqtui.brokers.kafka.redrive.source_lock import TRANSACTION_TIMEOUT_MS
from mqtui.domain.errors import BrokerTrouble, ReplyLost
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import SkipWithCopies, StepResult

CALL_TIMEOUT = 30.0
"""Seconds that one call of the transaction may take."""


async def skip_with_copies(clients: KafkaClients, step: SkipWithCopies) -> StepResult:
    """Store the copies and set the offset, or neither.

    Raises:
        Refused: the group has members, or stands elsewhere than the plan says.
        NotFound, NotAuthorised, BrokerTrouble: nothing was stored, and the group stands where it stood.
        ReplyLost: whether it was committed is not known.
    """
    await describe_topic(clients, topic_name(step.target))
    for copy in step.copies:
        if reason := header_error(copy.headers):
            raise BrokerTrouble("A message can't be copied", reason, "Nothing was skipped.")
    names = (f"{step.move.resource.name}/{step.move.partition}",)
    transaction = SkipTransaction(clients, step)
    if not await wait_uncancelled(submit_to_thread("skip", transaction.begin)):
        return StepResult(1, 1, ("it was done before",), names)
    state = await describe_group(clients, step.group.name)
    if state.members:
        await wait_uncancelled(submit_to_thread("skip", transaction.abort))
        raise in_use_error(step.group.name, f"{len(state.members)} joined since the plan.")
    await wait_uncancelled(submit_to_thread("skip", transaction.commit))
    return StepResult(1, 1, (), names)


class SkipTransaction:
    """One transaction: `begin` stores the copies, then `commit` moves the offset with them, or `abort` undoes all."""

    def __init__(self, clients: KafkaClients, step: SkipWithCopies) -> None:
        self._clients = clients
        self._step = step
        self._failed: list[KafkaError] = []
        self._action = f"skipping with copies for group {step.group.name}"
        self._producer: Producer

    def begin(self) -> bool:
        """End what a killed run left, and store the copies; False where a run before has done it all. Blocks."""
        with self._clients.translate_errors(self._action):
            self._producer = self._create_producer()
            if not pending_moves([self._step.move], self._stable_commits()):
                return False
            self._producer.begin_transaction()
            try:
                for copy in self._step.copies:
                    self._produce(copy)
                unsent = self._producer.flush(CALL_TIMEOUT)
            except KafkaException:
                self.abort()
                raise
        if self._failed or unsent:
            self.abort()
            why = self._failed[0].str() if self._failed else "they were not confirmed in time"
            raise BrokerTrouble("The copies were not stored", why, "Nothing was skipped, and no copy is left.")
        return True

    def commit(self) -> None:
        """Move the offset, and commit it with the copies. Blocks."""
        consumer = self._clients.create_consumer("skip", group_id=self._step.group.name)
        try:
            self._send_offset(consumer)
            self._commit_until_known()
        except (KafkaException, SystemError) as error:
            cause = kafka_cause(error)
            if unwrap(cause).code() in FENCED:
                raise BrokerTrouble(
                    "Another run skips for this group", unwrap(cause).str(), "Nothing was skipped by this one."
                ) from error
            raise self._clients.translate(cause, self._action) from error
        finally:
            consumer.close()

    def abort(self) -> None:
        """Undo all. Blocks."""
        with suppress(KafkaException):  # the broker aborts it itself when its time is over
            self._producer.abort_transaction(CALL_TIMEOUT)

    def _create_producer(self) -> Producer:
        group = sha256(self._step.group.name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        producer = self._clients.create_producer(
            "skip",
            transactional_id=f"{self._clients.prefix}.skip.{group}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            message_max_bytes=MAX_REQUEST_BYTES,
            linger_ms=5,
        )
        wait_for_connection(producer)
        producer.init_transactions(CALL_TIMEOUT)
        return producer

    def _stable_commits(self) -> dict[tuple[str, int], int]:
        """Where the group stands, once no open transaction would commit another place: a consumer waits for that.

        The admin client ends the process where the coordinator moves meanwhile (librdkafka#5040).
        """
        topic, number = key_of(self._step.move)
        with closing(self._clients.create_consumer("skip", group_id=self._step.group.name)) as consumer:
            (place,) = consumer.committed([TopicPartition(topic, number)], CALL_TIMEOUT)
        if place.error is not None:
            raise KafkaException(place.error)
        return {(topic, number): place.offset} if place.offset >= 0 else {}

    def _produce(self, copy: Outgoing) -> None:
        partition = ANY_PARTITION if copy.partition is None else copy.partition
        headers: WireHeaders = [(name, value) for name, value, _ in copy.headers]
        while True:
            try:
                self._producer.produce(
                    copy.target.name, copy.value, copy.key, partition, on_delivery=self._on_delivery, headers=headers
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _on_delivery(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self._failed.append(error)

    def _send_offset(self, consumer: Consumer) -> None:
        (topic, number), after = key_of(self._step.move), offset_of(self._step.move.after)
        assert after is not None
        place = TopicPartition(topic, number, after)
        self._producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata(), CALL_TIMEOUT)

    def _commit_until_known(self) -> None:
        """Commit, asking again while the answer is missing."""
        until = time.monotonic() + TRANSACTION_TIMEOUT_MS / 1000
        while True:
            try:
                self._producer.commit_transaction(CALL_TIMEOUT)
            except KafkaException as error:
                kafka_error = unwrap(error)
                if kafka_error.txn_requires_abort():
                    self.abort()
                    raise
                if not kafka_error.retriable():
                    raise
                if time.monotonic() > until:
                    raise ReplyLost(
                        "Whether the messages were skipped is unknown",
                        kafka_error.str(),
                        "`mqtui runs resume` finds out.",
                    ) from error
            else:
                return
