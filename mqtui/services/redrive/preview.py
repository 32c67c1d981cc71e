"""What a run would do, found by reading what can be read for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.port import Batch, Broker
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.redrive import IdBounds, OffsetBounds, Source, Transfer
from mqtui.domain.resource import Ref
from mqtui.domain.span import Span
from mqtui.services.letters import Selector
from mqtui.services.origins import exists
from mqtui.services.redrive.homecoming import Homecoming
from mqtui.services.redrive.routing import Lost, Router
from mqtui.services.redrive.stamps import RUN, earlier
from mqtui.services.session import Session


@dataclass(slots=True)
class Preview:
    """Counts over the letters of a source. Sizes are bytes; `oldest` and `newest` are ms since the epoch."""

    seen: int = 0
    chosen: int = 0
    targets: Counter[Ref] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    stripped: Counter[str] = field(default_factory=Counter)
    added: tuple[str, ...] = ()
    runs: Counter[str] = field(default_factory=Counter)
    """Earlier runs that sent letters home that are here again."""

    opened: int = 0
    """Letters whose message is taken out of an envelope."""

    doubts: Counter[str] = field(default_factory=Counter)
    """Letters whose message may not be the one that was sent, by the reason."""

    largest: int = 0
    size: int = 0
    oldest: int | None = None
    newest: int | None = None
    keyless: int = 0

    def note(self, letter: Message, way: Transfer | Lost, doubt: str = "") -> None:
        """Count one chosen letter and its way; `doubt` says why its message may not be the one that was sent."""
        self.chosen += 1
        size = letter.size
        self.size += size
        self.largest = max(self.largest, size)
        self.keyless += letter.key is None
        if letter.timestamp is not None and (self.oldest is None or letter.timestamp < self.oldest):
            self.oldest = letter.timestamp
        if letter.timestamp is not None and (self.newest is None or letter.timestamp > self.newest):
            self.newest = letter.timestamp
        if earlier(letter):
            self.runs[(letter.header(RUN) or b"").decode("ascii", "replace")[-32:]] += 1
        if isinstance(way, Lost):
            self.lost[way.reason] += 1
            return
        self.targets[way.target] += 1
        self.opened += way.content is not None
        if doubt:
            self.doubts[doubt] += 1
        names = [name for name, _, _ in letter.headers] or [
            name.decode("utf-8", "surrogateescape") for name, _ in letter.fields
        ]
        for name in names:
            (self.stripped if name in way.stripped else self.kept)[name] += 1
        self.added = tuple(name for name, _, _ in way.added)


async def unhandled(broker: Broker, source: Source, partition: int | None = None) -> AsyncIterator[Batch]:
    """The letters of a source that nobody handled, in order, within its bounds. Only where looking is free."""
    after: dict[int, int] = {}
    ends: dict[int, int] = {}
    if isinstance(source.bounds, IdBounds) and source.bounds.last is None:
        return
    if isinstance(source.bounds, OffsetBounds):
        after, ends = dict(source.bounds.first), dict(source.bounds.end)
    async for batch in broker.reader.read(source.ref, Span(partition=partition, after=after), limit=None):
        yield [letter for letter in batch if _is_open(letter, source, ends)]


def _is_open(letter: Message, source: Source, ends: dict[int, int]) -> bool:
    place, bounds = letter.position, source.bounds
    if isinstance(place, Offset):
        return place.offset < ends.get(place.partition, 0) and not source.handled.has(place.partition, place.offset)
    if isinstance(place, EntryId) and isinstance(bounds, IdBounds):
        return bounds.last is not None and place <= bounds.last
    return True


async def leave_homeless(session: Session, seen: Preview) -> None:
    """Count letters whose origin is not there any more among those that stay: it is never made for them."""
    for ref in list(seen.targets):
        if not await exists(session, ref):
            seen.lost[f"there is no {ref}, where they came from"] += seen.targets.pop(ref)


async def preview(
    broker: Broker, source: Source, selector: Selector, router: Router, limit: int | None, homecoming: Homecoming
) -> Preview:
    """Read all letters of a source and count where the chosen ones go."""
    found, slices = Preview(), TimeSlices()
    async for batch in unhandled(broker, source):
        most = None if limit is None else limit - found.chosen
        for letter, wanted in zip(batch, await selector.select(batch, most), strict=True):
            found.seen += 1
            if slices.is_over:
                await slices.yield_to_loop()
            if wanted:
                way = router.route(letter)
                found.note(letter, way, router.doubt(letter, way))
                if isinstance(way, Transfer):
                    homecoming.note(letter, way)
                if limit is not None and found.chosen >= limit:
                    return found
    return found
