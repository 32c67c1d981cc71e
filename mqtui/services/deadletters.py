"""Where dead letters lie, and what they died of."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from mqtui.brokers.port import Batch
from mqtui.domain.cause import Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import origin
from mqtui.domain.errors import CannotConnect, MqtuiError
from mqtui.domain.figure import Figure, unknown
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.span import Edge, Price, Span
from mqtui.domain.topology import Destination
from mqtui.services.browse import Look, destinations, spend_plan
from mqtui.services.letters import Grouping, group
from mqtui.services.origins import RouteCounter, remember_routes, settle_origin
from mqtui.services.redrive.preview import unhandled
from mqtui.services.session import Session

SNIFFED = 200
"""Destinations whose newest message is looked at for a convention's headers."""

AT_ONCE = 4
RETRY = re.compile(r".*-retry(-\d+)?")
"""Names of retry topics (Spring Kafka, "Topic Naming"): their application empties them, they are no dead end."""

OWN = "mqtui"
"""The convention of letters that were sent home: they are where they belong."""


@dataclass(frozen=True, slots=True)
class Place:
    """A destination that holds dead letters. `letters` are those nobody handled; `told_by` says how it was known."""

    ref: Ref
    letters: Figure
    origins: tuple[Ref, ...]
    told_by: str
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """All places, the fullest first, and how many destinations were not looked into; why there may be more."""

    places: tuple[Place, ...]
    not_looked_into: int = 0
    missing: tuple[str, ...] = ()


async def find(session: Session, conventions: Conventions) -> Found:
    """Dead-letter destinations: by the broker's own settings, by name, and by the headers of the newest message.

    What only headers tell counts where nobody reads.
    """
    rows = await destinations(session.broker)
    return replace(await find_among(session, conventions, rows), missing=rows.missing)


async def find_among(session: Session, conventions: Conventions, everything: Sequence[Destination]) -> Found:
    """Dead-letter destinations among those of a listing."""
    rows = [row for row in everything if not row.internal and row.ref.kind is not Kind.EXCHANGE and not _private(row)]
    fed: dict[Ref, list[Ref]] = {}
    for row in rows:
        for target in row.dead_letters_to:
            fed.setdefault(target, []).append(row.ref)
    known: dict[Ref, tuple[tuple[Ref, ...], str]] = {}
    unsure: list[Destination] = []
    names = {row.ref for row in rows}
    for row in rows:
        if row.ref in fed:
            known[row.ref] = (tuple(fed[row.ref]), "the broker sends dead letters here")
        elif (named := conventions.by_name(session.broker.kind, row.ref.name)) is not None:
            there = [ref for name in named.candidates if (ref := Ref(named.kind, name)) in names and ref != row.ref]
            known[row.ref] = (tuple(there[:1]), "its name")
        elif row.messages.number != 0 and not RETRY.fullmatch(row.ref.name):
            unsure.append(row)
    depths = {row.ref: row for row in rows}
    nameless = [depths[ref] for ref, (origins, _) in known.items() if not origins]
    sniffed = await _sniffed(session, conventions, [*nameless, *unsure[:SNIFFED]])
    places = [await _place(session, depths[ref], origins, told) for ref, (origins, told) in (known | sniffed).items()]
    places = [place for place in places if place.ref in known or not place.readers]
    places.sort(key=lambda place: (-(place.letters.number or 0), place.ref))
    return Found(tuple(places), max(0, len(unsure) - SNIFFED))


def _private(row: Destination) -> bool:
    """A queue that only the connection which declared it may read (RabbitMQ)."""
    return bool(row.facts.get("exclusive"))


async def _place(session: Session, row: Destination, origins: tuple[Ref, ...], told: str) -> Place:
    """A place with its letters; where they can't be counted the row stays, with the reason."""
    try:
        source = await session.broker.snapshot(row.ref)
    except CannotConnect:
        raise
    except MqtuiError as error:
        return Place(row.ref, unknown(error.title), origins, told)
    return Place(row.ref, source.count, origins, told, source.readers)


async def _sniffed(
    session: Session, conventions: Conventions, rows: Sequence[Destination]
) -> dict[Ref, tuple[tuple[Ref, ...], str]]:
    """Those whose newest message carries a convention's headers; only where looking is free."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(row: Destination) -> tuple[Ref, tuple[tuple[Ref, ...], str]] | None:
        async with gate:
            try:
                if (await session.broker.reader.price(row.ref, 1)).lends:
                    return None
                async with aclosing(_newest(session, row.ref)) as batches:
                    async for batch in batches:
                        for message in batch:
                            layout = conventions.layout(message)
                            if layout.convention and layout.convention != OWN:
                                came_from = origin(message, conventions)
                                if came_from is None and conventions.by_name(session.broker.kind, row.ref.name):
                                    return None
                                origins = (came_from.ref,) if came_from else ()
                                return row.ref, (origins, f"{layout.convention} headers")
            except MqtuiError:
                return None
        return None

    return dict(one for one in await asyncio.gather(*map(look, rows)) if one is not None)


async def _newest(session: Session, ref: Ref) -> AsyncGenerator[Batch]:
    async for batch in session.broker.reader.read(ref, Span(Edge.NEWEST), limit=1):
        yield batch


async def causes(session: Session, ref: Ref, price: Price, conventions: Conventions, consent: Consent) -> list[Cause]:
    """The letters of one destination by cause. On a queue they are lent for it: each costs what `price` says, and where
    they came from is kept for the plan of their redrive.

    Raises:
        Refused, NeedsConsent: the price can't be paid, or was not agreed to.
    """
    source = await session.broker.snapshot(ref)
    conventions = await settle_origin(session, ref, conventions)
    if not price.lends:
        return await group(unhandled(session.broker, source), conventions)
    count = int(source.count.number or 0)
    if not count:
        return []
    plan = spend_plan(session, Look(ref, count, Span(), price))
    grouping, routes = Grouping(conventions), RouteCounter(conventions)
    async with session.guard.writing(plan, consent) as writer:
        async for batch in writer.borrow(ref, count):
            for letter in batch:
                grouping.add(letter)
                routes.add(letter)
    await remember_routes(session, source, routes)
    return grouping.causes()
