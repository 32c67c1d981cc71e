"""Requests that a broker only validates (`validate_only`): its own word on a change before it is made."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, describe_error, unwrap
from mqtui.domain.plan import Risk, Severity

WORDS = {
    KafkaError.TOPIC_ALREADY_EXISTS: "there is a topic of that name",
    KafkaError.TOPIC_EXCEPTION: "the broker takes no topic of that name",
    KafkaError.INVALID_PARTITIONS: "the broker takes no such number of partitions",
    KafkaError.INVALID_REPLICATION_FACTOR: "there are not so many brokers",
    KafkaError.INVALID_CONFIG: "the broker takes no such setting",
    KafkaError.POLICY_VIOLATION: "a policy of the broker forbids it",
}
"""What the broker's refusals mean."""


async def ask_to_validate(clients: KafkaClients, future: Future[Any], action: str) -> list[Risk]:
    """The refusal in the answer to a request that only validates; none where the broker would do it.

    Raises:
        CannotConnect, BrokerTrouble: the broker can't be asked.
    """
    try:
        await asyncio.wrap_future(future)
    except KafkaException as error:
        kafka_error = unwrap(error)
        code = kafka_error.code()
        if code in MISSING_RIGHTS:
            text = f"{describe_error(kafka_error)}; needed: {MISSING_RIGHTS[code]}"
            return [Risk("rights", text, Severity.REFUSE, final=True)]
        if code not in WORDS:
            raise clients.translate(error, action) from error
        words = f"{WORDS[code]}: {describe_error(kafka_error)}"
        return [Risk("broker-refuses", words, Severity.REFUSE, final=True)]
    return []
