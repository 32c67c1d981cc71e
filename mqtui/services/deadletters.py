"""Where dead letters lie, and what they died of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from mqtui.domain.cause import Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthorised, NotFound
from mqtui.domain.figure import Figure, unknown
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.span import Price, Span
from mqtui.domain.topology import Destination
from mqtui.services.browse import Look, destinations, spend_plan
from mqtui.services.header_search import HeaderSearch
from mqtui.services.letters import Grouping, group
from mqtui.services.origins import RouteCounter, ladder_of, named_stage, remember_routes, settle_origin
from mqtui.services.redrive.preview import unhandled
from mqtui.services.session import Session


@dataclass(frozen=True, slots=True)
class Place:
    """A destination that holds dead letters. `letters` are those nobody handled; `told_by` says how it was known."""

    ref: Ref
    letters: Figure
    origins: tuple[Ref, ...]
    told_by: str
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A place in which messages wait for another try, or go round: no dead letters. `why` says how that is known."""

    ref: Ref
    messages: Figure
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """All places, the fullest first, the retry stages beside them, and how many destinations were not looked into.

    Those are destinations of which neither the broker's settings nor a name tells whether they hold dead letters.
    `missing` says why there may be more.
    """

    places: tuple[Place, ...]
    stages: tuple[Stage, ...] = ()
    not_looked_into: int = 0
    missing: tuple[str, ...] = ()


SLICE = 1_000
"""Destinations that are looked through before others on the event loop have their turn."""


async def find(session: Session, conventions: Conventions, search: HeaderSearch | None = None) -> Found:
    """Dead-letter destinations: by the broker's own settings, by name, and by the headers of the newest message.

    What only headers tell counts where nobody reads. Without a search the first few destinations are looked into.
    """
    rows = await destinations(session.broker)
    return replace(await find_among(session, conventions, rows, search or HeaderSearch()), missing=rows.missing)


async def find_one(session: Session, conventions: Conventions, ref: Ref) -> Place | None:
    """One destination, if its name or its newest message tells that it holds dead letters; no list is asked for.

    On RabbitMQ mostly the settings of the other queues tell it, which only the list of all has.

    Raises:
        NotFound: there is no such thing.
    """
    catalog = session.broker.catalog
    rows = [await catalog.detail(ref)]
    named = conventions.by_name(session.broker.kind, ref.name)
    for origin in [Ref(named.kind, name) for name in named.candidates] if named else []:
        with suppress(NotFound, NotAuthorised):
            rows.append(await catalog.locate(origin))
    found = await find_among(session, conventions, rows, _OneSearch(ref))
    return next((place for place in found.places if place.ref == ref), None)


class _OneSearch(HeaderSearch):
    """Looks into one destination, whatever else is there."""

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self._ref = ref

    def _may_look(self, ref: Ref) -> bool:
        return ref == self._ref and super()._may_look(ref)


async def find_among(
    session: Session, conventions: Conventions, everything: Sequence[Destination], search: HeaderSearch
) -> Found:
    """Dead-letter destinations among those of a listing."""
    broker = session.broker.kind
    rows = [row for row in everything if not row.internal and row.ref.kind is not Kind.EXCHANGE and not _private(row)]
    await asyncio.sleep(0)
    ladder = ladder_of(broker, conventions, rows)
    known: dict[Ref, tuple[tuple[Ref, ...], str]] = {}
    stages = dict(ladder.stages)
    unsure: list[Destination] = []
    await asyncio.sleep(0)
    depths = {row.ref: row for row in rows}
    for number, row in enumerate(rows):
        if number % SLICE == 0:
            await asyncio.sleep(0)
        named = conventions.by_name(broker, row.ref.name)
        there = [ref for name in named.candidates if (ref := Ref(named.kind, name)) in depths] if named else []
        there = [ref for ref in there if ref != row.ref]
        if row.ref in stages:
            continue
        if row.ref in ladder.feeders:
            known[row.ref] = (ladder.feeders[row.ref], "the broker sends dead letters here")
        elif named is not None and (there or not named.needs_origin):
            known[row.ref] = (tuple(there[:1]), "its name")
        elif why := named_stage(broker, conventions, row.ref):
            stages[row.ref] = why
        elif row.messages.number != 0:
            unsure.append(row)
    nameless = [depths[ref] for ref, (origins, _) in known.items() if not origins]
    told = await search.look(session, conventions, nameless, unsure)
    findings = known | {ref: (finding.origins, finding.told_by) for ref, finding in told.items()}
    places = [await _place(session, depths[ref], origins, told_by) for ref, (origins, told_by) in findings.items()]
    places = [place for place in places if place.ref in known or not place.readers]
    places.sort(key=lambda place: (-(place.letters.number or 0), place.ref))
    waiting = tuple(Stage(ref, depths[ref].messages, why) for ref, why in sorted(stages.items()))
    return Found(tuple(places), waiting, search.not_looked_into(unsure))


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
