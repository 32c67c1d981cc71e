"""Finds dead-letter destinations that no name gives away, by the headers of their newest message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.brokers.port import Batch, ReadsNewest
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import origin
from mqtui.domain.errors import CannotConnect, MqtuiError, NeedsConsent
from mqtui.domain.message import Message
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import Edge, ReadRange
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import NOT_ASKED, Destination
from mqtui.services.browse import PeekRequest, plan_peek
from mqtui.services.session import Session

MAX_CONCURRENT = 4
ROWS_PER_SLICE = 500
"""Destinations that are examined before the event loop gets a turn."""

MAX_SEARCHED = 200
"""Destinations that one search reads from, where it was not asked for all."""

FIRST_PAUSE = 30.0
MAX_PAUSE = 3600.0
"""Longest pause in seconds before a destination that gets messages is read again."""

OWN_CONVENTION = "mqtui"
"""The convention of redriven letters: they are no dead letters any more."""


@dataclass(frozen=True, slots=True)
class HeaderFinding:
    """What the newest message of a destination shows: dead letters of these origins, detected by that."""

    origins: tuple[Ref, ...]
    detected_by: str


@dataclass(frozen=True, slots=True)
class SearchedDestination:
    """A destination that was searched: the finding, how far it had come, and when it may be searched again
    (`time.monotonic`). Each further search waits twice as long.
    """

    found: HeaderFinding | None
    end: float | None
    again_at: float
    pause: float

    def is_due(self, row: Destination, now: float) -> bool:
        """Whether messages arrived since, and the pause is over."""
        return now >= self.again_at and _progress_of(row) != self.end


class HeaderSearch:
    """Reads the newest message of destinations and remembers the finding: an idle destination is read once, one that
    gets messages again after a pause.

    `most` is how many destinations one search reads, None for all. Reading a queue delivers and requeues a message:
    queues are read only with a `consent` to that, one message each.
    """

    def __init__(self, most: int | None = MAX_SEARCHED, consent: Consent | None = None) -> None:
        self._most = most
        self._consent = consent
        self._known: dict[Ref, SearchedDestination] = {}
        self._refused: dict[Ref, float] = {}
        """Destinations that could not be read, and when each may be tried again (`time.monotonic`)."""

    def known_findings(self, places: Iterable[Destination], others: Iterable[Destination]) -> dict[Ref, HeaderFinding]:
        """What is known of these without reading; what is known of others is forgotten."""
        there = {row.ref for row in places} | {row.ref for row in others}
        self._known = {ref: known for ref, known in self._known.items() if ref in there}
        self._refused = {ref: again_at for ref, again_at in self._refused.items() if ref in there}
        return {ref: known.found for ref, known in self._known.items() if known.found is not None}

    async def search(
        self, session: Session, conventions: Conventions, places: Iterable[Destination], others: Sequence[Destination]
    ) -> bool:
        """Search `places`, dead-letter destinations without a known origin, and `others`, which are unclassified.

        True where something was read.

        Raises:
            NeedsConsent: the profile asks for consent to use up deliveries.
        """
        now = monotonic()
        new: list[Destination] = []
        moved: list[Destination] = []
        for number, row in enumerate(others):
            if number % ROWS_PER_SLICE == 0:
                await yield_to_loop()
            if self._is_wanted(row, now):
                (moved if row.ref in self._known else new).append(row)
        wanted = [row for row in places if self._is_wanted(row, now)]
        rows = [*wanted, *new[: self._most], *moved[:MAX_CONCURRENT]]
        self._refused |= {row.ref: now + MAX_PAUSE for row in rows}
        results = await self._search_rows(session, conventions, rows)
        for row, found in results:
            del self._refused[row.ref]
            before = self._known.get(row.ref)
            pause = FIRST_PAUSE if before is None else min(before.pause * 2, MAX_PAUSE)
            self._known[row.ref] = SearchedDestination(found, _progress_of(row), now + pause, pause)
        return bool(results)

    def count_unsearched(self, others: Iterable[Destination]) -> int:
        """How many of these were never searched."""
        return sum(row.ref not in self._known for row in others)

    def _is_wanted(self, row: Destination, now: float) -> bool:
        """Whether it is to be searched now."""
        known = self._known.get(row.ref)
        if not self._may_read(row.ref) or self._refused.get(row.ref, now) > now:
            return False
        return known is None or known.is_due(row, now)

    def _may_read(self, ref: Ref) -> bool:
        return ref.kind is not Kind.QUEUE or self._consent is not None

    async def _search_rows(
        self, session: Session, conventions: Conventions, rows: Sequence[Destination]
    ) -> list[tuple[Destination, HeaderFinding | None]]:
        reader = session.broker.reader
        if not isinstance(reader, ReadsNewest):
            return await self._search_one_by_one(session, conventions, rows)
        kind, results = session.broker.kind, []
        for start in range(0, len(rows), MAX_SEARCHED):
            some = rows[start : start + MAX_SEARCHED]
            try:
                newest = await reader.newest([row.ref for row in some])
            except CannotConnect:
                raise
            except MqtuiError:
                continue  # they count as not searched
            results += [
                (row, _classify_newest(kind, conventions, row.ref, newest[row.ref]))
                for row in some
                if row.ref in newest
            ]
        return results

    async def _search_one_by_one(
        self, session: Session, conventions: Conventions, rows: Sequence[Destination]
    ) -> list[tuple[Destination, HeaderFinding | None]]:
        """The same where each destination is read on its own, perhaps at the cost of a delivery."""
        gate = asyncio.Semaphore(MAX_CONCURRENT)

        async def look(row: Destination) -> tuple[Destination, HeaderFinding | None] | None:
            async with gate:
                try:
                    return row, await self._search_one(session, conventions, row.ref)
                except NeedsConsent:
                    raise
                except MqtuiError:
                    return None  # it counts as not searched

        found: list[tuple[Destination, HeaderFinding | None]] = []
        for one in await asyncio.gather(*map(look, rows), return_exceptions=True):
            if isinstance(one, BaseException):
                raise one
            if one is not None:
                found.append(one)
        return found

    async def _search_one(self, session: Session, conventions: Conventions, ref: Ref) -> HeaderFinding | None:
        async with aclosing(self._newest(session, ref)) as batches:
            async for batch in batches:
                for message in batch:
                    return _classify_newest(session.broker.kind, conventions, ref, message)
        return None

    async def _newest(self, session: Session, ref: Ref) -> AsyncGenerator[Batch]:
        if ref.kind is not Kind.QUEUE:
            async for batch in session.broker.reader.read(ref, ReadRange(Edge.NEWEST), limit=1):
                yield batch
        elif self._consent is not None:
            price = await session.broker.reader.peek_cost(ref, 1)
            plan = plan_peek(session, PeekRequest(ref, 1, ReadRange(), price))
            async with session.guard.writing(plan, self._consent) as writer:
                async for batch in writer.peek_unacked(ref, 1):
                    yield batch


def _classify_newest(
    kind: BrokerKind, conventions: Conventions, ref: Ref, newest: Message | None
) -> HeaderFinding | None:
    """What the newest message of a destination shows."""
    if newest is None:
        return None
    layout = conventions.layout(newest)
    if not layout.convention or layout.convention == OWN_CONVENTION:
        return None
    came_from = origin(newest, conventions)
    if came_from is not None and came_from.ref == ref:
        return None
    if came_from is None or came_from.by_name:
        if conventions.by_name(kind, ref.name):
            return None
        return HeaderFinding((), f"{layout.convention} headers")
    return HeaderFinding((came_from.ref,), f"{layout.convention} headers")


def _progress_of(row: Destination) -> float | None:
    """How many messages ever arrived, else how many it holds: a change means that something arrived."""
    return row.messages.number if row.arrived is NOT_ASKED else row.arrived.number
