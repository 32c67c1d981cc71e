"""Plan steps that make, alter, delete and purge topics. Each looks first whether it is still the topic of the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import NewPartitions

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, describe_error, unwrap
from mqtui.brokers.kafka.read.change_preview import new_topic
from mqtui.brokers.kafka.read.setting_preview import config_resource
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_config_values, describe_topic, topic_name
from mqtui.brokers.kafka.read.validate_only import WORDS
from mqtui.domain.destination_change import (
    AddPartitions,
    AlterSettings,
    CreateDestination,
    DeleteDestination,
    DestinationStep,
    PurgeMessages,
    SettingChange,
)
from mqtui.domain.errors import MqtuiError, NotAuthorised, Refused
from mqtui.domain.message import Offset
from mqtui.domain.plan import StepResult
from mqtui.domain.resource import Ref


async def apply_destination_step(clients: KafkaClients, step: DestinationStep) -> StepResult:
    """Carry out one step.

    Raises:
        NotFound: the topic is gone.
        Refused: it was made again since the plan, or the broker refuses.
        NotAuthorised: a right is missing.
    """
    match step:
        case CreateDestination():
            return await _create(clients, step)
        case AlterSettings(ref, identity, changes):
            await _require_same(clients, ref, identity)
            await _require_unchanged(clients, ref, changes)
            resource = config_resource(step)
            admin = await clients.admin()
            future = admin.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT)[resource]
            await _answer(clients, future, f"setting {ref.name}")
            return StepResult(len(changes), len(changes))
        case AddPartitions(ref, identity, _, after):
            await _require_same(clients, ref, identity)
            admin = await clients.admin()
            wanted = [NewPartitions(ref.name, after)]
            future = admin.create_partitions(wanted, request_timeout=REQUEST_TIMEOUT)[ref.name]
            await _answer(clients, future, f"adding partitions to {ref.name}")
            return StepResult(1, 1)
        case DeleteDestination(ref, identity):
            await _require_same(clients, ref, identity)
            admin = await clients.admin()
            future = admin.delete_topics([ref.name], request_timeout=REQUEST_TIMEOUT)[ref.name]
            await _answer(clients, future, f"deleting {ref.name}")
            return StepResult(1, 1)
        case PurgeMessages():
            return await _purge(clients, step)


async def _require_same(clients: KafkaClients, ref: Ref, identity: str) -> Topic:
    topic = await describe_topic(clients, topic_name(ref))
    if topic.identity != identity:
        raise Refused(
            f"{ref.name} is another topic now",
            f"It was deleted and made again since the plan: its id was {identity}, and is {topic.identity}.",
            "Plan it again.",
        )
    return topic


async def _require_unchanged(clients: KafkaClients, ref: Ref, changes: Sequence[SettingChange]) -> None:
    """Refuse where somebody else set one of these settings since the plan."""
    known = (await describe_config_values(clients, [ref.name])).get(ref.name, {})
    for each in changes:
        now = known[each.name].value if each.name in known else None
        if now != each.before:
            raise Refused(f"{each.name} is {now} now", f"The plan found {each.before}.", "Plan it again.")


async def _create(clients: KafkaClients, step: CreateDestination) -> StepResult:
    admin, name = await clients.admin(), step.ref.name
    future = admin.create_topics([new_topic(step)], operation_timeout=REQUEST_TIMEOUT, request_timeout=REQUEST_TIMEOUT)[
        name
    ]
    await _answer(clients, future, f"creating {name}")
    return StepResult(1, 1)


async def _answer(clients: KafkaClients, future: Any, action: str) -> Any:
    """The answer to a request that changes something.

    Raises:
        Refused: the broker would not do it, with its words.
        MqtuiError: it could not be asked, or a right is missing.
    """
    try:
        return await asyncio.wrap_future(future)
    except KafkaException as error:
        raise _step_error(clients, error, action) from error


def _step_error(clients: KafkaClients, error: KafkaException, action: str) -> MqtuiError:
    kafka_error = unwrap(error)
    code = kafka_error.code()
    if code in WORDS:
        return Refused(f"The broker refuses {action}", f"{WORDS[code]}: {describe_error(kafka_error)}")
    if code in MISSING_RIGHTS:
        return NotAuthorised(
            f"A right is missing for {action}", describe_error(kafka_error), f"Needed: {MISSING_RIGHTS[code]}."
        )
    return clients.translate(error, action)


async def _purge(clients: KafkaClients, step: PurgeMessages) -> StepResult:
    await _require_same(clients, step.ref, step.identity)
    places = []
    for bound in step.bounds:
        assert isinstance(bound.before, Offset)
        places.append(TopicPartition(step.ref.name, bound.partition, bound.before.offset))
    admin = await clients.admin()
    pending = admin.delete_records(places, request_timeout=REQUEST_TIMEOUT)
    failed: dict[int, KafkaException] = {}
    for place, future in pending.items():
        try:
            await asyncio.wrap_future(future)
        except KafkaException as error:
            failed[place.partition] = error
    if failed and len(failed) == len(places):
        raise _step_error(clients, next(iter(failed.values())), f"deleting records of {step.ref.name}")
    return StepResult(len(places), len(places) - len(failed), tuple(_notes(failed)))


def _notes(failed: Mapping[int, KafkaException]) -> list[str]:
    return [f"partition {number}: {describe_error(unwrap(error))}" for number, error in sorted(failed.items())]
