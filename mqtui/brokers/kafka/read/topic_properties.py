"""All that Kafka says of one topic: partitions with their replicas and offsets, and the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import KafkaError
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.errors import describe_error
from mqtui.brokers.kafka.read.offsets import OffsetResults, list_offsets
from mqtui.brokers.kafka.read.topic_metadata import (
    ConfigValue,
    PartitionReplicas,
    Topic,
    describe_config_values,
    describe_topic,
)
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.topology import Property

NO_CONFIG_RIGHT = "DescribeConfigs is missing on the topic"
SECRET = "the broker keeps it secret"


async def list_topic_properties(clients: KafkaClients, name: str) -> list[Property]:
    """A topic's description, configuration and offsets.

    Raises:
        NotFound, NotAuthorised: as `describe_topic`.
    """
    topic = await describe_topic(clients, name)
    configs, offsets = await asyncio.gather(describe_config_values(clients, [name]), _offsets(clients, topic))
    return [*_topic_lines(topic), *_partition_lines(topic, *offsets), *_config_lines(configs.get(name))]


async def _offsets(clients: KafkaClients, topic: Topic) -> tuple[OffsetResults, OffsetResults]:
    """First and end offsets by partition; empty where no leader answered."""
    keys = [(topic.name, partition) for partition in topic.partitions]
    try:
        first, end = await asyncio.gather(
            list_offsets(clients, keys, OffsetSpec.earliest()), list_offsets(clients, keys, OffsetSpec.latest())
        )
    except (CannotConnect, BrokerTrouble):
        return {}, {}
    return first, end


def _topic_lines(topic: Topic) -> Iterator[Property]:
    rights = ", ".join(sorted(right.name.replace("_", " ").lower() for right in topic.rights))
    yield Property("topic", "partitions", str(len(topic.partitions)))
    yield Property("topic", "replicas", str(topic.replicas))
    yield Property("topic", "id", topic.identity)
    yield Property("topic", "your rights", rights or None, "" if rights else "the broker does not say")


def _partition_lines(topic: Topic, first: OffsetResults, end: OffsetResults) -> Iterator[Property]:
    for each in topic.placement:
        key = topic.name, each.partition
        offsets = f"offsets {_offset(first.get(key))} to {_offset(end.get(key))}"
        leader = "none" if each.leader is None else each.leader
        yield Property(
            "partition",
            str(each.partition),
            f"leader {leader} · replicas {_nodes(each.replicas)} · in sync {_nodes(each.in_sync)} · {offsets}",
            _why_no_offset(first.get(key), end.get(key)),
            _problem(each),
        )


def _problem(each: PartitionReplicas) -> str:
    if each.leader is None:
        return "no leader: it can't be read or written"
    behind = len(each.replicas) - len(each.in_sync)
    return f"{behind} of {len(each.replicas)} replicas out of sync" if behind > 0 else ""


def _config_lines(configs: Mapping[str, ConfigValue] | None) -> Iterator[Property]:
    if configs is None:
        yield Property("config", "all", None, NO_CONFIG_RIGHT)
        return
    for name, config in sorted(configs.items(), key=lambda pair: (pair[1].source == "default", pair[0])):
        yield Property("config", name, config.value, SECRET if config.value is None else config.source)


def _nodes(ids: Iterable[int]) -> str:
    return " ".join(map(str, ids)) or "none"


def _offset(answer: int | KafkaError | None) -> str:
    return str(answer) if isinstance(answer, int) else "?"


def _why_no_offset(*answers: int | KafkaError | None) -> str:
    for answer in answers:
        if not isinstance(answer, int):
            return "its leader did not answer" if answer is None else describe_error(answer)
    return ""
