"""What groups have committed, and how far they are behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeAlias

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, OffsetSpec

from mqtui.brokers.kafka.connection.clients import ANSWER, Connection, answer_of
from mqtui.brokers.kafka.errors import said_of
from mqtui.brokers.kafka.read.group_descriptions import Described, describe_states, raise_if_all, refusal_of, state_of
from mqtui.brokers.kafka.read.offsets import Answers, Place, ask_offsets
from mqtui.brokers.kafka.read.share_groups import ShareGroup
from mqtui.domain.figure import Figure, at_most, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import NOTHING_LOST, GroupLag, PartitionLag

TOGETHER = 1_000
"""OffsetFetch requests under way at once; librdkafka takes one group a request."""

MANY = 50
"""Groups that read more topics than all leaders are worth asking for."""

COUNTED = 50_000
"""Records read where a limit lies between the bounds of a lag."""

COUNTING = 10.0
"""Seconds after which counting stops."""

NOT_BEGUN = "a share group that has read nothing yet has no place to count from"
NOTHING = exact(0)
NEVER = unknown("no committed offset")
BOUND = "end minus committed offset: transaction markers, aborted and compacted records are in it"
Commits: TypeAlias = Mapping[Place, int]


class Progress(NamedTuple):
    """How far a group has come in one partition. Offsets; an error or None where the broker does not tell.

    `stable` is the last stable offset: what lies between it and `end` is not committed by its writer yet (K8).
    """

    topic: Ref
    partition: int
    committed: int | None
    first: int | KafkaError | None
    stable: int | KafkaError | None
    end: int | KafkaError | None

    @property
    def start(self) -> int:
        """Where the group can read on: what was deleted before it was read lies before."""
        committed = 0 if self.committed is None else self.committed
        return max(committed, self.first) if isinstance(self.first, int) else committed

    def part(self) -> PartitionLag:
        """The same in the domain's words: what the group can still read, what was deleted before it read that, and
        what lies behind an open transaction.
        """
        committed, end, start = self.committed, self.end, self.start
        known = isinstance(end, int)
        lost, uncommitted = NOTHING_LOST, 0
        if committed is not None:
            if committed < start:
                lost = at_most(start - committed, BOUND)
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
        )

    def _lag(self, start: int) -> Figure:
        """Records the group can still read: none, or at most the distance of the offsets."""
        committed, end = self.committed, self.end
        if not isinstance(end, int):
            return unknown("not answered" if end is None else said_of(end))
        if committed is None:
            return NEVER
        if committed > end:
            return unknown(f"committed {committed} lies behind the end {end}: the topic was cut or made anew")
        return at_most(end - start, BOUND) if end > start else NOTHING


async def committed(connection: Connection, names: Sequence[str]) -> Mapping[str, Commits | str]:
    """Committed offsets by group, or why they can't be had.

    Raises:
        CannotConnect, BrokerTrouble: no coordinator answers at all.
    """
    return await connection.call("asking for commits", partial(_committed, await connection.opened(), names))


def _committed(admin: AdminClient, names: Sequence[str]) -> dict[str, Commits | str]:
    found: dict[str, Commits | str] = {}
    silent: list[KafkaException] = []
    for at in range(0, len(names), TOGETHER):
        asked = {
            name: admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], request_timeout=ANSWER)[name]
            for name in names[at : at + TOGETHER]
        }
        for name, promise in asked.items():
            try:
                told = answer_of(promise)
            except KafkaException as error:
                found[name] = refusal_of(error, silent)
            else:
                found[name] = {
                    (place.topic, place.partition): place.offset
                    for place in told.topic_partitions
                    if place.offset >= 0 and place.error is None
                }
    raise_if_all(silent, names)
    return found


def share_lag(ref: Ref, told: ShareGroup) -> GroupLag:
    """Lag of a share group as its coordinator tells it: records from the first one that is not done with on."""
    parts = [
        PartitionLag(Ref(Kind.TOPIC, one.topic), one.partition, str(one.start), "", _share_part(one.lag))
        for one in told.progress
        if one.start >= 0
    ]
    if not parts:
        return GroupLag(ref, told.state, (), unknown(told.why or NOT_BEGUN))
    return GroupLag(ref, told.state, tuple(parts), total(part.lag for part in parts))


def _share_part(lag: int) -> Figure:
    if lag < 0:
        return unknown("this broker does not tell the lag of share groups")
    return at_most(lag, BOUND) if lag else exact(0)


async def lags(connection: Connection, groups: Sequence[Ref]) -> list[GroupLag]:
    """Lag of each group against the high watermark, as Kafka's own tool counts it; OffsetFetch before ListOffsets."""
    found = await _progress(connection, groups)
    return [found.lag(ref) for ref in groups]


async def count_lag(connection: Connection, group: Ref) -> GroupLag:
    """Lag of one group by reading what is committed and waits for it, within a budget; the rest stays a bound.

    Records behind an open transaction can't be read yet: they are `uncommitted`, and in no lag that was counted.
    """
    found = await _progress(connection, [group])
    parts = await connection.call(f"counting {group.name}", lambda: _count_all(connection, found.progress[group]))
    return found.lag_over(group, parts)


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked of some groups: their states and members, what they committed, and how far they have come."""

    listed: Mapping[str, str]
    described: Described
    commits: Mapping[str, Commits | str]
    progress: Mapping[Ref, Sequence[Progress]]

    def lag(self, ref: Ref) -> GroupLag:
        """The lag of a group."""
        return self.lag_over(ref, [one.part() for one in self.progress[ref]])

    def topic_lag(self, ref: Ref, first: Answers, end: Answers) -> GroupLag:
        """The same by topic instead of by partition: all that a topic's backlog needs, in a fraction of the time."""
        commits = self.commits[ref.name]
        known: Commits = {} if isinstance(commits, str) else commits
        behind: dict[str, int] = {}
        other: dict[str, list[Figure]] = {}
        for place in _places(commits, self.described.get(ref.name)):
            name, at, low, high = place[0], known.get(place), first.get(place), end.get(place)
            if at is not None and isinstance(low, int) and isinstance(high, int) and at <= high:
                behind[name] = behind.get(name, 0) + max(0, high - max(at, low))
            else:
                row = Progress(Ref(Kind.TOPIC, name), place[1], at, low, None, high)
                other.setdefault(name, []).append(row.part().lag)
        parts = []
        for name in behind.keys() | other.keys():
            sums = [at_most(behind[name], BOUND) if behind[name] else NOTHING] if name in behind else []
            figure = total([*sums, *other[name]]) if name in other else sums[0]
            parts.append(PartitionLag(Ref(Kind.TOPIC, name), -1, "", "", figure))
        return self.lag_over(ref, parts)

    def lag_over(self, ref: Ref, parts: Sequence[PartitionLag]) -> GroupLag:
        """The lag of a group over these partitions."""
        commits, told = self.commits[ref.name], self.described.get(ref.name)
        if isinstance(commits, str):
            return GroupLag(ref, "Unknown", (), unknown(commits))
        state = self.listed.get(ref.name, "Unknown")
        if told is not None:
            state = "Unknown" if isinstance(told, str) else state_of(told.state.name)
        if not parts:
            why = "there is no such group" if state == "Dead" else "no committed offset and no member"
            return GroupLag(ref, state, (), unknown(why))
        return GroupLag(ref, state, tuple(parts), total(part.lag for part in parts))


async def _progress(connection: Connection, groups: Sequence[Ref]) -> Found:
    """Round trips that need not wait for each other go together: the list of groups and what they committed, then the
    members of those that have any, then first, last and last stable offsets.
    """
    admin = await connection.opened()
    names = [ref.name for ref in groups]
    listing, commits, _ = await asyncio.gather(
        connection.ask(admin.list_consumer_groups(request_timeout=ANSWER), "listing groups"),
        committed(connection, names),
        _learn_leaders(connection, names),
    )
    described = await describe_states(connection, names, listing.valid)
    everywhere = places_of(commits, described)
    first: Answers = {}
    stable: Answers = {}
    end: Answers = {}
    if everywhere:
        first, stable, end = await asyncio.gather(
            ask_offsets(connection, everywhere, OffsetSpec.earliest()),
            ask_offsets(connection, everywhere, OffsetSpec.latest(), committed=True),
            ask_offsets(connection, everywhere, OffsetSpec.latest()),
        )
    states = {one.group_id: state_of(one.state.name) for one in listing.valid}
    return measured(groups, Found(states, described, commits, {}), first, stable, end)


async def _learn_leaders(connection: Connection, groups: Sequence[str]) -> None:
    """Have librdkafka ask for all leaders at once, where many groups read: else each question for offsets asks for
    those of its own topics before.
    """
    if len(groups) > MANY:
        admin = await connection.opened()
        await connection.call("listing topics", lambda: admin.list_topics(timeout=ANSWER))


def places_of(commits: Mapping[str, Commits | str], described: Described) -> list[Place]:
    """The partitions in which groups have committed offsets or members."""
    return sorted({place for name, known in commits.items() for place in _places(known, described.get(name))})


def waiting_places(told: Found, end: Answers) -> list[Place]:
    """The partitions in which something lies behind what a group committed, by ends that were asked after."""
    return sorted(
        {
            place
            for commits in told.commits.values()
            if not isinstance(commits, str)
            for place, at in commits.items()
            if isinstance(last := end.get(place), int) and at < last
        }
    )


def measured(groups: Sequence[Ref], told: Found, first: Answers, stable: Answers, end: Answers) -> Found:
    """The same with how far each group has come, by ends that were asked after its commits."""
    topics: dict[str, Ref] = {}
    progress: dict[Ref, list[Progress]] = {}
    for ref in groups:
        commits = told.commits[ref.name]
        known: Commits = {} if isinstance(commits, str) else commits
        rows = progress[ref] = []
        for place in _places(commits, told.described.get(ref.name)):
            name, partition = place
            topic = topics.get(name)
            if topic is None:
                topic = topics[name] = Ref(Kind.TOPIC, name)
            rows.append(
                Progress(topic, partition, known.get(place), first.get(place), stable.get(place), end.get(place))
            )
    return replace(told, progress=progress)


def _places(commits: Commits | str, told: ConsumerGroupDescription | str | None) -> list[Place]:
    places = set() if isinstance(commits, str) else set(commits)
    if told is not None and not isinstance(told, str):
        for member in told.members:
            places |= {(place.topic, place.partition) for place in member.assignment.topic_partitions}
    return sorted(places)


def _count_all(connection: Connection, progress: Sequence[Progress]) -> list[PartitionLag]:
    """Topic by topic, with one budget of records and time. Blocks."""
    parts: list[PartitionLag] = []
    left, until = COUNTED, time.monotonic() + COUNTING
    for topic in dict.fromkeys(one.topic.name for one in progress):
        wanted = [one for one in progress if one.topic.name == topic]
        counts, left = _count(connection, topic, wanted, left, until)
        parts += [_counted(one, counts.get(one.partition)) for one in wanted]
    return parts


def _count(
    connection: Connection, topic: str, wanted: Sequence[Progress], budget: int, until: float
) -> tuple[dict[int, tuple[int, int]], int]:
    """By partition how many records were read and up to which offset; and what is left of the budget. Blocks."""
    from mqtui.brokers.kafka.read.bounded_consumer import Cursor

    starts = {one.partition: one.start for one in wanted if one.part().lag.number}
    ends = {one.partition: one.stable for one in wanted if isinstance(one.stable, int)}
    starts = {number: start for number, start in starts.items() if number in ends}
    found = {number: (0, max(start, ends[number])) for number, start in starts.items() if start >= ends[number]}
    cursor = Cursor(connection, "lag", topic, starts, ends, ahead=min(budget, 10_000))
    found |= {number: (0, starts[number]) for number in cursor.open}
    try:
        while cursor.open and budget > 0 and time.monotonic() < until:
            for record in cursor.take(min(500, budget), 0.2):
                number = record.partition()
                found[number] = found[number][0] + 1, record.offset() + 1
                budget -= 1
        for number in found.keys() - cursor.open:
            found[number] = found[number][0], max(starts[number], ends[number])
    finally:
        cursor.close()
    return found, budget


def _counted(one: Progress, count: tuple[int, int] | None) -> PartitionLag:
    part = one.part()
    if count is None or not isinstance(one.stable, int):
        return part
    seen, offset = count
    rest = max(0, one.stable - offset)
    return replace(part, lag=at_most(seen + rest, BOUND) if rest else exact(seen))
