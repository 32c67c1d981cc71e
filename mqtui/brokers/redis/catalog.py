"""Which streams there are: found by SCAN with a budget, never by KEYS; then their depths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import RedisError

from mqtui.brokers.redis.errors import UNAVAILABLE, answered, denies_key, no_stream
from mqtui.brokers.redis.lagging import COUNTED_TOGETHER, Lag, LagCounter, Standing, standing, worst
from mqtui.brokers.redis.nodes import Node, Nodes
from mqtui.brokers.redis.replies import Answer, Reply, entries, entry_id, items, number, pairs, sure, text
from mqtui.brokers.redis.server import Server
from mqtui.brokers.redis.stream_ends import Ends, ends_of, with_ends
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.figure import Figure, about, exact, pluralize, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text
from mqtui.domain.topology import NOT_ASKED, NOTHING_WAITS, Cluster, Destination, Page

SCAN_COUNT = 1000
ROWS = 250
"""Streams asked about in one round trip."""

POLITE = 0.005
SIZE_SAMPLES = 20
NO_COUNTER = unknown("how many entries ever came is told by a script, since Redis 7")


@dataclass(frozen=True, slots=True)
class StreamLook:
    """One stream with its groups and how far each is behind; `refusal` says why it has none to tell."""

    row: Destination
    groups: tuple[tuple[Standing, Lag], ...] = ()
    last: EntryId | None = None
    refusal: str = ""


class StreamCatalog:
    """Streams of all primaries, each in the database of the address."""

    def __init__(self, nodes: Nodes, server: Server, lags: LagCounter) -> None:
        self._nodes = nodes
        self._server = server
        self._lags = lags

    async def describe_cluster(self) -> Cluster:
        """The server or cluster as a whole."""
        return await self._server.cluster()

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """All streams: names as SCAN finds them, then the same rows with length, pending and lag.

        The last page of names has a cursor where the budget (`scan-keys`) ended the search before the keyspace did, and
        all say from then on that there may be more.
        """
        found: list[Ref] = []
        missing = await self.other_nodes()
        async for refs, cursor in self.names():
            found += refs
            missing += (self.cut,) if cursor else ()
            yield Page(tuple(Destination(ref, "stream") for ref in refs), cursor, missing)
        refusals: list[str] = []
        for start in range(0, len(found), ROWS):
            looks = await self.look(found[start : start + ROWS])
            refusals += [look.refusal for look in looks if look.refusal]
            last = start + ROWS >= len(found)
            yield Page(tuple(look.row for look in looks), missing=missing + (untold_streams(refusals) if last else ()))

    async def locate(self, ref: Ref) -> Destination:
        """One stream with its length; the lag of its groups is not asked for.

        Raises:
            NotFound: there is no such key, or it holds something else.
            NotAuthorised: the key is closed to this user.
        """
        key = stream_key(ref)
        kind, length = await self._nodes.pipe(key, [("TYPE", key), ("XLEN", key)])
        require_stream(kind, ref)
        try:
            held = exact(number(sure(length, "XLEN", ref.name)))
        except UNAVAILABLE as error:
            if denies_key(error.detail):
                raise
            held = unknown(error.title)
        return Destination(ref, "stream", held, partitions=1)

    async def describe(self, ref: Ref) -> Destination:
        """One stream with its groups, ids and memory. What this user may not ask is unknown, and hinders nothing (D9).

        Raises:
            NotFound: there is no such key, or it holds something else.
            NotAuthorised: the key itself is closed to this user.
        """
        key = stream_key(ref)
        answers = await self._nodes.pipe(
            key,
            [
                ("TYPE", key),
                ("XINFO", "STREAM", key),
                ("XINFO", "GROUPS", key),
                ("MEMORY", "USAGE", key, "SAMPLES", SIZE_SAMPLES),
                ("XLEN", key),
            ],
        )
        require_stream(answers[0], ref)
        try:
            told = pairs(sure(answers[1], "XINFO STREAM", ref.name))
        except UNAVAILABLE as error:
            if denies_key(error.detail):
                raise
            why = unknown(error.title)
            held = exact(number(answers[4])) if isinstance(answers[4], int) else why
            return Destination(ref, "stream", held, why, _size(answers[3]), 1)
        length = number(told["length"])
        facts: dict[str, str | int | bool | None] = {
            "first id": _id_of(told.get("first-entry")),
            "last id": _id_of(told.get("last-entry")),
            "last generated id": text(told.get("last-generated-id")),
        }
        if "entries-added" in told:
            facts["entries added"] = number(told["entries-added"])
        try:
            groups = [standing(group) for group in items(sure(answers[2], "XINFO GROUPS", ref.name))]
        except NotAuthorised as error:  # one right less is one figure less
            backlog = unknown(error.title)
        else:
            facts = {"groups": len(groups), "pending": sum(group.pending for group in groups), **facts}
            ends = Ends(length, entry_id(text(told["last-generated-id"]).encode()), first_entry(told))
            backlog = backlog_of(await self._lags_of(key, groups, ends))
        return Destination(ref, "stream", exact(length), backlog, _size(answers[3]), 1, facts=facts)

    async def other_nodes(self) -> tuple[str, ...]:
        """Why streams of other servers are not seen: this is one node of a cluster, and was not asked as one (D8)."""
        if self._nodes.clustered or await self._server.mode() != "cluster":
            return ()
        return ("one node of a Redis Cluster: what the others hold is missing; redis+cluster:// shows it all",)

    @property
    def cut(self) -> str:
        """What is said where the search for streams was cut."""
        looked = self._nodes.options.scan_keys
        return f"the search ended after {looked:,} keys: there may be more streams (scan-keys)"

    async def names(self) -> AsyncIterator[tuple[list[Ref], bytes | None]]:
        """Streams as they are found, each once. The cursor is None, but for the last page of a search cut short."""
        seen: set[bytes] = set()
        budget = self._nodes.options.scan_keys
        for node in await self._nodes.primaries():
            cursor = b"0"
            while True:
                fresh, cursor = await self._scanned(node, cursor, seen)
                budget -= SCAN_COUNT
                cut = budget <= 0 and cursor != b"0"
                if fresh or cut:
                    yield fresh, cursor if cut else None
                if cut:
                    return
                if cursor == b"0":
                    break

    async def _scanned(self, node: Node, cursor: bytes, seen: set[bytes]) -> tuple[list[Ref], bytes]:
        """One step of SCAN, and as long a rest as the server needed for it."""
        began = monotonic()
        reply = items(await node.ask("SCAN", cursor, "TYPE", "stream", "COUNT", SCAN_COUNT))
        took = monotonic() - began
        if took > POLITE:
            await asyncio.sleep(took)
        keys = [key for key in items(reply[1]) if isinstance(key, bytes) and key not in seen]
        seen.update(keys)
        return [Ref(Kind.STREAM, name_text(key)) for key in keys], bytes(reply[0]) if isinstance(
            reply[0], bytes
        ) else b"0"

    async def look(self, refs: Sequence[Ref]) -> list[StreamLook]:
        """Streams with their groups, from one answer each; those that are gone meanwhile are left out."""
        turn = asyncio.Semaphore(COUNTED_TOGETHER)

        async def one(ref: Ref, answers: list[Answer]) -> StreamLook | None:
            async with turn:
                return await self._look(ref, answers)

        looks = await asyncio.gather(*map(one, refs, await self._depths(refs)))
        return [look for look in looks if look is not None]

    async def _depths(self, refs: Sequence[Ref]) -> list[list[Answer]]:
        """XINFO GROUPS, XLEN and the ends of each."""
        keys = [name_bytes(ref.name) for ref in refs]
        questions = [(key, command) for key in keys for command in (("XINFO", "GROUPS", key), ("XLEN", key))]
        answers, ends = await with_ends(self._nodes, keys, questions)
        return [[*answers[2 * at : 2 * at + 2], ends.get(key)] for at, key in enumerate(keys)]

    async def _look(self, ref: Ref, answers: list[Answer]) -> StreamLook | None:
        """None where the stream is gone meanwhile."""
        told, length, last = answers
        refused = next((answer for answer in (told, length) if isinstance(answer, RedisError)), None)
        if refused is not None:
            error = answered(refused, "XINFO GROUPS", ref.name)
            if isinstance(error, NotFound):
                return None
            why = unknown(error.title)
            row = Destination(ref, "stream", exact(length) if isinstance(length, int) else why, why)
            return StreamLook(row, refusal=error.title)
        length, told = sure(length, "XLEN"), sure(told, "XINFO GROUPS")
        groups = [standing(group) for group in items(told)]
        facts: dict[str, str | int | bool | None] = {
            "groups": len(groups),
            "pending": sum(group.pending for group in groups),
        }
        ends = ends_of(number(length), last)
        lags = await self._lags_of(name_bytes(ref.name), groups, ends)
        backlog = backlog_of(lags)
        arrived = NO_COUNTER if ends.added is None else exact(ends.added)
        row = Destination(ref, "stream", exact(ends.length), backlog, partitions=1, facts=facts, arrived=arrived)
        return StreamLook(row, tuple(zip(groups, lags, strict=True)), ends.last)

    async def _lags_of(self, key: bytes, groups: Sequence[Standing], ends: Ends) -> list[Lag]:
        return [await self._lags.lag(key, group, ends) for group in groups]


def backlog_of(lags: Sequence[Lag]) -> Figure:
    """Lag of the worst group. Where none reads, nothing waits: results and events are kept to be looked up."""
    return worst([lag.waiting for lag in lags]) if lags else NOTHING_WAITS


def untold_groups(refusals: Sequence[str]) -> tuple[str, ...]:
    """Why groups may be missing from a list, by the title of what each stream answered; nothing where all told."""
    if not refusals:
        return ()
    return (f"the groups of {pluralize(len(refusals), 'stream')} are not known: {refusals[0]}",)


def untold_streams(refusals: Sequence[str]) -> tuple[str, ...]:
    """Why streams have no figures, by what the first of them answered; nothing where all told."""
    return (f"{pluralize(len(refusals), 'stream')} can't be asked: {refusals[0]}",) if refusals else ()


def stream_key(ref: Ref) -> bytes:
    """The key of a stream.

    Raises:
        NotFound: Redis has nothing of that kind.
    """
    if ref.kind is not Kind.STREAM:
        raise NotFound(f"No {ref.kind} {ref.name!r}", "Redis has streams.", "mqtui ls lists them.")
    return name_bytes(ref.name)


def require_stream(answer: Answer, ref: Ref) -> None:
    """Judge the reply of TYPE; a user who may not ask that is told by the questions that follow.

    Raises:
        NotFound: there is no such key, or it holds something else.
    """
    try:
        kind = text(sure(answer, "TYPE", ref.name))
    except UNAVAILABLE:
        return
    if kind == "none":
        raise no_stream(ref.name)
    if kind != "stream":
        raise NotFound(f"{ref.name} is not a stream", f"The key holds a {kind}.", "mqtui ls lists the streams.")


def first_entry(told: Mapping[str, Reply]) -> EntryId | None:
    """The first id of a stream, out of XINFO STREAM; None where it is empty."""
    found = _id_of(told.get("first-entry"))
    return entry_id(found.encode()) if found else None


def _id_of(reply: Reply | None) -> str | None:
    found = entries([reply]) if isinstance(reply, list) else []
    return text(found[0][0]) if found else None


def _size(answer: Answer) -> Figure:
    if isinstance(answer, RedisError) or answer is None:
        return NOT_ASKED if answer is None else unknown("no right to MEMORY USAGE")
    return about(number(answer), f"MEMORY USAGE, {SIZE_SAMPLES} nodes sampled")
