"""The partitions of one topic: leader and replicas, first, last stable and end offset, and the bytes on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from confluent_kafka import KafkaError
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.log_dirs import BrokerDisk, describe_disks
from mqtui.brokers.kafka.errors import describe_error
from mqtui.brokers.kafka.read.offsets import OffsetResults, list_offsets
from mqtui.brokers.kafka.read.topic_metadata import PartitionReplicas, Topic, describe_topic, topic_name
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.figure import Figure, unknown
from mqtui.domain.placement import NO_LEADER, PartitionStatus
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Inventory

OffsetAnswer: TypeAlias = int | KafkaError | None
"""An offset of a partition, or why there is none."""


async def list_partitions_of(clients: KafkaClients, ref: Ref) -> Inventory[PartitionStatus]:
    """The partitions of a topic. A leader that does not answer costs only what it alone can say (K19).

    Raises:
        NotFound, NotAuthorised: as `describe_topic`.
    """
    topic = await describe_topic(clients, topic_name(ref))
    leaders = sorted({each.leader for each in topic.placement if each.leader is not None})
    disks, found = await asyncio.gather(
        describe_disks(clients, leaders, {topic.name: topic.partitions}), partition_statuses(clients, topic)
    )
    with_sizes = tuple(replace(each, size=_size(topic.name, each, disks)) for each in found)
    why = {disk.why for disk in disks.values() if disk.why}
    return Inventory(with_sizes, tuple(f"sizes are missing: {reason}" for reason in sorted(why)))


async def partition_statuses(clients: KafkaClients, topic: Topic) -> list[PartitionStatus]:
    """The partitions of a described topic with their offsets, without sizes."""
    low, high, stable = await asyncio.gather(
        _offsets(clients, topic, OffsetSpec.earliest(), committed=False),
        _offsets(clients, topic, OffsetSpec.latest(), committed=False),
        _offsets(clients, topic, OffsetSpec.latest(), committed=True),
    )
    return [
        _status(each, *(offsets.get((topic.name, each.partition)) for offsets in (low, high, stable)))
        for each in topic.placement
    ]


def _status(each: PartitionReplicas, low: OffsetAnswer, high: OffsetAnswer, stable: OffsetAnswer) -> PartitionStatus:
    return PartitionStatus(
        each.partition,
        each.leader,
        each.replicas,
        each.in_sync,
        _known(low),
        _known(high),
        _known(stable),
        why="" if each.leader is None else _why_no_offset(low, high, stable),
    )


def _known(answer: OffsetAnswer) -> int | None:
    return answer if isinstance(answer, int) else None


async def _offsets(clients: KafkaClients, topic: Topic, spec: OffsetSpec, *, committed: bool) -> OffsetResults:
    """Offsets by partition; none where no leader answered."""
    try:
        return await list_offsets(
            clients, [(topic.name, number) for number in topic.partitions], spec, committed=committed
        )
    except (CannotConnect, BrokerTrouble):
        return {}


def _size(topic: str, each: PartitionStatus, disks: Mapping[int, BrokerDisk]) -> Figure:
    if each.leader is None:
        return unknown(NO_LEADER)
    return disks[each.leader].size_of(topic, each.number)


def _why_no_offset(*answers: OffsetAnswer) -> str:
    """Why a partition lacks an offset; "" where it lacks none."""
    for answer in answers:
        if not isinstance(answer, int):
            return "its leader did not answer" if answer is None else describe_error(answer)
    return ""
