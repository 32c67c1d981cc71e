"""What groups have committed, and how far they are behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, OffsetSpec

from mqtui.brokers.kafka.connection import ANSWER, Connection, answer_of
from mqtui.brokers.kafka.errors import said_of
from mqtui.brokers.kafka.group_states import Described, describe_states, raise_if_all, refusal_of, state_of
from mqtui.brokers.kafka.offsets import Answers, Place, ask_offsets
from mqtui.domain.figure import Figure, at_most, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import NOTHING_LOST, GroupLag, PartitionLag

if TYPE_CHECKING:
    from mqtui.brokers.kafka.share_groups import ShareGroup

TOGETHER = 1_000
"""OffsetFetch requests under way at once; librdkafka takes one group a request."""

COUNTED = 50_000
"""Records read where a limit lies between the bounds of a lag."""

COUNTING = 10.0
"""Seconds after which counting stops."""

NOT_BEGUN = "a share group that has read nothing yet has no place to count from"
NEVER = unknown("no committed offset")
BOUND = "end minus committed offset: transaction markers, aborted and compacted records are in it"
Commits: TypeAlias = Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a group has come in one partition. Offsets; an error or None where the broker does not tell.

    `stable` is the last stable offset: what lies between it and `end` is not committed by its writer yet (K8).
    """

    place: Place
    committed: int | None
    first: int | KafkaError | None
    stable: int | KafkaError | None
    end: int | KafkaError | None

    @property
    def start(self) -> int:
        """Where the group can read on: what was deleted before it was read lies before."""
        known = [offset for offset in (self.committed, self.first) if isinstance(offset, int)]
        return max(known, default=0)

    @property
    def lost(self) -> Figure:
        """Offsets that the broker deleted before the group read them; markers and gaps are among them."""
        if self.committed is None or not isinstance(self.first, int):
            return NOTHING_LOST
        return at_most(self.first - self.committed, BOUND) if self.first > self.committed else NOTHING_LOST

    @property
    def uncommitted(self) -> int:
        """Offsets behind an open transaction that the group has not passed."""
        if not isinstance(self.end, int) or not isinstance(self.stable, int):
            return 0
        return max(0, self.end - max(self.stable, self.start))

    @property
    def lag(self) -> Figure:
        """Records the group can still read: none, or at most the distance of the offsets."""
        if not isinstance(self.end, int):
            return unknown("not answered" if self.end is None else said_of(self.end))
        if self.committed is None:
            return NEVER
        if self.committed > self.end:
            return unknown(f"committed {self.committed} lies behind the end {self.end}: the topic was cut or made anew")
        return at_most(self.end - self.start, BOUND) if self.end > self.start else exact(0)

    def part(self) -> PartitionLag:
        """The same in the domain's words."""
        committed = "" if self.committed is None else str(self.committed)
        end = str(self.end) if isinstance(self.end, int) else ""
        topic, partition = self.place
        return PartitionLag(Ref(Kind.TOPIC, topic), partition, committed, end, self.lag, self.lost, self.uncommitted)


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
    members of those that have any. First and last stable offsets are asked only of partitions where something waits.
    """
    admin = await connection.opened()
    names = [ref.name for ref in groups]
    listing, commits = await asyncio.gather(
        connection.ask(admin.list_consumer_groups(request_timeout=ANSWER), "listing groups"),
        committed(connection, names),
    )
    described = await describe_states(connection, names, listing.valid)
    everywhere = places_of(commits, described)
    end = await ask_offsets(connection, everywhere, OffsetSpec.latest()) if everywhere else {}
    states = {one.group_id: state_of(one.state.name) for one in listing.valid}
    return await measure(connection, groups, Found(states, described, commits, {}), end)


def places_of(commits: Mapping[str, Commits | str], described: Described) -> list[Place]:
    """The partitions in which groups have committed offsets or members."""
    return sorted({place for name, known in commits.items() for place in _places(known, described.get(name))})


async def measure(connection: Connection, groups: Sequence[Ref], told: Found, end: Answers) -> Found:
    """The same with how far each group has come, by ends that were asked after its commits."""
    commits = told.commits
    places = {ref: _places(commits[ref.name], told.described.get(ref.name)) for ref in groups}
    waiting = sorted(
        {place for ref in groups for place in places[ref] if _waits(commits[ref.name], place, end.get(place))}
    )
    first: Answers = {}
    stable: Answers = {}
    if waiting:
        first, stable = await asyncio.gather(
            ask_offsets(connection, waiting, OffsetSpec.earliest()),
            ask_offsets(connection, waiting, OffsetSpec.latest(), committed=True),
        )

    def of(ref: Ref, place: Place) -> Progress:
        known = commits[ref.name]
        at = None if isinstance(known, str) else known.get(place)
        return Progress(place, at, first.get(place), stable.get(place), end.get(place))

    return replace(told, progress={ref: [of(ref, place) for place in places[ref]] for ref in groups})


def _waits(commits: Commits | str, place: Place, end: int | KafkaError | None) -> bool:
    at = None if isinstance(commits, str) else commits.get(place)
    return at is not None and isinstance(end, int) and at < end


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
    for topic in dict.fromkeys(one.place[0] for one in progress):
        wanted = [one for one in progress if one.place[0] == topic]
        counts, left = _count(connection, topic, wanted, left, until)
        parts += [_counted(one, counts.get(one.place[1])) for one in wanted]
    return parts


def _count(
    connection: Connection, topic: str, wanted: Sequence[Progress], budget: int, until: float
) -> tuple[dict[int, tuple[int, int]], int]:
    """By partition how many records were read and up to which offset; and what is left of the budget. Blocks."""
    from mqtui.brokers.kafka.cursor import Cursor

    starts = {one.place[1]: one.start for one in wanted if one.lag.number}
    ends = {one.place[1]: one.stable for one in wanted if isinstance(one.stable, int)}
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
