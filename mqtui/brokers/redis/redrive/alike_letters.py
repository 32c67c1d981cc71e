"""Counts the letters of a stream for a plan: those with the same fields together, without a `Message` of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from mqtui.brokers.alike_tally import AlikeTally
from mqtui.brokers.redis.connection.resp import Entry, entry_sizes
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.read.reader import START, RedisReader
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
        """Count some entries: fields are what headers are elsewhere."""
        tally = self._tally
        for entry, size in zip(entries, entry_sizes(entries), strict=True):
            raw, flat = entry
            names, values = tuple(flat[::2]), flat[1::2]
            shape = tally.shapes.get(names) or tally.learn(names, self._message(entry))
            if shape.deciding is None:
                tally.letters.append(self._message(entry))
                continue
            deciding = shape.deciding(values)
            alike = shape.alike.get(deciding) or tally.open(shape, deciding, self._message(entry))
            if alike.first is None:
                alike.first = self._message(entry)
            alike.sizes.append(size)
            alike.times.append(int(raw.partition(b"-")[0]))
            alike.keyless += 1

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
    async for entries in RedisReader(router).read_range(key, START, bounds.last, None):
        tally.add(entries)
        yield tally.take()
