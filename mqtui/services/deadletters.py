"""Finds the destinations that hold dead letters, and groups the letters of one by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.domain.cause import Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthorised, NotFound
from mqtui.domain.figure import Figure, pluralize
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import PeekCost, ReadRange
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination, Group
from mqtui.services.browse import PeekRequest, list_destinations, plan_peek
from mqtui.services.header_search import HeaderSearch
from mqtui.services.origins import RouteCounter, build_ladder, remember_routes, resolve_origin, why_retry_by_name
from mqtui.services.session import Session

if TYPE_CHECKING:
    from mqtui.services.cause_grouping import FirstLetters


@dataclass(frozen=True, slots=True)
class DeadLetterDestination:
    """A destination that holds dead letters. `letters` are the unhandled ones; `detected_by` says how it was detected.

    `readers` is None where they were not asked for, or the broker does not tell.
    """

    ref: Ref
    letters: Figure
    origins: tuple[Ref, ...]
    detected_by: str
    readers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RetryStage:
    """A destination in which messages wait for another try: not dead letters. `why` says how that is known."""

    ref: Ref
    messages: Figure
    why: str


@dataclass(frozen=True, slots=True)
class DeadLetterSurvey:
    """All dead-letter destinations, the fullest first, the retry stages, and how many destinations are unclassified.

    Those are destinations for which neither the broker's settings nor a name says whether they hold dead letters.
    `missing` says why there may be more.
    """

    destinations: tuple[DeadLetterDestination, ...]
    retry_stages: tuple[RetryStage, ...] = ()
    unclassified: int = 0
    missing: tuple[str, ...] = ()


ROWS_PER_SLICE = 500
"""Destinations that are examined before the event loop gets a turn."""


async def find_dead_letters(
    session: Session, conventions: Conventions, search: HeaderSearch | None = None
) -> DeadLetterSurvey:
    """Dead-letter destinations: by the broker's own settings, by name, and by the headers of the newest message.

    Headers alone count only where no group reads. Without a `search` the first few destinations are searched.
    """
    search = search or HeaderSearch()
    rows = await list_destinations(session.broker)
    candidates = await classify_destinations(session.broker.kind, conventions, rows)
    await search.search(session, conventions, candidates.without_origin, candidates.unclassified)
    return replace(await count_dead_letters(session, candidates, search), missing=rows.missing)


async def find_dead_letter_destination(
    session: Session, conventions: Conventions, ref: Ref
) -> DeadLetterDestination | None:
    """One destination, if its name or its newest message shows that it holds dead letters, without listing others.

    On RabbitMQ it is mostly the settings of other queues that show it, which only the list of all has.

    Raises:
        NotFound: there is no such thing.
    """
    catalog = session.broker.catalog
    rows = [await catalog.describe(ref)]
    named = conventions.by_name(session.broker.kind, ref.name)
    for origin in [Ref(named.kind, name) for name in named.candidates] if named else []:
        with suppress(NotFound, NotAuthorised):
            rows.append(await catalog.locate(origin))
    candidates, search = (await classify_destinations(session.broker.kind, conventions, rows)).only(ref), HeaderSearch()
    await search.search(session, conventions, candidates.without_origin, candidates.unclassified)
    found = await count_dead_letters(session, candidates, search)
    return next((destination for destination in found.destinations if destination.ref == ref), None)


@dataclass(frozen=True, slots=True)
class DeadLetterCandidates:
    """Destinations by what settings and names tell of them. `known` has the origins, and how the place was known."""

    rows: Mapping[Ref, Destination]
    known: Mapping[Ref, tuple[tuple[Ref, ...], str]]
    retry_stages: Mapping[Ref, str]
    unclassified: Sequence[Destination]
    """Destinations with messages for which neither settings nor names say anything."""

    @property
    def without_origin(self) -> list[Destination]:
        """Dead-letter destinations without a known origin."""
        return [self.rows[ref] for ref, (origins, _) in self.known.items() if not origins]

    def only(self, ref: Ref) -> DeadLetterCandidates:
        """Only this one; the others were needed to interpret its name."""
        known = {each: evidence for each, evidence in self.known.items() if each == ref}
        return replace(self, known=known, unclassified=[row for row in self.unclassified if row.ref == ref])


async def classify_destinations(
    broker: BrokerKind, conventions: Conventions, everything: Sequence[Destination]
) -> DeadLetterCandidates:
    """Classify the destinations of a listing by settings and names; the broker is not asked."""
    rows = [
        row for row in everything if not row.internal and row.ref.kind is not Kind.EXCHANGE and not _is_exclusive(row)
    ]
    await yield_to_loop()
    ladder = build_ladder(broker, conventions, rows)
    known: dict[Ref, tuple[tuple[Ref, ...], str]] = {}
    stages = dict(ladder.stages)
    unsure: list[Destination] = []
    await yield_to_loop()
    depths = {row.ref: row for row in rows}
    await yield_to_loop()
    for number, row in enumerate(rows):
        if number % ROWS_PER_SLICE == 0:
            await yield_to_loop()
        named = conventions.by_name(broker, row.ref.name)
        there = [ref for name in named.candidates if (ref := Ref(named.kind, name)) in depths] if named else []
        there = [ref for ref in there if ref != row.ref]
        if row.ref in stages:
            continue
        if row.ref in ladder.feeders:
            known[row.ref] = (ladder.feeders[row.ref], "the broker's settings")
        elif named is not None and (there or not named.needs_origin):
            known[row.ref] = (tuple(there[:1]), "its name")
        elif why := why_retry_by_name(broker, conventions, row.ref):
            stages[row.ref] = why
        elif row.messages.number != 0:
            unsure.append(row)
    return DeadLetterCandidates(depths, known, stages, unsure)


async def count_dead_letters(
    session: Session, candidates: DeadLetterCandidates, search: HeaderSearch, groups: Sequence[Group] | None = None
) -> DeadLetterSurvey:
    """Count the letters of the candidates, and find the groups that read them, among `groups` where they are given.

    Without `groups` only those of destinations found by headers are asked for: listing all groups is expensive.
    """
    await yield_to_loop()
    from_headers = search.known_findings(candidates.without_origin, candidates.unclassified)
    await yield_to_loop()
    findings = dict(candidates.known) | {
        ref: (finding.origins, finding.detected_by) for ref, finding in from_headers.items()
    }
    rows = [candidates.rows[ref] for ref in findings]
    doubtful = [row.ref for row in rows if row.ref not in candidates.known]
    readers = await _readers(session, doubtful) if groups is None else readers_among(groups, rows)
    rows = [row for row in rows if row.ref in candidates.known or not readers.get(row.ref)]
    letters = await session.broker.count_letters(rows)
    destinations_found = [
        DeadLetterDestination(ref, figure, *findings[ref], readers.get(ref)) for ref, figure in letters.items()
    ]
    destinations_found.sort(key=lambda destination: (-(destination.letters.number or 0), destination.ref))
    stages = sorted(candidates.retry_stages.items())
    await yield_to_loop()
    waiting = tuple(RetryStage(ref, candidates.rows[ref].messages, why) for ref, why in stages)
    return DeadLetterSurvey(tuple(destinations_found), waiting, search.count_unsearched(candidates.unclassified))


async def add_readers(session: Session, found: DeadLetterSurvey) -> DeadLetterSurvey:
    """The same, each destination with the groups that read it, from one list of all groups."""
    readers = await _readers(session, [destination.ref for destination in found.destinations])
    return replace(
        found,
        destinations=tuple(
            replace(destination, readers=readers.get(destination.ref)) for destination in found.destinations
        ),
    )


async def _readers(session: Session, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
    """The groups that read each destination; empty where the broker does not tell."""
    if not refs:
        return {}
    try:
        return await session.broker.groups.readers_of(refs)
    except CannotConnect:
        raise
    except MqtuiError:
        return {}


def readers_among(groups: Iterable[Group], rows: Sequence[Destination]) -> Mapping[Ref, tuple[str, ...]]:
    """The names of the groups that read each destination; of a queue's consumers only the number is known."""
    found: dict[Ref, list[str]] = {row.ref: [] for row in rows}
    for one in groups:
        for ref in one.reads:
            if ref in found and (ref.kind is Kind.TOPIC or one.member_count):
                name = one.ref.name
                found[ref].append(name.removeprefix(f"{ref.name}/") if ref.kind is Kind.STREAM else name)
    readers = {ref: tuple(names) for ref, names in found.items()}
    for row in rows:
        if isinstance(consumers := row.facts.get("consumers"), int):
            readers[row.ref] = (pluralize(consumers, "consumer"),) if consumers else ()
    return readers


def _is_exclusive(row: Destination) -> bool:
    """RabbitMQ: an exclusive queue can be read only by the connection that declared it."""
    return bool(row.facts.get("exclusive"))


async def read_causes(
    session: Session,
    ref: Ref,
    price: PeekCost,
    conventions: Conventions,
    consent: Consent,
    first_letters: FirstLetters | None = None,
) -> list[Cause]:
    """The letters of one destination by cause. On a queue they are lent for it: each costs what `price` says, and where
    they came from is kept for the plan of their redrive.

    Raises:
        Refused, NeedsConsent: the price can't be paid, or was not agreed to.
    """
    from mqtui.services.cause_grouping import (
        CauseGrouping,
        group_by_cause,
    )  # not needed where only destinations are listed
    from mqtui.services.decode_batch import with_decoded_values
    from mqtui.services.decoding import load_decoder
    from mqtui.services.redrive.planning.scan import read_unhandled

    source = await session.broker.snapshot(ref)
    conventions = await resolve_origin(session, ref, conventions)
    decoder = await load_decoder(session.profile, session.address)
    if not price.lends:
        return await group_by_cause(read_unhandled(session.broker, source), conventions, first_letters, decoder)
    count = int(source.count.number or 0)
    if not count:
        return []
    plan = plan_peek(session, PeekRequest(ref, count, ReadRange(), price))
    grouping, routes = CauseGrouping(conventions, first_letters), RouteCounter(conventions)
    async with session.guard.writing(plan, consent) as writer:
        async for batch in writer.peek_unacked(ref, count):
            for letter, decoded in zip(batch, await with_decoded_values(decoder, batch, conventions), strict=True):
                grouping.add(letter, decoded)
                routes.add(letter)
    await remember_routes(session, source, routes, grouping.causes())
    return grouping.causes()
