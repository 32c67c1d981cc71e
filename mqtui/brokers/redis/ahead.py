"""Letters read ahead of the moves, so that the network and the parsing overlap with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from mqtui.brokers.port import Batch
from mqtui.brokers.redis.building import Entry, messages
from mqtui.brokers.redis.nodes import Nodes, patiently
from mqtui.brokers.redis.paging import REPLY_BYTES, Pace, portions
from mqtui.brokers.redis.replies import Reply, after, entries, entry_id, id_bytes
from mqtui.domain.message import EntryId, Message
from mqtui.domain.resource import Ref, name_bytes

BATCHES_AHEAD = 3
BATCH_BYTES = 4 * REPLY_BYTES


class ReadAhead:
    """Reads a stream from one id to another in the background; at most three batches wait."""

    def __init__(self, nodes: Nodes, ref: Ref, first: EntryId, last: EntryId, stays: bytes | None, size: int) -> None:
        self._nodes = nodes
        self._ref = ref
        self._key = name_bytes(ref.name)
        self._first = first
        self._last = last
        self._stays = stays
        self._size = max(1, size)
        self._pace = Pace(self._size)
        self._ready: asyncio.Queue[list[Message] | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._room = asyncio.Semaphore(BATCHES_AHEAD)

    @property
    def heaviest(self) -> int:
        """Bytes of the largest letter read so far."""
        return self._pace.heaviest

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """The letters in order; an error of the reading is raised where its batch would be."""
        self._reading = asyncio.create_task(self._read())
        try:
            while (batch := await self._ready.get()) is not None:
                self._room.release()
                yield batch
            await self._reading
        finally:
            await self.close()

    async def close(self) -> None:
        """Read no more, even when whoever took the batches never came back for the next."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        """Fill batches up to their size in letters or bytes, page by page."""
        start, hand, size, short = self._first, list[Message](), 0, False
        try:
            while not short and start <= self._last:
                wanted = min(self._pace.count, self._size - len(hand))
                found = await self._page(start, wanted)
                weight = self._pace.after(found)
                short = len(found) < wanted
                if found:
                    start = after(entry_id(found[-1][0]))
                if hand and size + weight > BATCH_BYTES:
                    await self._give(hand)
                    hand, size = [], 0
                *full, last = portions(await self._unmarked(found), BATCH_BYTES) or [[]]
                for part in full:
                    await self._give(messages(self._ref, part))
                hand += messages(self._ref, last)
                size += weight
                if len(hand) == self._size:
                    await self._give(hand)
                    hand, size = [], 0
            await self._give(hand)
        finally:
            self._ready.put_nowait(None)

    async def _give(self, hand: list[Message]) -> None:
        if hand:
            await self._room.acquire()
            self._ready.put_nowait(hand)

    async def _page(self, start: EntryId, count: int) -> list[Entry]:
        reply = await self._asked("XRANGE", self._key, id_bytes(start), id_bytes(self._last), "COUNT", count)
        return entries(reply)

    async def _unmarked(self, found: list[Entry]) -> list[Entry]:
        """What no run has handled: entries that had to stay carry a mark."""
        if self._stays is None:
            return found
        reply = await self._asked("SMISMEMBER", self._stays, *(raw for raw, _ in found))
        return [
            entry for entry, marked in zip(found, reply if isinstance(reply, list) else [], strict=True) if not marked
        ]

    async def _asked(self, *command: bytes | str | int) -> Reply:
        question = partial(self._nodes.ask, self._key, *command, name=self._ref.name)
        return await patiently(question, self._nodes.options.reconnect)
