"""Lists and describes groups: classic and KIP-848 consumer groups, and share groups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka.admin import ConsumerGroupDescription, ConsumerGroupListing

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.errors import describe_error, unwrap
from mqtui.brokers.kafka.read.acl_filtering import explain_empty_listing
from mqtui.brokers.kafka.read.committed_offsets import fetch_committed_offsets
from mqtui.brokers.kafka.read.group_descriptions import describe_groups, state_name
from mqtui.brokers.kafka.read.lag import (
    GroupDetails,
    count_lag,
    lag_of_share_group,
    read_lags,
)
from mqtui.brokers.kafka.read.share_groups import ShareGroup, list_share_groups
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_topics, topic_name
from mqtui.domain.errors import NotFound
from mqtui.domain.figure import unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group, GroupLag, Inventory, Member

OFFSETS_TOPIC = "__consumer_offsets"
SHARE_STATE_TOPIC = "__share_group_state"
"""Brokers keep the progress of share groups here: without this topic there are none."""

NO_PENDING = unknown("Kafka keeps no pending entries")


@dataclass(frozen=True, slots=True)
class GroupListing:
    """The listing of consumer groups. `missing` says what it may lack, a sentence each."""

    groups: Sequence[ConsumerGroupListing]
    may_have_share_groups: bool
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DescribedGroups:
    """Consumer groups with members and commits. `missing`: what could not be found out, a sentence each."""

    list_groups: Sequence[Group]
    progress: GroupDetails
    missing: Sequence[str]


class KafkaGroups:
    """The port's Groups. Remembers the share groups of the last listing."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._share_groups: dict[str, ShareGroup] = {}

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All groups, or the consumer groups with members or committed offsets on one topic."""
        if ref is not None:
            described = await describe_all_groups(self._clients)
            wanted = Ref(Kind.TOPIC, topic_name(ref))
            return _inventory([group for group in described.list_groups if wanted in group.reads], described.missing)
        described, share_groups, _ = await self.describe_all()
        return _inventory([*described.list_groups, *share_groups], described.missing)

    async def describe_all(self) -> tuple[DescribedGroups, list[Group], list[GroupLag]]:
        """The described consumer groups, the share groups, and the lags of the share groups."""
        listed = await fetch_group_listing(self._clients)
        described, _ = await asyncio.gather(
            describe_listed_groups(self._clients, listed), self._refresh_share_groups(listed)
        )
        share_groups = [_to_share_group(name, each) for name, each in self._share_groups.items()]
        return (
            described,
            share_groups,
            [lag_of_share_group(group.ref, self._share_groups[group.ref.name]) for group in share_groups],
        )

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """The same groups: they have their members already."""
        return groups

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """The groups that have members or committed offsets on each topic, from one listing."""
        found = (await describe_all_groups(self._clients)).list_groups
        return {ref: tuple(sorted(group.ref.name for group in found if ref in group.reads)) for ref in refs}

    async def list_names(self) -> Inventory[Ref]:
        """The names of all groups, from the listings alone."""
        listed = await fetch_group_listing(self._clients)
        await self._refresh_share_groups(listed)
        names = sorted({*(one.group_id for one in listed.groups), *self._share_groups})
        return Inventory(tuple(Ref(Kind.GROUP, name) for name in names), listed.missing)

    async def exists(self, ref: Ref) -> bool:
        """Whether a group is listed, or exists but may not be described: then asking for its commits is refused."""
        there = await self.list_names()
        if ref in there or there.missing:
            return ref in there
        commits = await fetch_committed_offsets(self._clients, [ref.name])
        return isinstance(commits[ref.name], str)

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """The lag of each group: committed offsets are asked before the end offsets (K14)."""
        plain = [ref for ref in groups if ref.name not in self._share_groups]
        for ref in groups:
            if ref.name in self._share_groups:
                yield lag_of_share_group(ref, self._share_groups[ref.name])
        if plain:
            for known in await read_lags(self._clients, plain):
                yield known

    async def count_lag(self, row: GroupLag) -> GroupLag:
        """The lag of a group, counted by reading up to 50,000 records that it has not committed."""
        return row if row.group.name in self._share_groups else await count_lag(self._clients, row.group)

    async def _refresh_share_groups(self, listed: GroupListing) -> None:
        """List the share groups if there may be any; kafka-python, which that needs, takes long to import."""
        if listed.may_have_share_groups:
            self._share_groups = await list_share_groups(self._clients)


async def fetch_group_listing(clients: KafkaClients) -> GroupListing:
    """ListGroups, with what may be missing from it (K19).

    A coordinator that is down hides even the names of its groups. A leaderless partition of `__consumer_offsets` has no
    coordinator, without any error in the response; so the topic is described too.
    """
    admin = await clients.admin()
    response, topics = await asyncio.gather(
        clients.await_answer(admin.list_consumer_groups(request_timeout=REQUEST_TIMEOUT), "listing groups"),
        describe_topics(clients, [OFFSETS_TOPIC, SHARE_STATE_TOPIC]),
    )
    missing = [f"a coordinator did not list its groups: {describe_error(unwrap(error))}" for error in response.errors]
    if not response.valid and not response.errors:
        missing += await explain_empty_listing(clients, "groups")
    offsets = topics[OFFSETS_TOPIC]
    if isinstance(offsets, Topic) and offsets.leaderless:
        lost, all_ = len(offsets.leaderless), len(offsets.partitions)
        missing.append(
            f"some groups have no coordinator: {lost} of {all_} partitions of {OFFSETS_TOPIC} have no leader"
        )
    return GroupListing(response.valid, not isinstance(topics[SHARE_STATE_TOPIC], NotFound), tuple(missing))


async def describe_all_groups(clients: KafkaClients) -> DescribedGroups:
    """List and describe all consumer groups."""
    return await describe_listed_groups(clients, await fetch_group_listing(clients))


async def describe_listed_groups(clients: KafkaClients, listed: GroupListing) -> DescribedGroups:
    """Describe listed groups and fetch their commits, at the same time."""
    names = [one.group_id for one in listed.groups]
    described, offsets = await asyncio.gather(
        describe_groups(clients, names, listed.groups), fetch_committed_offsets(clients, names)
    )
    found: list[Group] = []
    missing = list(listed.missing)
    for one in listed.groups:
        commits = offsets[one.group_id]
        reads = set() if isinstance(commits, str) else {topic for topic, _ in commits}
        if isinstance(commits, str):
            missing.append(f"what group {one.group_id} reads is not known: {commits}")
        why = commits if isinstance(commits, str) else ""
        found.append(_to_group(one, described.get(one.group_id), reads, why))
    states = {one.group_id: state_name(one.state.name) for one in listed.groups}
    return DescribedGroups(found, GroupDetails(states, described, offsets, {}), missing)


def _inventory(groups: Iterable[Group], missing: Sequence[str]) -> Inventory[Group]:
    return Inventory(tuple(sorted(groups, key=lambda group: group.ref)), tuple(missing))


def _to_group(
    listed: ConsumerGroupListing, described: ConsumerGroupDescription | str | None, reads: set[str], why: str
) -> Group:
    sort = listed.type.name.lower() if listed.type is not None else "classic"
    ref = Ref(Kind.GROUP, listed.group_id)
    if described is None:
        return Group(ref, sort, state_name(listed.state.name), reads=_topic_refs(reads), pending=NO_PENDING, why=why)
    if isinstance(described, str):
        return Group(
            ref, sort, state_name(listed.state.name), reads=_topic_refs(reads), pending=NO_PENDING, why=described
        )
    members = tuple(to_member(one) for one in described.members)
    assigned = {topic for member in members for topic, _ in member.assigned}
    return Group(ref, sort, state_name(described.state.name), members, _topic_refs(reads | assigned), NO_PENDING, why)


def _to_share_group(name: str, described: ShareGroup) -> Group:
    reads = {one.topic for one in described.progress} | {
        topic for one in described.members for topic, _ in one.assigned
    }
    return Group(
        Ref(Kind.GROUP, name),
        "share",
        described.state,
        described.members,
        _topic_refs(reads),
        NO_PENDING,
        described.why,
    )


def _topic_refs(names: set[str]) -> tuple[Ref, ...]:
    return tuple(Ref(Kind.TOPIC, name) for name in sorted(names))


def to_member(described: object) -> Member:
    """The domain member of confluent-kafka's MemberDescription."""
    assignment = getattr(described, "assignment", None)
    places = assignment.topic_partitions if assignment is not None else []
    return Member(
        getattr(described, "member_id", ""),
        getattr(described, "client_id", "") or "",
        getattr(described, "host", "") or "",
        tuple(sorted((place.topic, place.partition) for place in places)),
    )
