"""The offsets of thousands of partitions, without an object per partition.

confluent-kafka makes several [10,000 partitions: 87 ms of computing time], and meanwhile the event loop gets no turn.
What the answers leave open (a partition that moves, one whose leader does not
answer, or which this user may not see) librdkafka is asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from mqtui.brokers.kafka.connection.broker_connections import (
    BrokerConnections,
    BulkUnavailable,
    HostPort,
)
from mqtui.brokers.kafka.connection.bulk_metadata import NO_LEADER, Leaders
from mqtui.brokers.kafka.connection.wire_format import (
    INT32,
    NO_TAGS,
    ResponseDecoder,
    encode_array,
    encode_string,
    encode_varint,
)
from mqtui.brokers.request_log import log_retry

BULK_FROM = 100
"""From so many partitions on they are asked for in bulk."""

MOST_PARTITIONS = 20_000
"""Most partitions in one request."""

LIST_OFFSETS, LIST_OFFSETS_VERSION = 2, 6
"""The first flexible version, that of Kafka 2.7."""

ASKED_PARTITION = struct.Struct(">iiqB")
"""Partition, leader epoch, timestamp, and no tagged fields."""

ANSWERED_PARTITION = struct.Struct(">ihqqi")
"""Partition, error, timestamp, offset and leader epoch."""

CONSUMER = -1
"""The replica id of whoever is no replica."""

ANY_EPOCH = -1


def list_offsets_in_bulk(
    connections: BrokerConnections,
    leaders: Leaders,
    keys: Iterable[tuple[str, int]],
    timestamp: int,
    *,
    committed: bool,
) -> dict[tuple[str, int], int]:
    """The offsets of the partitions whose leaders gave them. `timestamp`: -1 for latest, -2 for earliest. Blocks."""
    by_leader: dict[HostPort, dict[str, list[int]]] = {}
    for topic, partition in keys:
        there = leaders.get(topic)
        broker = there.get(partition, NO_LEADER) if there is not None else NO_LEADER
        if broker is not NO_LEADER:
            by_leader.setdefault(broker, {}).setdefault(topic, []).append(partition)
    found: dict[tuple[str, int], int] = {}
    for broker, topics in by_leader.items():
        try:
            for some in _requests(topics):
                body = _encode_request(some, timestamp, committed=committed)
                found |= connections.request(broker, LIST_OFFSETS, LIST_OFFSETS_VERSION, body, _decode_offsets)
        except BulkUnavailable as error:
            log_retry("kafka", "a question for offsets in bulk", error)
    return found


def _requests(topics: Mapping[str, Sequence[int]]) -> Iterable[dict[str, Sequence[int]]]:
    """The topics in portions of at most `MOST_PARTITIONS` partitions, or one topic."""
    portion: dict[str, Sequence[int]] = {}
    size = 0
    for topic, partitions in topics.items():
        if portion and size + len(partitions) > MOST_PARTITIONS:
            yield portion
            portion, size = {}, 0
        portion[topic] = partitions
        size += len(partitions)
    if portion:
        yield portion


def _encode_request(topics: Mapping[str, Sequence[int]], timestamp: int, *, committed: bool) -> bytes:
    pack = ASKED_PARTITION.pack
    asked = (
        encode_string(topic)
        + encode_varint(len(partitions) + 1)
        + b"".join([pack(partition, ANY_EPOCH, timestamp, 0) for partition in partitions])
        + NO_TAGS
        for topic, partitions in topics.items()
    )
    return INT32.pack(CONSUMER) + bytes([committed]) + encode_array(asked) + NO_TAGS


def _decode_offsets(response: ResponseDecoder) -> dict[tuple[str, int], int]:
    response.skip(INT32.size)
    found: dict[tuple[str, int], int] = {}
    for _ in range(response.length()):
        topic = response.string()
        for _ in range(response.length()):
            partition, error, _, offset, _ = response.fields(ANSWERED_PARTITION)
            response.skip_tags()
            if not error and offset >= 0:
                found[topic, partition] = offset
        response.skip_tags()
    return found
