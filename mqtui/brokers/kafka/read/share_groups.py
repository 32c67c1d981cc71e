"""Share groups (KIP-932): queue-like groups that only kafka-python's admin client can list here (K16)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mqtui.brokers.kafka.connection.admin_fallback import ask_kafka_python
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.domain.topology import Member


@dataclass(frozen=True, slots=True)
class ShareProgress:
    """How far a share group has come in one partition: `start` is the share-partition start offset.

    `lag` is -1 where the broker does not report it.
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


async def list_share_groups(clients: KafkaClients) -> dict[str, ShareGroup]:
    """Share groups by name; with the listed state alone where they can't be described, none where they can't be listed.

    Raises:
        CannotConnect, BrokerTrouble: nobody answers.
    """
    return await clients.run_in_thread("listing share groups", lambda: ask_kafka_python(clients.address, _list)) or {}


def _list(admin: Any) -> dict[str, ShareGroup]:
    rows = admin.list_groups()
    states = {row["group_id"]: row["group_state"] for row in rows if row.get("group_type") == "share"}
    if not states:
        return {}
    from kafka.errors import KafkaError

    from mqtui.brokers.kafka.read.share_group_protocol import describe_response_error, describe_share_groups

    try:
        described = describe_share_groups(admin, list(states))
        found = {name: _to_group(*parts, states[name], describe_response_error) for name, parts in described.items()}
    except (KafkaError, OSError, ValueError, AttributeError, TypeError) as error:
        why = f"share groups can't be described here: {type(error).__name__}"
        return {name: ShareGroup(state, why=why) for name, state in states.items()}
    missing = ShareGroup("Unknown", why="its coordinator does not describe it")
    return {name: found.get(name, replace(missing, state=state)) for name, state in states.items()}


def _to_group(
    described: Any, offsets: Any, listed_state: str, describe_response_error: Callable[[Any], str]
) -> ShareGroup:
    if described.error_code:
        return ShareGroup(listed_state, why=describe_response_error(described))
    members = tuple(_to_member(one) for one in described.members)
    if offsets is None or offsets.error_code:
        why = "not answered" if offsets is None else describe_response_error(offsets)
        return ShareGroup(described.group_state, members, why=why)
    return ShareGroup(described.group_state, members, tuple(_progress(offsets.topics)))


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


def _to_member(described: Any) -> Member:
    assigned = described.assignment.topic_partitions
    partitions = [(part.topic_name, number) for part in assigned for number in part.partitions]
    return Member(described.member_id, described.client_id, described.client_host, tuple(sorted(partitions)))
