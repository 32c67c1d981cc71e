"""The streams of a server or cluster: found by SCAN with a budget, never by KEYS; then their lengths and lag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.node_pool import NodePool
from mqtui.brokers.redis.connection.resp import (
    Reply,
    ReplyOrError,
    as_dict,
    as_int,
    as_list,
    as_text,
    parse_entries,
    parse_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.server_info import RedisServerInfo
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE, is_key_denied, no_such_stream, translate
from mqtui.brokers.redis.read.lag import (
    CONCURRENT_COUNTS,
    GroupInfo,
    LagCounter,
    LagFigures,
    largest_lag,
    parse_group_info,
)
from mqtui.brokers.redis.read.stream_info import StreamInfo, parse_stream_info, query_with_stream_info
from mqtui.brokers.redis.read.stream_properties import list_stream_properties
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.figure import Figure, about, exact, pluralize, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text
from mqtui.domain.topology import NOT_ASKED, NOTHING_WAITS, Cluster, Destination, Page, Property

SCAN_COUNT = 1000
STREAMS_PER_ROUND_TRIP = 250
SLOW_SCAN_SECONDS = 0.005
"""A SCAN that takes longer is followed by a pause of the same length, so that the server can serve others."""

MEMORY_SAMPLES = 20
NO_COUNTER = unknown("how many entries were ever added is read by a script, since Redis 7")


@dataclass(frozen=True, slots=True)
class StreamWithGroups:
    """One stream with its groups and their lag. `error` is the title of the error where it can't be read."""

    row: Destination
    list_groups: tuple[tuple[GroupInfo, LagFigures], ...] = ()
    last: EntryId | None = None
    """The last generated id."""

    added: int | None = None
    """How many entries were ever added; None where it is not known."""

    error: str = ""


class RedisCatalog:
    """The streams of all primaries, in the database of the address."""

    def __init__(self, router: Router, server: RedisServerInfo, lags: LagCounter) -> None:
        self._router = router
        self._server = server
        self._lags = lags

    async def describe_cluster(self) -> Cluster:
        return await self._server.describe_cluster()

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """All streams: first the names as SCAN finds them, then the same rows with length, pending entries and lag.

        Where the budget (`scan-keys`) ended the scan early, the last page of names has a cursor, and that page and
        those after it say that there may be more streams.
        """
        found: list[Ref] = []
        missing = await self.cluster_warning()
        async for refs, cursor in self.scan_names():
            found += refs
            missing += (self.scan_budget_warning,) if cursor else ()
            yield Page(tuple(Destination(ref, "stream") for ref in refs), cursor, missing)
        errors: list[str] = []
        for start in range(0, len(found), STREAMS_PER_ROUND_TRIP):
            streams = await self.describe_streams(found[start : start + STREAMS_PER_ROUND_TRIP])
            errors += [stream.error for stream in streams if stream.error]
            is_last = start + STREAMS_PER_ROUND_TRIP >= len(found)
            unread = missing_streams_reason(errors) if is_last else ()
            yield Page(tuple(stream.row for stream in streams), missing=missing + unread)

    async def locate(self, ref: Ref) -> Destination:
        """One stream with its length; its groups are not asked for.

        Raises:
            NotFound: there is no such key, or it holds something else.
            NotAuthorised: this user has no access to the key.
        """
        key = stream_key(ref)
        key_type, length = await self._router.execute_pipeline(key, [("TYPE", key), ("XLEN", key)])
        require_stream(key_type, ref)
        try:
            messages = exact(as_int(raise_if_error(length, "XLEN", ref.name)))
        except COMMAND_UNAVAILABLE as error:
            if is_key_denied(error.detail):
                raise
            messages = unknown(error.title)
        return Destination(ref, "stream", messages, partitions=1)

    async def describe(self, ref: Ref) -> Destination:
        """One stream with its groups, ids and memory. A command that this user can't use costs only its figure (D9).

        Raises:
            NotFound: there is no such key, or it holds something else.
            NotAuthorised: this user has no access to the key.
        """
        key = stream_key(ref)
        key_type, info, groups, memory, xlen = await self._router.execute_pipeline(
            key,
            [
                ("TYPE", key),
                ("XINFO", "STREAM", key),
                ("XINFO", "GROUPS", key),
                ("MEMORY", "USAGE", key, "SAMPLES", MEMORY_SAMPLES),
                ("XLEN", key),
            ],
        )
        require_stream(key_type, ref)
        try:
            stream = as_dict(raise_if_error(info, "XINFO STREAM", ref.name))
        except COMMAND_UNAVAILABLE as error:
            if is_key_denied(error.detail):
                raise
            why = unknown(error.title)
            messages = exact(as_int(xlen)) if isinstance(xlen, int) else why
            return Destination(ref, "stream", messages, why, _memory_figure(memory), 1)
        length = as_int(stream["length"])
        facts: dict[str, str | int | bool | None] = {
            "first id": _id_of(stream.get("first-entry")),
            "last id": _id_of(stream.get("last-entry")),
            "last generated id": as_text(stream.get("last-generated-id")),
        }
        if "entries-added" in stream:
            facts["entries added"] = as_int(stream["entries-added"])
        try:
            infos = [parse_group_info(group) for group in as_list(raise_if_error(groups, "XINFO GROUPS", ref.name))]
        except NotAuthorised as error:
            backlog = unknown(error.title)
        else:
            facts = {"groups": len(infos), "pending": sum(group.pending for group in infos), **facts}
            last = parse_entry_id(as_text(stream["last-generated-id"]).encode())
            backlog = backlog_of(await self._lags_of(key, infos, StreamInfo(length, last, _first_entry_id(stream))))
        return Destination(ref, "stream", exact(length), backlog, _memory_figure(memory), 1, facts=facts)

    async def list_properties(self, ref: Ref) -> Sequence[Property]:
        """Ids, counters and memory of a stream, and its groups with their lag."""
        key = stream_key(ref)
        (key_type,) = await self._router.execute_pipeline(key, [("TYPE", key)])
        require_stream(key_type, ref)
        return await list_stream_properties(self._router, self._lags, ref, key)

    async def cluster_warning(self) -> tuple[str, ...]:
        """Why streams of other nodes are missing: the address is that of one node of a cluster (D8)."""
        if self._router.is_clustered or await self._server.mode() != "cluster":
            return ()
        return ("one node of a Redis Cluster: what the others hold is missing; redis+cluster:// shows it all",)

    @property
    def scan_budget_warning(self) -> str:
        """The text that is shown where the budget ended the scan for streams."""
        scan_keys = self._router.config.scan_keys
        return f"the search ended after {scan_keys:,} keys: there may be more streams (scan-keys)"

    async def scan_names(self) -> AsyncIterator[tuple[list[Ref], bytes | None]]:
        """The streams as SCAN finds them, each once. The cursor is None, except where the budget ended the scan."""
        seen: set[bytes] = set()
        budget = self._router.config.scan_keys
        for node in await self._router.primaries():
            cursor = b"0"
            while True:
                found, cursor = await self._scan_step(node, cursor, seen)
                budget -= SCAN_COUNT
                is_cut = budget <= 0 and cursor != b"0"
                if found or is_cut:
                    yield found, cursor if is_cut else None
                if is_cut:
                    return
                if cursor == b"0":
                    break

    async def _scan_step(self, node: NodePool, cursor: bytes, seen: set[bytes]) -> tuple[list[Ref], bytes]:
        began = monotonic()
        reply = as_list(await node.execute("SCAN", cursor, "TYPE", "stream", "COUNT", SCAN_COUNT))
        took = monotonic() - began
        if took > SLOW_SCAN_SECONDS:
            await asyncio.sleep(took)
        keys = [key for key in as_list(reply[1]) if isinstance(key, bytes) and key not in seen]
        seen.update(keys)
        next_cursor = bytes(reply[0]) if isinstance(reply[0], bytes) else b"0"
        return [Ref(Kind.STREAM, name_text(key)) for key in keys], next_cursor

    async def describe_streams(self, refs: Sequence[Ref]) -> list[StreamWithGroups]:
        """Streams with their groups and lag, one round trip for all; those that were deleted meanwhile are left out."""
        limit = asyncio.Semaphore(CONCURRENT_COUNTS)

        async def describe(ref: Ref, replies: list[ReplyOrError]) -> StreamWithGroups | None:
            async with limit:
                return await self._describe(ref, replies)

        streams = await asyncio.gather(*map(describe, refs, await self._query_depths(refs)))
        return [stream for stream in streams if stream is not None]

    async def _query_depths(self, refs: Sequence[Ref]) -> list[list[ReplyOrError]]:
        """The replies to XINFO GROUPS, XLEN and the script `STREAM_INFO` of each stream."""
        keys = [name_bytes(ref.name) for ref in refs]
        commands = [(key, command) for key in keys for command in (("XINFO", "GROUPS", key), ("XLEN", key))]
        replies, infos = await query_with_stream_info(self._router, keys, commands)
        return [[*replies[2 * at : 2 * at + 2], infos.get(key)] for at, key in enumerate(keys)]

    async def _describe(self, ref: Ref, replies: list[ReplyOrError]) -> StreamWithGroups | None:
        """A stream by the replies of `_query_depths`; None where it was deleted meanwhile."""
        groups, length, stream = replies
        failed = next((reply for reply in (groups, length) if isinstance(reply, RedisError)), None)
        if failed is not None:
            error = translate(failed, "XINFO GROUPS", ref.name)
            if isinstance(error, NotFound):
                return None
            why = unknown(error.title)
            row = Destination(ref, "stream", exact(length) if isinstance(length, int) else why, why)
            return StreamWithGroups(row, error=error.title)
        length, groups = raise_if_error(length, "XLEN"), raise_if_error(groups, "XINFO GROUPS")
        infos = [parse_group_info(group) for group in as_list(groups)]
        facts: dict[str, str | int | bool | None] = {
            "groups": len(infos),
            "pending": sum(group.pending for group in infos),
        }
        info = parse_stream_info(as_int(length), stream)
        lags = await self._lags_of(name_bytes(ref.name), infos, info)
        backlog = backlog_of(lags)
        arrived = NO_COUNTER if info.added is None else exact(info.added)
        row = Destination(ref, "stream", exact(info.length), backlog, partitions=1, facts=facts, arrived=arrived)
        return StreamWithGroups(row, tuple(zip(infos, lags, strict=True)), info.last, added=info.added)

    async def _lags_of(self, key: bytes, groups: Sequence[GroupInfo], stream: StreamInfo) -> list[LagFigures]:
        return [await self._lags.lag(key, group, stream) for group in groups]


def backlog_of(lags: Sequence[LagFigures]) -> Figure:
    """The largest lag of a stream's groups. Without groups nothing waits: its entries are kept to be looked up."""
    return largest_lag([lag.waiting for lag in lags]) if lags else NOTHING_WAITS


def missing_groups_reason(errors: Sequence[str]) -> tuple[str, ...]:
    """Why groups are missing from a list, by the titles of the errors of XINFO GROUPS; empty without errors."""
    if not errors:
        return ()
    return (f"the groups of {pluralize(len(errors), 'stream')} are not known: {errors[0]}",)


def missing_streams_reason(errors: Sequence[str]) -> tuple[str, ...]:
    """Why streams have no figures, by the titles of their errors; empty without errors."""
    return (f"{pluralize(len(errors), 'stream')} can't be asked: {errors[0]}",) if errors else ()


def stream_key(ref: Ref) -> bytes:
    """The key of a stream.

    Raises:
        NotFound: Redis has nothing of that kind.
    """
    if ref.kind is not Kind.STREAM:
        raise NotFound(f"No {ref.kind} {ref.name!r}", "Redis has streams.", "mqtui ls lists them.")
    return name_bytes(ref.name)


def require_stream(reply: ReplyOrError, ref: Ref) -> None:
    """Check the reply to TYPE. Where TYPE can't be used, the commands that follow find out.

    Raises:
        NotFound: there is no such key, or it holds something else.
    """
    try:
        key_type = as_text(raise_if_error(reply, "TYPE", ref.name))
    except COMMAND_UNAVAILABLE:
        return
    if key_type == "none":
        raise no_such_stream(ref.name)
    if key_type != "stream":
        raise NotFound(f"{ref.name} is not a stream", f"The key holds a {key_type}.", "mqtui ls lists the streams.")


def _first_entry_id(stream: Mapping[str, Reply]) -> EntryId | None:
    found = _id_of(stream.get("first-entry"))
    return parse_entry_id(found.encode()) if found else None


def _id_of(entry: Reply | None) -> str | None:
    """The id of an entry in the reply of XINFO STREAM; None where the stream is empty."""
    found = parse_entries([entry]) if isinstance(entry, list) else []
    return as_text(found[0][0]) if found else None


def _memory_figure(reply: ReplyOrError) -> Figure:
    if isinstance(reply, RedisError) or reply is None:
        return NOT_ASKED if reply is None else unknown("no right to MEMORY USAGE")
    return about(as_int(reply), f"MEMORY USAGE, {MEMORY_SAMPLES} nodes sampled")
