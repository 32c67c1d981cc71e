"""All topics with their leaders from one Metadata response, without an object per partition.

confluent-kafka makes several [10,000 partitions: 45 ms of computing time].
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mqtui.brokers.kafka.connection.broker_connections import BrokerConnections, HostPort
from mqtui.brokers.kafka.connection.wire_format import INT8, INT16, INT32, NO_TAGS, NULL_ARRAY, ResponseDecoder

METADATA, METADATA_VERSION = 3, 9
"""The first flexible version, that of Kafka 2.4."""

NO_LEADER: HostPort = ("", 0)
BROKER_ID, TOPIC_ERROR, IS_INTERNAL, AUTHORIZED_OPERATIONS = INT32, INT16, INT8, INT32
PARTITION = struct.Struct(">hiii")
"""Error, partition, leader and leader epoch."""

Leaders: TypeAlias = Mapping[str, Mapping[int, HostPort]]
"""By topic, in order of names, and partition: where its leader is; `NO_LEADER` if there is none."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Where the brokers are, by number, and the leaders of all partitions."""

    brokers: Mapping[int, HostPort]
    leaders: Leaders


NOT_LISTED = Topology({}, {})


def fetch_topology(connections: BrokerConnections) -> Topology:
    """The topology of the cluster. Creates no topic (K9). Blocks.

    Raises:
        BulkUnavailable: no broker can be asked this way.
    """
    creates, operations = bytes([False]), bytes([False, False])
    return connections.request(
        None, METADATA, METADATA_VERSION, NULL_ARRAY + creates + operations + NO_TAGS, _decode_metadata
    )


def _decode_metadata(response: ResponseDecoder) -> Topology:
    response.skip(INT32.size)
    brokers = dict(_broker(response) for _ in range(response.length()))
    response.skip_string()
    response.skip(BROKER_ID.size)
    return Topology(brokers, dict(sorted(_topic(response, brokers) for _ in range(response.length()))))


def _broker(response: ResponseDecoder) -> tuple[int, HostPort]:
    (number,) = response.fields(BROKER_ID)
    host = response.string()
    (port,) = response.fields(INT32)
    response.skip_string()
    response.skip_tags()
    return number, (host, port)


def _topic(response: ResponseDecoder, brokers: Mapping[int, HostPort]) -> tuple[str, dict[int, HostPort]]:
    response.skip(TOPIC_ERROR.size)
    name = response.string()
    response.skip(IS_INTERNAL.size)
    leaders: dict[int, HostPort] = {}
    for _ in range(response.length()):
        _, partition, leader, _ = response.fields(PARTITION)
        for _ in ("replicas", "in sync", "offline"):
            response.skip(response.length() * BROKER_ID.size)
        response.skip_tags()
        leaders[partition] = brokers.get(leader, NO_LEADER)
    response.skip(AUTHORIZED_OPERATIONS.size)
    response.skip_tags()
    return name, leaders
