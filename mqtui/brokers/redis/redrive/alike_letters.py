"""Counts the letters of a stream for a plan: those with the same fields together, without a `Message` of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import aclosing

from mqtui.brokers.alike_tally import AlikeShape, AlikeTally
from mqtui.brokers.redis.connection.resp import Entry, entry_sizes, parse_entry_id
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.read.page_size import REPLY_ENTRIES
from mqtui.brokers.redis.read.reader import START
from mqtui.brokers.redis.redrive.prefetch import Prefetcher
from mqtui.brokers.redis.redrive.raw_entries import split_alike
from mqtui.domain.bulk import Alikeness, CountedLetters
from mqtui.domain.message import Message
from mqtui.domain.redrive import IdBounds, Source
from mqtui.domain.resource import Ref


class EntryTally:
    """Counts entries. No letter of a stream has a key, so none is a sample."""

    def __init__(self, ref: Ref, alikeness: Alikeness) -> None:
        self._ref = ref
        self._tally = AlikeTally(alikeness)
        self.take = self._tally.take

    def add(self, entries: Sequence[Entry]) -> None:
        """Count entries in ascending order: fields are what headers are elsewhere."""
        for alike in split_alike(entries, self._deciding_values):
            self._add_alike(alike)

    def _deciding_values(self, names: Sequence[bytes], entries: Sequence[Entry]) -> Sequence[Hashable]:
        """What of each entry has to be the same to be counted with others, where all have these field names."""
        shape = self._shape_of(names, entries[0])
        if shape.deciding is None:
            return [None] * len(entries)
        return [shape.deciding(flat[1::2]) for _, flat in entries]

    def _add_alike(self, entries: Sequence[Entry]) -> None:
        tally, (_, flat) = self._tally, entries[0]
        shape = self._shape_of(flat[::2], entries[0])
        if shape.deciding is None:
            tally.letters += to_messages(self._ref, entries)
            return
        deciding = shape.deciding(flat[1::2])
        alike = shape.alike.get(deciding) or tally.open(shape, deciding, self._message(entries[0]))
        if alike.first is None:
            alike.first = self._message(entries[0])
        alike.sizes += entry_sizes(entries)
        alike.times += [parse_entry_id(raw).ms for raw, _ in (entries[0], entries[-1])]
        alike.keyless += len(entries)

    def _shape_of(self, names: Sequence[bytes], entry: Entry) -> AlikeShape:
        key = tuple(names)
        return self._tally.shapes.get(key) or self._tally.learn(key, self._message(entry))

    def _message(self, entry: Entry) -> Message:
        (found,) = to_messages(self._ref, (entry,))
        return found


async def count_alike(router: Router, source: Source, alikeness: Alikeness) -> AsyncIterator[CountedLetters]:
    """The entries up to the last one of the snapshot.

    Raises:
        NotFound: the stream is gone.
    """
    bounds = source.bounds
    if not isinstance(bounds, IdBounds) or bounds.last is None:
        return
    key, tally = stream_key(source.ref), EntryTally(source.ref, alikeness)
    (key_type,) = await router.execute_pipeline(key, [("TYPE", key)])
    require_stream(key_type, source.ref)
    prefetcher = Prefetcher(router, source.ref, (START, bounds.last), None, REPLY_ENTRIES, list[Entry])
    async with aclosing(prefetcher.batches()) as batches:
        async for entries in batches:
            tally.add(entries)
            yield tally.take()
