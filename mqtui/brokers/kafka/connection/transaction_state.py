"""The state of a transactional id, which librdkafka can't ask for (DescribeTransactions). Opens no producer (K3).

kafka-python is asked only where these connections can't be used, since loading it takes 0.2 s.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import partial

from confluent_kafka import KafkaError

from mqtui.brokers.kafka.connection.broker_connections import BrokerConnections, BulkUnavailable
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.coordinators import CoordinatorType, find_coordinators
from mqtui.brokers.kafka.connection.wire_format import (
    INT16,
    INT32,
    NO_TAGS,
    ResponseDecoder,
    encode_array,
    encode_string,
)
from mqtui.brokers.request_log import log_retry

DESCRIBE_TRANSACTIONS, DESCRIBE_TRANSACTIONS_VERSION = 65, 0
"""Of Kafka 3.0."""

TRANSACTIONAL_ID_NOT_FOUND = 105
TIMEOUT_AND_START = struct.Struct(">iq")


@dataclass(frozen=True, slots=True)
class TransactionState:
    """A transactional id as its coordinator describes it. `since` is the start of the open transaction in ms since the
    epoch, -1 if there is none.
    """

    allowed: bool
    state: str = ""
    since: int = -1

    @property
    def is_ongoing(self) -> bool:
        """Whether a transaction is open."""
        return self.state == "Ongoing"


async def describe_transaction(clients: KafkaClients, transactional_id: str) -> TransactionState | None:
    """The state of one id; `allowed` is False without Describe on it. None where it can't be had."""
    return await clients.run_in_thread("asking for a transaction", partial(_describe, clients, transactional_id))


def _describe(clients: KafkaClients, transactional_id: str) -> TransactionState | None:
    try:
        found = ask_coordinator(clients.connections, transactional_id)
    except BulkUnavailable as error:
        log_retry("kafka", "asking for a transaction", error)
        found = None
    if found is not None:
        return found
    from mqtui.brokers.kafka.connection.admin_fallback import fetch_transaction

    fetched = fetch_transaction(clients.address, transactional_id)
    return None if fetched is None else TransactionState(*fetched)


def ask_coordinator(connections: BrokerConnections, transactional_id: str) -> TransactionState | None:
    """`describe_transaction`; None where the coordinator is not ready. Blocks.

    Raises:
        BulkUnavailable: it can't be asked this way.
    """
    coordinator = find_coordinators(connections, CoordinatorType.TRANSACTION, [transactional_id]).get(transactional_id)
    if coordinator is None or isinstance(coordinator, int):
        return _of_error(coordinator)
    body = encode_array([encode_string(transactional_id)]) + NO_TAGS
    return connections.request(coordinator, DESCRIBE_TRANSACTIONS, DESCRIBE_TRANSACTIONS_VERSION, body, _decode)


def _decode(response: ResponseDecoder) -> TransactionState | None:
    response.skip(INT32.size)
    if response.length() != 1:
        return None
    (error,) = response.fields(INT16)
    response.skip_string()
    state = response.string()
    _, since = response.fields(TIMEOUT_AND_START)
    return _of_error(error) if error else TransactionState(allowed=True, state=state, since=since)


def _of_error(code: int | None) -> TransactionState | None:
    if code == TRANSACTIONAL_ID_NOT_FOUND:
        return TransactionState(allowed=True)
    if code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return TransactionState(allowed=False)
    return None
