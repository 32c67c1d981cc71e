"""What would become of the committed offsets of a group: as `kafka-consumer-groups --reset-offsets --dry-run` says it.

Positions beyond the first or the end offset are moved to it; a time after the last record means the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.committed_offsets import CommittedOffsets, fetch_committed_offsets
from mqtui.brokers.kafka.read.group_descriptions import describe_groups, state_name
from mqtui.brokers.kafka.read.groups import fetch_group_listing, to_member
from mqtui.brokers.kafka.read.lag import BOUND_REASON
from mqtui.brokers.kafka.read.offsets import (
    AFTER_LAST,
    OffsetResults,
    TopicPartitionKey,
    explain_missing,
    list_offsets,
)
from mqtui.brokers.kafka.read.record_times import read_record_times
from mqtui.brokers.kafka.read.share_groups import list_share_groups
from mqtui.brokers.kafka.read.topic_metadata import describe_topic, topic_name
from mqtui.domain.errors import BadInput, BrokerTrouble, NotFound, Unsupported
from mqtui.domain.figure import Figure, at_most, exact
from mqtui.domain.group_offsets import OffsetMove, OffsetPreview, OffsetTarget, Positions, Shift
from mqtui.domain.message import Offset, Position
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Member

MAX_TIMED = 100
"""Partitions whose records are read to tell their times."""

NO_COMMIT = "no committed offset: where the group began is its consumers' own setting"
SHARE_GROUP = "A share group has no committed offsets: its progress is kept record by record."
SHARE_HINT = "Kafka's own kafka-share-groups --reset-offsets moves its start offset."


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group as its coordinator describes it. `exists` is false for one that was never used, or was deleted."""

    name: str
    exists: bool
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class PartitionBounds:
    """First and end offsets by partition, and the offsets of a time where that was asked for."""

    first: OffsetResults
    end: OffsetResults
    by_time: OffsetResults

    def why_missing(self, key: TopicPartitionKey) -> str:
        """Why a partition has no offsets; "" where it has."""
        for answers in (self.first, self.end, self.by_time):
            answer = answers.get(key, 0)
            if not isinstance(answer, int):
                return explain_missing(answer)
        return ""

    def clip(self, key: TopicPartitionKey, offset: int) -> int:
        """The offset, or the nearest one that the partition has."""
        return max(self.first_of(key), min(offset, self.end_of(key)))

    def first_of(self, key: TopicPartitionKey) -> int:
        """The first offset of a partition that is not missing."""
        found = self.first[key]
        assert isinstance(found, int)
        return found

    def end_of(self, key: TopicPartitionKey) -> int:
        """The end offset of a partition that is not missing."""
        found = self.end[key]
        assert isinstance(found, int)
        return found


async def preview_offsets(
    clients: KafkaClients, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None
) -> OffsetPreview:
    """As `SetsGroupOffsets.preview_offsets`. Nothing is changed, and nothing is created (K9)."""
    _check_position(target)
    state, commits = await asyncio.gather(describe_group(clients, group.name), fetch_commits(clients, group.name))
    keys = await _partitions(clients, resource, target, partition, commits)
    bounds = await _read_bounds(clients, keys, target)
    moves: list[OffsetMove] = []
    notes: list[str] = []
    for key in keys:
        if why := bounds.why_missing(key):
            notes.append(f"partition {key[1]} of {key[0]} is left out: it {why}")
        elif isinstance(target, Shift) and key not in commits:
            notes.append(f"partition {key[1]} of {key[0]} is left out: nothing is committed that could be shifted")
        else:
            moves.append(_move(key, commits.get(key), _new_offset(target, key, commits, bounds), bounds))
    changed = [move for move in moves if move.changes]
    if 0 < len(changed) <= MAX_TIMED:
        timed = await _with_times(clients, changed, bounds)
        moves = [timed.get((move.resource.name, move.partition), move) for move in moves]
    members = _members_on(state.members, resource if target is None else None)
    return OffsetPreview(group, state.name, state.exists, tuple(moves), members, notes=tuple(notes))


async def describe_group(clients: KafkaClients, name: str) -> GroupState:
    """State and members of a group.

    Raises:
        Unsupported: it is a share group.
        BrokerTrouble: its coordinator does not answer, or this user may not ask.
    """
    listed = await fetch_group_listing(clients)
    here = [one for one in listed.groups if one.group_id == name]
    if not here and listed.may_have_share_groups and name in await list_share_groups(clients):
        raise Unsupported(f"{name} is a share group", SHARE_GROUP, SHARE_HINT)
    if not here and not listed.missing:
        return GroupState("Dead", exists=False, members=())
    if here and here[0].state is ConsumerGroupState.EMPTY:
        return GroupState("Empty", exists=True, members=())
    found = (await describe_groups(clients, [name], ()))[name]
    if isinstance(found, str):
        raise BrokerTrouble(f"The state of group {name} is not known", found)
    state = state_name(found.state.name)
    return GroupState(state, bool(here) or state != "Dead", tuple(to_member(one) for one in found.members))


async def fetch_commits(clients: KafkaClients, name: str) -> CommittedOffsets:
    """The committed offsets of one group.

    Raises:
        BrokerTrouble: they can't be had, with the reason.
    """
    commits = (await fetch_committed_offsets(clients, [name]))[name]
    if isinstance(commits, str):
        raise BrokerTrouble(f"The offsets of group {name} are not known", commits)
    return commits


def _check_position(target: OffsetTarget | None) -> None:
    named = [target.position] if isinstance(target, At) else []
    named += [at for at in target.by_partition.values() if at is not None] if isinstance(target, Positions) else []
    for position in named:
        if not isinstance(position, Offset):
            raise BadInput(f"{position} is no offset of Kafka", "", "Write it as 4/118203, or 118203.")


async def _partitions(
    clients: KafkaClients,
    resource: Ref | None,
    target: OffsetTarget | None,
    partition: int | None,
    commits: CommittedOffsets,
) -> list[TopicPartitionKey]:
    """The partitions that are asked for."""
    if resource is None:
        if isinstance(target, Positions):
            return sorted((topic_name(ref), number) for ref, number in target.by_partition)
        return sorted(commits)
    topic = await describe_topic(clients, topic_name(resource))
    wanted = target.position.partition if isinstance(target, At) and isinstance(target.position, Offset) else -1
    wanted = wanted if partition is None else partition
    if wanted >= 0 and wanted not in topic.partitions:
        raise NotFound(f"{topic.name} has no partition {wanted}", f"It has {len(topic.partitions)}, from 0 on.")
    keys = [(topic.name, number) for number in sorted(topic.partitions) if wanted < 0 or number == wanted]
    if target is None:
        return [key for key in keys if key in commits]
    if isinstance(target, Positions):
        named = {(ref.name, number) for ref, number in target.by_partition}
        return [key for key in keys if key in named]
    return keys


async def _read_bounds(
    clients: KafkaClients, keys: Sequence[TopicPartitionKey], target: OffsetTarget | None
) -> PartitionBounds:
    if not keys:
        return PartitionBounds({}, {}, {})
    asked = [list_offsets(clients, keys, OffsetSpec.earliest()), list_offsets(clients, keys, OffsetSpec.latest())]
    if isinstance(target, Since):
        asked.append(list_offsets(clients, keys, OffsetSpec.for_timestamp(max(0, target.time))))
    first, end, *by_time = await asyncio.gather(*asked)
    return PartitionBounds(first, end, by_time[0] if by_time else {})


def _new_offset(
    target: OffsetTarget | None, key: TopicPartitionKey, commits: CommittedOffsets, bounds: PartitionBounds
) -> int | None:
    match target:
        case None:
            return None
        case Edge.OLDEST:
            return bounds.first_of(key)
        case Edge.NEWEST:
            return bounds.end_of(key)
        case At(Offset(offset=offset)):
            return bounds.clip(key, offset)
        case Since():
            found = bounds.by_time[key]
            return found if isinstance(found, int) and found != AFTER_LAST else bounds.end_of(key)
        case Shift(by):
            return bounds.clip(key, commits[key] + by)
        case Positions(by_partition):
            position = by_partition[Ref(Kind.TOPIC, key[0]), key[1]]
            return bounds.clip(key, position.offset) if isinstance(position, Offset) else None
        case _:
            raise BadInput("That is no offset of Kafka")


def _move(key: TopicPartitionKey, before: int | None, after: int | None, bounds: PartitionBounds) -> OffsetMove:
    name, number = key
    skips, again = exact(0), exact(0)
    if before is None and after is not None:
        skips = _distance(bounds.first_of(key), after, NO_COMMIT)
    elif before is not None and after is not None:
        first, end = bounds.first_of(key), bounds.end_of(key)
        skips = _distance(max(before, first), after)
        again = _distance(max(after, first), min(before, end))
    return OffsetMove(Ref(Kind.TOPIC, name), number, _position(number, before), _position(number, after), skips, again)


def _distance(start: int, end: int, why: str = BOUND_REASON) -> Figure:
    return at_most(end - start, why) if end > start else exact(0)


def _position(partition: int, offset: int | None) -> Position | None:
    return None if offset is None else Offset(partition, offset)


def _members_on(members: tuple[Member, ...], resource: Ref | None) -> tuple[Member, ...]:
    """The members that are in the way: all, or where one topic's offsets are deleted those that read it."""
    if resource is None:
        return members
    return tuple(
        member
        for member in members
        if not member.assigned or any(topic == resource.name for topic, _ in member.assigned)
    )


async def _with_times(
    clients: KafkaClients, moves: Sequence[OffsetMove], bounds: PartitionBounds
) -> dict[TopicPartitionKey, OffsetMove]:
    """The moves with the times of the records that are read next; unknown where a record can't be read in time."""
    found: dict[TopicPartitionKey, OffsetMove] = {}
    for topic in dict.fromkeys(move.resource.name for move in moves):
        here = [move for move in moves if move.resource.name == topic]
        ends = {move.partition: bounds.end_of((topic, move.partition)) for move in here}
        before = await read_record_times(clients, topic, _offsets(move.before for move in here), ends)
        after = await read_record_times(clients, topic, _offsets(move.after for move in here), ends)
        for move in here:
            number = move.partition
            found[topic, number] = replace(move, before_time=before.get(number), after_time=after.get(number))
    return found


def _offsets(positions: Iterable[Position | None]) -> dict[int, int]:
    return {position.partition: position.offset for position in positions if isinstance(position, Offset)}
