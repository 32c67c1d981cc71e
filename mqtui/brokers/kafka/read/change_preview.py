"""What a change of a topic would do; the brokers themselves are asked by requests that only validate."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka.admin import AclOperation, NewPartitions, NewTopic

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.read.partitions import list_partitions_of
from mqtui.brokers.kafka.read.purge_preview import preview_purge
from mqtui.brokers.kafka.read.setting_preview import preview_settings, settings_of_topic
from mqtui.brokers.kafka.read.topic_metadata import (
    INTERNAL_TOPICS,
    LEGAL_NAME,
    Topic,
    describe_topic,
    state_topic_name,
    topic_name,
)
from mqtui.brokers.kafka.read.validate_only import ask_to_validate
from mqtui.domain.destination_change import (
    AddPartitions,
    Alteration,
    CreateDestination,
    Creation,
    DeleteDestination,
    Deletion,
    DestinationChange,
    PurgeRequest,
)
from mqtui.domain.errors import BadInput, Unsupported
from mqtui.domain.figure import total
from mqtui.domain.placement import NO_LEADER, describe_partitions
from mqtui.domain.plan import ChangePreview, Risk, Severity, Step
from mqtui.domain.resource import Kind

RESERVED = (".", "..")
CLIENT_DEFAULT = -1
"""In a request for a new topic: as the broker has it by default."""


async def preview_change(clients: KafkaClients, change: DestinationChange) -> ChangePreview:
    """As `ChangesDestinations.preview_change`."""
    match change:
        case Creation():
            return await _preview_creation(clients, change)
        case Alteration():
            return await _preview_alteration(clients, change)
        case Deletion():
            return await _preview_deletion(clients, change)
        case PurgeRequest():
            topic = await describe_topic(clients, topic_name(change.ref))
            found = await preview_purge(clients, change, topic)
            risks = (*_guarded(clients, topic, AclOperation.DELETE), *found.risks)
            return ChangePreview(found.steps, found.facts, risks, found.count)


async def _preview_deletion(clients: KafkaClients, change: Deletion) -> ChangePreview:
    topic = await describe_topic(clients, topic_name(change.ref))
    partitions = await list_partitions_of(clients, change.ref)
    return ChangePreview(
        (DeleteDestination(change.ref, topic.identity),),
        (("topic", describe_partitions(partitions)), ("topic id", topic.identity)),
        tuple(_guarded(clients, topic, AclOperation.DELETE)),
        total(each.records for each in partitions),
    )


def _guarded(clients: KafkaClients, topic: Topic, right: AclOperation) -> list[Risk]:
    """Why a topic may not be changed: Kafka or mqtui needs it, or a right is missing."""
    risks = []
    if topic.name in INTERNAL_TOPICS:
        risks.append(Risk("internal", f"{topic.name} is Kafka's own", Severity.REFUSE, final=True))
    if topic.name == state_topic_name(clients.prefix):
        text = f"{topic.name} keeps which letters were handled: without it they would be moved again"
        risks.append(Risk("internal", text, Severity.REFUSE, final=True))
    if topic.rights and right not in topic.rights:
        text = f"needed: {right.name.replace('_', ' ').capitalize()} on topic {topic.name}"
        risks.append(Risk("rights", text, Severity.REFUSE, final=True))
    return risks


# -- a new topic


async def _preview_creation(clients: KafkaClients, change: Creation) -> ChangePreview:
    name = _new_name(change)
    partitions, replicas, settings = change.partitions, change.replicas, dict(change.settings)
    facts: list[tuple[str, str]] = []
    if change.like is not None:
        model = await describe_topic(clients, topic_name(change.like))
        partitions, replicas = partitions or len(model.partitions), replicas or model.replicas
        settings = {**await settings_of_topic(clients, model.name), **settings}
        facts.append(("like", f"{model.name}: partitions, replicas and the settings that were set on it"))
    step = CreateDestination(change.ref, "topic", partitions, replicas, tuple(sorted(settings.items())))
    facts += [("settings", ", ".join(f"{key}={value}" for key, value in step.settings) or "the broker's defaults")]
    return ChangePreview((step,), tuple(facts), tuple(await validate_creation(clients, name, step)))


def _new_name(change: Creation) -> str:
    name = change.ref.name
    if change.ref.kind is not Kind.TOPIC or change.type not in ("", "topic"):
        raise Unsupported(f"Kafka has no {change.type or change.ref.kind}", "It has topics and groups.")
    if not LEGAL_NAME.fullmatch(name) or name in RESERVED:
        raise BadInput(
            f"No topic can be called {name!r}",
            "Names have 1 to 249 letters, digits, dots, hyphens and underscores, and are not . or ..",
        )
    return name


def new_topic(step: CreateDestination) -> NewTopic:
    """What is asked of the broker for a new topic."""
    return NewTopic(
        step.ref.name,
        num_partitions=step.partitions or CLIENT_DEFAULT,
        replication_factor=step.replicas or CLIENT_DEFAULT,
        config=dict(step.settings),
    )


async def validate_creation(clients: KafkaClients, name: str, step: CreateDestination) -> list[Risk]:
    """What the broker says of a new topic, and names that its metrics would mix it up with."""
    admin = await clients.admin()
    future = admin.create_topics([new_topic(step)], validate_only=True, request_timeout=REQUEST_TIMEOUT)[name]
    return await ask_to_validate(clients, future, f"creating {name}")


# -- settings and partitions


async def _preview_alteration(clients: KafkaClients, change: Alteration) -> ChangePreview:
    topic = await describe_topic(clients, topic_name(change.ref))
    risks: list[Risk] = _guarded(
        clients, topic, AclOperation.ALTER if change.partitions else AclOperation.ALTER_CONFIGS
    )
    steps: list[Step] = []
    facts: list[tuple[str, str]] = []
    if change.settings or change.reset:
        found = await preview_settings(clients, change, topic)
        steps += found.steps
        facts += found.facts
        risks += found.risks
    if change.partitions is not None and change.partitions != len(topic.partitions):
        steps.append(AddPartitions(change.ref, topic.identity, len(topic.partitions), change.partitions))
        facts.append(("partitions", f"{len(topic.partitions)} → {change.partitions}"))
        risks += await _validate_partitions(clients, topic, change.partitions)
    return ChangePreview(tuple(steps), tuple(facts), tuple(risks))


async def _validate_partitions(clients: KafkaClients, topic: Topic, wanted: int) -> Sequence[Risk]:
    if wanted < len(topic.partitions):
        text = f"a topic never gets fewer partitions: it has {len(topic.partitions)}. Make a new one and copy"
        return [Risk("broker-refuses", text, Severity.REFUSE, final=True)]
    admin = await clients.admin()
    future = admin.create_partitions(
        [NewPartitions(topic.name, wanted)], validate_only=True, request_timeout=REQUEST_TIMEOUT
    )[topic.name]
    risks = await ask_to_validate(clients, future, f"adding partitions to {topic.name}")
    text = "keys go to other partitions from then on: records of one key are no longer in one partition, nor in order"
    risks.append(Risk("keys", text))
    if topic.leaderless:
        parts = ", ".join(map(str, topic.leaderless))
        risks.append(Risk("missing-partition", f"partition {parts}: {NO_LEADER}"))
    return risks
