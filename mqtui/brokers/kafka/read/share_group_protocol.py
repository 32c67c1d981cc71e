"""The protocol messages that describe share groups (KIP-932), built for kafka-python from JSON schemas (K16).

Imported only once a share group was listed: kafka-python takes long to import.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import new_class
from typing import Any

from kafka.errors import for_code
from kafka.protocol.api_message import ApiMessage

from mqtui.brokers.kafka.read import share_group_schemas


def _message(name: str) -> Any:
    """A message class from the schema of that name; kafka-python finds a response class by its API key."""
    return new_class(name, (ApiMessage,), {"load_json": share_group_schemas})


DESCRIBE_REQUEST = _message("ShareGroupDescribeRequest")
DESCRIBE_RESPONSE = _message("ShareGroupDescribeResponse")
OFFSETS_REQUEST = _message("DescribeShareGroupOffsetsRequest")
OFFSETS_RESPONSE = _message("DescribeShareGroupOffsetsResponse")


def describe_share_groups(admin: Any, names: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """By group its part of the ShareGroupDescribe response, and of the DescribeShareGroupOffsets one or None. Blocks.

    Raises:
        kafka.errors.KafkaError: a coordinator does not answer.
    """
    found: dict[str, tuple[Any, Any]] = admin._manager.run(_describe, admin, names)
    return found


async def _describe(admin: Any, names: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    coordinators: dict[int, list[str]] = defaultdict(list)
    for name, node in (await admin._find_coordinator_ids(list(names))).items():
        coordinators[node].append(name)
    found: dict[str, tuple[Any, Any]] = {}
    for node, own in coordinators.items():
        request = DESCRIBE_REQUEST(group_ids=own, include_authorized_operations=False)
        described = await admin._manager.send(request, node_id=node)
        group = OFFSETS_REQUEST.DescribeShareGroupOffsetsRequestGroup
        request = OFFSETS_REQUEST(groups=[group(group_id=name, topics=None) for name in own])
        offsets = {one.group_id: one for one in (await admin._manager.send(request, node_id=node)).groups}
        found |= {one.group_id: (one, offsets.get(one.group_id)) for one in described.groups}
    return found


def describe_response_error(response: Any) -> str:
    """The error of a group's part of a response, by Kafka's name for it."""
    return f"{for_code(response.error_code).__name__}: {response.error_message or 'no reason given'}"
