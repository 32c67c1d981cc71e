"""The lag of consumer groups: the server's figure where it can be trusted, else counted, else a bound.

`lag` of XINFO GROUPS is nil when the group was set to an arbitrary id or entries between were deleted. It is wrong when
the group was given a wrong ENTRIESREAD [100 on a stream of 1 entry, then 60 entries: -39 on 7.0, 8.0 and Valkey 8.1],
and it counts entries that were trimmed before the group read them (D7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.brokers.redis.connection.resp import (
    Command,
    Reply,
    as_dict,
    as_int,
    as_list,
    as_text,
    encode_entry_id,
    parse_entry_id,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE
from mqtui.brokers.redis.read import lua
from mqtui.brokers.redis.read.stream_info import StreamInfo
from mqtui.domain.figure import Exactness, Figure, at_least, at_most, exact, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import name_text
from mqtui.domain.topology import NOTHING_LOST

POLL_BUDGET = 10_000
"""Entries counted from each side of a group for one poll. What has not changed is not counted again."""

THRESHOLD_BUDGET = 1_000_000
"""Entries counted where a limit (`lag --fail`) lies between the bounds."""

ENTRIES_PER_CALL = 1_000
"""Entries counted by one script call: the server serves nobody else meanwhile (some ms)."""

BYTES_PER_CALL = 4 << 20

CONCURRENT_COUNTS = 4
"""Groups whose entries are counted at the same time, each on an idle connection."""

MAX_CACHED = 10_000

LOST_UNKNOWN = unknown("the server does not say how many entries the group has read")
NO_TRUSTWORTHY_LAG = "the server has no lag for this group, or an impossible one"


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group in the reply of XINFO GROUPS. `lag` and `read` (entries-read) are None where the server has none."""

    name: str
    consumers: int
    pending: int
    delivered: EntryId
    """The last delivered id."""

    lag: int | None
    read: int | None = None


@dataclass(frozen=True, slots=True)
class LagFigures:
    """How many entries a group can still read, and how many were trimmed or deleted before it read them."""

    waiting: Figure
    lost: Figure = NOTHING_LOST


def parse_group_info(reply: Reply) -> GroupInfo:
    """One group of XINFO GROUPS."""
    group = as_dict(reply)
    lag, read = group.get("lag"), group.get("entries-read")
    return GroupInfo(
        name_text(raw) if isinstance(raw := group["name"], bytes) else as_text(raw),
        as_int(group["consumers"]),
        as_int(group["pending"]),
        parse_entry_id(as_text(group["last-delivered-id"]).encode()),
        lag if isinstance(lag, int) else None,
        read if isinstance(read, int) else None,
    )


def lag_from_server(group: GroupInfo, stream: StreamInfo) -> LagFigures | None:
    """The lag as far as the server's figures prove it; None where it must be counted."""
    if stream.last is not None and group.delivered >= stream.last:
        return LagFigures(exact(0))
    if stream.length == 0:
        return LagFigures(exact(0), _lost(group, stream, 0))
    if stream.first is not None and group.delivered < stream.first:
        return LagFigures(exact(stream.length), _lost(group, stream, stream.length))
    if group.lag is None or group.lag < 0 or group.lag > stream.length:
        return None
    if stream.first is not None and (group.lag == 0 or group.lag == stream.length):
        return None
    return LagFigures(exact(group.lag))


def _lost(group: GroupInfo, stream: StreamInfo, readable: int) -> Figure:
    """Entries that were added after those the group has read, and that the stream does not hold any more.

    This is computed from the counters of group and stream: the server's lag includes such entries on 7.0, not on 8.0.
    """
    if stream.added is not None and stream.added == readable:
        return NOTHING_LOST
    if stream.added is None or group.read is None:
        return LOST_UNKNOWN
    lost = stream.added - group.read - readable
    return exact(lost) if lost >= 0 else LOST_UNKNOWN


@dataclass(frozen=True, slots=True)
class CachedCount:
    """A counted lag, with the state of group and stream it was counted in and the budget of entries for it."""

    delivered: EntryId
    stream: StreamInfo
    budget: int
    figure: Figure

    def is_current(self, group: GroupInfo, stream: StreamInfo) -> bool:
        """Whether group and stream are unchanged."""
        return stream.last is not None and (self.delivered, self.stream) == (group.delivered, stream)


class LagCounter:
    """The lag of groups. Counted figures are cached until the group or its stream changes."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._cache: dict[tuple[bytes, str], CachedCount] = {}

    async def lag(self, key: bytes, group: GroupInfo, stream: StreamInfo, budget: int = POLL_BUDGET) -> LagFigures:
        """How many entries were not delivered to a group yet: exact, or a bound where the budget was used up."""
        from_server = lag_from_server(group, stream)
        if from_server is not None:
            return from_server
        cached = self._cache.get((key, group.name))
        if (
            cached is not None
            and cached.is_current(group, stream)
            and (cached.figure.sort is Exactness.EXACT or budget <= cached.budget)
        ):
            return LagFigures(cached.figure, LOST_UNKNOWN)
        counted = await self._count_lag(key, group.delivered, stream, budget)
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[key, group.name] = CachedCount(group.delivered, stream, budget, counted)
        return LagFigures(counted, LOST_UNKNOWN)

    async def count_between(self, key: bytes, after: EntryId, until: EntryId) -> Figure:
        """How many entries lie after one id and up to another; a bound where the budget was used up."""
        if until <= after:
            return exact(0)
        first, last = b"(" + encode_entry_id(after), encode_entry_id(until)
        try:
            count, is_complete = await self._count_range(key, first, last, THRESHOLD_BUDGET)
        except COMMAND_UNAVAILABLE as error:
            return unknown(f"entries can't be counted: {error.title}")
        return exact(count) if is_complete else at_least(count, "counting stopped there")

    async def _count_lag(self, key: bytes, delivered: EntryId, stream: StreamInfo, budget: int) -> Figure:
        """Count the entries after the last delivered id; where these are too many, those up to it."""
        delivered_id = encode_entry_id(delivered)
        try:
            after, is_complete = await self._count_range(key, b"(" + delivered_id, b"+", budget)
            if is_complete:
                return exact(after)
            before, is_complete = await self._count_range(key, b"-", delivered_id, budget)
        except COMMAND_UNAVAILABLE as error:
            return at_most(stream.length, f"{NO_TRUSTWORTHY_LAG}, and none can be counted: {error.title}")
        if is_complete and before <= stream.length:
            return exact(stream.length - before)
        return at_least(after, f"{NO_TRUSTWORTHY_LAG}; counting stopped there")

    async def _count_range(self, key: bytes, first: bytes, last: bytes, budget: int) -> tuple[int, bool]:
        """How many entries lie in a range, and whether all were counted."""
        total = 0
        while total < budget:
            arguments = lua.COUNT, 1, key, first, last, min(ENTRIES_PER_CALL, budget - total), BYTES_PER_CALL
            count, end = as_list(await self._eval(key, arguments))
            total += as_int(count)
            if not end:
                return total, True
            first = b"(" + as_text(end).encode()
        return total, False

    async def _eval(self, key: bytes, arguments: Command) -> Reply:
        """EVAL_RO, or EVAL where that is denied or unknown (before Redis 7)."""
        try:
            return await self._router.execute(key, "EVAL_RO", *arguments, name=name_text(key))
        except COMMAND_UNAVAILABLE:
            return await self._router.execute(key, "EVAL", *arguments, name=name_text(key))


def largest_lag(figures: Sequence[Figure]) -> Figure:
    """The largest of several lags; unknown if one of them is."""
    missing = next((figure for figure in figures if figure.number is None), None)
    if missing is not None:
        return missing
    return max(figures, key=lambda figure: figure.number or 0, default=unknown("no group reads it"))
