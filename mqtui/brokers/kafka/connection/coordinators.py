"""Where the coordinators of groups and transactional ids are: many in one request."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from mqtui.brokers.kafka.connection.broker_connections import BrokerConnections, HostPort
from mqtui.brokers.kafka.connection.wire_format import (
    INT16,
    INT32,
    NO_TAGS,
    ResponseDecoder,
    encode_array,
    encode_string,
)

FIND_COORDINATOR, FIND_COORDINATOR_VERSION = 10, 4
"""The first version with many keys, that of Kafka 3.0."""


class CoordinatorType(IntEnum):
    """What a coordinator is asked for; the numbers are the protocol's."""

    GROUP = 0
    TRANSACTION = 1


def find_coordinators(
    connections: BrokerConnections, kind: CoordinatorType, keys: Iterable[str]
) -> dict[str, HostPort | int]:
    """By group or transactional id: where its coordinator is, or an error code of Kafka's. Blocks.

    Raises:
        BulkUnavailable: no broker can be asked this way.
    """
    body = bytes([kind]) + encode_array(map(encode_string, keys)) + NO_TAGS
    return connections.request(None, FIND_COORDINATOR, FIND_COORDINATOR_VERSION, body, _decode)


def _decode(response: ResponseDecoder) -> dict[str, HostPort | int]:
    response.skip(INT32.size)
    return dict(_coordinator(response) for _ in range(response.length()))


def _coordinator(response: ResponseDecoder) -> tuple[str, HostPort | int]:
    key = response.string()
    response.skip(INT32.size)
    host = response.string()
    (port,) = response.fields(INT32)
    (error,) = response.fields(INT16)
    response.skip_string()
    response.skip_tags()
    return key, error or (host, port)
