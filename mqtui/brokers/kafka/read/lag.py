"""The lag of groups: committed offsets against end offsets, by partition or topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from confluent_kafka import KafkaError
from confluent_kafka.admin import ConsumerGroupDescription, OffsetSpec

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.errors import describe_error
from mqtui.brokers.kafka.read.committed_offsets import CommittedOffsets, fetch_committed_offsets
from mqtui.brokers.kafka.read.group_descriptions import (
    GroupDescriptions,
    describe_groups,
    state_name,
)
from mqtui.brokers.kafka.read.offsets import OffsetResults, TopicPartitionKey, list_offsets
from mqtui.brokers.kafka.read.share_groups import ShareGroup
from mqtui.brokers.kafka.read.topic_listing import list_partitions
from mqtui.domain.figure import Figure, at_most, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import NOTHING_LOST, GroupLag, PartitionLag

MANY_GROUPS = 50
"""From so many groups on, one request for all topics' leaders costs less than one per topic."""

COUNT_BUDGET = 50_000
"""Most records that are read to count a lag."""

COUNT_SECONDS = 10.0
"""Most seconds that counting takes."""

NOT_BEGUN = "a share group that has read nothing yet has no offset to count from"
ZERO = exact(0)
NO_COMMIT = unknown("no committed offset")
BOUND_REASON = "end minus committed offset: transaction markers, aborted and compacted records are in it"


class PartitionProgress(NamedTuple):
    """How far a group has come in one partition. Each field is an offset, or an error or None if the broker gave none.

    `stable` is the last stable offset: records from there to `end` are in open transactions (K8).
    """

    topic: Ref
    partition: int
    committed: int | None
    first: int | KafkaError | None
    stable: int | KafkaError | None
    end: int | KafkaError | None
    member: str = ""

    @property
    def start(self) -> int:
        """The offset from which the group can read on: its commit, or the first offset if that is later."""
        committed = 0 if self.committed is None else self.committed
        return max(committed, self.first) if isinstance(self.first, int) else committed

    def to_partition_lag(self) -> PartitionLag:
        """The domain value: lag, records deleted before the group read them, and records in open transactions."""
        committed, end, start = self.committed, self.end, self.start
        known = isinstance(end, int)
        lost, uncommitted = NOTHING_LOST, 0
        if committed is not None:
            if committed < start:
                lost = at_most(start - committed, BOUND_REASON)
            if isinstance(end, int) and isinstance(self.stable, int):
                uncommitted = max(0, end - max(self.stable, start))
        return PartitionLag(
            self.topic,
            self.partition,
            "" if committed is None else str(committed),
            str(end) if known else "",
            self._lag(start),
            lost,
            uncommitted,
            self.member,
        )

    def _lag(self, start: int) -> Figure:
        """Records the group can still read: zero, or at most the distance of the offsets."""
        committed, end = self.committed, self.end
        if not isinstance(end, int):
            return unknown("not answered" if end is None else describe_error(end))
        if committed is None:
            return NO_COMMIT
        if committed > end:
            return unknown(f"committed {committed} lies behind the end {end}: the topic was truncated or created again")
        return at_most(end - start, BOUND_REASON) if end > start else ZERO


def lag_of_share_group(ref: Ref, group: ShareGroup) -> GroupLag:
    """The lag of a share group as its coordinator reports it: records from the share-partition start offset on."""
    parts = [
        PartitionLag(Ref(Kind.TOPIC, one.topic), one.partition, str(one.start), "", _share_partition_lag(one.lag))
        for one in group.progress
        if one.start >= 0
    ]
    members = len(group.members)
    if not parts:
        return GroupLag(ref, group.state, (), unknown(group.why or NOT_BEGUN), members)
    return GroupLag(ref, group.state, tuple(parts), total(part.lag for part in parts), members)


def _share_partition_lag(lag: int) -> Figure:
    if lag < 0:
        return unknown("this broker does not report the lag of share groups")
    return at_most(lag, BOUND_REASON) if lag else exact(0)


async def read_lags(clients: KafkaClients, groups: Sequence[Ref]) -> list[GroupLag]:
    """The lag of each group against the high watermark, as kafka-consumer-groups.sh computes it."""
    found = await _read_progress(clients, groups)
    return [found.lag(ref) for ref in groups]


async def count_lag(clients: KafkaClients, group: Ref) -> GroupLag:
    """The lag of one group, counted by reading the records after its commits; beyond a budget it stays a bound.

    Records in open transactions can't be read: they are `uncommitted` and not in a counted lag.
    """
    found = await _read_progress(clients, [group])
    parts = await clients.run_in_thread(f"counting {group.name}", lambda: _count_all(clients, found.progress[group]))
    return found.lag_over(group, parts)


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """State, members, commits and progress of some groups, by name."""

    listed: Mapping[str, str]
    described: GroupDescriptions
    commits: Mapping[str, CommittedOffsets | str]
    progress: Mapping[Ref, Sequence[PartitionProgress]]

    def lag(self, ref: Ref) -> GroupLag:
        """The lag of a group by partition."""
        return self.lag_over(ref, [one.to_partition_lag() for one in self.progress[ref]])

    def topic_lag(self, ref: Ref, first: OffsetResults, end: OffsetResults) -> GroupLag:
        """The lag of a group by topic: all that a backlog needs, in a fraction of the time."""
        commits = self.commits[ref.name]
        known: CommittedOffsets = {} if isinstance(commits, str) else commits
        behind: dict[str, int] = {}
        other: dict[str, list[Figure]] = {}
        for key in _partitions(commits, self.described.get(ref.name)):
            name, at, low, high = key[0], known.get(key), first.get(key), end.get(key)
            if at is not None and isinstance(low, int) and isinstance(high, int) and at <= high:
                behind[name] = behind.get(name, 0) + max(0, high - max(at, low))
            else:
                row = PartitionProgress(Ref(Kind.TOPIC, name), key[1], at, low, None, high)
                other.setdefault(name, []).append(row.to_partition_lag().lag)
        parts = []
        for name in behind.keys() | other.keys():
            sums = [at_most(behind[name], BOUND_REASON) if behind[name] else ZERO] if name in behind else []
            figure = total([*sums, *other[name]]) if name in other else sums[0]
            parts.append(PartitionLag(Ref(Kind.TOPIC, name), -1, "", "", figure))
        return self.lag_over(ref, parts)

    def lag_over(self, ref: Ref, parts: Sequence[PartitionLag]) -> GroupLag:
        """The lag of a group as the total of these partitions."""
        commits, described = self.commits[ref.name], self.described.get(ref.name)
        if isinstance(commits, str):
            return GroupLag(ref, "Unknown", (), unknown(commits))
        state = self.listed.get(ref.name, "Unknown")
        members: int | None = 0
        if isinstance(described, str):
            state, members = "Unknown", None
        elif described is not None:
            state, members = state_name(described.state.name), len(described.members)
        if not parts:
            why = "there is no such group" if state == "Dead" else "no committed offset and no member"
            return GroupLag(ref, state, (), unknown(why), members)
        return GroupLag(ref, state, tuple(parts), total(part.lag for part in parts), members)


async def _read_progress(clients: KafkaClients, groups: Sequence[Ref]) -> GroupDetails:
    """Ask for all that lag needs, in three rounds of parallel requests: group listing and commits; members; offsets."""
    admin = await clients.admin()
    names = [ref.name for ref in groups]
    listing, commits, _ = await asyncio.gather(
        clients.await_answer(admin.list_consumer_groups(request_timeout=REQUEST_TIMEOUT), "listing groups"),
        fetch_committed_offsets(clients, names),
        _warm_leader_cache(clients, names),
    )
    described = await describe_groups(clients, names, listing.valid)
    everywhere = partitions_of(commits, described)
    first: OffsetResults = {}
    stable: OffsetResults = {}
    end: OffsetResults = {}
    if everywhere:
        first, stable, end = await asyncio.gather(
            list_offsets(clients, everywhere, OffsetSpec.earliest()),
            list_offsets(clients, everywhere, OffsetSpec.latest(), committed=True),
            list_offsets(clients, everywhere, OffsetSpec.latest()),
        )
    states = {one.group_id: state_name(one.state.name) for one in listing.valid}
    return with_progress(groups, GroupDetails(states, described, commits, {}), first, stable, end)


async def _warm_leader_cache(clients: KafkaClients, groups: Sequence[str]) -> None:
    """Fetch all partition leaders in one request; else each ListOffsets first asks for its own."""
    if len(groups) > MANY_GROUPS:
        await list_partitions(clients)


def partitions_of(
    commits: Mapping[str, CommittedOffsets | str], described: GroupDescriptions
) -> list[TopicPartitionKey]:
    """The partitions on which groups have committed offsets or members."""
    return sorted({key for name, known in commits.items() for key in _partitions(known, described.get(name))})


def partitions_with_backlog(progress: GroupDetails, end: OffsetResults) -> list[TopicPartitionKey]:
    """The partitions whose end lies after a group's commit; `end` was asked after the commits."""
    return sorted(
        {
            key
            for commits in progress.commits.values()
            if not isinstance(commits, str)
            for key, at in commits.items()
            if isinstance(last := end.get(key), int) and at < last
        }
    )


def with_progress(
    groups: Sequence[Ref], before: GroupDetails, first: OffsetResults, stable: OffsetResults, end: OffsetResults
) -> GroupDetails:
    """`before` with `progress` filled in from offsets that were asked after the commits."""
    topics: dict[str, Ref] = {}
    progress: dict[Ref, list[PartitionProgress]] = {}
    for ref in groups:
        commits = before.commits[ref.name]
        known: CommittedOffsets = {} if isinstance(commits, str) else commits
        rows = progress[ref] = []
        described = before.described.get(ref.name)
        owners = _owners(described)
        for key in _partitions(commits, described):
            name, partition = key
            topic = topics.get(name)
            if topic is None:
                topic = topics[name] = Ref(Kind.TOPIC, name)
            answers = first.get(key), stable.get(key), end.get(key)
            rows.append(PartitionProgress(topic, partition, known.get(key), *answers, owners.get(key, "")))
    return replace(before, progress=progress)


def _partitions(
    commits: CommittedOffsets | str, described: ConsumerGroupDescription | str | None
) -> list[TopicPartitionKey]:
    keys = set() if isinstance(commits, str) else set(commits)
    if described is not None and not isinstance(described, str):
        for member in described.members:
            keys |= {(key.topic, key.partition) for key in member.assignment.topic_partitions}
    return sorted(keys)


def _owners(described: ConsumerGroupDescription | str | None) -> Mapping[TopicPartitionKey, str]:
    """By partition the id of the member that it is assigned to."""
    if described is None or isinstance(described, str):
        return {}
    return {
        (key.topic, key.partition): member.member_id
        for member in described.members
        for key in member.assignment.topic_partitions
    }


def _count_all(clients: KafkaClients, progress: Sequence[PartitionProgress]) -> list[PartitionLag]:
    """Count topic by topic, with one budget of records and time for all. Blocks."""
    parts: list[PartitionLag] = []
    left, until = COUNT_BUDGET, time.monotonic() + COUNT_SECONDS
    for topic in dict.fromkeys(one.topic.name for one in progress):
        wanted = [one for one in progress if one.topic.name == topic]
        counts, left = _count(clients, topic, wanted, left, until)
        parts += [_with_count(one, counts.get(one.partition)) for one in wanted]
    return parts


def _count(
    clients: KafkaClients, topic: str, wanted: Sequence[PartitionProgress], budget: int, until: float
) -> tuple[dict[int, tuple[int, int]], int]:
    """By partition the number of records read and the offset reached; and what is left of the budget. Blocks."""
    from mqtui.brokers.kafka.read.bounded_consumer import BoundedConsumer

    starts = {one.partition: one.start for one in wanted if one.to_partition_lag().lag.number}
    ends = {one.partition: one.stable for one in wanted if isinstance(one.stable, int)}
    starts = {number: start for number, start in starts.items() if number in ends}
    found = {number: (0, max(start, ends[number])) for number, start in starts.items() if start >= ends[number]}
    consumer = BoundedConsumer(clients, "lag", topic, starts, ends, prefetch=min(budget, 10_000))
    found |= {number: (0, starts[number]) for number in consumer.open_partitions}
    try:
        while consumer.open_partitions and budget > 0 and time.monotonic() < until:
            for record in consumer.poll_records(min(500, budget), 0.2):
                number = record.partition()
                found[number] = found[number][0] + 1, record.offset() + 1
                budget -= 1
        for number in found.keys() - consumer.open_partitions:
            found[number] = found[number][0], max(starts[number], ends[number])
    finally:
        consumer.close()
    return found, budget


def _with_count(one: PartitionProgress, count: tuple[int, int] | None) -> PartitionLag:
    part = one.to_partition_lag()
    if count is None or not isinstance(one.stable, int):
        return part
    seen, offset = count
    rest = max(0, one.stable - offset)
    return replace(part, lag=at_most(seen + rest, BOUND_REASON) if rest else exact(seen))
