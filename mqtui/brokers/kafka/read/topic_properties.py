"""All that Kafka says of one topic: partitions with their replicas and offsets, and the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.partitions import partition_statuses
from mqtui.brokers.kafka.read.topic_metadata import (
    ConfigValue,
    Topic,
    describe_config_values,
    describe_topic,
)
from mqtui.domain.placement import PartitionStatus
from mqtui.domain.topology import Property

NO_CONFIG_RIGHT = "DescribeConfigs is missing on the topic"
SECRET = "the broker keeps it secret"


async def list_topic_properties(clients: KafkaClients, name: str) -> list[Property]:
    """A topic's description, configuration and offsets.

    Raises:
        NotFound, NotAuthorised: as `describe_topic`.
    """
    topic = await describe_topic(clients, name)
    configs, partitions = await asyncio.gather(
        describe_config_values(clients, [name]), partition_statuses(clients, topic)
    )
    return [*_topic_lines(topic), *map(_partition_line, partitions), *_config_lines(configs.get(name))]


def _topic_lines(topic: Topic) -> Iterator[Property]:
    rights = ", ".join(sorted(right.name.replace("_", " ").lower() for right in topic.rights))
    yield Property("topic", "partitions", str(len(topic.partitions)))
    yield Property("topic", "replicas", str(topic.replicas))
    yield Property("topic", "id", topic.identity)
    yield Property("topic", "your rights", rights or None, "" if rights else "the broker does not say")


def _partition_line(each: PartitionStatus) -> Property:
    low, high = ("?" if offset is None else str(offset) for offset in (each.low, each.high))
    leader = "none" if each.leader is None else each.leader
    return Property(
        "partition",
        str(each.number),
        f"leader {leader} · replicas {_nodes(each.replicas)} · in sync {_nodes(each.in_sync)} · "
        f"offsets {low} to {high}",
        each.note,
        each.problem,
    )


def _config_lines(configs: Mapping[str, ConfigValue] | None) -> Iterator[Property]:
    if configs is None:
        yield Property("config", "all", None, NO_CONFIG_RIGHT)
        return
    for name, config in sorted(configs.items(), key=lambda pair: (pair[1].source == "default", pair[0])):
        yield Property("config", name, config.value, SECRET if config.value is None else config.source)


def _nodes(ids: Iterable[int]) -> str:
    return " ".join(map(str, ids)) or "none"
