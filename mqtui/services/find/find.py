"""Looks for one text in every place of several brokers: what is free at once, priced queues after their price."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from mqtui.brokers.message_columns import MessageColumns
from mqtui.brokers.port import Batch
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure
from mqtui.domain.message import Message
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Kind
from mqtui.domain.scan import PlaceStep
from mqtui.domain.topology import Destination, Inventory
from mqtui.services.browse import list_destinations, peek
from mqtui.services.decoding import load_decoder
from mqtui.services.find.coverage import Coverage, NotLookedAt
from mqtui.services.find.hit import Hit
from mqtui.services.find.needle_matcher import NeedleMatcher
from mqtui.services.find.place_scan import scan_places
from mqtui.services.find.priced import PricedQueue, PriceQuestion, ask_prices
from mqtui.services.find.request import FindRequest
from mqtui.services.search.text_needle import NeedleTest
from mqtui.services.session import Session

MAX_HITS = 1_000
"""Hits that are kept, at most."""

QUEUES_AT_ONCE = 4


class Find:
    """One look for a text. `hits` gives what it finds where that is free; `coverage` says what was looked at.

    After it `queues` has the queues that lend their messages: `price` says what reading them costs, `queue_hits` reads
    them once that is answered.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        request: FindRequest,
        changed: Callable[[Coverage], object] = lambda coverage: None,
    ) -> None:
        """`changed` is called after each part."""
        self.request = request
        self.coverage = Coverage()
        self.queues: list[PricedQueue] = []
        self.broker_errors: list[MqtuiError] = []
        """Why brokers could not be asked."""

        self._sessions, self._changed = sessions, changed
        self._matchers: dict[str, NeedleMatcher] = {}

    async def hits(self) -> AsyncGenerator[list[Hit]]:
        """What it finds in places that are free to read, as it comes. Leaving early ends it.

        A broker that can't be asked costs only itself: `coverage.missing` says why.
        """
        results: asyncio.Queue[list[Hit] | None] = asyncio.Queue()

        async def look(session: Session) -> None:
            try:
                async with aclosing(self._broker_hits(session)) as found:
                    async for hits in found:
                        results.put_nowait(hits)
            except MqtuiError as error:
                self.broker_errors.append(error)
                self.coverage.add_missing(NotLookedAt.of(session.target, "", error))
            finally:
                results.put_nowait(None)

        tasks = [asyncio.ensure_future(look(session)) for session in self._sessions]
        try:
            async for hits in _until_all_ended(results, len(tasks)):
                if room := self._room(hits):
                    yield room
            await asyncio.gather(*tasks)
        finally:
            await _end(tasks)

    def _room(self, hits: list[Hit]) -> list[Hit]:
        """The hits that are kept."""
        kept = hits[: max(0, MAX_HITS - self.coverage.found)]
        self.coverage.found += len(kept)
        self.coverage.dropped += len(hits) - len(kept)
        self._changed(self.coverage)
        return kept

    # -- one broker

    async def _broker_hits(self, session: Session) -> AsyncGenerator[list[Hit]]:
        matcher = await self._matcher(session)
        rows = await list_destinations(session.broker)
        free = self._sort_out(session, rows)
        self._changed(self.coverage)
        by_rules = [row for row in free if matcher.has_rules_for(row.ref)]
        by_bytes = [row for row in free if not matcher.has_rules_for(row.ref)]
        for some, reads_bytes in ((by_bytes, True), (by_rules, False)):
            if some:
                async with aclosing(self._scan(session, matcher, some, reads_bytes=reads_bytes)) as found:
                    async for hits in found:
                        yield hits

    async def _matcher(self, session: Session) -> NeedleMatcher:
        if session.target not in self._matchers:
            decoder = await load_decoder(session.profile, session.address)
            self._matchers[session.target] = NeedleMatcher(self.request.needle, decoder)
        return self._matchers[session.target]

    def _sort_out(self, session: Session, rows: Inventory[Destination]) -> list[Destination]:
        """The places that are free to read; queues wait for their price, what is left out is noted."""
        coverage = self.coverage
        for why in rows.missing:
            coverage.add_missing(NotLookedAt(session.target, "", why))
        free: list[Destination] = []
        for row in rows:
            if row.ref.kind is Kind.EXCHANGE:
                continue
            if row.internal:
                coverage.internal += 1
                continue
            coverage.places += 1
            if row.ref.kind is not Kind.QUEUE:
                free.append(row)
            elif row.messages.number == 0:
                coverage.looked_at += 1
            else:
                self.queues.append(PricedQueue(session, row.ref, row.messages))
        return free

    async def _scan(
        self, session: Session, matcher: NeedleMatcher, rows: Sequence[Destination], *, reads_bytes: bool
    ) -> AsyncGenerator[list[Hit]]:
        test = NeedleTest(self.request.needle, self.request.since, reads_bytes=reads_bytes)
        refs, depth = [row.ref for row in rows], self.request.place_depth
        scans = scan_places(session.broker, refs, depth, self.request.since, test)
        left = dict.fromkeys(refs)
        try:
            async with aclosing(scans) as parts:
                async for steps in parts:
                    for step in steps:
                        self._count(session, step)
                        if step.is_last:
                            left.pop(step.ref, None)
                    candidates = [message for step in steps for message, _ in step.candidates]
                    if hits := await self._hits(session, matcher, candidates):
                        yield hits
                    self._changed(self.coverage)
        except MqtuiError as error:
            for ref in left:
                self.coverage.add_missing(NotLookedAt.of(session.target, str(ref), error))

    def _count(self, session: Session, step: PlaceStep) -> None:
        coverage = self.coverage
        coverage.scanned += step.scanned
        coverage.size += step.size
        if step.error is not None:
            coverage.add_missing(NotLookedAt.of(session.target, str(step.ref), step.error))
        elif step.is_last:
            coverage.looked_at += 1
            coverage.with_older += step.has_older
            coverage.uncommitted += step.uncommitted

    async def _hits(self, session: Session, matcher: NeedleMatcher, candidates: Batch) -> list[Hit]:
        before = matcher.undecodable
        found = await matcher.select(candidates)
        self.coverage.undecodable += matcher.undecodable - before
        return [Hit(session, message, places) for message, places in found]

    # -- queues that lend

    async def price(self) -> PriceQuestion:
        """What reading the queues costs; those that may not be read are noted as not looked at."""
        question = await ask_prices(self.queues, self.request.queue_depth)
        for queue, why in question.refused:
            self.coverage.add_missing(NotLookedAt(queue.session.target, str(queue.ref), why))
        self.queues = [queue for queue, _ in question.requests]
        return question

    def decline(self, why: str) -> None:
        """The queues are not read: that is said of them together."""
        self.coverage.add_declined(self.queues, why)
        self.queues = []

    async def queue_hits(self, question: PriceQuestion, consent: Consent) -> AsyncGenerator[list[Hit]]:
        """What it finds in the queues of an answered price. What they lend is returned, whatever happens."""
        results: asyncio.Queue[list[Hit] | None] = asyncio.Queue()
        gate = asyncio.Semaphore(QUEUES_AT_ONCE)

        async def look(number: int) -> None:
            queue, asked = question.requests[number]
            try:
                async with gate:
                    messages: list[Message] = []
                    async with aclosing(peek(queue.session, asked, consent)) as batches:
                        async for batch in batches:
                            messages += batch
                    results.put_nowait(await self._queue_hits(queue, messages))
            except MqtuiError as error:
                self.coverage.add_missing(NotLookedAt.of(queue.session.target, str(queue.ref), error))
            finally:
                results.put_nowait(None)

        tasks = [asyncio.ensure_future(look(number)) for number in range(len(question.requests))]
        self.queues = []
        try:
            async for hits in _until_all_ended(results, len(tasks)):
                if room := self._room(hits):
                    yield room
            await asyncio.gather(*tasks)
        finally:
            await _end(tasks)

    async def _queue_hits(self, queue: PricedQueue, messages: list[Message]) -> list[Hit]:
        coverage, request = self.coverage, self.request
        matcher = await self._matcher(queue.session)
        coverage.looked_at += 1
        coverage.scanned += len(messages)
        coverage.size += sum(message.size for message in messages)
        coverage.queues_with_more += _has_more(queue.messages, len(messages), request.queue_depth)
        reads_bytes = not matcher.has_rules_for(queue.ref)
        test = NeedleTest(request.needle, request.since, reads_bytes=reads_bytes)
        candidates = [messages[index] for index, _ in test(MessageColumns(messages))]
        return await self._hits(queue.session, matcher, candidates)


def _has_more(messages: Figure, read: int, depth: int) -> bool:
    return read >= depth and (messages.number is None or messages.number > depth)


async def _until_all_ended(results: asyncio.Queue[list[Hit] | None], count: int) -> AsyncGenerator[list[Hit]]:
    while count:
        hits = await results.get()
        if hits is None:
            count -= 1
        elif hits:
            yield hits


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
