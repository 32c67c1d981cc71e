"""Consumer groups, classic and KIP-848; share groups by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka.admin import ConsumerGroupDescription, ConsumerGroupListing

from mqtui.brokers.kafka.connection.clients import ANSWER, Connection
from mqtui.brokers.kafka.errors import error_of, said_of
from mqtui.brokers.kafka.read.acl_filtering import untold_where_none
from mqtui.brokers.kafka.read.group_descriptions import describe_states, state_of
from mqtui.brokers.kafka.read.lag import Found, committed, count_lag, lags, share_lag
from mqtui.brokers.kafka.read.share_groups import ShareGroup, list_share_groups
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_each, topic_name
from mqtui.domain.errors import NotFound
from mqtui.domain.figure import unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group, GroupLag, Inventory, Member

OFFSETS = "__consumer_offsets"
SHARES = "__share_group_state"
"""The topic in which brokers keep where share groups stand: without it there is none."""

NO_PENDING = unknown("Kafka keeps no pending entries")


@dataclass(frozen=True, slots=True)
class Listed:
    """Consumer groups as their coordinators list them, whether there may be share groups, what is not told and why."""

    groups: Sequence[ConsumerGroupListing]
    shares: bool
    untold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Consumer groups with what coordinators tell of them, and what can't be known, a sentence each."""

    groups: Sequence[Group]
    facts: Found
    untold: Sequence[str]


class KafkaGroups:
    """Groups with members, what they read, and their lag."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._share: dict[str, ShareGroup] = {}

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All groups, or those that have members or committed offsets on one topic, of which share groups tell none."""
        if ref is not None:
            told = await list_groups(self._connection)
            wanted = Ref(Kind.TOPIC, topic_name(ref))
            return _inventory([group for group in told.groups if wanted in group.reads], told.untold)
        told, shared, _ = await self.ask_all()
        return _inventory([*told.groups, *shared], told.untold)

    async def ask_all(self) -> tuple[Told, list[Group], list[GroupLag]]:
        """What coordinators tell of consumer groups; and the share groups, each with its lag."""
        listed = await list_names(self._connection)
        told, _ = await asyncio.gather(describe_groups(self._connection, listed), self._list_shares(listed))
        shared = [_share_group(name, each) for name, each in self._share.items()]
        return told, shared, [share_lag(group.ref, self._share[group.ref.name]) for group in shared]

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """The same: a group is described with its members."""
        return groups

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """The groups that have members or committed offsets on each topic, from one listing."""
        found = (await list_groups(self._connection)).groups
        return {ref: tuple(sorted(group.ref.name for group in found if ref in group.reads)) for ref in refs}

    async def list_names(self) -> Inventory[Ref]:
        """By the brokers' lists alone; share groups are asked for where there may be any."""
        listed = await list_names(self._connection)
        await self._list_shares(listed)
        names = sorted({*(one.group_id for one in listed.groups), *self._share})
        return Inventory(tuple(Ref(Kind.GROUP, name) for name in names), listed.untold)

    async def exists(self, ref: Ref) -> bool:
        """As the brokers list it; what a user may not describe is in no list, and refused where it is asked for."""
        there = await self.list_names()
        if ref in there or there.missing:
            return ref in there
        commits = await committed(self._connection, [ref.name])
        return isinstance(commits[ref.name], str)

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """Lag of each group: what is committed is asked first, the ends after (K14)."""
        plain = [ref for ref in groups if ref.name not in self._share]
        for ref in groups:
            if ref.name in self._share:
                yield share_lag(ref, self._share[ref.name])
        if plain:
            for known in await lags(self._connection, plain):
                yield known

    async def count_lag(self, row: GroupLag) -> GroupLag:
        """The lag of a group by reading what waits for it, up to 50,000 records."""
        return row if row.group.name in self._share else await count_lag(self._connection, row.group)

    async def _list_shares(self, listed: Listed) -> None:
        """Only where there may be some: it needs kafka-python, which takes long to import."""
        if listed.shares:
            self._share = await list_share_groups(self._connection)


async def list_names(connection: Connection) -> Listed:
    """The consumer groups there are. A coordinator that does not answer tells not even the names of its groups (K19).

    Its lost partitions tell it without any error; whether share groups can be there is told by their topic.
    """
    admin = await connection.opened()
    told, topics = await asyncio.gather(
        connection.ask(admin.list_consumer_groups(request_timeout=ANSWER), "listing groups"),
        describe_each(connection, [OFFSETS, SHARES]),
    )
    untold = [f"a coordinator did not tell its groups: {said_of(error_of(error))}" for error in told.errors]
    if not told.valid and not told.errors:
        untold += await untold_where_none(connection, "groups")
    offsets = topics[OFFSETS]
    if isinstance(offsets, Topic) and offsets.leaderless:
        lost, all_ = len(offsets.leaderless), len(offsets.partitions)
        untold.append(f"some groups have no coordinator: {lost} of {all_} partitions of {OFFSETS} have no leader")
    return Listed(told.valid, not isinstance(topics[SHARES], NotFound), tuple(untold))


async def list_groups(connection: Connection) -> Told:
    """Consumer groups with what they read, and what can't be known of them, a sentence each."""
    return await describe_groups(connection, await list_names(connection))


async def describe_groups(connection: Connection, listed: Listed) -> Told:
    """Members and commits of listed groups, asked for together; a group without members has none to be described."""
    names = [one.group_id for one in listed.groups]
    described, offsets = await asyncio.gather(
        describe_states(connection, names, listed.groups), committed(connection, names)
    )
    found: list[Group] = []
    untold = list(listed.untold)
    for one in listed.groups:
        commits = offsets[one.group_id]
        reads = set() if isinstance(commits, str) else {topic for topic, _ in commits}
        if isinstance(commits, str):
            untold.append(f"what group {one.group_id} reads was not told: {commits}")
        why = commits if isinstance(commits, str) else ""
        found.append(_group(one, described.get(one.group_id), reads, why))
    states = {one.group_id: state_of(one.state.name) for one in listed.groups}
    return Told(found, Found(states, described, offsets, {}), untold)


def _inventory(groups: Iterable[Group], untold: Sequence[str]) -> Inventory[Group]:
    return Inventory(tuple(sorted(groups, key=lambda group: group.ref)), tuple(untold))


def _group(
    listed: ConsumerGroupListing, told: ConsumerGroupDescription | str | None, reads: set[str], why: str
) -> Group:
    sort = listed.type.name.lower() if listed.type is not None else "classic"
    ref = Ref(Kind.GROUP, listed.group_id)
    if told is None:
        return Group(ref, sort, state_of(listed.state.name), reads=_refs(reads), pending=NO_PENDING, why=why)
    if isinstance(told, str):
        return Group(ref, sort, state_of(listed.state.name), reads=_refs(reads), pending=NO_PENDING, why=told)
    members = tuple(member_of(one) for one in told.members)
    assigned = {topic for member in members for topic, _ in member.assigned}
    return Group(ref, sort, state_of(told.state.name), members, _refs(reads | assigned), NO_PENDING, why)


def _share_group(name: str, told: ShareGroup) -> Group:
    reads = {one.topic for one in told.progress} | {topic for one in told.members for topic, _ in one.assigned}
    return Group(Ref(Kind.GROUP, name), "share", told.state, told.members, _refs(reads), NO_PENDING, told.why)


def _refs(names: set[str]) -> tuple[Ref, ...]:
    return tuple(Ref(Kind.TOPIC, name) for name in sorted(names))


def member_of(told: object) -> Member:
    """A member as the coordinator describes it."""
    assignment = getattr(told, "assignment", None)
    places = assignment.topic_partitions if assignment is not None else []
    return Member(
        getattr(told, "member_id", ""),
        getattr(told, "client_id", "") or "",
        getattr(told, "host", "") or "",
        tuple(sorted((place.topic, place.partition) for place in places)),
    )
