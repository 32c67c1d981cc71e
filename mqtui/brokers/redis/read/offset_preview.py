"""What would become of the last delivered id of a group (XGROUP SETID), with the entries that skips or reads again.

An id is the last one that counts as delivered, as XGROUP SETID takes it: the group reads on after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mqtui.brokers.redis.connection.resp import (
    MAX_SEQ,
    Reply,
    as_int,
    as_list,
    encode_entry_id,
    next_id,
    parse_entries,
    parse_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.read.groups import possible_splits
from mqtui.brokers.redis.read.lag import GroupInfo, LagCounter, parse_group_info
from mqtui.brokers.redis.read.stream_info import StreamInfo, parse_stream_info, query_with_stream_info
from mqtui.domain.errors import BadInput, MqtuiError, NotFound, Unsupported
from mqtui.domain.figure import exact, unknown
from mqtui.domain.group_offsets import OffsetMove, OffsetPreview, OffsetTarget, Positions, Shift
from mqtui.domain.message import EntryId, Position
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text
from mqtui.domain.topology import Member

MAX_SHIFT = 10_000
"""Entries that a shift may span: they are read to find the id."""

START = EntryId(0, 0)
NO_GROUP = unknown("the group does not exist yet")


@dataclass(frozen=True, slots=True)
class GroupOfStream:
    """A group of a stream by its own name; `info` is None where the stream has no such group."""

    stream: Ref
    name: str
    info: GroupInfo | None
    stream_info: StreamInfo

    @property
    def key(self) -> bytes:
        """The key of the stream."""
        return stream_key(self.stream)


async def preview_offsets(
    router: Router, lags: LagCounter, group: Ref, resource: Ref | None, target: OffsetTarget | None
) -> OffsetPreview:
    """As `SetsGroupOffsets.preview_offsets`; the group may be named with its stream, or alone beside it."""
    if isinstance(target, Positions) and resource is None and target.by_partition:
        resource = next(iter(target.by_partition))[0]
    if target is None and resource is not None:
        raise Unsupported(
            "A group of Redis belongs to one stream",
            "Its id can't be deleted alone.",
            "Leave the stream out to delete it.",
        )
    found = await find_group(router, group, resource)
    if found.info is None and not isinstance(target, Positions):
        raise NotFound(f"{found.stream.name} has no group {found.name}", "", "mqtui groups lists them.")
    before = None if found.info is None else found.info.delivered
    after = None if target is None else await _new_id(router, found, target)
    skips, again = exact(0), exact(0)
    if before is None:
        skips = NO_GROUP
    elif after is not None:
        skips = await lags.count_between(found.key, before, after)
        again = await lags.count_between(found.key, after, before)
    times = [await _next_time(router, found, at) for at in (before, after)]
    move = OffsetMove(found.stream, 0, before, after, skips, again, *times)
    consumers = await _consumers(router, found) if found.info is not None else ()
    state = "" if found.info is None else "members" if consumers else "empty"
    ref = Ref(Kind.GROUP, f"{found.stream.name}/{found.name}")
    return OffsetPreview(ref, state, found.info is not None, (move,), consumers, must_leave=False)


async def find_group(router: Router, group: Ref, resource: Ref | None) -> GroupOfStream:
    """The group, by its own name beside a stream, or by `stream/group`.

    Raises:
        NotFound: there is no such stream.
    """
    splits = list(possible_splits(group))
    if resource is not None:
        prefix = f"{resource.name}/"
        names = [group.name] + ([group.name[len(prefix) :]] if group.name.startswith(prefix) else [])
        splits = [(resource, name) for name in names]
    if not splits:
        raise NotFound(
            f"There is no group {group.name}", "A group of Redis belongs to a stream.", "Name its stream too."
        )
    error: MqtuiError | None = None
    found: GroupOfStream | None = None
    for stream, name in splits:
        try:
            here = await _read_group(router, stream, name)
        except NotFound as missing:
            error = error or missing
            continue
        if here.info is not None:
            return here
        found = here  # the last: where both names are tried, the group's own
    if found is None:
        assert error is not None
        raise error
    return found


async def _read_group(router: Router, stream: Ref, name: str) -> GroupOfStream:
    key = stream_key(stream)
    replies, infos = await query_with_stream_info(
        router, [key], [(key, ("XINFO", "GROUPS", key)), (key, ("XLEN", key))]
    )
    groups = map(parse_group_info, as_list(raise_if_error(replies[0], "XINFO GROUPS", stream.name)))
    length = as_int(raise_if_error(replies[1], "XLEN", stream.name))
    info = parse_stream_info(length, infos.get(key))
    return GroupOfStream(stream, name, next((one for one in groups if one.name == name), None), info)


async def _new_id(router: Router, found: GroupOfStream, target: OffsetTarget) -> EntryId | None:
    """The new last delivered id, at most the last one that the stream has generated.

    Raises:
        BadInput: it is no entry id, or the shift is too long.
    """
    match target:
        case Edge.OLDEST:
            return START
        case Edge.NEWEST:
            return await _last_id(router, found)
        case Since(time=time):
            wanted = EntryId(time - 1, MAX_SEQ) if time > 0 else START
            return min(wanted, await _last_id(router, found))
        case At(position=position):
            return min(_entry_id(position), await _last_id(router, found))
        case Positions(by_partition):
            wanted_at = by_partition.get((found.stream, 0))
            return None if wanted_at is None else _entry_id(wanted_at)
        case Shift(by):
            return await _shifted(router, found, by)
        case _:
            raise BadInput("That is no id of a stream")


def _entry_id(position: Position) -> EntryId:
    if not isinstance(position, EntryId):
        raise BadInput(f"{position} is no entry id", "", "Write it as 1795475111678-0.")
    return position


async def _last_id(router: Router, found: GroupOfStream) -> EntryId:
    """The last id that the stream has generated; where the server does not say, that of its last entry."""
    if found.stream_info.last is not None:
        return found.stream_info.last
    newest = parse_entries(await router.execute(found.key, "XREVRANGE", found.key, "+", "-", "COUNT", 1))
    return parse_entry_id(newest[0][0]) if newest else START


async def _shifted(router: Router, found: GroupOfStream, by: int) -> EntryId:
    """The id so many entries on, or back."""
    if abs(by) > MAX_SHIFT:
        raise BadInput(f"At most {MAX_SHIFT:,} entries can be counted", "", "Give an id or a time instead.")
    assert found.info is not None
    here = found.info.delivered
    if by == 0:
        return here
    key, at = found.key, encode_entry_id(next_id(here) if by > 0 else here)
    words = ("XRANGE", key, at, "+") if by > 0 else ("XREVRANGE", key, at, "-")
    entries = parse_entries(await router.execute(key, *words, "COUNT", by if by > 0 else 1 - by))
    if by > 0:
        return parse_entry_id(entries[-1][0]) if entries else here
    return parse_entry_id(entries[-by][0]) if len(entries) > -by else START


async def _next_time(router: Router, found: GroupOfStream, position: EntryId | None) -> int | None:
    """The time of the entry that is read next."""
    if position is None:
        return None
    start = encode_entry_id(next_id(position))
    entries = parse_entries(await router.execute(found.key, "XRANGE", found.key, start, "+", "COUNT", 1))
    return parse_entry_id(entries[0][0]).ms if entries else None


async def _consumers(router: Router, found: GroupOfStream) -> tuple[Member, ...]:
    reply: Reply = await router.execute(
        found.key, "XINFO", "CONSUMERS", found.key, name_bytes(found.name), name=found.stream.name
    )
    rows = [as_list(row) for row in as_list(reply)]
    names = [dict(zip(row[::2], row[1::2], strict=False)).get(b"name") for row in rows]
    return tuple(Member(name_text(name)) for name in names if isinstance(name, bytes))
