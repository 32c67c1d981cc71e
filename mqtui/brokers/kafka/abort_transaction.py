"""Aborts an open transaction by a plan (K22): its producer is fenced, as a new one with its transactional id does it.

Where no coordinator lists the transaction, only its partitions know of it: each gets an abort marker from its leader
(WriteTxnMarkers), as `kafka-transactions.sh abort` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from mqtui.brokers.blocking import submit_to_thread, wait_uncancelled
from mqtui.brokers.kafka.connection.admin_fallback import ask_kafka_python
from mqtui.brokers.kafka.connection.clients import KafkaClients, wait_for_connection
from mqtui.domain.errors import BrokerTrouble, Refused
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import StepResult
from mqtui.domain.transactions import OpenPartition, OpenTransaction

INIT_TIMEOUT = 30.0
"""Seconds for fencing: a coordinator first writes the markers of the transaction it ends."""


async def abort_transaction(clients: KafkaClients, transaction: OpenTransaction) -> StepResult:
    """Abort a transaction as it was planned.

    Raises:
        Refused: it has ended, or its producer has another one open by now.
        NotAuthorised, BrokerTrouble: it is open still.
    """
    if transaction.transactional_id:
        return await wait_uncancelled(submit_to_thread("abort", partial(_fence, clients, transaction)))
    return await wait_uncancelled(submit_to_thread("abort", partial(_write_markers, clients, transaction)))


def _fence(clients: KafkaClients, transaction: OpenTransaction) -> StepResult:
    """End it by a new producer of its transactional id. Blocks."""
    name = transaction.transactional_id
    now = ask_kafka_python(clients.address, lambda admin: admin.describe_transactions([name])[name])
    if now is None:
        raise BrokerTrouble(f"The transaction of {name} can't be looked at", "So it is not aborted.")
    if now.producer_id != transaction.producer_id or now.transaction_start_time_ms != (transaction.since or -1):
        raise Refused(f"That transaction of {name} has ended", f"It is {now.state.value} now.", "Nothing was aborted.")
    with clients.translate_errors(f"fencing the producer of {name} (Write on the transactional id)"):
        producer = clients.create_producer("abort", transactional_id=name)
        wait_for_connection(producer)
        producer.init_transactions(INIT_TIMEOUT)
    return StepResult(1, 1, ("its producer is fenced: it ends at its next call",))


def _write_markers(clients: KafkaClients, transaction: OpenTransaction) -> StepResult:
    """Write an abort marker into each partition. Blocks."""
    parts = [part for part in transaction.parts if part.start is not None]
    answer = ask_kafka_python(clients.address, partial(_write_each, transaction=transaction, parts=parts))
    if answer is None:
        raise BrokerTrouble("Abort markers could not be written", "kafka-python could not connect.")
    done = len(parts) - len(answer)
    if parts and not done:
        raise BrokerTrouble("Abort markers were refused", answer[0], "Alter on the cluster is needed.")
    return StepResult(len(parts), done, (f"abort markers in {pluralize(done, 'partition')}", *answer))


def _write_each(admin: Any, *, transaction: OpenTransaction, parts: Sequence[OpenPartition]) -> list[str]:
    """Why partitions have not got one. Blocks."""
    from kafka import TopicPartition
    from kafka.admin._transactions import AbortTransactionSpec
    from kafka.errors import KafkaError

    failed: list[str] = []
    for part in parts:
        place = TopicPartition(part.resource.name, part.partition)
        spec = AbortTransactionSpec(place, transaction.producer_id, transaction.epoch, max(0, part.coordinator_epoch))
        try:
            admin.abort_transaction(spec)
        except KafkaError as error:
            failed.append(f"{part.resource.name}, partition {part.partition}: {type(error).__name__}")
    return failed
