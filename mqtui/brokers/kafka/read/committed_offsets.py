"""Committed offsets of groups: many groups in one request where the brokers can, else a request per group.

librdkafka has FindCoordinator and OffsetFetch for one group alone [508 groups: 1,016 requests, 285 ms; in bulk 2
requests, 40 ms], and ends the process with a segmentation fault where a coordinator answers NOT_COORDINATOR, as each
does that moves or has just started (librdkafka#5040). It is asked only where the brokers can't be asked otherwise:
before Kafka 3.0, or with options that are for librdkafka alone.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from mqtui.brokers.kafka.connection.broker_connections import (
    BrokerConnections,
    BulkUnavailable,
    BulkUnsupported,
    HostPort,
)
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients, answer_blocking
from mqtui.brokers.kafka.connection.coordinators import CoordinatorType, find_coordinators
from mqtui.brokers.kafka.connection.wire_format import (
    INT16,
    INT32,
    NO_TAGS,
    NULL_ARRAY,
    ResponseDecoder,
    encode_array,
    encode_string,
)
from mqtui.brokers.kafka.read.group_descriptions import MOVING, describe_refusal, raise_if_all_silent
from mqtui.brokers.kafka.read.offsets import TopicPartitionKey
from mqtui.brokers.request_log import log_retry

MAX_IN_FLIGHT = 1_000
"""OffsetFetch requests of librdkafka's in flight at once."""

MOVING_SECONDS = 5.0
"""Seconds for which a coordinator that moves or does not answer is asked again."""

RETRY_SECONDS = 0.1

BULK_GROUPS = 1_000
"""Most groups in one request."""

OFFSET_FETCH, OFFSET_FETCH_VERSION = 9, 8
"""The first version with many groups, that of Kafka 3.0."""

PARTITION_OFFSET = struct.Struct(">iqi")
"""Partition, committed offset and leader epoch."""

CommittedOffsets: TypeAlias = Mapping[TopicPartitionKey, int]
BulkAnswers: TypeAlias = dict[str, "CommittedOffsets | KafkaError"]
"""By group: its commits, or why they are not known."""


async def fetch_committed_offsets(clients: KafkaClients, names: Sequence[str]) -> Mapping[str, CommittedOffsets | str]:
    """Committed offsets by group, or the reason why there are none.

    Raises:
        CannotConnect, BrokerTrouble: no coordinator answers at all.
    """
    admin = await clients.admin()
    return await clients.run_in_thread(
        "asking for commits", partial(fetch_committed_blocking, admin, clients.connections, names)
    )


def fetch_committed_blocking(
    admin: AdminClient, connections: BrokerConnections, names: Sequence[str]
) -> dict[str, CommittedOffsets | str]:
    """`fetch_committed_offsets` for a thread that may block."""
    found: dict[str, CommittedOffsets | str] = {}
    silent: list[KafkaException] = []
    for name, answer in _fetch_settled(connections, names).items():
        found[name] = describe_refusal(KafkaException(answer), silent) if isinstance(answer, KafkaError) else answer
    found |= _fetch_each(admin, [name for name in names if name not in found], silent)
    raise_if_all_silent(silent, names)
    return found


def _fetch_settled(connections: BrokerConnections, names: Sequence[str]) -> BulkAnswers:
    """`fetch_in_bulk`, which asks again for a while where a coordinator moves or does not answer."""
    found, until = fetch_in_bulk(connections, names), time.monotonic() + MOVING_SECONDS
    while (unsettled := [name for name, answer in found.items() if _is_unsettled(answer)]) and time.monotonic() < until:
        time.sleep(RETRY_SECONDS)
        found |= fetch_in_bulk(connections, unsettled)
    return found


def _is_unsettled(answer: CommittedOffsets | KafkaError) -> bool:
    return isinstance(answer, KafkaError) and answer.code() in {*MOVING, KafkaError._TRANSPORT}


def fetch_in_bulk(connections: BrokerConnections, names: Sequence[str]) -> BulkAnswers:
    """Commits of many groups, or why they are not known; groups that can't be asked for so are left out. Blocks."""
    found: BulkAnswers = {}
    for at in range(0, len(names), BULK_GROUPS):
        part = names[at : at + BULK_GROUPS]
        try:
            coordinators = find_coordinators(connections, CoordinatorType.GROUP, part)
        except BulkUnavailable as error:
            found |= _not_asked("asking for coordinators in bulk", error, part)
            continue
        groups_of: dict[HostPort, list[str]] = {}
        for name, there in coordinators.items():
            if isinstance(there, int):
                found[name] = KafkaError(there)
            else:
                groups_of.setdefault(there, []).append(name)
        for broker, groups in groups_of.items():
            try:
                found |= _fetch_offsets(connections, broker, groups)
            except BulkUnavailable as error:
                found |= _not_asked("asking for commits in bulk", error, groups)
    return found


def _not_asked(what: str, error: BulkUnavailable, names: Sequence[str]) -> BulkAnswers:
    """That nobody answered; nothing where the broker can't be asked so, and librdkafka may."""
    log_retry("kafka", what, error)
    if isinstance(error, BulkUnsupported):
        return {}
    return dict.fromkeys(names, KafkaError(KafkaError._TRANSPORT, str(error)))


def _fetch_offsets(connections: BrokerConnections, broker: HostPort, names: Sequence[str]) -> BulkAnswers:
    groups = (encode_string(name) + NULL_ARRAY + NO_TAGS for name in names)
    body = encode_array(groups) + bytes([False]) + NO_TAGS
    return connections.request(broker, OFFSET_FETCH, OFFSET_FETCH_VERSION, body, _decode_offsets)


def _decode_offsets(response: ResponseDecoder) -> BulkAnswers:
    response.skip(INT32.size)
    return dict(_group_offsets(response) for _ in range(response.length()))


def _group_offsets(response: ResponseDecoder) -> tuple[str, CommittedOffsets | KafkaError]:
    name = response.string()
    offsets = {key: offset for _ in range(response.length()) for key, offset in _topic_offsets(response)}
    (error,) = response.fields(INT16)
    response.skip_tags()
    return name, KafkaError(error) if error else offsets


def _topic_offsets(response: ResponseDecoder) -> Iterator[tuple[TopicPartitionKey, int]]:
    topic = response.string()
    for _ in range(response.length()):
        partition, offset, _ = response.fields(PARTITION_OFFSET)
        response.skip_string()
        (error,) = response.fields(INT16)
        response.skip_tags()
        if offset >= 0 and not error:
            yield (topic, partition), offset
    response.skip_tags()


def _fetch_each(
    admin: AdminClient, names: Sequence[str], silent: list[KafkaException]
) -> dict[str, CommittedOffsets | str]:
    """By librdkafka, a request per group. Errors of coordinators that did not answer are appended to `silent`."""
    found: dict[str, CommittedOffsets | str] = {}
    for at in range(0, len(names), MAX_IN_FLIGHT):
        pending = {
            name: admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(name)], request_timeout=REQUEST_TIMEOUT
            )[name]
            for name in names[at : at + MAX_IN_FLIGHT]
        }
        for name, future in pending.items():
            try:
                response = answer_blocking(future)
            except KafkaException as error:
                found[name] = describe_refusal(error, silent)
            else:
                found[name] = {
                    (key.topic, key.partition): key.offset
                    for key in response.topic_partitions
                    if key.offset >= 0 and key.error is None
                }
    return found
