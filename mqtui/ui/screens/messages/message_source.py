"""Reading a destination for a list: the newest messages, then new ones as they arrive, without gaps or duplicates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from mqtui.brokers.port import Batch
from mqtui.domain.figure import Figure, unknown
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import At, Edge, Extent, ReadRange, StartPoint
from mqtui.domain.resource import ParsedName, Ref
from mqtui.services import browse
from mqtui.services.session import Session

INITIAL_COUNT = 1_000
"""Messages read at first; each `more` reads ten times as many."""

MAX_COUNT = 100_000
CATCH_UP_PAUSES = (0.3, 0.7, 2.0, 5.0)
"""Seconds between reads that catch up while a subscription starts: nothing tells when it has started."""


class MessageSource:
    """Reads one destination, and remembers where to go on. Only for destinations that are free to read (not queues)."""

    def __init__(self, session: Session, ref: Ref, start: StartPoint | None = None) -> None:
        self.session = session
        self.ref = ref
        self.start = start
        self.count = INITIAL_COUNT
        self.total_count: Figure = unknown("not asked")
        """How many messages there are."""

        self.notes: tuple[str, ...] = ()
        """Which of them can't be read now, and why."""

        self.extent = Extent(self.total_count)

        self._next: dict[int, Offset | EntryId] = {}

    @property
    def _name(self) -> ParsedName:
        return ParsedName(self.ref.name, self.ref.kind)

    def more(self) -> bool:
        """Read ten times as many from now on; False at the limit."""
        if self.start is None and self.count >= MAX_COUNT:
            return False
        self.start, self.count = None, min(MAX_COUNT, self.count * 10)
        return True

    @property
    def why_nothing(self) -> str:
        """Why nothing was read, in a sentence."""
        return browse.explain_no_messages(self.ref, self.extent, self.start or Edge.NEWEST)

    async def read(self) -> AsyncGenerator[Batch]:
        """The newest `count` messages, or those from `start` on, in order.

        Raises:
            MqtuiError: the destination can't be read, or is gone.
        """
        known = await self.session.broker.reader.extent(self.ref)
        self.total_count, self.notes, self.extent = known.count, browse.extent_notes(known), known
        self._next = {part: end for part, end in known.end.items() if isinstance(end, Offset | EntryId)}
        looked = await browse.prepare_peek(self.session, self._name, self.count, self.start or Edge.NEWEST, None)
        async with aclosing(browse.peek(self.session, looked, Consent())) as batches:
            async for batch in batches:
                yield self._new(batch, everything=True)

    async def follow(self) -> AsyncGenerator[Batch]:
        """Messages that arrived since the last read, then new ones as they arrive.

        Raises:
            Unsupported: the destination can't be followed.
            MqtuiError: the link is lost; following again goes on where it was.
        """
        async with aclosing(browse.tail(self.session, self._name, None)) as batches:
            coming = asyncio.ensure_future(anext(batches))
            try:
                for pause in CATCH_UP_PAUSES:
                    async for missed in self._catch_up():
                        yield missed
                    if (await asyncio.wait((coming,), timeout=pause))[0]:
                        break
                first = await coming
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            async for missed in self._catch_up():
                yield missed
            if fresh := self._new(first):
                yield fresh
            async for batch in batches:
                if fresh := self._new(batch):
                    yield fresh

    async def _catch_up(self) -> AsyncGenerator[Batch]:
        offsets = {part: position.offset for part, position in self._next.items() if isinstance(position, Offset)}
        entry = self._next.get(0)
        if offsets and -1 not in offsets:
            span = ReadRange(after=offsets)
        elif isinstance(entry, EntryId):
            span = ReadRange(At(entry))
        else:
            span = ReadRange(At(Offset(-1, offsets.get(-1, 0))))
        if not self._next:
            return
        async for batch in self.session.broker.reader.read(self.ref, span, limit=None):
            if fresh := self._new(batch):
                yield fresh

    def _new(self, batch: Batch, *, everything: bool = False) -> Sequence[Message]:
        """The messages of a batch that were not read yet; remembers where to go on."""
        found: list[Message] = []
        for message in batch:
            position = message.position
            if isinstance(position, Offset):
                part, after = position.partition, Offset(position.partition, position.offset + 1)
                known = self._next.get(part)
                new = not isinstance(known, Offset) or position.offset >= known.offset
                if new:
                    self._next[part] = after
            elif isinstance(position, EntryId):
                known = self._next.get(0)
                new = not isinstance(known, EntryId) or position >= known
                if new:
                    self._next[0] = EntryId(position.ms, position.seq + 1)
            else:
                new = True
            if new or everything:
                found.append(message)
        return found
