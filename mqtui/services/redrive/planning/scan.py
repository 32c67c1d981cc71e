"""Reads all letters of a source for a plan, where reading does not consume, and counts what a run would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.port import Batch, Broker
from mqtui.domain.convention import Layout
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.read_range import ReadRange
from mqtui.domain.redrive import IdBounds, OffsetBounds, Source, Transfer
from mqtui.domain.resource import Ref, name_text
from mqtui.services.letter_selector import LetterSelector
from mqtui.services.origins import destination_exists
from mqtui.services.redrive.planning.mqtui_headers import RUN, redrive_count
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
    added_headers: tuple[str, ...] = ()
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
    """The layout of the previous letter: the names of its headers are known."""

    def add(self, letter: Message, layout: Layout, route: Transfer | Unroutable, doubt: str = "") -> None:
        """Count one selected letter and its route; `doubt` says why its message may not be the one that was sent."""
        self.selected += 1
        size = letter.size
        self.size += size
        self.largest = max(self.largest, size)
        self.keyless += letter.key is None
        if letter.timestamp is not None and (self.oldest is None or letter.timestamp < self.oldest):
            self.oldest = letter.timestamp
        if letter.timestamp is not None and (self.newest is None or letter.timestamp > self.newest):
            self.newest = letter.timestamp
        if redrive_count(letter):
            self.earlier_runs[(letter.header(RUN) or b"").decode("ascii", "replace")[-32:]] += 1
        if isinstance(route, Unroutable):
            self.unroutable[route.reason] += 1
            return
        self.targets[route.target] += 1
        self.unwrapped += route.content is not None
        if doubt:
            self.doubts[doubt] += 1
        if layout is not self._layout:
            self._layout = layout
            self._add_header_names(letter, route)

    def _add_header_names(self, letter: Message, route: Transfer) -> None:
        names = [name for name, _, _ in letter.headers] or [name_text(name) for name, _ in letter.fields]
        for name in names:
            (self.stripped_headers if name in route.stripped else self.kept_headers)[name] = None
        self.added_headers = tuple(name for name, _, _ in route.added)


async def read_unhandled(broker: Broker, source: Source, partition: int | None = None) -> AsyncIterator[Batch]:
    """The unhandled letters of a source, in order, within its bounds. Only where reading does not consume."""
    after: dict[int, int] = {}
    ends: dict[int, int] = {}
    if isinstance(source.bounds, IdBounds) and source.bounds.last is None:
        return
    if isinstance(source.bounds, OffsetBounds):
        after, ends = dict(source.bounds.first), dict(source.bounds.end)
    async for batch in broker.reader.read(source.ref, ReadRange(partition=partition, after=after), limit=None):
        yield [letter for letter in batch if _is_unhandled(letter, source, ends)]


def _is_unhandled(letter: Message, source: Source, ends: dict[int, int]) -> bool:
    position, bounds = letter.position, source.bounds
    if isinstance(position, Offset):
        return position.offset < ends.get(position.partition, 0) and not source.handled.has(
            position.partition, position.offset
        )
    if isinstance(position, EntryId) and isinstance(bounds, IdBounds):
        return bounds.last is not None and position <= bounds.last
    return True


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
        for letter, wanted in zip(batch, selected, strict=True):
            found.scanned += 1
            if slices.is_over:
                await slices.yield_to_loop()
            if wanted:
                route = router.route(letter)
                found.add(letter, router.layout, route, router.why_doubtful(letter, route))
                if isinstance(route, Transfer):
                    partition_check.add(letter, route)
                if limit is not None and found.selected >= limit:
                    return found
    return found
