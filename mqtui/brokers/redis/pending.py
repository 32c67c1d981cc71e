"""The pending entries list of a group: delivered, and not acknowledged."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.building import messages
from mqtui.brokers.redis.catalog import stream_key
from mqtui.brokers.redis.errors import UNAVAILABLE
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Answer, Reply, after, entries, entry_id, id_bytes, items, number, sure
from mqtui.brokers.redis.scripts import IN_STREAM, call
from mqtui.brokers.redis.wire import Command
from mqtui.domain.message import EntryId, Message
from mqtui.domain.resource import Ref, name_bytes, name_text
from mqtui.domain.topology import Page, PendingEntry

LETTERS_TOGETHER = 100
ASKED_TOGETHER = 1000


class StreamPending:
    """Reads the list by XPENDING, which changes nothing (XREADGROUP would)."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

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
        """Pending entries by id. The cursor is the id the next page starts with.

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
        now, answer = await self._nodes.pipe(key, [("TIME",), command])
        read_at = clock(now)
        found = tuple(_entry(items(row), read_at) for row in items(sure(answer, "XPENDING", f"{stream.name}: {group}")))
        return Page(found, id_bytes(after(found[-1].id)) if len(found) == limit and found else None)

    async def count_by_consumer(self, stream: Ref, group: str) -> Mapping[str, int]:
        """By the summary of XPENDING, which the server keeps.

        Raises:
            NotFound: no such stream or group.
        """
        key = stream_key(stream)
        told = items(await self._nodes.ask(key, "XPENDING", key, name_bytes(group), name=f"{stream.name}: {group}"))
        counts: dict[str, int] = {}
        for name, count in map(items, items(told[3] if told else None)):
            counts[name_text(name) if isinstance(name, bytes) else ""] = number(count)
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    async def read_entries(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[Message | None]:
        """The entries themselves, one for each id; None where one was trimmed or deleted."""
        key = stream_key(stream)
        found: list[Message | None] = []
        for start in range(0, len(ids), LETTERS_TOGETHER):
            raw = [id_bytes(one) for one in ids[start : start + LETTERS_TOGETHER]]
            for answer in await self._nodes.pipe(key, [("XRANGE", key, one, one) for one in raw]):
                entry = entries(sure(answer, "XRANGE", stream.name))
                found.append(messages(stream, entry)[0] if entry else None)
        return found

    async def are_in_stream(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[bool]:
        """Counted in the server by a script; where none may run, by reading the entries.

        Raises:
            CannotConnect, BrokerTrouble: no conversation.
        """
        key, found = stream_key(stream), list[bool]()
        for start in range(0, len(ids), ASKED_TOGETHER):
            some = ids[start : start + ASKED_TOGETHER]
            (answer,) = await self._nodes.pipe(key, [call(IN_STREAM, (key,), *map(id_bytes, some))])
            if isinstance(answer, RedisError):
                found += [letter is not None for letter in await self.read_entries(stream, some)]
            else:
                found += [said == 1 for said in items(answer)]
        return found


def clock(answer: Answer) -> int:
    """The reply of TIME in milliseconds since the epoch; this machine's time where TIME can't be used here.

    Only differences between two answers count (D6), and a user who may not ask once may not ask the next time either.

    Raises:
        CannotConnect, BrokerTrouble: the server can't answer now.
    """
    try:
        seconds, micros = items(sure(answer, "TIME"))
    except UNAVAILABLE:
        return time.time_ns() // 1_000_000
    return number(seconds) * 1000 + number(micros) // 1000


def _entry(row: list[Reply], read_at: int) -> PendingEntry:
    raw, owner, idle, deliveries = row
    return PendingEntry(
        entry_id(raw if isinstance(raw, bytes) else b"0-0"),
        name_text(owner) if isinstance(owner, bytes) else "",
        number(idle),
        number(deliveries),
        read_at,
    )
