"""Consumer groups of streams. A group is named `stream/group`: two streams may have groups of the same name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from redis.exceptions import RedisError

from mqtui.brokers.redis.catalog import StreamCatalog, stream_key, untold_groups
from mqtui.brokers.redis.errors import answered
from mqtui.brokers.redis.lagging import (
    CHECKED,
    COUNTED_TOGETHER,
    LOOKED,
    Lag,
    LagCounter,
    Standing,
    standing,
)
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Answer, Reply, items, number, pairs, sure, text
from mqtui.brokers.redis.stream_ends import Ends, ends_of, with_ends
from mqtui.domain.errors import MqtuiError, NotAuthorised, NotFound
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text
from mqtui.domain.topology import Group, GroupLag, Inventory, Member, PartitionLag

ASKED_TOGETHER = 200

Standings: TypeAlias = tuple[Mapping[str, Standing], Ends]
"""The groups of a stream by name, and its ends."""

Located: TypeAlias = tuple[Ref, Standing, Ends] | MqtuiError | None
"""A group's stream, the group and where the stream ends; None: there is no such group; why it can't be known."""


class StreamGroups:
    """Groups, their members and their lag."""

    def __init__(self, nodes: Nodes, catalog: StreamCatalog, lags: LagCounter) -> None:
        self._nodes = nodes
        self._catalog = catalog
        self._lags = lags

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """The groups of one stream, or of all that SCAN finds and this user may read.

        `state` is `empty` without consumers, else `members`: Redis itself has no word for it. `idle` is the time since
        a consumer last asked, `inactive` since it last got something (Redis 7.2 and later).

        Raises:
            NotFound: there is no such stream.
            NotAuthorised: of none of them the user may ask.
        """
        if ref is not None:
            told = await self._told([ref])
            return Inventory(tuple(await self._with_members([(ref, items(sure(told[0], "XINFO GROUPS", ref.name)))])))
        found: list[Group] = []
        missing: tuple[str, ...] = ()
        async for lists, untold in self._listed():
            missing += untold
            found += await self._with_members(lists)
        return Inventory(tuple(found), missing)

    async def list_names(self) -> Inventory[Ref]:
        """The groups of all streams that SCAN finds, without their consumers."""
        found: list[Ref] = []
        missing: tuple[str, ...] = ()
        async for lists, untold in self._listed():
            missing += untold
            found += [group_ref(ref, standing(group).name) for ref, groups in lists for group in groups]
        return Inventory(tuple(found), missing)

    async def exists(self, ref: Ref) -> bool:
        """By the streams that the name may begin with; so it is taken where one of them may not be asked."""
        return await self._locate([ref]) != [None]

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """Lag of each; what was delivered is asked before the ends."""
        turn = asyncio.Semaphore(COUNTED_TOGETHER)

        async def one(ref: Ref, found: Located) -> GroupLag:
            async with turn:
                return await self._measured(ref, found, LOOKED)

        for start in range(0, len(groups), ASKED_TOGETHER):
            some = groups[start : start + ASKED_TOGETHER]
            for row in await asyncio.gather(*map(one, some, await self._locate(some))):
                yield row

    async def count_lag(self, row: GroupLag) -> GroupLag:
        """The lag of a group, counted as far as to a million entries where the server does not tell it."""
        (found,) = await self._locate([row.group])
        return await self._measured(row.group, found, CHECKED)

    async def _listed(self) -> AsyncIterator[tuple[list[tuple[Ref, list[Reply]]], tuple[str, ...]]]:
        """The streams that SCAN finds, each with its groups as XINFO GROUPS tells them, some at a time, and at last why
        some may be missing.

        Raises:
            NotAuthorised: of none of them the user may ask.
        """
        unasked: list[MqtuiError] = []
        told_of = 0
        missing = await self._catalog.other_nodes()
        async for refs, cut in self._catalog.names():
            missing += (self._catalog.cut,) if cut else ()
            for start in range(0, len(refs), ASKED_TOGETHER):
                some = refs[start : start + ASKED_TOGETHER]
                rows = [(one, told) for one, told in zip(some, await self._told(some), strict=True)]
                lists = [(one, items(told)) for one, told in rows if isinstance(told, list)]
                told_of += len(lists)
                errors = [
                    answered(each, "XINFO GROUPS", one.name) for one, each in rows if isinstance(each, RedisError)
                ]
                unasked += [error for error in errors if not isinstance(error, NotFound)]
                yield lists, ()
        if not told_of and unasked and isinstance(unasked[0], NotAuthorised):
            raise unasked[0]
        yield [], missing + untold_groups([error.title for error in unasked])

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """The groups with their consumers."""
        keys = [(name_bytes(group.reads[0].name), _name_of(group)) for group in groups]
        answers = await self._nodes.scatter([(key, ("XINFO", "CONSUMERS", key, name)) for key, name in keys])
        told = zip(groups, answers, strict=True)
        return Inventory(tuple(_filled(group, answer) for group, answer in told), groups.missing)

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """The groups of each stream that have consumers; none where this user may not ask."""
        told = zip(refs, await self._told(refs), strict=True)
        lists = {ref: [standing(group) for group in answer] for ref, answer in told if isinstance(answer, list)}
        return {ref: tuple(one.name for one in lists.get(ref, ()) if one.consumers) for ref in refs}

    async def _told(self, refs: Sequence[Ref]) -> list[Answer]:
        keys = [stream_key(ref) for ref in refs]
        return await self._nodes.scatter([(key, ("XINFO", "GROUPS", key)) for key in keys])

    async def _with_members(self, rows: Sequence[tuple[Ref, list[Reply]]]) -> list[Group]:
        each = [(ref, standing(group)) for ref, groups in rows for group in groups]
        keys = [(name_bytes(ref.name), name_bytes(one.name)) for ref, one in each]
        answers = await self._nodes.scatter([(key, ("XINFO", "CONSUMERS", key, name)) for key, name in keys])
        return [_filled(group_of(ref, one), answer) for (ref, one), answer in zip(each, answers, strict=True)]

    async def _locate(self, refs: Sequence[Ref]) -> list[Located]:
        """Of each group its stream, the group itself and where the stream ends; None where there is no such group, the
        refusal where it may be on a stream that can't be asked.
        """
        keys = list(dict.fromkeys(name_bytes(stream.name) for ref in refs for stream, _ in splits(ref)))
        questions = [(key, command) for key in keys for command in (("XINFO", "GROUPS", key), ("XLEN", key))]
        answers, ends = await with_ends(self._nodes, keys, questions)
        there = {
            key: _standings(key, answers[2 * at], answers[2 * at + 1], ends.get(key)) for at, key in enumerate(keys)
        }
        return [_located(ref, there) for ref in refs]

    async def _measured(self, ref: Ref, found: Located, budget: int) -> GroupLag:
        if found is None or isinstance(found, MqtuiError):
            return GroupLag(ref, "", (), unknown("there is no such group" if found is None else found.title))
        stream, one, ends = found
        lag = await self._lags.lag(name_bytes(stream.name), one, ends, budget)
        return group_lag(ref, stream, one, lag, ends.last)


def _standings(key: bytes, groups: Answer, length: Answer, ends: Answer) -> Standings | MqtuiError:
    name = name_text(key)
    try:
        found = map(standing, items(sure(groups, "XINFO GROUPS", name)))
        return {one.name: one for one in found}, ends_of(number(sure(length, "XLEN", name)), ends)
    except MqtuiError as error:
        return error


def _located(ref: Ref, there: Mapping[bytes, Standings | MqtuiError]) -> Located:
    refused: MqtuiError | None = None
    for stream, name in splits(ref):
        told = there[name_bytes(stream.name)]
        if isinstance(told, MqtuiError):
            refused = refused or (None if isinstance(told, NotFound) else told)
        elif name in told[0]:
            return stream, told[0][name], told[1]
    return refused


def group_lag(ref: Ref, stream: Ref, one: Standing, lag: Lag, last: EntryId | None) -> GroupLag:
    """The lag of a group in the domain's words."""
    part = PartitionLag(stream, 0, str(one.delivered), str(last or ""), lag.waiting, lag.lost)
    return GroupLag(ref, _state(one), (part,), lag.waiting)


def group_ref(stream: Ref, name: str) -> Ref:
    """How a group is named."""
    return Ref(Kind.GROUP, f"{stream.name}/{name}")


def splits(ref: Ref) -> Iterator[tuple[Ref, str]]:
    """What a group's name may mean, as both names may hold slashes; the longest stream first."""
    name = ref.name
    place = name.rfind("/")
    while place > 0:
        yield Ref(Kind.STREAM, name[:place]), name[place + 1 :]
        place = name.rfind("/", 0, place)


def _state(one: Standing) -> str:
    return "members" if one.consumers else "empty"


def group_of(stream: Ref, one: Standing) -> Group:
    """A group as its stream tells of it, without its consumers."""
    return Group(
        ref=group_ref(stream, one.name),
        type="stream",
        state=_state(one),
        reads=(stream,),
        pending=exact(one.pending),
        size=one.consumers,
    )


def _filled(group: Group, answer: Answer) -> Group:
    if isinstance(answer, RedisError):
        return replace(group, why=answered(answer, "XINFO CONSUMERS", group.reads[0].name).title)
    return replace(group, members=tuple(_member(told) for told in items(answer)), size=None)


def _name_of(group: Group) -> bytes:
    return name_bytes(group.ref.name[len(group.reads[0].name) + 1 :])


def _member(reply: Reply) -> Member:
    told = pairs(reply)
    raw = told["name"]
    return Member(
        name_text(raw) if isinstance(raw, bytes) else text(raw),
        pending=number(told["pending"]),
        idle=_time(told.get("idle")),
        inactive=_time(told.get("inactive")),
    )


def _time(reply: Reply) -> int | None:
    """Milliseconds; None where the server has none (-1, or before 7.2)."""
    return reply if isinstance(reply, int) and reply >= 0 else None
