"""Describes topics and their configurations. Nothing here creates a topic (K9)."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import (
    AclOperation,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    ResourceType,
    TopicDescription,
)

from mqtui.brokers.kafka.connection.admin_fallback import describe_configs_at_any_broker, describe_topics_at_any_broker
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients, answer_blocking
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, NOT_FOUND, missing_topic_right, unwrap
from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.resource import Kind, Ref

LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
"""Topic names that a broker accepts (`org.apache.kafka.common.internals.Topic`)."""

URL_SAFE = str.maketrans("+/", "-_")

TRANSACTION_TOPIC = "__transaction_state"
"""Of transactional ids; a cluster has it from the first question about one on."""

INTERNAL_TOPICS = frozenset({"__consumer_offsets", TRANSACTION_TOPIC, "__share_group_state", "__cluster_metadata"})
"""Kafka's own topics (`Topic.isInternal`, and the metadata log)."""


@dataclass(frozen=True, slots=True)
class PartitionReplicas:
    """Where a partition is kept, by node id; `leader` is None where it has none."""

    partition: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """One effective setting of a topic; None where the broker keeps it secret. `source` is who set it, "" unknown."""

    value: str | None
    source: str = ""


CONFIG_SOURCES = {
    ConfigSource.DYNAMIC_TOPIC_CONFIG: "set on the topic",
    ConfigSource.DYNAMIC_BROKER_CONFIG: "set on the broker",
    ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG: "set on all brokers",
    ConfigSource.STATIC_BROKER_CONFIG: "the broker's file",
    ConfigSource.DEFAULT_CONFIG: "default",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A described topic. `identity` is its topic id; `rights` are the ACL operations this principal is allowed."""

    name: str
    identity: str
    partitions: tuple[int, ...]
    replicas: int
    in_sync: int
    """In-sync replicas of the partition with the fewest."""

    rights: frozenset[AclOperation]
    placement: tuple[PartitionReplicas, ...] = ()
    """Where each partition is kept, in their order."""

    @property
    def leaderless(self) -> tuple[int, ...]:
        """Partitions without a leader."""
        return tuple(each.partition for each in self.placement if each.leader is None)


def topic_name(ref: Ref) -> str:
    """The topic name of a reference, checked, so that librdkafka accepts it.

    Raises:
        NotFound: it is no topic, or no topic can have this name.
    """
    if ref.kind is not Kind.TOPIC:
        raise NotFound(f"Kafka has no {ref}", "It has topics and groups.")
    if not LEGAL_NAME.fullmatch(ref.name):
        raise NotFound(
            f"There is no topic {ref.name!r}",
            "Topic names have 1 to 249 letters, digits, dots, hyphens and underscores.",
        )
    return ref.name


def state_topic_name(prefix: str) -> str:
    """The name of the state topic, in which runs record handled offsets (C9)."""
    return f"{prefix}.state"


async def describe_topic(clients: KafkaClients, name: str) -> Topic:
    """Describe one topic.

    Raises:
        NotFound: it does not exist.
        NotAuthorised: Describe is missing.
        TimedOut: nobody answered, so it is not known whether it exists.
    """
    return await clients.run_in_thread(f"looking at {name}", partial(describe_topic_blocking, clients, name))


async def describe_topics(clients: KafkaClients, names: Sequence[str]) -> dict[str, Topic | MqtuiError]:
    """Describe several topics by one request: by name the topic, or the error that `describe_topic` would raise."""
    return await clients.run_in_thread("looking at topics", partial(_describe_topics_blocking, clients, names))


def describe_topic_blocking(clients: KafkaClients, name: str) -> Topic:
    """`describe_topic` for a thread that may block."""
    found = _describe_topics_blocking(clients, [name])[name]
    if isinstance(found, MqtuiError):
        raise found
    return found


def _describe_topics_blocking(clients: KafkaClients, names: Sequence[str]) -> dict[str, Topic | MqtuiError]:
    """`describe_topics` for a thread that may block."""
    admin = clients.admin_blocking()
    pending = admin.describe_topics(
        TopicCollection(list(names)), include_authorized_operations=True, request_timeout=REQUEST_TIMEOUT
    )
    by_any_broker = (
        None if clients.controller_answers(pending.values()) else describe_topics_at_any_broker(clients.address, names)
    )
    found: dict[str, Topic | MqtuiError] = {}
    for name in names:
        try:
            found[name] = (
                to_topic(answer_blocking(pending[name]))
                if by_any_broker is None
                else _from_metadata_response(by_any_broker[name], name)
            )
        except KafkaException as error:
            why = found[name] = topic_error(clients, error, name)
            why.__cause__ = error
    return found


def not_found(name: str) -> NotFound:
    """The error for a topic that does not exist."""
    return NotFound(f"There is no topic {name}", hint="`mqtui ls` shows the topics; a look never creates one.")


def topic_error(clients: KafkaClients, error: KafkaException, name: str) -> MqtuiError:
    """The domain error for a failed description."""
    code = unwrap(error).code()
    if code in NOT_FOUND:
        return not_found(name)
    if code in MISSING_RIGHTS:
        return missing_topic_right(unwrap(error), "Describe", name)
    return clients.translate(error, f"looking at {name}")


def to_topic(description: TopicDescription) -> Topic:
    """The topic of confluent-kafka's description."""
    return Topic(
        description.name,
        format_topic_id(description.topic_id),
        tuple(sorted(partition.id for partition in description.partitions)),
        max((len(partition.replicas) for partition in description.partitions), default=0),
        min((len(partition.isr) for partition in description.partitions), default=0),
        frozenset(AclOperation(right.value) for right in description.authorized_operations or ()),
        tuple(
            PartitionReplicas(
                one.id,
                None if one.leader is None or one.leader.id < 0 else one.leader.id,
                tuple(node.id for node in one.replicas),
                tuple(node.id for node in one.isr),
            )
            for one in sorted(description.partitions, key=lambda one: one.id)
        ),
    )


def _from_metadata_response(response: Mapping[str, Any], name: str) -> Topic:
    """The topic of kafka-python's Metadata response.

    Raises:
        KafkaException: the response has an error for the topic.
    """
    partitions = response["partitions"]
    if response["error_code"]:
        raise KafkaException(KafkaError(response["error_code"]))
    return Topic(
        name,
        format_topic_id(Uuid(*struct.unpack(">qq", UUID(str(response["topic_id"])).bytes))),
        tuple(sorted(partition["partition_index"] for partition in partitions)),
        max((len(partition["replica_nodes"]) for partition in partitions), default=0),
        min((len(partition["isr_nodes"]) for partition in partitions), default=0),
        frozenset(AclOperation[right] for right in response["authorized_operations"] or ()),
        tuple(
            PartitionReplicas(
                one["partition_index"],
                None if one["leader_id"] < 0 else one["leader_id"],
                tuple(one["replica_nodes"]),
                tuple(one["isr_nodes"]),
            )
            for one in sorted(partitions, key=lambda one: int(one["partition_index"]))
        ),
    )


def format_topic_id(topic_id: Uuid) -> str:
    """A topic id as Kafka's tools print it: URL-safe base64 without padding."""
    return str(topic_id).translate(URL_SAFE).rstrip("=")


async def describe_configs(clients: KafkaClients, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Effective configuration by topic; a topic whose configuration may not be read is left out."""
    found = await describe_config_values(clients, names)
    return {topic: {name: each.value or "" for name, each in values.items()} for topic, values in found.items()}


async def describe_config_values(
    clients: KafkaClients, names: Sequence[str]
) -> Mapping[str, Mapping[str, ConfigValue]]:
    """The same with who set each value.

    Duplicates in `names` are dropped: librdkafka rejects a response that names a topic twice.
    """
    names = tuple(dict.fromkeys(names))
    if not names:
        return {}
    admin = await clients.admin()
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]

    def collect() -> dict[str, dict[str, ConfigValue]]:
        found: dict[str, dict[str, ConfigValue]] = {}
        pending = admin.describe_configs(resources, request_timeout=REQUEST_TIMEOUT)
        if not clients.controller_answers(pending.values()):
            by_any_broker = describe_configs_at_any_broker(clients.address, names)
            if by_any_broker is not None:
                return {
                    topic: {name: ConfigValue(value) for name, value in values.items()}
                    for topic, values in by_any_broker.items()
                }
        for resource, future in pending.items():
            try:
                entries = answer_blocking(future)
            except KafkaException as error:
                if unwrap(error).code() in NOT_FOUND or unwrap(error).code() in MISSING_RIGHTS:
                    continue
                raise
            found[resource.name] = {entry.name: _to_config_value(entry) for entry in entries.values()}
        return found

    return await clients.run_in_thread("reading configurations", collect)


def _to_config_value(entry: ConfigEntry) -> ConfigValue:
    source = CONFIG_SOURCES.get(ConfigSource(entry.source), "")
    return ConfigValue(None if entry.is_sensitive else entry.value or "", source)
