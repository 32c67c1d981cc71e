"""Reads all letters of a source for a plan, where reading does not consume, and counts what a run would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mqtui.brokers.loop_yield import CLOCK_INTERVAL, TimeSlices
from mqtui.brokers.optional_port import CountsAlike
from mqtui.brokers.port import Batch, Broker
from mqtui.domain.bulk import AlikeLetters, Alikeness
from mqtui.domain.convention import Layout
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.offset_spans import NO_OFFSETS
from mqtui.domain.read_range import ReadRange
from mqtui.domain.redrive import Handled, IdBounds, OffsetBounds, Source, Transfer
from mqtui.domain.resource import Ref, name_text
from mqtui.services.letter_selector import LetterSelector
from mqtui.services.origins import destination_exists
from mqtui.services.redrive.planning.mqtui_headers import COUNT, RUN, redrive_count
from mqtui.services.redrive.planning.partition_check import PartitionCheck
from mqtui.services.redrive.planning.routing import RedriveRouter, Unroutable
from mqtui.services.session import Session


@dataclass(slots=True)
class ScanResult:
    """Counts over the letters of a source. Sizes are bytes; `oldest` and `newest` are ms since the epoch."""

    scanned: int = 0
    selected: int = 0
    targets: Counter[Ref] = field(default_factory=Counter)
    unroutable: Counter[str] = field(default_factory=Counter)
    kept_headers: dict[str, None] = field(default_factory=dict)
    """Their names, in the order in which they were met."""

    stripped_headers: dict[str, None] = field(default_factory=dict)
    added_headers: dict[str, None] = field(default_factory=dict)
    earlier_runs: Counter[str] = field(default_factory=Counter)
    """Ids of earlier runs, by how many of their letters are dead-lettered again."""

    cause_text: str = ""
    """The selected cause in words; empty where the letters are not selected by cause."""

    unwrapped: int = 0
    """Letters whose message is taken out of an envelope."""

    doubts: Counter[str] = field(default_factory=Counter)
    """Letters whose message may not be the one that was sent, by the reason."""

    largest: int = 0
    size: int = 0
    oldest: int | None = None
    newest: int | None = None
    keyless: int = 0
    _layout: Layout | None = None
    """The layout of the previous letter."""

    _has_names: bool = False
    """Whether the names of its headers are known."""

    _may_be_redriven: bool = False
    """Whether it has the header that counts redrives."""

    def add(self, letter: Message, layout: Layout, route: Transfer | Unroutable, doubt: str = "") -> None:
        """Count one selected letter and its route; `doubt` says why its message may not be the one that was sent."""
        size, time = letter.size, letter.timestamp
        self.size += size
        if size > self.largest:
            self.largest = size
        if letter.key is None:
            self.keyless += 1
        if time is not None:
            if self.oldest is None or time < self.oldest:
                self.oldest = time
            if self.newest is None or time > self.newest:
                self.newest = time
        self._count_route(letter, layout, route, doubt, 1)

    def add_alike(self, alike: AlikeLetters, layout: Layout, route: Transfer | Unroutable, doubt: str) -> None:
        """`add` for letters that are alike; layout, route and doubt are those of the first."""
        self.size += alike.size
        self.largest = max(self.largest, alike.largest)
        self.keyless += alike.keyless
        times = [time for time in (self.oldest, self.newest, alike.oldest, alike.newest) if time is not None]
        self.oldest, self.newest = min(times, default=None), max(times, default=None)
        self._count_route(alike.first, layout, route, doubt, alike.count)

    def _count_route(
        self, letter: Message, layout: Layout, route: Transfer | Unroutable, doubt: str, count: int
    ) -> None:
        if layout is not self._layout:
            self._layout, self._has_names = layout, False
            self._may_be_redriven = COUNT in layout.kept or COUNT in layout.stripped
        self.selected += count
        if self._may_be_redriven and redrive_count(letter):
            self.earlier_runs[(letter.header(RUN) or b"").decode("ascii", "replace")[-32:]] += count
        if isinstance(route, Unroutable):
            self.unroutable[route.reason] += count
            return
        self.targets[route.target] += count
        if route.content is not None:
            self.unwrapped += count
        if doubt:
            self.doubts[doubt] += count
        if not self._has_names:
            self._has_names = True
            self._add_header_names(letter, route)

    def _add_header_names(self, letter: Message, route: Transfer) -> None:
        names = [name for name, _, _ in letter.headers] or [name_text(name) for name, _ in letter.fields]
        for name in names:
            (self.stripped_headers if name in route.stripped else self.kept_headers)[name] = None
        for name, _, _ in route.added:
            self.added_headers[name] = None


async def read_unhandled(broker: Broker, source: Source, partition: int | None = None) -> AsyncIterator[Batch]:
    """The unhandled letters of a source, in order, within its bounds. Only where reading does not consume."""
    bounds = source.bounds
    if isinstance(bounds, IdBounds) and bounds.last is None:
        return
    after = dict(bounds.first) if isinstance(bounds, OffsetBounds) else {}
    async for batch in broker.reader.read(source.ref, ReadRange(partition=partition, after=after), limit=None):
        if isinstance(bounds, OffsetBounds):
            yield _drop_handled(batch, bounds, source.handled)
        elif isinstance(bounds, IdBounds):
            yield _drop_later(batch, bounds)
        else:
            yield batch


def _drop_handled(batch: Batch, bounds: OffsetBounds, handled: Handled) -> Batch:
    """The letters before the ends that no run has handled."""
    places = [(letter, letter.position) for letter in batch if isinstance(letter.position, Offset)]
    end, done, above = bounds.end, handled.watermark, handled.above
    return [
        letter
        for letter, at in places
        if done.get(at.partition, 0) <= at.offset < end.get(at.partition, 0)
        and at.offset not in above.get(at.partition, NO_OFFSETS)
    ]


def _drop_later(batch: Batch, bounds: IdBounds) -> Batch:
    """The letters up to the last one of the snapshot. Batches are in order, so all of most batches are."""
    last = bounds.last
    if last is None or not batch:
        return ()
    newest = batch[-1].position
    if isinstance(newest, EntryId) and newest <= last:
        return batch
    return [letter for letter in batch if isinstance(letter.position, EntryId) and letter.position <= last]


async def drop_missing_targets(session: Session, scan: ScanResult) -> None:
    """Count letters whose origin no longer exists as unroutable: a redrive never creates a destination."""
    for ref in list(scan.targets):
        if not await destination_exists(session, ref):
            scan.unroutable[f"there is no {ref}, where they came from"] += scan.targets.pop(ref)


async def scan_source(
    broker: Broker,
    source: Source,
    selector: LetterSelector,
    router: RedriveRouter,
    limit: int | None,
    partition_check: PartitionCheck,
) -> ScanResult:
    """Read all letters of a source and count where the selected ones would go."""
    found, slices = ScanResult(), TimeSlices()
    async for batch in read_unhandled(broker, source):
        most = None if limit is None else limit - found.selected
        selected = await selector.select(batch, most)
        found.cause_text = selector.cause_text
        for index, (letter, wanted) in enumerate(zip(batch, selected, strict=True)):
            found.scanned += 1
            if not index % CLOCK_INTERVAL and slices.is_over:
                await slices.yield_to_loop()
            if wanted:
                _add(found, letter, router, partition_check)
                if limit is not None and found.selected >= limit:
                    return found
    return found


async def count_source(
    broker: CountsAlike,
    source: Source,
    router: RedriveRouter,
    alikeness: Alikeness,
    partition_check: PartitionCheck,
) -> ScanResult:
    """`scan_source` where all letters are selected and the broker counts those that are alike."""
    found, slices = ScanResult(), TimeSlices()
    async for counted in broker.count_alike(source, alikeness):
        found.scanned += len(counted)
        for index, letter in enumerate(counted.letters):
            if not index % CLOCK_INTERVAL and slices.is_over:
                await slices.yield_to_loop()
            _add(found, letter, router, partition_check)
        for alike in counted.alike:
            if slices.is_over:
                await slices.yield_to_loop()
            first = alike.first
            route = router.route_alike(first)
            found.add_alike(alike, router.layout, route, router.why_doubtful(first, route))
            if isinstance(route, Transfer):
                partition_check.add(first, route)
    return found


def _add(found: ScanResult, letter: Message, router: RedriveRouter, partition_check: PartitionCheck) -> None:
    route = router.route_alike(letter)
    found.add(letter, router.layout, route, router.why_doubtful(letter, route))
    if isinstance(route, Transfer):
        partition_check.add(letter, route)
