"""Share groups (KIP-932) as their coordinators describe them, by messages that kafka-python is taught here (K16).

Imported only where a share group was listed: it needs kafka-python, which takes long to import.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from types import new_class
from typing import Any

from kafka.errors import for_code
from kafka.protocol.api_message import ApiMessage

from mqtui.brokers.kafka import share_schemas
from mqtui.domain.topology import Member


def _message(name: str) -> Any:
    """A class of messages by the schema of that name; responses are found by their key."""
    return new_class(name, (ApiMessage,), {"load_json": share_schemas})


DESCRIBE = _message("ShareGroupDescribeRequest")
DESCRIBED = _message("ShareGroupDescribeResponse")
OFFSETS = _message("DescribeShareGroupOffsetsRequest")
TOLD_OFFSETS = _message("DescribeShareGroupOffsetsResponse")


@dataclass(frozen=True, slots=True)
class ShareProgress:
    """Where a share group stands in one partition: `start` is the first record that is not done with.

    `lag` is -1 where the broker does not tell it.
    """

    topic: str
    partition: int
    start: int
    lag: int


@dataclass(frozen=True, slots=True)
class ShareGroup:
    """A share group. `why` says why its members or its progress are missing."""

    state: str
    members: tuple[Member, ...] = ()
    progress: tuple[ShareProgress, ...] = ()
    why: str = ""


def describe_share_groups(admin: Any, states: dict[str, str]) -> dict[str, ShareGroup]:
    """Members and progress of share groups, whose listed states are given, by a connected admin client. Blocks.

    Raises:
        kafka.errors.KafkaError: a coordinator does not answer.
    """
    found: dict[str, ShareGroup] = admin._manager.run(_describe, admin, states)
    return found


async def _describe(admin: Any, states: dict[str, str]) -> dict[str, ShareGroup]:
    coordinators: dict[int, list[str]] = defaultdict(list)
    for name, node in (await admin._find_coordinator_ids(list(states))).items():
        coordinators[node].append(name)
    found: dict[str, ShareGroup] = {}
    for node, names in coordinators.items():
        asked = DESCRIBE(group_ids=names, include_authorized_operations=False)
        told = await admin._manager.send(asked, node_id=node)
        group = OFFSETS.DescribeShareGroupOffsetsRequestGroup
        places = OFFSETS(groups=[group(group_id=name, topics=None) for name in names])
        offsets = {one.group_id: one for one in (await admin._manager.send(places, node_id=node)).groups}
        for one in told.groups:
            found[one.group_id] = _group(one, offsets.get(one.group_id), states[one.group_id])
    return found


def _group(told: Any, offsets: Any, listed: str) -> ShareGroup:
    if told.error_code:
        return ShareGroup(listed, why=_why(told))
    members = tuple(_member(one) for one in told.members)
    if offsets is None or offsets.error_code:
        return ShareGroup(told.group_state, members, why="not answered" if offsets is None else _why(offsets))
    return ShareGroup(told.group_state, members, tuple(_progress(offsets.topics)))


def _progress(topics: Sequence[Any]) -> list[ShareProgress]:
    return sorted(
        (
            ShareProgress(topic.topic_name, part.partition_index, part.start_offset, part.lag)
            for topic in topics
            for part in topic.partitions
            if not part.error_code
        ),
        key=lambda one: (one.topic, one.partition),
    )


def _member(told: Any) -> Member:
    places = [(part.topic_name, number) for part in told.assignment.topic_partitions for number in part.partitions]
    return Member(told.member_id, told.client_id, told.client_host, tuple(sorted(places)))


def _why(told: Any) -> str:
    return f"{for_code(told.error_code).__name__}: {told.error_message or 'no reason given'}"
