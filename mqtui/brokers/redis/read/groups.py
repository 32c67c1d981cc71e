"""Consumer groups of streams. A group is named `stream/group`: two streams may have groups of the same name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import Reply, ReplyOrError, as_dict, as_int, as_list, as_text, raise_if_error
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import translate
from mqtui.brokers.redis.read.catalog import RedisCatalog, missing_groups_reason, stream_key
from mqtui.brokers.redis.read.lag import (
    CONCURRENT_COUNTS,
    POLL_BUDGET,
    THRESHOLD_BUDGET,
    GroupInfo,
    LagCounter,
    LagFigures,
    parse_group_info,
)
from mqtui.brokers.redis.read.stream_info import StreamInfo, parse_stream_info, query_with_stream_info
from mqtui.domain.errors import MqtuiError, NotAuthorised, NotFound
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text
from mqtui.domain.topology import Group, GroupLag, Inventory, Member, PartitionLag

STREAMS_PER_ROUND_TRIP = 200
GROUPS_PER_ROUND_TRIP = 200

GroupsOfStream: TypeAlias = tuple[Mapping[str, GroupInfo], StreamInfo]
"""The groups of a stream by name, and the stream."""

LocatedGroup: TypeAlias = tuple[Ref, GroupInfo, StreamInfo] | MqtuiError | None
"""A group with its stream; None: there is no such group; an error: that can't be known."""


class RedisGroups:
    """Groups, their consumers and their lag."""

    def __init__(self, router: Router, catalog: RedisCatalog, lags: LagCounter) -> None:
        self._router = router
        self._catalog = catalog
        self._lags = lags

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """The groups of one stream, or of all that SCAN finds and this user may read.

        `state` is `empty` without consumers, else `members`: Redis itself has no state of a group. `idle` is the time
        since a consumer's last attempt to read, `inactive` since it last got something (Redis 7.2 and later).

        Raises:
            NotFound: there is no such stream.
            NotAuthorised: this user may ask none of the streams.
        """
        if ref is not None:
            (reply,) = await self._query_groups([ref])
            groups = as_list(raise_if_error(reply, "XINFO GROUPS", ref.name))
            return Inventory(tuple(await self._with_consumers([(ref, groups)])))
        found: list[Group] = []
        missing: tuple[str, ...] = ()
        async for streams, reasons in self._list_by_stream():
            missing += reasons
            found += await self._with_consumers(streams)
        return Inventory(tuple(found), missing)

    async def list_names(self) -> Inventory[Ref]:
        """The groups of all streams that SCAN finds, without their consumers."""
        found: list[Ref] = []
        missing: tuple[str, ...] = ()
        async for streams, reasons in self._list_by_stream():
            missing += reasons
            found += [group_ref(ref, parse_group_info(group).name) for ref, groups in streams for group in groups]
        return Inventory(tuple(found), missing)

    async def exists(self, ref: Ref) -> bool:
        """Whether the group exists, or may exist: one of the streams that its name may begin with can't be asked."""
        return await self._locate([ref]) != [None]

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """The lag of each group. What was delivered is asked before the ends of the stream."""
        limit = asyncio.Semaphore(CONCURRENT_COUNTS)

        async def measure(ref: Ref, found: LocatedGroup) -> GroupLag:
            async with limit:
                return await self._measure_lag(ref, found, POLL_BUDGET)

        for start in range(0, len(groups), GROUPS_PER_ROUND_TRIP):
            some = groups[start : start + GROUPS_PER_ROUND_TRIP]
            for row in await asyncio.gather(*map(measure, some, await self._locate(some))):
                yield row

    async def count_lag(self, row: GroupLag) -> GroupLag:
        """The lag of a group, counted up to a million entries where the server's figure can't be trusted."""
        (found,) = await self._locate([row.group])
        return await self._measure_lag(row.group, found, THRESHOLD_BUDGET)

    async def _list_by_stream(self) -> AsyncIterator[tuple[list[tuple[Ref, list[Reply]]], tuple[str, ...]]]:
        """The streams that SCAN finds, some at a time, each with its reply to XINFO GROUPS; last why some are missing.

        Raises:
            NotAuthorised: this user may ask none of the streams.
        """
        errors: list[MqtuiError] = []
        answered = 0
        missing = await self._catalog.cluster_warning()
        async for refs, cursor in self._catalog.scan_names():
            missing += (self._catalog.scan_budget_warning,) if cursor else ()
            for start in range(0, len(refs), STREAMS_PER_ROUND_TRIP):
                some = refs[start : start + STREAMS_PER_ROUND_TRIP]
                replies = list(zip(some, await self._query_groups(some), strict=True))
                streams = [(ref, as_list(reply)) for ref, reply in replies if isinstance(reply, list)]
                answered += len(streams)
                failed = [
                    translate(reply, "XINFO GROUPS", ref.name)
                    for ref, reply in replies
                    if isinstance(reply, RedisError)
                ]
                errors += [error for error in failed if not isinstance(error, NotFound)]
                yield streams, ()
        if not answered and errors and isinstance(errors[0], NotAuthorised):
            raise errors[0]
        yield [], missing + missing_groups_reason([error.title for error in errors])

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        keys = [(name_bytes(group.reads[0].name), _own_name(group)) for group in groups]
        replies = await self._router.scatter([(key, ("XINFO", "CONSUMERS", key, name)) for key, name in keys])
        pairs = zip(groups, replies, strict=True)
        return Inventory(tuple(_add_consumers(group, reply) for group, reply in pairs), groups.missing)

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """The groups of each stream that have consumers; none where this user may not ask."""
        replies = zip(refs, await self._query_groups(refs), strict=True)
        groups = {ref: [parse_group_info(row) for row in reply] for ref, reply in replies if isinstance(reply, list)}
        return {ref: tuple(group.name for group in groups.get(ref, ()) if group.consumers) for ref in refs}

    async def _query_groups(self, refs: Sequence[Ref]) -> list[ReplyOrError]:
        keys = [stream_key(ref) for ref in refs]
        return await self._router.scatter([(key, ("XINFO", "GROUPS", key)) for key in keys])

    async def _with_consumers(self, streams: Sequence[tuple[Ref, list[Reply]]]) -> list[Group]:
        found = [(ref, parse_group_info(group)) for ref, groups in streams for group in groups]
        keys = [(name_bytes(ref.name), name_bytes(group.name)) for ref, group in found]
        replies = await self._router.scatter([(key, ("XINFO", "CONSUMERS", key, name)) for key, name in keys])
        return [_add_consumers(group_of(ref, group), reply) for (ref, group), reply in zip(found, replies, strict=True)]

    async def _locate(self, refs: Sequence[Ref]) -> list[LocatedGroup]:
        """Each group with its stream; None where there is no such group, an error where its stream can't be asked."""
        keys = list(dict.fromkeys(name_bytes(stream.name) for ref in refs for stream, _ in possible_splits(ref)))
        commands = [(key, command) for key in keys for command in (("XINFO", "GROUPS", key), ("XLEN", key))]
        replies, infos = await query_with_stream_info(self._router, keys, commands)
        streams = {
            key: _parse_groups(key, replies[2 * at], replies[2 * at + 1], infos.get(key)) for at, key in enumerate(keys)
        }
        return [_find_group(ref, streams) for ref in refs]

    async def _measure_lag(self, ref: Ref, found: LocatedGroup, budget: int) -> GroupLag:
        if found is None or isinstance(found, MqtuiError):
            return GroupLag(ref, "", (), unknown("there is no such group" if found is None else found.title))
        stream, group, info = found
        lag = await self._lags.lag(name_bytes(stream.name), group, info, budget)
        return group_lag(ref, stream, group, lag, info.last, info.added)


def _parse_groups(
    key: bytes, groups: ReplyOrError, length: ReplyOrError, info: ReplyOrError
) -> GroupsOfStream | MqtuiError:
    name = name_text(key)
    try:
        found = map(parse_group_info, as_list(raise_if_error(groups, "XINFO GROUPS", name)))
        return {group.name: group for group in found}, parse_stream_info(
            as_int(raise_if_error(length, "XLEN", name)), info
        )
    except MqtuiError as error:
        return error


def _find_group(ref: Ref, streams: Mapping[bytes, GroupsOfStream | MqtuiError]) -> LocatedGroup:
    error: MqtuiError | None = None
    for stream, name in possible_splits(ref):
        found = streams[name_bytes(stream.name)]
        if isinstance(found, MqtuiError):
            error = error or (None if isinstance(found, NotFound) else found)
        elif name in found[0]:
            return stream, found[0][name], found[1]
    return error


def group_lag(
    ref: Ref, stream: Ref, group: GroupInfo, lag: LagFigures, last: EntryId | None, added: int | None
) -> GroupLag:
    """The lag of a group as a domain value. `last` is the stream's last id, `added` how many entries it ever got."""
    end, delivered = str(last or ""), str(group.delivered)
    part = PartitionLag(stream, 0, delivered, end, lag.waiting, lag.lost, arrived=added, read=group.read)
    return GroupLag(ref, _state(group), (part,), lag.waiting, group.consumers)


def group_ref(stream: Ref, name: str) -> Ref:
    """The reference of a group: `stream/group`."""
    return Ref(Kind.GROUP, f"{stream.name}/{name}")


def possible_splits(ref: Ref) -> Iterator[tuple[Ref, str]]:
    """The ways to read `stream/group`, as both names may hold slashes; the longest stream first."""
    name = ref.name
    place = name.rfind("/")
    while place > 0:
        yield Ref(Kind.STREAM, name[:place]), name[place + 1 :]
        place = name.rfind("/", 0, place)


def _state(group: GroupInfo) -> str:
    return "members" if group.consumers else "empty"


def group_of(stream: Ref, group: GroupInfo) -> Group:
    """A group as a domain value, without its consumers."""
    return Group(
        ref=group_ref(stream, group.name),
        type="stream",
        state=_state(group),
        reads=(stream,),
        pending=exact(group.pending),
        size=group.consumers,
    )


def _add_consumers(group: Group, reply: ReplyOrError) -> Group:
    if isinstance(reply, RedisError):
        return replace(group, why=translate(reply, "XINFO CONSUMERS", group.reads[0].name).title)
    return replace(group, members=tuple(_parse_consumer(row) for row in as_list(reply)), size=None)


def _own_name(group: Group) -> bytes:
    """The name of a group without that of its stream."""
    return name_bytes(group.ref.name[len(group.reads[0].name) + 1 :])


def _parse_consumer(reply: Reply) -> Member:
    consumer = as_dict(reply)
    raw = consumer["name"]
    return Member(
        name_text(raw) if isinstance(raw, bytes) else as_text(raw),
        pending=as_int(consumer["pending"]),
        idle=_milliseconds(consumer.get("idle")),
        inactive=_milliseconds(consumer.get("inactive")),
    )


def _milliseconds(reply: Reply) -> int | None:
    """A duration; None where the server has none (-1, or before 7.2)."""
    return reply if isinstance(reply, int) and reply >= 0 else None
