"""Searches destinations one after the other: hits as they come, true figures, and where it stopped."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from time import monotonic

from mqtui.brokers.message_columns import MessageColumns
from mqtui.brokers.port import Batch
from mqtui.domain.errors import BadInput, CannotConnect, MqtuiError, NotFound, OverBudget
from mqtui.domain.figure import total
from mqtui.domain.message import Message
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Ref
from mqtui.domain.scan import Candidates
from mqtui.services.browse import peek
from mqtui.services.decoding import load_decoder
from mqtui.services.search.matcher import MessageMatcher
from mqtui.services.search.places import SearchPlace
from mqtui.services.search.progress import SearchProgress
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.scan_report import ScanReport, run_scan
from mqtui.services.search.scan_workers import ScanWorkers
from mqtui.services.session import Session

MAX_HELD = 20_000
"""Hits that wait to be put in order, at most."""

MAX_HELD_BYTES = 32 * 1024 * 1024


class Search:
    """One search. `hits` gives what it finds, newest first window by window; after it `left` says what was not scanned.

    With the order `Edge.OLDEST` the whole range is scanned as it is stored, and hits are given as they come.
    """

    def __init__(
        self,
        session: Session,
        query: SearchQuery,
        places: Sequence[SearchPlace],
        *,
        limit: int | None,
        first: Edge = Edge.NEWEST,
        changed: Callable[[SearchProgress], object] = lambda progress: None,
        workers: ScanWorkers | None = None,
    ) -> None:
        """`limit` is the number of hits after which it stops; `changed` is called after each part.

        `workers` were started before; the search ends them.
        """
        self.progress = SearchProgress(whole=total(place.whole for place in places))
        self.progress.not_looked_at = sum(place.not_looked_at for place in places)
        self.progress.notes = [note for place in places for note in place.notes]
        self.left = {place.ref: place.ranges for place in places if place.peek is None}
        """By destination the stretches that were not scanned; empty at the end."""

        self.waiting: list[Message] = []
        """Hits that were found and not given: beyond the limit, or of a window that was not scanned to its end."""

        self.errors: list[tuple[Ref, MqtuiError]] = []
        """Destinations that could not be read to their end, and why."""

        self._session, self._query, self._places = session, query, places
        self._limit, self._first, self._changed = limit, first, changed
        self._workers = workers
        self.given = 0
        """Hits that were given."""

        self._consent = Consent()
        self._unread = [place for place in places if place.peek is not None]

    def rest(self, limit: int | None) -> Search:
        """A search of what this one left, which goes on with its figures."""
        places = [place for place in self._places if place.peek is None or place in self._unread]
        found = Search(self._session, self._query, places, limit=limit, first=self._first, changed=self._changed)
        found.left, found.waiting = dict(self.left), list(self.waiting)
        progress, before = found.progress, self.progress
        progress.whole, progress.scanned, progress.found = before.whole, before.scanned, before.found
        progress.undecodable, progress.failed = before.undecodable, before.failed
        progress.scanned_before = before.scanned
        return found

    @property
    def is_complete(self) -> bool:
        """Whether everything was looked at, and every hit given."""
        return not (any(self.left.values()) or self.waiting or self._unread)

    async def hits(self, consent: Consent | None = None) -> AsyncGenerator[Batch]:
        """What it finds, up to the limit. Leaving early ends the scan; what was found until then was given.

        Raises:
            BadInput: the program or an expression can't be read.
            OverBudget: the program takes too much time or memory on too many messages.
            NeedsConsent, Refused: a queue may not be looked at.
        """
        self._consent = consent or Consent()
        self.progress.began = monotonic()
        try:
            if self.waiting:
                yield self.give_waiting()
            if self._is_full():
                return
            async with AsyncExitStack() as stack:
                scanner = await self._open(stack)
                for place in self._places:
                    async with aclosing(scanner.find(place)) as found:
                        async for batch in found:
                            yield self._give(batch)
                            if self._is_full():
                                return
                    if self.waiting:
                        yield self.give_waiting()
                        if self._is_full():
                            return
        finally:
            self.progress.ended = monotonic()
            self._note_unread()

    async def _open(self, stack: AsyncExitStack) -> _PlaceScanner:
        workers = self._workers
        if workers is None:
            decoder = await load_decoder(self._session.profile, self._session.address)
            workers = ScanWorkers(self._session, self._query, decoder, self._first)
        scanner = _PlaceScanner(self, self._session, self._query, workers, self._first)
        return await stack.enter_async_context(scanner)

    def give_waiting(self) -> Batch:
        """The hits that wait, as far as the limit allows: what was found stays, when it was stopped."""
        waiting, self.waiting = self.waiting, []
        return self._give(waiting)

    def _give(self, found: Batch) -> Batch:
        """The hits to give now; those beyond the limit wait."""
        room = len(found) if self._limit is None else max(0, self._limit - self.given)
        self.given += min(room, len(found))
        self.waiting += found[room:]
        return found[:room]

    def _is_full(self) -> bool:
        """Whether as many hits were given as were asked for."""
        return self._limit is not None and self.given >= self._limit

    def record(self, ref: Ref, report: ScanReport) -> None:
        """Count a part of a scan."""
        progress = self.progress
        progress.add_scanned(report.scanned)
        progress.size += report.size
        progress.found += len(report.hits)
        progress.undecodable += report.undecodable
        progress.failed += report.failed
        if report.failure_reasons:
            progress.failure_reasons[ref.name] = report.failure_reasons
        if ref in self.left:
            self.left[ref] = report.left
        self._changed(progress)

    def record_error(self, place: SearchPlace, error: MqtuiError) -> None:
        """A destination could not be read to its end: the others are."""
        self.errors.append((place.ref, error))
        if place.peek is not None:
            self._unread.append(place)

    async def read_queue(self, place: SearchPlace) -> AsyncGenerator[Batch]:
        """What a queue lends, which is returned once, at its end."""
        if place.peek is not None:
            self._unread.remove(place)
            async with aclosing(peek(self._session, place.peek, self._consent)) as batches:
                async for batch in batches:
                    yield batch

    def _note_unread(self) -> None:
        """Say what was not scanned: where it stopped early."""
        for ref, ranges in self.left.items():
            if ranges:
                self.progress.notes.append(f"{ref}: not scanned to its end")
        self.progress.notes += [f"{place.ref}: not looked at" for place in self._unread]
        whole = self.progress.whole.number
        lent = any(place.peek is not None for place in self._places)
        if whole is not None and (not self.is_complete or (lent and self._is_full())):
            self.progress.not_looked_at += max(0, int(whole) - self.progress.scanned)


class _PlaceScanner:
    """Finds the hits in one destination after the other, with the same worker processes for all of them."""

    def __init__(self, search: Search, session: Session, query: SearchQuery, workers: ScanWorkers, first: Edge) -> None:
        self._search, self._session, self._first = search, session, first
        self._matcher = MessageMatcher(query, workers.decoder)
        self._workers = workers
        self._has_matcher = False

    async def __aenter__(self) -> _PlaceScanner:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._workers.close()
        if self._has_matcher:
            await self._matcher.__aexit__()

    async def find(self, place: SearchPlace) -> AsyncGenerator[Batch]:
        """The hits in a destination; one that can't be read to its end is noted, and the next one is read."""
        try:
            source = self._scan(place) if place.peek is None else self._read_queue(place)
            async with aclosing(source) as found:
                async for batch in found:
                    yield batch
        except MqtuiError as error:
            if _concerns_all(error) or (place.peek is not None and not isinstance(error, NotFound)):
                raise
            self._search.record_error(place, error)

    async def _read_queue(self, place: SearchPlace) -> AsyncGenerator[Batch]:
        matcher = await self._open_matcher()
        test = matcher.column_test(place.ref.name)
        async for batch in self._search.read_queue(place):
            before = (matcher.undecodable, matcher.failures)
            columns = MessageColumns(batch)
            hits = await matcher.select(Candidates(columns, test(columns)))
            self._search.record(
                place.ref,
                ScanReport(
                    len(batch),
                    sum(message.size for message in batch),
                    matcher.undecodable - before[0],
                    matcher.failures - before[1],
                    hits,
                    (),
                    is_settled=True,
                    failure_reasons=tuple(matcher.failure_reasons()),
                ),
            )
            if hits:
                yield hits

    async def _scan(self, place: SearchPlace) -> AsyncGenerator[Batch]:
        held: list[Message] = []
        size = 0
        try:
            async with aclosing(self._reports(place.ref)) as reports:
                async for report in reports:
                    self._search.record(place.ref, report)
                    held += report.hits
                    size += sum(message.size for message in report.hits)
                    if held and (report.is_settled or len(held) > MAX_HELD or size > MAX_HELD_BYTES):
                        ready, held, size = self._in_order(held), [], 0
                        yield ready
        finally:
            self._search.waiting += self._in_order(held)

    def _in_order(self, hits: list[Message]) -> list[Message]:
        """Newest first; messages of one time as they lie, the last one first."""
        if self._first is Edge.NEWEST:
            hits.reverse()
            hits.sort(key=lambda hit: -(hit.timestamp or 0))
        return hits

    async def _reports(self, ref: Ref) -> AsyncGenerator[ScanReport]:
        ranges = self._search.left[ref]
        if not ranges:
            return
        if self._session.is_shared:
            source = self._workers.scan(ref, ranges, self._search.progress.notes.append)
        else:
            source = run_scan(self._session.broker, await self._open_matcher(), ref, ranges, self._first)
        async with aclosing(source) as reports:
            async for report in reports:
                yield report
        self._search.left[ref] = ()

    async def _open_matcher(self) -> MessageMatcher:
        """The conditions in this process."""
        if not self._has_matcher:
            await self._matcher.__aenter__()
            self._has_matcher = True
        return self._matcher


def _concerns_all(error: MqtuiError) -> bool:
    """Whether no other destination can be searched either."""
    return isinstance(error, BadInput | CannotConnect | OverBudget)
