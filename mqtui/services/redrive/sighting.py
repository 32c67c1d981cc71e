"""Where the letters of a queue go, where they can't be read for nothing: RabbitMQ's own settings, and a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.figure import at_most, counted, exact, unknown
from mqtui.domain.plan import Deliver, Risk, Severity
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import CountBound, Selection, Source
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.span import Price, Span
from mqtui.domain.times import written_time
from mqtui.services.browse import Look, spend_plan
from mqtui.services.origins import (
    RouteCounter,
    dead_letter_sources,
    exists,
    recall_routes,
    remember_routes,
)
from mqtui.services.redrive.order import Order, as_selected, figure_of
from mqtui.services.redrive.routing import ENVELOPE
from mqtui.services.session import Session
from mqtui.state.origins import Sighting

MOST = 1_000
"""Letters that a plan looks at."""


async def find_targets(
    session: Session, order: Order, source: Source, price: Price, conventions: Conventions
) -> tuple[tuple[Ref, ...], Sighting | None, tuple[Risk, ...]]:
    """Targets of letters that are not read for the plan, what a look told of them, and what of it leads nowhere.

    The queues whose dead letters the broker sends here are targets, and what letters were seen to name. A look is made
    only where nothing else tells, and where it uses up nothing.
    """
    if order.to is not None:
        if order.to.kind is not Kind.EXCHANGE:
            known = await recall_routes(session, source)
            return (order.to,), None, tuple(doubt_risks(known.doubts)) if known else ()
        seen = await _look(session, source, price, conventions)
        return (order.to,), seen, tuple(doubt_risks(seen.doubts)) if seen else ()
    feeders = dead_letter_sources(session, source.ref, conventions)
    seen = await recall_routes(session, source) if feeders else await _look(session, source, price, conventions)
    if seen is None:
        return feeders, None, ()
    missing = [ref for ref in seen.targets if not await exists(session, ref)]
    risks = tuple(doubt_risks(seen.doubts))
    gone = tuple(
        Risk("no-origin", f"{_met(seen, ref):,} stay: there is no {ref}, where they came from") for ref in missing
    )
    if untold := seen.letters - sum(seen.routes.values()):
        gone += (Risk("no-origin", f"{untold:,} stay: nothing says where they came from"),)
    seen = replace(seen, routes={route: count for route, count in seen.routes.items() if route[0] not in missing})
    return tuple(dict.fromkeys((*feeders, *seen.targets))), seen, gone + risks


def deliver(order: Order, source: Source, target: Ref, targets: Sequence[Ref], seen: Sighting | None) -> Deliver:
    """One target of a plan: how many go there as far as it is known, and with which routing keys."""
    count = figure_of(source, order.selection.limit)
    if not order.selection.everything:
        count = as_selected(count)
    if order.to is not None:
        keys = tuple(dict.fromkeys(key for key, _ in seen.keys)) if seen else ()
        return Deliver(target, count, keys=keys if target.kind is Kind.EXCHANGE else ())
    if seen is not None:
        keys = tuple(key for ref, key in seen.routes if ref == target and ref.kind is Kind.EXCHANGE)
        if order.selection == Selection() and seen.letters == source.count.number:
            return Deliver(target, exact(_met(seen, target)), keys=keys)
    else:
        keys = ()
    if len(targets) > 1:
        return Deliver(target, unknown("each letter goes where it came from"), keys=keys)
    if count.number is not None:
        count = at_most(count.number, "those that came from elsewhere stay")
    return Deliver(target, count, keys=keys)


def sighting_facts(
    order: Order, source: Source, targets: Sequence[Ref], seen: Sighting | None
) -> list[tuple[str, str]]:
    """The routing keys where an exchange is the target, and what was looked at for the plan."""
    if order.verb is not Verb.REDRIVE or not isinstance(source.bounds, CountBound):
        return []
    facts = [("key", _keys_in_words(order, source, ref, seen)) for ref in targets if ref.kind is Kind.EXCHANGE]
    if seen is not None and seen.opened:
        facts.append(("opened", opened_in_words(seen.opened)))
    if seen is not None:
        when = written_time(seen.at, "%Y-%m-%d %H:%M:%S")
        facts.append(("seen", f"{counted(seen.letters, 'letter')} at {when}: {_known_in_words(seen)}"))
    return facts


def _known_in_words(seen: Sighting) -> str:
    known = sum(seen.routes.values())
    if known == seen.letters:
        return "where each came from is known"
    return f"where {known:,} of them go is known"


def opened_in_words(number: int) -> str:
    """What a plan says of letters whose message is a part of their body."""
    return f"{counted(number, 'letter')}: the message in its envelope is delivered, the envelope stays behind"


def doubt_risks(doubts: Mapping[str, int]) -> list[Risk]:
    """Letters whose message may not be the one that was sent, by the reason."""
    return [
        Risk(ENVELOPE, f"the message of {counted(number, 'letter')}: {reason}", Severity.REFUSE)
        for reason, number in doubts.items()
    ]


async def _look(session: Session, source: Source, price: Price, conventions: Conventions) -> Sighting | None:
    """Look at letters where that uses up nothing; else recall what the last look found. None where nothing is known."""
    before = await recall_routes(session, source)
    count = min(MOST, int(source.count.number or 0))
    if price.spends or price.refusal or not count:
        return before
    counter = RouteCounter(conventions)
    plan = spend_plan(session, Look(source.ref, count, Span(), price))
    async with session.guard.writing(plan, Consent()) as writer:
        async for batch in writer.borrow(source.ref, count):
            for letter in batch:
                counter.add(letter)
    whole = counter.letters == source.count.number
    if before is not None and before.letters > counter.letters and not whole:
        counter.add_earlier(before)
        return counter.sighting()
    return await remember_routes(session, source, counter)


def _met(seen: Sighting, target: Ref) -> int:
    return sum(count for (ref, _), count in seen.routes.items() if ref == target)


def _keys_in_words(order: Order, source: Source, target: Ref, seen: Sighting | None) -> str:
    if seen is None:
        return (
            f"each letter's first one, by its headers; where they tell none, the one it lies in {source.ref.name} with"
        )
    if order.to is None:
        return ", ".join(f"{key} {count:,}" for (ref, key), count in seen.routes.items() if ref == target)
    first = [f"{key} {count:,}" for (key, is_first), count in seen.keys.items() if is_first]
    others = [
        f"{key} {count:,} (their first one is not known)" for (key, known), count in seen.keys.items() if not known
    ]
    return ", ".join(first + others)
