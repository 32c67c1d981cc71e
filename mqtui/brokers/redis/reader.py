"""Looking at entries: XRANGE, XREVRANGE and XREAD, which change nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from mqtui.brokers.port import Batch
from mqtui.brokers.redis.building import Entry, messages
from mqtui.brokers.redis.catalog import require_stream, stream_key
from mqtui.brokers.redis.errors import UNAVAILABLE
from mqtui.brokers.redis.nodes import Nodes, patiently
from mqtui.brokers.redis.paging import REPLY_BYTES, REPLY_ENTRIES, Pace, portions
from mqtui.brokers.redis.replies import (
    Answer,
    after,
    before,
    entries,
    entry_id,
    id_bytes,
    items,
    number,
    sure,
)
from mqtui.brokers.redis.wire import Wire
from mqtui.domain.errors import BadInput, BrokerTrouble, MqtuiError
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.read_range import FREE_PEEK, At, Edge, Extent, PeekCost, ReadRange, Since
from mqtui.domain.resource import Ref, name_text

START, LAST = EntryId(0, 0), EntryId(2**64 - 1, 2**64 - 1)
WALKED = 10_000
"""Entries that are walked over to the newest ones, where those can't be asked for."""

BLOCK_MS = 2000
FOLLOWED_ENTRIES = 200


class StreamReader:
    """Reads entries of a stream. A look at a missing key creates nothing."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """Number of entries, first id and the id after the last one, under partition 0: what this user may ask."""
        only_partition(partition)
        key = stream_key(ref)
        answers = await self._nodes.pipe(
            key,
            [
                ("TYPE", key),
                ("XLEN", key),
                ("XRANGE", key, "-", "+", "COUNT", 1),
                ("XREVRANGE", key, "+", "-", "COUNT", 1),
            ],
        )
        require_stream(answers[0], ref)
        try:
            count = exact(number(sure(answers[1], "XLEN", ref.name)))
        except UNAVAILABLE as error:
            count = unknown(error.title)
        first, last = (_edge(answer, ref) for answer in answers[2:])
        return Extent(count, {} if first is None else {0: first}, {} if last is None else {0: after(last)})

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """Nothing: XRANGE lends nothing."""
        return FREE_PEEK

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Entries by id up to the last one of now.

        Raises:
            NotFound: there is no such stream.
            BadInput: the span starts at a position of another broker.
        """
        only_partition(span.partition)
        key = stream_key(ref)
        try:
            end = await self.last(ref)
        except UNAVAILABLE as error:
            async for found in self._forward(ref, span, limit, error):
                yield messages(ref, found)
            return
        if span.until is not None:
            end = min(end, before(EntryId(max(span.until, 0), 0)))
        if end == START or limit == 0:
            return
        if span.start is Edge.NEWEST and limit is not None:
            newest, start = await self._newest(key, end, limit)
            if newest:
                yield messages(ref, newest)
                return
        else:
            start = first_wanted(span)
        async for found in self.pages(key, start, end, limit):
            yield messages(ref, found)

    async def pages(self, key: bytes, start: EntryId, end: EntryId, limit: int | None) -> AsyncIterator[list[Entry]]:
        """Raw entries from `start` to `end`, both included, a batch at a time."""
        pace, left = Pace(), limit
        while start <= end and left != 0:
            wanted = pace.count if left is None else min(pace.count, left)
            reply = await self._nodes.ask(key, "XRANGE", key, id_bytes(start), id_bytes(end), "COUNT", wanted)
            found = entries(reply)
            pace.after(found)
            for part in portions(found):
                yield part
                start = after(entry_id(part[-1][0]))
            if left is not None:
                left -= len(found)
            if len(found) < wanted:
                return

    async def last(self, ref: Ref) -> EntryId:
        """The id of the last entry, or 0-0 in an empty stream.

        Raises:
            NotFound: there is no such stream.
        """
        key = stream_key(ref)
        kind, newest = await self._nodes.pipe(key, [("TYPE", key), ("XREVRANGE", key, "+", "-", "COUNT", 1)])
        require_stream(kind, ref)
        found = entries(sure(newest, "XREVRANGE", ref.name))
        return entry_id(found[0][0]) if found else START

    async def _forward(
        self, ref: Ref, span: ReadRange, limit: int | None, error: MqtuiError
    ) -> AsyncIterator[list[Entry]]:
        """Entries by a user who may not ask from the end (D9): as many as there are now, from the start.

        Raises:
            MqtuiError: the `error`, where that would be a long way to the newest.
        """
        key = stream_key(ref)
        length = number(await self._nodes.ask(key, "XLEN", key, name=ref.name))
        end = LAST if span.until is None else before(EntryId(max(span.until, 0), 0))
        if span.start is not Edge.NEWEST or limit is None:
            most = length if limit is None else min(limit, length)
            async for some in self.pages(key, first_wanted(span), end, most):
                yield some
        elif length > WALKED:
            raise error
        else:
            kept: deque[Entry] = deque(maxlen=limit)
            async for some in self.pages(key, START, end, length):
                kept.extend(some)
            for some in portions(list(kept)):
                yield some

    async def _newest(self, key: bytes, end: EntryId, limit: int) -> tuple[list[Entry], EntryId]:
        """The last `limit` entries where they fit one batch, and the id they start with."""
        pace, kept, size, seen, first = Pace(), list[Entry](), 0, 0, end
        while seen < limit:
            wanted = min(pace.count, limit - seen)
            reply = await self._nodes.ask(key, "XREVRANGE", key, id_bytes(end), "-", "COUNT", wanted)
            found = entries(reply)
            size += pace.after(found)
            seen += len(found)
            kept = kept + found if size <= REPLY_BYTES and seen <= REPLY_ENTRIES else []
            if found:
                first = entry_id(found[-1][0])
                end = before(first)
            if len(found) < wanted:
                break
        return (kept[::-1] if len(kept) == seen else []), first

    async def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Entries that arrive from now on, by XREAD on a connection of its own, over restarts and failovers.

        Raises:
            NotFound: there is no such stream.
            BrokerTrouble, CannotConnect: the server stayed away longer than the option `reconnect-ms`.
        """
        only_partition(partition)
        async for batch in self.after(ref, await self.last(ref)):
            yield batch

    async def after(self, ref: Ref, last: EntryId) -> AsyncIterator[Batch]:
        """Entries behind an id, as they arrive. Raises as `tail`."""
        following = Following(self._nodes, stream_key(ref))
        try:
            while True:
                found = await following.next(last)
                for part in portions(found):
                    last = entry_id(part[-1][0])
                    yield messages(ref, part)
        finally:
            await following.close()


class Following:
    """One blocked connection, made again when it breaks."""

    def __init__(self, nodes: Nodes, key: bytes) -> None:
        self._nodes = nodes
        self._key = key
        self._wire: Wire | None = None

    async def next(self, last: EntryId) -> list[Entry]:
        """What came after an id; empty after 2 s of silence."""
        return await patiently(lambda: self._read(last), self._nodes.options.reconnect)

    async def _read(self, last: EntryId) -> list[Entry]:
        if self._wire is None:
            self._wire = await (await self._nodes.of(self._key)).wire()
        command = ("XREAD", "COUNT", FOLLOWED_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS", self._key, id_bytes(last))
        patience = BLOCK_MS / 1000 + self._nodes.options.reply
        try:
            streams = items(await self._wire.ask(*command, name=name_text(self._key), patience=patience))
        except BrokerTrouble:
            await self.close()
            await self._nodes.forget()
            raise
        return entries(items(streams[0])[1]) if streams else []

    async def close(self) -> None:
        """Give the connection up; the server forgets the wait."""
        if self._wire is not None:
            wire, self._wire = self._wire, None
            await wire.close()


def first_wanted(span: ReadRange) -> EntryId:
    """The id a span starts with.

    Raises:
        BadInput: it is a position of another broker.
    """
    match span.start:
        case At(position=EntryId() as position):
            return position
        case At(position=position):
            raise BadInput(
                f"{position} is no id of a Redis stream", "", "An id is milliseconds-sequence: 1718000000000-0."
            )
        case Since(time=time):
            return EntryId(max(time, 0), 0)
        case _:
            return START


def _edge(answer: Answer, ref: Ref) -> EntryId | None:
    """The id of the entry in an answer; None where there is none, or this user may not ask."""
    try:
        found = entries(sure(answer, "XRANGE", ref.name))
    except UNAVAILABLE:
        return None
    return entry_id(found[0][0]) if found else None


def only_partition(partition: int | None) -> None:
    """A stream has one part, numbered 0.

    Raises:
        BadInput: another one is asked for.
    """
    if partition not in (None, 0):
        raise BadInput(f"A Redis stream has no partition {partition}")
