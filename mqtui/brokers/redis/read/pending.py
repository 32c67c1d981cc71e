"""The pending entries list of a group: entries that were delivered and not acknowledged."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import (
    Command,
    Reply,
    ReplyOrError,
    as_int,
    as_list,
    encode_entry_id,
    eval_command,
    next_id,
    parse_entries,
    parse_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.read.lua import IN_STREAM
from mqtui.domain.message import EntryId, Message
from mqtui.domain.resource import Ref, name_bytes, name_text
from mqtui.domain.topology import Page, PendingEntry

ENTRIES_PER_ROUND_TRIP = 100
IDS_PER_SCRIPT_CALL = 1000


class RedisPending:
    """Reads pending entries by XPENDING, which changes nothing (XREADGROUP would)."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def list_entries(
        self,
        stream: Ref,
        group: str,
        *,
        min_idle: int = 0,
        consumer: str = "",
        cursor: bytes | None = None,
        limit: int = 100,
    ) -> Page[PendingEntry]:
        """Pending entries by id. The cursor is the id that the next page begins with.

        Raises:
            NotFound: no such stream or group.
            Unsupported: `min_idle` needs Redis 6.2.
        """
        key = stream_key(stream)
        command: Command = (
            "XPENDING",
            key,
            name_bytes(group),
            *(("IDLE", min_idle) if min_idle else ()),
            cursor or "-",
            "+",
            limit,
            *((name_bytes(consumer),) if consumer else ()),
        )
        time_reply, pending = await self._router.execute_pipeline(key, [("TIME",), command])
        read_at = server_time_ms(time_reply)
        found = tuple(
            _pending_entry(as_list(row), read_at)
            for row in as_list(raise_if_error(pending, "XPENDING", f"{stream.name}: {group}"))
        )
        return Page(found, encode_entry_id(next_id(found[-1].id)) if len(found) == limit and found else None)

    async def count_by_consumer(self, stream: Ref, group: str) -> Mapping[str, int]:
        """The number of pending entries by consumer, from the summary of XPENDING; the largest first.

        Raises:
            NotFound: no such stream or group.
        """
        key = stream_key(stream)
        summary = as_list(
            await self._router.execute(key, "XPENDING", key, name_bytes(group), name=f"{stream.name}: {group}")
        )
        counts: dict[str, int] = {}
        for name, count in map(as_list, as_list(summary[3] if summary else None)):
            counts[name_text(name) if isinstance(name, bytes) else ""] = as_int(count)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    async def read_entries(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[Message | None]:
        """The entries of these ids; None for one that was trimmed or deleted."""
        key = stream_key(stream)
        found: list[Message | None] = []
        for start in range(0, len(ids), ENTRIES_PER_ROUND_TRIP):
            raw = [encode_entry_id(one) for one in ids[start : start + ENTRIES_PER_ROUND_TRIP]]
            for reply in await self._router.execute_pipeline(key, [("XRANGE", key, one, one) for one in raw]):
                entry = parse_entries(raise_if_error(reply, "XRANGE", stream.name))
                found.append(to_messages(stream, entry)[0] if entry else None)
        return found

    async def are_in_stream(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[bool]:
        """Whether the stream still holds each entry: asked by a script, or by reading the entries where none may run.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached.
        """
        key, found = stream_key(stream), list[bool]()
        for start in range(0, len(ids), IDS_PER_SCRIPT_CALL):
            some = ids[start : start + IDS_PER_SCRIPT_CALL]
            (reply,) = await self._router.execute_pipeline(
                key, [eval_command(IN_STREAM, (key,), *map(encode_entry_id, some))]
            )
            if isinstance(reply, RedisError):
                found += [entry is not None for entry in await self.read_entries(stream, some)]
            else:
                found += [is_there == 1 for is_there in as_list(reply)]
        return found


def server_time_ms(reply: ReplyOrError) -> int:
    """The reply to TIME in milliseconds since the epoch; this machine's time where TIME can't be used here.

    Only differences between two replies are used (D6), and both come from the same clock.

    Raises:
        CannotConnect, BrokerTrouble: the server can't answer now.
    """
    try:
        seconds, micros = as_list(raise_if_error(reply, "TIME"))
    except COMMAND_UNAVAILABLE:
        return time.time_ns() // 1_000_000
    return as_int(seconds) * 1000 + as_int(micros) // 1000


def _pending_entry(row: list[Reply], read_at: int) -> PendingEntry:
    raw, owner, idle, deliveries = row
    return PendingEntry(
        parse_entry_id(raw if isinstance(raw, bytes) else b"0-0"),
        name_text(owner) if isinstance(owner, bytes) else "",
        as_int(idle),
        as_int(deliveries),
        read_at,
    )
