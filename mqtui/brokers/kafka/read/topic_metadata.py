"""Topics as the broker describes them. Nothing here creates one (K9)."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AclOperation, ConfigResource, ResourceType, TopicDescription

from mqtui.brokers.kafka.connection.admin_fallback import describe_configs, describe_topics
from mqtui.brokers.kafka.connection.clients import ANSWER, Connection, answer_of
from mqtui.brokers.kafka.errors import MISSING, RIGHTS, error_of, topic_right
from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.resource import Kind, Ref

LEGAL = re.compile(r"[a-zA-Z0-9._-]{1,249}")
"""Names a broker accepts (`org.apache.kafka.common.internals.Topic`)."""

URL_SAFE = str.maketrans("+/", "-_")

INTERNAL = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"})
"""What Kafka itself keeps (`Topic.isInternal`, and the metadata log)."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that exists. `identity` is its id in Java's spelling; `rights` are what this principal may do with it."""

    name: str
    identity: str
    partitions: tuple[int, ...]
    replicas: int
    in_sync: int
    """Replicas in sync in the worst partition."""

    rights: frozenset[AclOperation]
    leaderless: tuple[int, ...] = ()
    """Partitions without a leader now."""


def topic_name(ref: Ref) -> str:
    """The name of a topic, safe to hand to the client library.

    Raises:
        NotFound: Kafka has no such kind, or no topic could be called that.
    """
    if ref.kind is not Kind.TOPIC:
        raise NotFound(f"Kafka has no {ref}", "It has topics and groups.")
    if not LEGAL.fullmatch(ref.name):
        raise NotFound(
            f"There is no topic {ref.name!r}",
            "Topic names have 1 to 249 letters, digits, dots, hyphens and underscores.",
        )
    return ref.name


def state_topic(prefix: str) -> str:
    """The name of the topic in which runs keep what they handled (C9)."""
    return f"{prefix}.state"


async def describe(connection: Connection, name: str) -> Topic:
    """One topic.

    Raises:
        NotFound: it does not exist.
        NotAuthorised: Describe is missing.
        TimedOut: nobody answered; whether it exists is not known.
    """
    return await connection.call(f"looking at {name}", partial(described, connection, name))


async def describe_each(connection: Connection, names: Sequence[str]) -> dict[str, Topic | MqtuiError]:
    """Several topics by one question, each with the error that `describe` raises where there is one."""
    return await connection.call("looking at topics", partial(_described_each, connection, names))


def described(connection: Connection, name: str) -> Topic:
    """The same from a thread that may block."""
    found = _described_each(connection, [name])[name]
    if isinstance(found, MqtuiError):
        raise found
    return found


def _described_each(connection: Connection, names: Sequence[str]) -> dict[str, Topic | MqtuiError]:
    """Topics by name from one request, or why one can't be described. Blocks."""
    admin = connection.admin()
    asked = admin.describe_topics(
        TopicCollection(list(names)), include_authorized_operations=True, request_timeout=ANSWER
    )
    told = None if connection.controller_answers(asked.values()) else describe_topics(connection.address, names)
    found: dict[str, Topic | MqtuiError] = {}
    for name in names:
        try:
            found[name] = topic_of(answer_of(asked[name])) if told is None else _topic_told(told[name], name)
        except KafkaException as error:
            why = found[name] = refusal(connection, error, name)
            why.__cause__ = error
    return found


def missing(name: str) -> NotFound:
    """There is no such topic."""
    return NotFound(f"There is no topic {name}", hint="`mqtui ls` shows the topics; a look never creates one.")


def refusal(connection: Connection, error: KafkaException, name: str) -> MqtuiError:
    """Why a topic could not be described."""
    code = error_of(error).code()
    if code in MISSING:
        return missing(name)
    if code in RIGHTS:
        return topic_right(error_of(error), "Describe", name)
    return connection.translate(error, f"looking at {name}")


def topic_of(told: TopicDescription) -> Topic:
    """The broker's description in the adapter's words."""
    return Topic(
        told.name,
        java_id(told.topic_id),
        tuple(sorted(partition.id for partition in told.partitions)),
        max((len(partition.replicas) for partition in told.partitions), default=0),
        min((len(partition.isr) for partition in told.partitions), default=0),
        frozenset(AclOperation(right.value) for right in told.authorized_operations or ()),
        tuple(sorted(one.id for one in told.partitions if one.leader is None or one.leader.id < 0)),
    )


def _topic_told(told: Mapping[str, Any], name: str) -> Topic:
    """The same from a Metadata response.

    Raises:
        KafkaException: the broker's error for that topic.
    """
    partitions = told["partitions"]
    if told["error_code"]:
        raise KafkaException(KafkaError(told["error_code"]))
    return Topic(
        name,
        java_id(Uuid(*struct.unpack(">qq", UUID(str(told["topic_id"])).bytes))),
        tuple(sorted(partition["partition_index"] for partition in partitions)),
        max((len(partition["replica_nodes"]) for partition in partitions), default=0),
        min((len(partition["isr_nodes"]) for partition in partitions), default=0),
        frozenset(AclOperation[right] for right in told["authorized_operations"] or ()),
        tuple(sorted(partition["partition_index"] for partition in partitions if partition["leader_id"] < 0)),
    )


def java_id(told: Uuid) -> str:
    """A topic id as Kafka's own tools write it: base64 for URLs, without padding."""
    return str(told).translate(URL_SAFE).rstrip("=")


async def configs(connection: Connection, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Effective configuration by topic; a topic whose configuration may not be read is left out.

    Each is asked for once: librdkafka takes an answer that names a topic twice for a broken one.
    """
    names = tuple(dict.fromkeys(names))
    if not names:
        return {}
    admin = await connection.opened()
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]

    def collect() -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        promises = admin.describe_configs(resources, request_timeout=ANSWER)
        if not connection.controller_answers(promises.values()):
            told = describe_configs(connection.address, names)
            if told is not None:
                return told
        for resource, promise in promises.items():
            try:
                entries = answer_of(promise)
            except KafkaException as error:
                if error_of(error).code() in MISSING or error_of(error).code() in RIGHTS:
                    continue
                raise
            found[resource.name] = {entry.name: entry.value or "" for entry in entries.values()}
        return found

    return await connection.call("reading configurations", collect)
