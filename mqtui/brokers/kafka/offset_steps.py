"""Plan steps that set where a consumer group reads on, delete its offsets, or delete it.

The broker takes offsets only while the group has no member; within a transaction it takes them always, so there the
group is looked at right before the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition

from mqtui.brokers.kafka.connection.admin_fallback import ask_kafka_python
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, describe_error, unwrap
from mqtui.brokers.kafka.offset_moves import in_use_error, key_of, offset_of, pending_moves
from mqtui.brokers.kafka.read.offset_preview import fetch_commits
from mqtui.brokers.kafka.read.offsets import TopicPartitionKey
from mqtui.brokers.kafka.skip_with_copies import skip_with_copies
from mqtui.domain.errors import BrokerTrouble, MqtuiError
from mqtui.domain.group_offsets import OffsetMove
from mqtui.domain.plan import DeleteGroup, OffsetStep, SetOffsets, SkipWithCopies, StepResult

IN_USE = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.GROUP_SUBSCRIBED_TO_TOPIC,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.STALE_MEMBER_EPOCH,
    }
)
"""Errors of a group that has members."""


async def apply_offset_step(clients: KafkaClients, step: OffsetStep) -> StepResult:
    """Carry out one step. What was done already, by a run that was interrupted, counts as done.

    Raises:
        Refused: the group has members, or stands elsewhere than the plan says.
    """
    match step:
        case SetOffsets(group, moves):
            return await _set_offsets(clients, group.name, moves)
        case DeleteGroup(group, moves):
            return await _delete_group(clients, group.name, moves)
        case SkipWithCopies():
            return await skip_with_copies(clients, step)


async def _set_offsets(clients: KafkaClients, group: str, moves: Sequence[OffsetMove]) -> StepResult:
    left = pending_moves(moves, await fetch_commits(clients, group))
    wanted = {key_of(move): offset_of(move.after) for move in left}
    failed = await _alter(clients, group, {key: offset for key, offset in wanted.items() if offset is not None})
    failed |= await _delete(clients, group, [key for key, offset in wanted.items() if offset is None])
    notes = tuple(f"partition {number} of {topic}: {why}" for (topic, number), why in sorted(failed.items()))
    return StepResult(len(moves), len(moves) - len(failed), notes, _names(moves, failed))


def _names(moves: Sequence[OffsetMove], failed: Mapping[TopicPartitionKey, str]) -> tuple[str, ...]:
    return tuple(f"{move.resource.name}/{move.partition}" for move in moves if key_of(move) not in failed)


async def _alter(
    clients: KafkaClients, group: str, offsets: Mapping[TopicPartitionKey, int]
) -> dict[TopicPartitionKey, str]:
    """Commit offsets; returns why some were not."""
    if not offsets:
        return {}
    places = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
    request = [ConsumerGroupTopicPartitions(group, places)]
    future = (await clients.admin()).alter_consumer_group_offsets(request, request_timeout=REQUEST_TIMEOUT)[group]
    try:
        answer = await asyncio.wrap_future(future)
    except KafkaException as error:
        raise step_error(clients, error, group) from error
    failed = {
        (place.topic, place.partition): place.error for place in answer.topic_partitions if place.error is not None
    }
    if failed and len(failed) == len(offsets):
        raise step_error(clients, KafkaException(next(iter(failed.values()))), group)
    return {key: describe_error(why) for key, why in failed.items()}


def step_error(clients: KafkaClients, error: KafkaException, group: str) -> MqtuiError:
    """The error of a group that took no offsets."""
    kafka_error = unwrap(error)
    if kafka_error.code() in IN_USE:
        return in_use_error(group, describe_error(kafka_error))
    return clients.translate(error, f"setting the offsets of group {group}")


async def _delete(clients: KafkaClients, group: str, keys: Sequence[TopicPartitionKey]) -> dict[TopicPartitionKey, str]:
    """Delete commits, which librdkafka's Python client can't; returns why some were not."""
    if not keys:
        return {}
    question = partial(_delete_by_kafka_python, group=group, keys=keys)
    answer = await clients.run_in_thread("deleting offsets", lambda: ask_kafka_python(clients.address, question))
    if answer is None:
        raise BrokerTrouble(f"The offsets of group {group} could not be deleted", "kafka-python could not ask for it.")
    if isinstance(answer, str):
        if "NonEmptyGroup" in answer:
            raise in_use_error(group, answer)
        raise BrokerTrouble(f"The offsets of group {group} could not be deleted", answer)
    return answer


def _delete_by_kafka_python(
    admin: Any, *, group: str, keys: Sequence[TopicPartitionKey]
) -> dict[TopicPartitionKey, str] | str:
    """By partition why it was not deleted; or why none was."""
    from kafka import TopicPartition as Place
    from kafka import errors

    try:
        answers = admin.delete_group_offsets(group, [Place(topic, number) for topic, number in keys])
    except errors.GroupIdNotFoundError:
        return {}
    except errors.KafkaError as error:
        return f"{type(error).__name__}: {error}"
    return {
        (place.topic, place.partition): error.__name__
        for place, error in answers.items()
        if error is not errors.NoError
    }


async def _delete_group(clients: KafkaClients, group: str, moves: Sequence[OffsetMove]) -> StepResult:
    admin = await clients.admin()
    future = admin.delete_consumer_groups([group], request_timeout=REQUEST_TIMEOUT)[group]
    try:
        await asyncio.wrap_future(future)
    except KafkaException as error:
        code = unwrap(error).code()
        if code == KafkaError.GROUP_ID_NOT_FOUND:
            return StepResult(len(moves), len(moves), ("it was gone already",), _names(moves, {}))
        if code in MISSING_RIGHTS:
            raise clients.translate(error, f"deleting group {group} (Delete on the group)") from error
        raise step_error(clients, error, group) from error
    return StepResult(len(moves), len(moves), (), _names(moves, {}))
