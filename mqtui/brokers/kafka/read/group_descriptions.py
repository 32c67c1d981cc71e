"""The states and members of consumer groups, as their coordinators describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, ConsumerGroupListing

from mqtui.brokers.kafka.connection.clients import ANSWER, Connection, answer_of
from mqtui.brokers.kafka.errors import AWAY, SLOW, error_of, said_of

CHUNK = 200
"""Groups in one question."""

STATES = {
    "PREPARING_REBALANCING": "PreparingRebalance",
    "COMPLETING_REBALANCING": "CompletingRebalance",
    "STABLE": "Stable",
    "DEAD": "Dead",
    "EMPTY": "Empty",
    "UNKNOWN": "Unknown",
}
"""librdkafka's names for states in the broker's own words. It knows no word of KIP-848's Assigning and Reconciling."""

Described: TypeAlias = Mapping[str, ConsumerGroupDescription | str]
"""By group: its description, or why there is none."""


def state_of(name: str) -> str:
    """A group's state in the broker's own word."""
    return STATES.get(name, name.capitalize())


async def describe_states(
    connection: Connection, names: Sequence[str], listed: Sequence[ConsumerGroupListing]
) -> Described:
    """Groups by name, but for those that are listed as empty: they have no members, and nothing else is to be told.

    Raises:
        CannotConnect, BrokerTrouble: no coordinator answers at all.
    """
    empty = {one.group_id for one in listed if one.state is ConsumerGroupState.EMPTY}
    wanted = [name for name in names if name not in empty]
    if not wanted:
        return {}
    return await connection.call("describing groups", partial(_describe, await connection.opened(), wanted))


def _describe(admin: AdminClient, names: Sequence[str]) -> Described:
    found: dict[str, ConsumerGroupDescription | str] = {}
    silent: list[KafkaException] = []
    chunks = [list(names[at : at + CHUNK]) for at in range(0, len(names), CHUNK)]
    for promises in [admin.describe_consumer_groups(chunk, request_timeout=ANSWER) for chunk in chunks]:
        for name, promise in promises.items():
            try:
                found[name] = answer_of(promise)
            except KafkaException as error:
                found[name] = refusal_of(error, silent)
    raise_if_all(silent, names)
    return found


def refusal_of(error: KafkaException, silent: list[KafkaException]) -> str:
    """Why a coordinator tells nothing of a group; the error is added to `silent` where it did not answer."""
    inner = error_of(error)
    if inner.code() in AWAY or inner.code() in SLOW:
        silent.append(error)
        return f"its coordinator does not answer ({said_of(inner)})"
    if inner.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return "this user may not ask about it: Describe on the group is needed"
    return str(inner.str())


def raise_if_all(silent: Sequence[KafkaException], names: Sequence[str]) -> None:
    """One coordinator that is away costs only its own groups (K19).

    Raises:
        KafkaException: none of them answered.
    """
    if silent and len(silent) == len(names):
        raise silent[0]
