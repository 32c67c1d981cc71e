"""Consumer groups, classic and KIP-848; share groups by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, ConsumerGroupListing

from mqtui.brokers.kafka.connection import ANSWER, Connection, answer_of
from mqtui.brokers.kafka.errors import error_of, said_of
from mqtui.brokers.kafka.kafka_python import share_groups
from mqtui.brokers.kafka.lag import committed, count_lag, lags, raise_if_all, refusal_of, share_lag, state_of
from mqtui.brokers.kafka.topics import describe, topic_name
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.figure import unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group, GroupLag, Inventory, Member

if TYPE_CHECKING:
    from mqtui.brokers.kafka.share_groups import ShareGroup

CHUNK = 200
OFFSETS = "__consumer_offsets"
NO_PENDING = unknown("Kafka keeps no pending entries")


class KafkaGroups:
    """Groups with members, what they read, and their lag."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._share: dict[str, ShareGroup] = {}

    async def groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All groups, or those that have members or committed offsets on one topic, of which share groups tell none."""
        found, untold = await list_groups(self._connection)
        if ref is not None:
            wanted = Ref(Kind.TOPIC, topic_name(ref))
            found = [group for group in found if wanted in group.reads]
        else:
            self._share = await share_groups(self._connection)
            found += [_share_group(name, told) for name, told in self._share.items()]
        return Inventory(tuple(sorted(found, key=lambda group: group.ref)), tuple(untold))

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """Lag of each group: what is committed is asked first, the ends after (K14)."""
        plain = [ref for ref in groups if ref.name not in self._share]
        for ref in groups:
            if ref.name in self._share:
                yield share_lag(ref, self._share[ref.name])
        for at in range(0, len(plain), CHUNK):
            chunk = plain[at : at + CHUNK]
            for known in await lags(self._connection, chunk, await self._states(chunk)):
                yield known

    async def count_lag(self, row: GroupLag) -> GroupLag:
        """The lag of a group by reading what waits for it, up to 50,000 records."""
        if row.group.name in self._share:
            return row
        return await count_lag(self._connection, row.group, await self._states([row.group]))

    async def _states(self, groups: Sequence[Ref]) -> dict[str, ConsumerGroupDescription | str]:
        admin = await self._connection.opened()
        names = [ref.name for ref in groups]
        return await self._connection.call("describing groups", partial(_states, admin, names))


async def list_groups(connection: Connection) -> tuple[list[Group], list[str]]:
    """Consumer groups with what they read, and what can't be known of them, a sentence each.

    A coordinator that does not answer tells not even the names of its groups (K19).
    """
    admin = await connection.opened()
    listed = await connection.ask(admin.list_consumer_groups(request_timeout=ANSWER), "listing groups")
    plain = listed.valid
    described = await connection.call("describing groups", lambda: _describe(admin, plain))
    names = [one.group_id for one in plain]
    offsets = await connection.call("asking for commits", lambda: committed(admin, names))
    found: list[Group] = []
    untold = [f"a coordinator did not tell its groups: {said_of(error_of(error))}" for error in listed.errors]
    untold += await _lost_coordinators(connection)
    for one in plain:
        told, commits = described[one.group_id], offsets[one.group_id]
        reads = set() if isinstance(commits, str) else {topic for topic, _ in commits}
        if isinstance(commits, str):
            untold.append(f"what group {one.group_id} reads was not told: {commits}")
        found.append(_group(one, told, reads, commits if isinstance(commits, str) else ""))
    return found, untold


async def _lost_coordinators(connection: Connection) -> list[str]:
    """Why groups may be missing from a list without any error: their coordinator has no leader (K19)."""
    try:
        topic = await describe(connection, OFFSETS)
    except (NotFound, NotAuthorised):
        return []
    lost, all_ = len(topic.leaderless), len(topic.partitions)
    told = f"some groups have no coordinator: {lost} of {all_} partitions of {OFFSETS} have no leader"
    return [told] if lost else []


def _states(admin: AdminClient, names: Sequence[str]) -> dict[str, ConsumerGroupDescription | str]:
    found: dict[str, ConsumerGroupDescription | str] = {}
    silent: list[KafkaException] = []
    if not names:
        return found
    for name, promise in admin.describe_consumer_groups(list(names), request_timeout=ANSWER).items():
        try:
            found[name] = answer_of(promise)
        except KafkaException as error:
            found[name] = refusal_of(error, silent)
    raise_if_all(silent, names)
    return found


def _describe(admin: AdminClient, listed: Sequence[ConsumerGroupListing]) -> dict[str, ConsumerGroupDescription | str]:
    names = [one.group_id for one in listed]
    found: dict[str, ConsumerGroupDescription | str] = {}
    for at in range(0, len(names), CHUNK):
        found.update(_states(admin, names[at : at + CHUNK]))
    return found


def _group(listed: ConsumerGroupListing, told: ConsumerGroupDescription | str, reads: set[str], why: str) -> Group:
    sort = listed.type.name.lower() if listed.type is not None else "classic"
    ref = Ref(Kind.GROUP, listed.group_id)
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
