"""Targets of letters that a plan can't read without cost (a RabbitMQ queue): from bindings, and from one peek."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.figure import Figure, about, at_most, exact, pluralize, unknown
from mqtui.domain.plan import Deliver, Risk, Severity
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import PeekCost, ReadRange
from mqtui.domain.redrive import CountBound, Selection, Source
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.times import format_time
from mqtui.services.browse import PeekRequest, plan_peek
from mqtui.services.cause_grouping import CauseGrouping
from mqtui.services.origins import (
    RouteCounter,
    destination_exists,
    find_feeding_queues,
    recall_routes,
    remember_routes,
)
from mqtui.services.redrive.planning.routing import ENVELOPE_RISK, ORIGIN_UNKNOWN
from mqtui.services.redrive.request import RedriveRequest, at_most_selected, count_up_to_limit
from mqtui.services.session import Session
from mqtui.state.peeked_origins import PeekedOrigins

MAX_PEEKED = 1_000
"""Letters that a plan peeks at."""

PEEKED_AT = "%Y-%m-%d %H:%M:%S"


async def find_targets(
    session: Session, request: RedriveRequest, source: Source, price: PeekCost, conventions: Conventions
) -> tuple[tuple[Ref, ...], PeekedOrigins | None, tuple[Risk, ...]]:
    """Targets of letters that the plan does not read, what a peek told of them, and the risks of those that are gone.

    Targets are the queues whose dead letters the broker sends here, and the origins that peeked letters name. A peek is
    made only where nothing else tells, and where it uses up no delivery.
    """
    if request.to is not None:
        if request.to.kind is not Kind.EXCHANGE:
            known = await recall_routes(session, source)
            return (request.to,), None, tuple(envelope_risks(known.doubts)) if known else ()
        peeked = await _peek_or_recall(session, source, price, conventions)
        return (request.to,), peeked, tuple(envelope_risks(peeked.doubts)) if peeked else ()
    feeders = find_feeding_queues(session, source.ref, conventions)
    peeked = (
        await recall_routes(session, source) if feeders else await _peek_or_recall(session, source, price, conventions)
    )
    if peeked is None:
        return feeders, None, ()
    missing = [ref for ref in peeked.targets if not await destination_exists(session, ref)]
    risks = tuple(envelope_risks(peeked.doubts))
    gone = tuple(
        Risk("no-origin", f"{_count_for(peeked, ref):,} stay: there is no {ref}, where they came from")
        for ref in missing
    )
    if unnamed := peeked.letters - sum(peeked.targets_counted.values()):
        gone += (Risk("no-origin", f"{unnamed:,} stay: {ORIGIN_UNKNOWN}"),)
    peeked = replace(
        peeked,
        targets_counted={route: count for route, count in peeked.targets_counted.items() if route[0] not in missing},
    )
    return tuple(dict.fromkeys((*feeders, *peeked.targets))), peeked, gone + risks


def count_selected(request: RedriveRequest, source: Source, peeked: PeekedOrigins | None) -> Figure:
    """How many letters are selected: all, those that a peek at as many letters counted, or as many at most."""
    selection = request.selection
    held = count_up_to_limit(source, selection.limit)
    if selection.everything:
        return held
    if (
        peeked is None
        or not peeked.causes
        or selection != Selection(cause=selection.cause)
        or peeked.letters != source.count.number
    ):
        return at_most_selected(held)
    read = sum(count for cause, (count, _) in peeked.causes.items() if cause.startswith(selection.cause))
    return about(read, f"as read at {format_time(peeked.at, PEEKED_AT)}") if read else at_most_selected(held)


def describe_peeked_cause(request: RedriveRequest, peeked: PeekedOrigins | None) -> str:
    """The selected cause in the words of the last peek; "" where none is selected, or it met no such letter."""
    cause, known = request.selection.cause, peeked.causes if peeked is not None else {}
    return next((text for name, (_, text) in known.items() if cause and name.startswith(cause)), "")


def delivery_step(
    request: RedriveRequest, source: Source, target: Ref, targets: Sequence[Ref], peeked: PeekedOrigins | None
) -> Deliver:
    """The step of one target: how many letters go there as far as it is known, and with which routing keys."""
    count = count_selected(request, source, peeked)
    if request.to is not None:
        keys = tuple(dict.fromkeys(key for key, _ in peeked.keys)) if peeked else ()
        return Deliver(target, count, keys=keys if target.kind is Kind.EXCHANGE else ())
    if peeked is not None:
        keys = tuple(key for ref, key in peeked.targets_counted if ref == target and ref.kind is Kind.EXCHANGE)
        if request.selection == Selection() and peeked.letters == source.count.number:
            return Deliver(target, exact(_count_for(peeked, target)), keys=keys)
    else:
        keys = ()
    if len(targets) > 1:
        return Deliver(target, unknown("each letter goes where it came from"), keys=keys)
    if count.number is not None:
        count = at_most(count.number, "those that came from elsewhere stay")
    return Deliver(target, count, keys=keys)


def peek_facts(
    request: RedriveRequest, source: Source, targets: Sequence[Ref], peeked: PeekedOrigins | None
) -> list[tuple[str, str]]:
    """Facts of a plan: routing keys where an exchange is the target, and what was peeked."""
    if request.verb is not Verb.REDRIVE or not isinstance(source.bounds, CountBound):
        return []
    facts = [
        ("key", _describe_routing_keys(request, source, ref, peeked)) for ref in targets if ref.kind is Kind.EXCHANGE
    ]
    if peeked is not None and peeked.opened:
        facts.append(("opened", describe_unwrapped(peeked.opened)))
    if peeked is not None:
        when = format_time(peeked.at, PEEKED_AT)
        facts.append(("seen", f"{pluralize(peeked.letters, 'letter')} at {when}: {_describe_known(peeked)}"))
    return facts


def _describe_known(peeked: PeekedOrigins) -> str:
    known = sum(peeked.targets_counted.values())
    if known == peeked.letters:
        return "where each came from is known"
    return f"where {known:,} of them go is known"


def describe_unwrapped(number: int) -> str:
    """What a plan says of letters that are envelopes around the message."""
    return f"{pluralize(number, 'letter')}: the message in its envelope is delivered, the envelope stays behind"


def envelope_risks(doubts: Mapping[str, int]) -> list[Risk]:
    """The risk that what an envelope holds is not the message that was sent, by the reason."""
    return [
        Risk(ENVELOPE_RISK, f"the message of {pluralize(number, 'letter')}: {reason}", Severity.REFUSE)
        for reason, number in doubts.items()
    ]


async def _peek_or_recall(
    session: Session, source: Source, price: PeekCost, conventions: Conventions
) -> PeekedOrigins | None:
    """Peek where that uses up no delivery; else recall what the last peek found. None where nothing is known."""
    before = await recall_routes(session, source)
    count = min(MAX_PEEKED, int(source.count.number or 0))
    if price.spends or price.refusal or not count:
        return before
    from mqtui.services.decode_batch import with_decoded_values  # loads all codecs: most plans need none
    from mqtui.services.decoding import load_decoder

    counter, grouping = RouteCounter(conventions), CauseGrouping(conventions)
    plan = plan_peek(session, PeekRequest(source.ref, count, ReadRange(), price))
    decoder = await load_decoder(session.profile, session.address)
    async with session.guard.writing(plan, Consent()) as writer:
        async for batch in writer.peek_unacked(source.ref, count):
            for letter, decoded in zip(batch, await with_decoded_values(decoder, batch, conventions), strict=True):
                counter.add(letter)
                grouping.add(letter, decoded)
    whole = counter.letters == source.count.number
    if before is not None and before.letters > counter.letters and not whole:
        counter.add_earlier(before)
        return counter.to_peeked_origins()
    return await remember_routes(session, source, counter, grouping.causes())


def _count_for(peeked: PeekedOrigins, target: Ref) -> int:
    return sum(count for (ref, _), count in peeked.targets_counted.items() if ref == target)


def _describe_routing_keys(request: RedriveRequest, source: Source, target: Ref, peeked: PeekedOrigins | None) -> str:
    if peeked is None:
        return f"the original one, from each letter's headers; without one, the one it has in {source.ref.name}"
    if request.to is None:
        return ", ".join(f"{key} {count:,}" for (ref, key), count in peeked.targets_counted.items() if ref == target)
    first = [f"{key} {count:,}" for (key, is_first), count in peeked.keys.items() if is_first]
    others = [
        f"{key} {count:,} (their first one is not known)" for (key, known), count in peeked.keys.items() if not known
    ]
    return ", ".join(first + others)
