"""The plan of a redrive or a discard: what the dry run prints, and the very steps that run."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import time

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.figure import counted, exact
from mqtui.domain.plan import Deliver, Plan, Remove, Risk, Send, Severity, Step, Take
from mqtui.domain.redrive import Guarantee, OffsetBounds, Source, Strength
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.services.browse import require
from mqtui.services.gc_tuning import seldom_collecting
from mqtui.services.letters import Selector
from mqtui.services.origins import retry_stage, settle_origin
from mqtui.services.redrive.crossing import told
from mqtui.services.redrive.hearing import watch_risks, why_deaf
from mqtui.services.redrive.homecoming import Homecoming
from mqtui.services.redrive.keeping import opened_journal
from mqtui.services.redrive.order import Order, as_selected, figure_of
from mqtui.services.redrive.plan_risks import bundle_risk, loop_risk, refuse_stage, stage_risk
from mqtui.services.redrive.preview import Preview, leave_homeless, preview
from mqtui.services.redrive.recalled import recalled
from mqtui.services.redrive.routing import Router
from mqtui.services.redrive.sighting import deliver, doubt_risks, find_targets, opened_in_words, sighting_facts
from mqtui.services.redrive.stamps import NAMES, Stamps
from mqtui.services.session import Session
from mqtui.state.origins import Sighting
from mqtui.state.process import operator

ACROSS = Guarantee(
    Strength.AT_LEAST_ONCE,
    "at least once: another broker confirms each letter before it leaves the source; a crash may double letters in "
    "hand, and names them",
)


UNREAD = ", or read them once with `mqtui dlq`: what they say themselves is kept for the plan"

_BUNDLED = Guarantee(
    Strength.AT_LEAST_ONCE,
    "each is kept in a bundle on this machine before it is removed, for 14 days: put back brings it",
)
TAKEN_OUT = {
    BrokerKind.KAFKA: Guarantee(
        Strength.EXACTLY_ONCE, "each is marked handled in one transaction and stays in the topic: put back unmarks it"
    ),
    BrokerKind.RABBITMQ: _BUNDLED,
    BrokerKind.REDIS: _BUNDLED,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and what it was made from. `delivery` is the plan for the other broker where letters cross over."""

    order: Order
    plan: Plan
    source: Source
    targets: tuple[Ref, ...]
    delivery: Plan | None = None
    read: bool = True
    """Whether the letters could be read for nothing; if not, the count of a selection is known only when it ran."""

    within: Guarantee | None = None
    """What the source's broker promises for its own part: how it keeps in mind what was taken out."""

    opens: bool = False
    """Whether a letter's message is taken out of an envelope, so that each letter has to be looked at."""

    deaf: str = ""
    """Why letters that die again are not heard; "" where they are, or where nothing is watched."""

    conventions: Conventions = field(kw_only=True)
    """As they hold for the letters of the source: the run reads them like the plan."""


async def make(
    session: Session,
    order: Order,
    conventions: Conventions,
    remote: Session | None = None,
    *,
    source: Source | None = None,
    run: str = "",
    targets: tuple[Ref, ...] = (),
) -> Planned:
    """Plan an order. A resume gives the source as cut down to its first plan, the run's id and its targets.

    Raises:
        NotFound: the source is not there, or no letter in it has the cause.
        Unsupported: the verb is not offered.
        BadInput: letters are to cross to another broker, and no destination there is named.
        Refused: the source is a retry stage.
    """
    if remote is not None and order.to is None:
        raise BadInput("Another broker needs a destination", "", "Name it with --to.")
    for each in (session, remote):
        if each is not None:
            await each.guard.recognise()
    await require(session.broker, order.verb, order.source)
    source = source or await session.broker.snapshot(order.source)
    conventions = await settle_origin(session, order.source, conventions)
    refuse_stage(order, retry_stage(session, order.source, conventions))
    planned = await _made(session, order, conventions, remote, source, run, targets)
    if _forgets(planned):
        async with opened_journal() as runs:
            known = await run_in_thread("journal", partial(recalled, source, runs))
        if known != source:
            planned = await _made(session, order, conventions, remote, known, run, targets)
    return planned


def _forgets(planned: Planned) -> bool:
    """Whether the broker may not be asked to keep what was handled, so that only this machine's journal knows (K2)."""
    weak = planned.within is not None and planned.within.strength is Strength.AT_LEAST_ONCE
    return weak and isinstance(planned.source.bounds, OffsetBounds)


async def _made(
    session: Session,
    order: Order,
    conventions: Conventions,
    remote: Session | None,
    source: Source,
    run: str,
    targets: tuple[Ref, ...],
) -> Planned:
    resumes = bool(run)
    run = run or secrets.token_hex(16)
    price = await session.broker.reader.price(source.ref, 1)
    stamps = Stamps((remote or session).broker.kind, run, operator(), now())
    seen: Preview | None = None
    homecoming = Homecoming(conventions)
    async with Selector(order.selection, conventions) as selector:
        if not price.lends:
            alive_at = int(time() * 1000)
            router = Router(order, session.broker.kind, conventions, stamps, None, alive_at=alive_at)
            with seldom_collecting():
                seen = await preview(session.broker, source, selector, router, order.selection.limit, homecoming)
    if seen is not None and order.verb is Verb.REDRIVE and order.to is None:
        await leave_homeless(session, seen)
    if seen is not None and order.selection.cause and not seen.chosen and not resumes:
        raise NotFound(f"No letter in {source.ref.name} has the cause {order.selection.cause}")
    if order.verb is Verb.DISCARD:
        targets = ()
    elif order.to is not None:
        targets = (order.to,)
    elif not targets and seen is not None:
        targets = tuple(seen.targets)
    sighting: Sighting | None = None
    gone: Sequence[Risk] = ()
    if seen is None and order.verb is Verb.REDRIVE:
        found, sighting, gone = await find_targets(session, order, source, price, conventions)
        targets = targets or found
    plan = _plan(session, order, source, run, targets, seen, remote, sighting)
    plan = replace(plan, risks=(*plan.risks, *gone))
    plan = replace(plan, risks=(*plan.risks, *_not_tested(selector), *await bundle_risk(session, source)))
    plan = replace(plan, risks=(*plan.risks, *stage_risk(order, retry_stage(session, order.source, conventions))))
    deaf = await why_deaf(session, order, conventions, remote, frozenset(homecoming.homes))
    more = (
        *await loop_risk(session, order, remote),
        *await watch_risks(order, targets, (remote or session).broker, deaf),
    )
    plan = replace(plan, risks=(*plan.risks, *more))
    named = plan_hash(order, source.identity, targets, strip_list(conventions, session.broker.kind))
    plan = await session.broker.inspect(source, replace(plan, hash=named))
    if remote is None and order.verb is not Verb.DISCARD and (words := await homecoming.sentence(session.broker)):
        plan = replace(plan, facts=(*plan.facts, ("partition", words)))
    within = plan.guarantee
    if order.verb is Verb.DISCARD:
        plan = replace(plan, guarantee=_taken_out(session.broker.kind, within))
    delivery = None
    if remote is not None:
        plan = replace(plan, guarantee=ACROSS)
        delivery = await remote.broker.inspect(source, _delivery(remote, plan, targets))
    opens = seen is not None and seen.opened > 0
    free = seen is not None
    return Planned(order, plan, source, targets, delivery, free, within, opens, deaf, conventions=conventions)


def _taken_out(kind: BrokerKind, within: Guarantee | None) -> Guarantee:
    """What a discard promises. Without the rights to mark letters at Kafka, only this machine remembers them."""
    if kind is BrokerKind.KAFKA and within is not None and within.strength is Strength.AT_LEAST_ONCE:
        return Guarantee(Strength.AT_LEAST_ONCE, "each is marked handled in the journal of this machine only")
    return TAKEN_OUT[kind]


def now() -> str:
    """ISO 8601 with zone, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _plan(
    session: Session,
    order: Order,
    source: Source,
    run: str,
    targets: tuple[Ref, ...],
    seen: Preview | None,
    remote: Session | None,
    sighting: Sighting | None,
) -> Plan:
    count = exact(seen.chosen) if seen else figure_of(source, order.selection.limit)
    if seen is None and not order.selection.everything:
        count = as_selected(count)
    steps: list[Step] = [Take(source, order.selection)]
    if order.verb is Verb.DISCARD or remote is not None:
        steps.append(Remove(count))
    else:
        steps += [
            Deliver(target, exact(seen.targets[target])) if seen else deliver(order, source, target, targets, sighting)
            for target in targets
        ]
    return Plan(
        id=run,
        verb=order.verb,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=tuple(steps),
        count=count,
        facts=(
            *_facts(order, source, targets, seen, session.broker.kind, remote),
            *sighting_facts(order, source, targets, sighting),
        ),
        risks=tuple(_risks(order, targets, seen)),
        headers=() if order.verb is Verb.DISCARD else _headers(seen),
        largest=seen.largest if seen else 0,
        oldest=seen.oldest if seen else None,
        newest=seen.newest if seen else None,
        keyless=seen.keyless if seen else 0,
        keeps_time=order.keep_timestamp,
    )


def _delivery(remote: Session, plan: Plan, targets: tuple[Ref, ...]) -> Plan:
    """The plan for the broker that letters cross over to: same run, its own permit and audit line."""
    steps = tuple(Send(target, plan.count) for target in targets)
    return replace(
        plan,
        verb=Verb.PUBLISH,
        profile=remote.policy.profile,
        broker=remote.broker.kind,
        steps=steps,
        risks=(),
        facts=(),
    )


def plan_hash(order: Order, identity: str, targets: Sequence[Ref], stripped: Sequence[str]) -> str:
    """16 hex digits over source, targets, selection, verb and strip list; not over time, counts or ends (C9)."""
    names = sorted(map(str, targets))
    told = repr((identity, names, order.selection, order.verb.value, order.to_target, tuple(stripped)))
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def strip_list(conventions: Conventions, kind: BrokerKind) -> list[str]:
    """What the conventions of a broker leave behind, in words."""
    return [
        f"{one.name}: {sorted(one.strip_prefixes)} {sorted(one.strip_names)} {sorted(one.strip_fields)}"
        for one in conventions.known
        if kind in one.brokers
    ]


def _facts(
    order: Order,
    source: Source,
    targets: Sequence[Ref],
    seen: Preview | None,
    here: BrokerKind,
    remote: Session | None,
) -> list[tuple[str, str]]:
    held = counted(source.count, "letter")
    facts = [("from", f"{source.ref.name}, {held} as of now; later ones are not in the plan")]
    if order.verb is Verb.DISCARD:
        facts.append(("to", "nowhere: they are taken out"))
    else:
        where = f" on {order.to_target}" if remote else ""
        named = ", ".join(f"{ref.name} {seen.targets[ref]:,}" if seen else ref.name for ref in targets)
        stay = f"; {seen.lost.total():,} of {seen.chosen:,} stay" if seen and named and seen.lost else ""
        facts.append(("to", (named or "nobody knows where") + where + stay))
    if remote is not None and (shape := told(here, remote.broker.kind)):
        facts.append(("shape", shape))
    chosen = [f"{name} {value}" for name, value in _selected(order)]
    if chosen:
        facts.append(("selected", ", ".join(chosen)))
    if seen is None and not order.selection.everything:
        facts.append(
            ("walk", "letters are lent one by one; those not selected go back in order, each spends a delivery")
        )
    if seen and seen.opened and order.verb is not Verb.DISCARD:
        facts.append(("opened", opened_in_words(seen.opened)))
    if seen and seen.largest:
        facts.append(("size", f"largest {seen.largest:,} B, all {seen.size:,} B"))
    if order.stages.first or order.stages.watched:
        facts.append(("first", order.stages.words()))
    if order.rate:
        facts.append(("rate", f"at most {order.rate:g} a second"))
    if order.keep_timestamp:
        facts.append(("timestamps", "kept"))
    if source.holder is not None and source.holder.stale:
        facts.append(
            ("goes on", f"run {source.holder.run[:4].upper()} of {source.holder.operator} stopped without an end")
        )
    return facts


def _selected(order: Order) -> list[tuple[str, object]]:
    wanted = order.selection
    named = [
        ("cause", wanted.cause),
        ("where", wanted.where),
        ("partition", wanted.partition),
        ("from", wanted.since),
        ("until", wanted.until),
        ("limit", wanted.limit),
    ]
    return [(name, value) for name, value in named if value not in (None, "")]


def _headers(seen: Preview | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if seen is None:
        return (("add", NAMES),)
    return (("keep", tuple(seen.kept)), ("strip", tuple(seen.stripped)), ("add", seen.added))


def _not_tested(selector: Selector) -> list[Risk]:
    return [
        Risk("where", f"{counted(number, 'letter')} stay: {reason}")
        for reason, number in (selector.where.reasons() if selector.where is not None else ())
    ]


def _risks(order: Order, targets: Sequence[Ref], seen: Preview | None) -> list[Risk]:
    risks: list[Risk] = []
    if order.verb is not Verb.DISCARD and not targets and (seen is None or seen.chosen):
        risks.append(
            Risk(
                "no-target",
                "nothing says where these letters came from: name it with --to" + ("" if seen else UNREAD),
                Severity.REFUSE,
                final=True,
            )
        )
    if seen and order.verb is not Verb.DISCARD:
        risks += [Risk("no-origin", f"{number:,} stay: {reason}") for reason, number in seen.lost.items()]
        risks += doubt_risks(seen.doubts)
        risks += [
            Risk("came-back", f"{number:,} came back after run {run[:4].upper() or '?'}")
            for run, number in seen.runs.items()
        ]
    return risks
