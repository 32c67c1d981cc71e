"""Reading the entries of a stream by XRANGE, XREVRANGE and XREAD, none of which changes anything."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from mqtui.brokers.port import Batch
from mqtui.brokers.redis.connection.resp import (
    Entry,
    ReplyOrError,
    as_int,
    encode_entry_id,
    next_id,
    parse_entries,
    parse_entry_id,
    previous_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.read.newest_scan import scan_newest
from mqtui.brokers.redis.read.page_size import REPLY_BYTES, REPLY_ENTRIES, PageSizer, split_by_bytes
from mqtui.brokers.redis.read.tail import StreamTail
from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.read_range import FREE_PEEK, At, Edge, Extent, PeekCost, ReadRange, Since
from mqtui.domain.resource import Ref
from mqtui.domain.scan import PlaceStep, RecordTest

START, LAST = EntryId(0, 0), EntryId(2**64 - 1, 2**64 - 1)
MAX_FORWARD_ENTRIES = 10_000
"""Entries that are read from the start to reach the newest ones, where XREVRANGE can't be used."""


class RedisReader:
    """Reads the entries of a stream. Reading a missing key creates nothing."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """The number of entries, the first id and the id after the last as partition 0, without what can't be asked."""
        require_partition_zero(partition)
        key = stream_key(ref)
        key_type, length, oldest, newest = await self._router.execute_pipeline(
            key,
            [
                ("TYPE", key),
                ("XLEN", key),
                ("XRANGE", key, "-", "+", "COUNT", 1),
                ("XREVRANGE", key, "+", "-", "COUNT", 1),
            ],
        )
        require_stream(key_type, ref)
        try:
            count = exact(as_int(raise_if_error(length, "XLEN", ref.name)))
        except COMMAND_UNAVAILABLE as error:
            count = unknown(error.title)
        first, last = _single_id(oldest, ref), _single_id(newest, ref)
        return Extent(count, {} if first is None else {0: first}, {} if last is None else {0: next_id(last)})

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """Free: XRANGE delivers nothing."""
        return FREE_PEEK

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Entries by id, up to the last id as of now.

        Raises:
            NotFound: there is no such stream.
            BadInput: the span starts at a position of another broker.
        """
        require_partition_zero(span.partition)
        key = stream_key(ref)
        try:
            end = await self.last_id(ref)
        except COMMAND_UNAVAILABLE as error:
            async for entries in self._read_forward(ref, span, limit, error):
                yield to_messages(ref, entries)
            return
        if span.until is not None:
            end = min(end, previous_id(EntryId(max(span.until, 0), 0)))
        if end == START or limit == 0:
            return
        if span.start is Edge.NEWEST and limit is not None:
            newest, start = await self._read_newest(key, end, limit)
            if newest:
                yield to_messages(ref, newest)
                return
        else:
            start = start_id(span)
        async for entries in self.read_range(key, start, end, limit):
            yield to_messages(ref, entries)

    async def read_range(
        self, key: bytes, start: EntryId, end: EntryId, limit: int | None
    ) -> AsyncIterator[list[Entry]]:
        """The entries from `start` to `end`, both included, in batches of at most 1 MiB."""
        sizer, left = PageSizer(), limit
        while start <= end and left != 0:
            wanted = sizer.count if left is None else min(sizer.count, left)
            reply = await self._router.execute(
                key, "XRANGE", key, encode_entry_id(start), encode_entry_id(end), "COUNT", wanted
            )
            found = parse_entries(reply)
            parts = [found] if sizer.record_reply(found) <= REPLY_BYTES else split_by_bytes(found)
            for part in filter(None, parts):
                yield part
            if found:
                start = next_id(parse_entry_id(found[-1][0]))
            if left is not None:
                left -= len(found)
            if len(found) < wanted:
                return

    async def last_id(self, ref: Ref) -> EntryId:
        """The id of the last entry, or 0-0 in an empty stream.

        Raises:
            NotFound: there is no such stream.
        """
        key = stream_key(ref)
        key_type, newest = await self._router.execute_pipeline(
            key, [("TYPE", key), ("XREVRANGE", key, "+", "-", "COUNT", 1)]
        )
        require_stream(key_type, ref)
        found = parse_entries(raise_if_error(newest, "XREVRANGE", ref.name))
        return parse_entry_id(found[0][0]) if found else START

    async def _read_forward(
        self, ref: Ref, span: ReadRange, limit: int | None, error: MqtuiError
    ) -> AsyncIterator[list[Entry]]:
        """Entries without XREVRANGE, which this user can't use (D9): from the start, as many as there are now.

        Raises:
            MqtuiError: `error`, if too many entries would be read to reach the newest.
        """
        key = stream_key(ref)
        length = as_int(await self._router.execute(key, "XLEN", key, name=ref.name))
        end = LAST if span.until is None else previous_id(EntryId(max(span.until, 0), 0))
        if span.start is not Edge.NEWEST or limit is None:
            count = length if limit is None else min(limit, length)
            async for entries in self.read_range(key, start_id(span), end, count):
                yield entries
        elif length > MAX_FORWARD_ENTRIES:
            raise error
        else:
            kept: deque[Entry] = deque(maxlen=limit)
            async for entries in self.read_range(key, START, end, length):
                kept.extend(entries)
            for part in split_by_bytes(list(kept)):
                yield part

    async def _read_newest(self, key: bytes, end: EntryId, limit: int) -> tuple[list[Entry], EntryId]:
        """The last `limit` entries, or none where they do not fit one batch; and the id that they begin with."""
        sizer, kept, size, seen, first = PageSizer(), list[Entry](), 0, 0, end
        while seen < limit:
            wanted = min(sizer.count, limit - seen)
            reply = await self._router.execute(key, "XREVRANGE", key, encode_entry_id(end), "-", "COUNT", wanted)
            found = parse_entries(reply)
            size += sizer.record_reply(found)
            seen += len(found)
            kept = kept + found if size <= REPLY_BYTES and seen <= REPLY_ENTRIES else []
            if found:
                first = parse_entry_id(found[-1][0])
                end = previous_id(first)
            if len(found) < wanted:
                break
        return (kept[::-1] if len(kept) == seen else []), first

    async def scan_newest(
        self, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
    ) -> AsyncGenerator[Sequence[PlaceStep]]:
        """Scan the newest entries of many streams, some streams in one pipeline."""
        async for steps in scan_newest(self._router, refs, depth, since, test):
            yield steps

    async def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Entries that arrive from now on, over restarts and failovers.

        Raises:
            NotFound: there is no such stream.
            BrokerTrouble, CannotConnect: the server stayed away longer than the option `reconnect-ms`.
        """
        require_partition_zero(partition)
        async for batch in self.read_after(ref, await self.last_id(ref)):
            yield batch

    async def read_after(self, ref: Ref, last: EntryId) -> AsyncIterator[Batch]:
        """Entries after an id, as they arrive. Raises as `tail`."""
        tail = StreamTail(self._router, stream_key(ref))
        try:
            while True:
                for part in split_by_bytes(await tail.read_next(last)):
                    last = parse_entry_id(part[-1][0])
                    yield to_messages(ref, part)
        finally:
            await tail.close()


def start_id(span: ReadRange) -> EntryId:
    """The id that a span starts with.

    Raises:
        BadInput: the start is a position of another broker.
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


def _single_id(reply: ReplyOrError, ref: Ref) -> EntryId | None:
    """The id of the one entry in a reply; None where there is none, or the command can't be used."""
    try:
        found = parse_entries(raise_if_error(reply, "XRANGE", ref.name))
    except COMMAND_UNAVAILABLE:
        return None
    return parse_entry_id(found[0][0]) if found else None


def require_partition_zero(partition: int | None) -> None:
    """Check that no other partition than 0 is asked for: a stream has one only.

    Raises:
        BadInput: another partition.
    """
    if partition not in (None, 0):
        raise BadInput(f"A Redis stream has no partition {partition}")
