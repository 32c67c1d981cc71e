"""Describes consumer groups: their states and members, asked of their coordinators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, ConsumerGroupListing

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients, answer_blocking
from mqtui.brokers.kafka.errors import TIMED_OUT, UNREACHABLE, describe_error, unwrap

CHUNK = 200
"""Groups per DescribeGroups request."""

STATE_NAMES = {
    "PREPARING_REBALANCING": "PreparingRebalance",
    "COMPLETING_REBALANCING": "CompletingRebalance",
    "STABLE": "Stable",
    "DEAD": "Dead",
    "EMPTY": "Empty",
    "UNKNOWN": "Unknown",
}
"""The broker's name for each of librdkafka's group states. librdkafka lacks KIP-848's Assigning and Reconciling."""

GroupDescriptions: TypeAlias = Mapping[str, ConsumerGroupDescription | str]
"""By group: its description, or the reason why there is none."""


def state_name(name: str) -> str:
    """The broker's name for a group state of librdkafka."""
    return STATE_NAMES.get(name, name.capitalize())


async def describe_groups(
    clients: KafkaClients, names: Sequence[str], listed: Sequence[ConsumerGroupListing]
) -> GroupDescriptions:
    """Descriptions by group, without groups that are listed as Empty: they have no members.

    Raises:
        CannotConnect, BrokerTrouble: no coordinator answers at all.
    """
    empty = {one.group_id for one in listed if one.state is ConsumerGroupState.EMPTY}
    wanted = [name for name in names if name not in empty]
    if not wanted:
        return {}
    return await clients.run_in_thread("describing groups", partial(_describe_blocking, await clients.admin(), wanted))


def _describe_blocking(admin: AdminClient, names: Sequence[str]) -> GroupDescriptions:
    found: dict[str, ConsumerGroupDescription | str] = {}
    silent: list[KafkaException] = []
    chunks = [list(names[at : at + CHUNK]) for at in range(0, len(names), CHUNK)]
    for pending in [admin.describe_consumer_groups(chunk, request_timeout=REQUEST_TIMEOUT) for chunk in chunks]:
        for name, future in pending.items():
            try:
                found[name] = answer_blocking(future)
            except KafkaException as error:
                found[name] = describe_refusal(error, silent)
    raise_if_all_silent(silent, names)
    return found


MOVING = frozenset(
    {KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR}
)
"""What a group's coordinator answers while it moves or starts."""


def describe_refusal(error: KafkaException, silent: list[KafkaException]) -> str:
    """Why a group has no description; an error of a coordinator that did not answer is appended to `silent`."""
    kafka_error = unwrap(error)
    if kafka_error.code() in UNREACHABLE | TIMED_OUT | MOVING:
        silent.append(error)
        return f"its coordinator does not answer ({describe_error(kafka_error)})"
    if kafka_error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return "this user may not ask about it: Describe on the group is needed"
    return str(kafka_error.str())


def raise_if_all_silent(silent: Sequence[KafkaException], names: Sequence[str]) -> None:
    """Fail only if no coordinator answered at all: one that is down costs only its own groups (K19).

    Raises:
        KafkaException: none answered.
    """
    if silent and len(silent) == len(names):
        raise silent[0]
