"""What groups have committed, and how far they are behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, OffsetSpec

from mqtui.brokers.kafka.connection import ANSWER, Connection, answer_of
from mqtui.brokers.kafka.errors import AWAY, SLOW, error_of, said_of
from mqtui.brokers.kafka.offsets import Answers, Place, ask_offsets
from mqtui.domain.figure import Figure, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag, PartitionLag

TOGETHER = 200
"""OffsetFetch requests under way at once; librdkafka takes one group a request."""

NEVER = unknown("no committed offset")
STATES = {
    "PREPARING_REBALANCING": "PreparingRebalance",
    "COMPLETING_REBALANCING": "CompletingRebalance",
    "STABLE": "Stable",
    "DEAD": "Dead",
    "EMPTY": "Empty",
    "UNKNOWN": "Unknown",
}
"""librdkafka's names for states in the broker's own words. It knows no word of KIP-848's Assigning and Reconciling."""

Commits: TypeAlias = Mapping[Place, int]


def state_of(name: str) -> str:
    """A group's state in the broker's own word."""
    return STATES.get(name, name.capitalize())


def committed(admin: AdminClient, names: Sequence[str]) -> dict[str, Commits | str]:
    """Committed offsets by group, or why they can't be had. Blocks."""
    found: dict[str, Commits | str] = {}
    for at in range(0, len(names), TOGETHER):
        asked = {
            name: admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], request_timeout=ANSWER)[name]
            for name in names[at : at + TOGETHER]
        }
        for name, promise in asked.items():
            try:
                told = answer_of(promise)
            except KafkaException as error:
                inner = error_of(error)
                if inner.code() in AWAY or inner.code() in SLOW:
                    raise
                found[name] = inner.str()
            else:
                found[name] = {
                    (place.topic, place.partition): place.offset
                    for place in told.topic_partitions
                    if place.offset >= 0 and place.error is None
                }
    return found


async def lags(
    connection: Connection, groups: Sequence[Ref], described: Mapping[str, ConsumerGroupDescription | str]
) -> list[GroupLag]:
    """Lag of each group against the high watermark, as Kafka's own tool counts it; OffsetFetch before ListOffsets."""
    admin = connection.admin()
    names = [ref.name for ref in groups]
    commits = await connection.call("asking for commits", lambda: committed(admin, names))
    places = {ref.name: _places(commits[ref.name], described[ref.name]) for ref in groups}
    everywhere = sorted({place for wanted in places.values() for place in wanted})
    ends = await ask_offsets(connection, everywhere, OffsetSpec.latest()) if everywhere else {}
    return [_lag(ref, commits[ref.name], described[ref.name], places[ref.name], ends) for ref in groups]


def _places(commits: Commits | str, told: ConsumerGroupDescription | str) -> list[Place]:
    places = set() if isinstance(commits, str) else set(commits)
    if not isinstance(told, str):
        for member in told.members:
            places |= {(place.topic, place.partition) for place in member.assignment.topic_partitions}
    return sorted(places)


def _lag(
    ref: Ref, commits: Commits | str, told: ConsumerGroupDescription | str, places: Sequence[Place], ends: Answers
) -> GroupLag:
    if isinstance(commits, str):
        return GroupLag(ref, "Unknown", (), unknown(commits))
    state = "Unknown" if isinstance(told, str) else state_of(told.state.name)
    if not places:
        why = "there is no such group" if state == "Dead" else "no committed offset and no member"
        return GroupLag(ref, state, (), unknown(why))
    parts = tuple(_part(place, commits.get(place), ends.get(place)) for place in places)
    return GroupLag(ref, state, parts, _total(parts))


def _part(place: Place, at: int | None, end: int | KafkaError | None) -> PartitionLag:
    resource = Ref(Kind.TOPIC, place[0])
    shown = "" if at is None else str(at)
    if not isinstance(end, int):
        return PartitionLag(resource, place[1], shown, "", unknown("not answered" if end is None else said_of(end)))
    if at is None:
        return PartitionLag(resource, place[1], shown, str(end), NEVER)
    if at > end:
        why = f"committed {at} lies behind the end {end}: the topic was cut or made anew"
        return PartitionLag(resource, place[1], shown, str(end), unknown(why))
    return PartitionLag(resource, place[1], shown, str(end), exact(end - at))


def _total(parts: Sequence[PartitionLag]) -> Figure:
    return total(part.lag for part in parts)
