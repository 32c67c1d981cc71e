"""Which destinations hold dead letters although no name tells it: the headers of their newest message do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from mqtui.brokers.port import Batch
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import origin
from mqtui.domain.errors import MqtuiError, NeedsConsent
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.span import Edge, Span
from mqtui.domain.topology import Destination
from mqtui.services.browse import Look, spend_plan
from mqtui.services.session import Session

AT_ONCE = 4
MOST = 200
"""Destinations that one search looks into, where it was not asked for all."""

OWN = "mqtui"
"""The convention of letters that were sent home: they are where they belong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found in a destination: dead letters of these origins, known by that."""

    origins: tuple[Ref, ...]
    told_by: str


class HeaderSearch:
    """Looks into destinations and remembers what it found: a later search goes on where this one ended.

    `most` is how many destinations one search looks into, None for all. Queues only lend their messages, so that a look
    has a price: they are looked into where there is a `consent` to it, at one message each.
    """

    def __init__(self, most: int | None = MOST, consent: Consent | None = None) -> None:
        self._most = most
        self._consent = consent
        self._found: dict[Ref, Finding | None] = {}
        """None: it was looked into, and nothing tells of dead letters. Those looked into last stand last."""

    async def look(
        self, session: Session, conventions: Conventions, places: Iterable[Destination], others: Sequence[Destination]
    ) -> dict[Ref, Finding]:
        """What is known now of places of dead letters, whose origin is wanted, and of others, of which nothing is.

        Raises:
            NeedsConsent: the profile asks for leave to spend deliveries.
        """
        there = {row.ref: place for place, row in enumerate(others)}
        await asyncio.sleep(0)
        self._found = {ref: found for ref, found in self._found.items() if ref in there}
        order = {ref: place for place, ref in enumerate(self._found)}
        await asyncio.sleep(0)
        askable = [row for row in others if self._may_look(row.ref)]
        askable.sort(key=lambda row: order.get(row.ref, -1))
        await asyncio.sleep(0)
        wanted = [row.ref for row in places if self._may_look(row.ref)]
        told = await self._looked(session, conventions, [*wanted, *(row.ref for row in askable[: self._most])])
        for ref, finding in told:
            if ref in there:
                self._found.pop(ref, None)
                self._found[ref] = finding
        return {ref: finding for ref, finding in (*self._found.items(), *told) if finding is not None}

    def not_looked_into(self, others: Iterable[Destination]) -> int:
        """How many of these were never looked into."""
        return sum(row.ref not in self._found for row in others)

    def _may_look(self, ref: Ref) -> bool:
        return ref.kind is not Kind.QUEUE or self._consent is not None

    async def _looked(
        self, session: Session, conventions: Conventions, refs: Sequence[Ref]
    ) -> list[tuple[Ref, Finding | None]]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def look(ref: Ref) -> tuple[Ref, Finding | None] | None:
            async with gate:
                try:
                    return ref, await self._one(session, conventions, ref)
                except NeedsConsent:
                    raise
                except MqtuiError:
                    return None  # it counts as not looked into

        found: list[tuple[Ref, Finding | None]] = []
        for one in await asyncio.gather(*map(look, refs), return_exceptions=True):
            if isinstance(one, BaseException):
                raise one
            if one is not None:
                found.append(one)
        return found

    async def _one(self, session: Session, conventions: Conventions, ref: Ref) -> Finding | None:
        async with aclosing(self._newest(session, ref)) as batches:
            async for batch in batches:
                for message in batch:
                    layout = conventions.layout(message)
                    if not layout.convention or layout.convention == OWN:
                        continue
                    came_from = origin(message, conventions)
                    if came_from is not None and came_from.ref == ref:
                        return None
                    if came_from is None or came_from.by_name:
                        if conventions.by_name(session.broker.kind, ref.name):
                            return None
                        return Finding((), f"{layout.convention} headers")
                    return Finding((came_from.ref,), f"{layout.convention} headers")
        return None

    async def _newest(self, session: Session, ref: Ref) -> AsyncGenerator[Batch]:
        if ref.kind is not Kind.QUEUE:
            async for batch in session.broker.reader.read(ref, Span(Edge.NEWEST), limit=1):
                yield batch
        elif self._consent is not None:
            price = await session.broker.reader.price(ref, 1)
            plan = spend_plan(session, Look(ref, 1, Span(), price))
            async with session.guard.writing(plan, self._consent) as writer:
                async for batch in writer.borrow(ref, 1):
                    yield batch
