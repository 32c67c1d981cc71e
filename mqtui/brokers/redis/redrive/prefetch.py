"""Letters read ahead of the moves, so that network and parsing overlap with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Generic, TypeVar

from mqtui.brokers.redis.connection.resp import Entry, Reply, encode_entry_id, next_id, parse_entries, parse_entry_id
from mqtui.brokers.redis.connection.routing import Router, retry_for
from mqtui.brokers.redis.read.page_size import REPLY_BYTES, PageSizer, split_by_bytes
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Ref, name_bytes

MAX_BATCHES_AHEAD = 3
BATCH_BYTES = 4 * REPLY_BYTES
Item = TypeVar("Item")


class Prefetcher(Generic[Item]):
    """Reads a stream from one id to another in the background; at most three batches wait to be taken.

    Ids in the set `handled_set` are left out; None: there is no such set. `convert` makes the items of some entries.
    """

    def __init__(
        self,
        router: Router,
        ref: Ref,
        bounds: tuple[EntryId, EntryId],
        handled_set: bytes | None,
        size: int,
        convert: Callable[[list[Entry]], list[Item]],
    ) -> None:
        self._router = router
        self._ref = ref
        self._key = name_bytes(ref.name)
        self._first, self._last = bounds
        self._convert = convert
        self._handled_set = handled_set
        self._size = max(1, size)
        self._sizer = PageSizer(self._size)
        self._ready: asyncio.Queue[list[Item] | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._capacity = asyncio.Semaphore(MAX_BATCHES_AHEAD)

    @property
    def largest_entry(self) -> int:
        """Bytes of the largest letter read so far."""
        return self._sizer.largest_entry

    async def batches(self) -> AsyncGenerator[list[Item], None]:
        """The letters in order. An error of a read is raised in place of its batch."""
        self._reading = asyncio.create_task(self._read())
        try:
            while (batch := await self._ready.get()) is not None:
                self._capacity.release()
                yield batch
            await self._reading
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop reading, also where the consumer of `batches` never came back for the next one."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        """Fill batches page by page, up to their size in letters or in bytes."""
        start, batch, batch_bytes, is_last = self._first, list[Item](), 0, False
        try:
            while not is_last and start <= self._last:
                count = min(self._sizer.count, self._size - len(batch))
                page = await self._read_page(start, count)
                page_bytes = self._sizer.record_reply(page)
                is_last = len(page) < count
                if page:
                    start = next_id(parse_entry_id(page[-1][0]))
                if batch and batch_bytes + page_bytes > BATCH_BYTES:
                    await self._put(batch)
                    batch, batch_bytes = [], 0
                rest = await self._without_handled(page)
                if page_bytes > BATCH_BYTES:
                    *full, rest = split_by_bytes(rest, BATCH_BYTES) or [[]]
                    for part in full:
                        await self._put(self._convert(part))
                batch += self._convert(rest)
                batch_bytes += page_bytes
                if len(batch) == self._size:
                    await self._put(batch)
                    batch, batch_bytes = [], 0
            await self._put(batch)
        finally:
            self._ready.put_nowait(None)

    async def _put(self, batch: list[Item]) -> None:
        if batch:
            await self._capacity.acquire()
            self._ready.put_nowait(batch)

    async def _read_page(self, start: EntryId, count: int) -> list[Entry]:
        reply = await self._execute(
            "XRANGE", self._key, encode_entry_id(start), encode_entry_id(self._last), "COUNT", count
        )
        return parse_entries(reply)

    async def _without_handled(self, entries: list[Entry]) -> list[Entry]:
        """The entries that no run has handled yet."""
        if self._handled_set is None:
            return entries
        reply = await self._execute("SMISMEMBER", self._handled_set, *(raw for raw, _ in entries))
        are_handled = reply if isinstance(reply, list) else []
        return [entry for entry, is_handled in zip(entries, are_handled, strict=True) if not is_handled]

    async def _execute(self, *command: bytes | str | int) -> Reply:
        request = partial(self._router.execute, self._key, *command, name=self._ref.name)
        return await retry_for(request, self._router.config.reconnect_timeout)
