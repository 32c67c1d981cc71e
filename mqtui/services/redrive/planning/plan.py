"""Plans a redrive or discard: what a dry run prints, and exactly what a run then does."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import time

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.optional_port import CountsAlike
from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.figure import exact
from mqtui.domain.plan import Deliver, Plan, Remove, Risk, Send, Step, Take
from mqtui.domain.read_range import PeekCost
from mqtui.domain.redrive import Guarantee, OffsetBounds, Selection, Source, Strength
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.machine.process import operator
from mqtui.services.browse import require_verb
from mqtui.services.gc_tuning import fewer_collections
from mqtui.services.letter_selector import LetterSelector
from mqtui.services.origins import recall_routes, resolve_origin, why_retry_stage
from mqtui.services.redrive.planning.alike_routes import AlikeRoutes
from mqtui.services.redrive.planning.facts import jq_failures, plan_facts, plan_headers, scan_risks
from mqtui.services.redrive.planning.monitor_risks import monitor_risks, why_not_observable
from mqtui.services.redrive.planning.mqtui_headers import HeaderStamper
from mqtui.services.redrive.planning.partition_check import PartitionCheck
from mqtui.services.redrive.planning.peeked_targets import (
    count_selected,
    delivery_step,
    describe_peeked_cause,
    find_targets,
    peek_facts,
)
from mqtui.services.redrive.planning.risks import bundle_risk, loop_risk, refuse_retry_stage, retry_stage_risk
from mqtui.services.redrive.planning.routing import RedriveRouter
from mqtui.services.redrive.planning.scan import ScanResult, count_source, drop_missing_targets, scan_source
from mqtui.services.redrive.recovery.journal_handled import add_handled_from_journal
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.run.journal_writer import open_journal
from mqtui.services.session import Session
from mqtui.state.peeked_origins import PeekedOrigins

CROSS_BROKER = Guarantee(
    Strength.AT_LEAST_ONCE,
    "at least once: another broker confirms each letter before it leaves the source; a crash may duplicate letters in "
    "flight, and names them",
)


_BUNDLED = Guarantee(
    Strength.AT_LEAST_ONCE,
    "each is kept in a bundle on this machine before it is removed, for 14 days: put back returns it",
)
_MARKED = Guarantee(
    Strength.EXACTLY_ONCE, "each is marked handled in one transaction and stays in the topic: put back unmarks it"
)


@dataclass(frozen=True, slots=True)
class PlannedRedrive:
    """A plan and what it was made from. `remote_plan` is that of the other broker where letters go to one."""

    request: RedriveRequest
    plan: Plan
    source: Source
    targets: tuple[Ref, ...]
    remote_plan: Plan | None = None
    is_scanned: bool = True
    """Whether all letters were read for the plan; if not, the count of a selection is known only when it ran."""

    source_guarantee: Guarantee | None = None
    """What the source's broker guarantees for its own part: how it records what was handled."""

    unwraps_envelopes: bool = False
    """Whether messages are taken out of envelopes, so that each letter has to be parsed."""

    not_observable: str = ""
    """Why letters that are dead-lettered again can't be observed; "" where they can, or where nothing is monitored."""

    conventions: Conventions = field(kw_only=True)
    """As resolved for the source, so that the run reads letters as the plan did."""


async def plan_redrive(
    session: Session,
    request: RedriveRequest,
    conventions: Conventions,
    remote: Session | None = None,
    *,
    source: Source | None = None,
    run: str = "",
    targets: tuple[Ref, ...] = (),
) -> PlannedRedrive:
    """Plan a request. A resume gives the source clipped to its first plan, the run's id and its targets.

    Raises:
        NotFound: the source is not there, or no letter in it has the cause.
        Unsupported: the verb is not offered.
        BadInput: letters are to go to another broker, and no destination there is named.
        Refused: the source is a retry stage.
    """
    if remote is not None and request.to is None:
        raise BadInput("Another broker needs a destination", "", "Name it with --to.")
    for each in (session, remote):
        if each is not None:
            await each.guard.identify_broker()
    await require_verb(session.broker, request.verb, request.source)
    source = source or await session.broker.snapshot(request.source)
    conventions = await resolve_origin(session, request.source, conventions)
    refuse_retry_stage(request, why_retry_stage(session, request.source, conventions))
    planned = await _build(session, request, conventions, remote, source, run, targets)
    if _is_remembered_here_only(planned):
        async with open_journal() as runs:
            known = await run_in_thread("journal", partial(add_handled_from_journal, source, runs))
        if known != source:
            planned = await _build(session, request, conventions, remote, known, run, targets)
    return planned


def _is_remembered_here_only(planned: PlannedRedrive) -> bool:
    """Whether the broker can't record what was handled, so that only this machine's journal knows (K2)."""
    weak = planned.source_guarantee is not None and planned.source_guarantee.strength is Strength.AT_LEAST_ONCE
    return weak and isinstance(planned.source.bounds, OffsetBounds)


async def _build(
    session: Session,
    request: RedriveRequest,
    conventions: Conventions,
    remote: Session | None,
    source: Source,
    run: str,
    targets: tuple[Ref, ...],
) -> PlannedRedrive:
    resumes = bool(run)
    run = run or secrets.token_hex(16)
    price = await session.broker.reader.peek_cost(source.ref, 1)
    partition_check = PartitionCheck(conventions)
    async with LetterSelector(request.selection, conventions, session) as selector:
        scan = None
        if not price.lends:
            stamper = HeaderStamper((remote or session).broker.kind, run, operator(), now_iso())
            scan = await _scan(session, request, conventions, source, stamper, selector, partition_check)
    if scan is not None and request.selection.cause and not scan.selected and not resumes:
        raise NotFound(f"No letter in {source.ref.name} has the cause {request.selection.cause}")
    targets, peeked, missing = await _find_targets(session, request, source, price, conventions, scan, targets)
    not_observable = await why_not_observable(
        session, request, conventions, remote, frozenset(partition_check.original_targets)
    )
    plan = _assemble(session, request, source, run, targets, scan, remote, peeked)
    risks = (
        *plan.risks,
        *missing,
        *jq_failures(selector),
        *await bundle_risk(session, source),
        *retry_stage_risk(request, why_retry_stage(session, request.source, conventions)),
        *await loop_risk(session, request, remote),
        *await monitor_risks(request, targets, (remote or session).broker, not_observable),
    )
    terms = hash_terms(request, source.identity, targets, describe_stripped(conventions, session.broker.kind))
    checking = session.broker.check_plan(source, replace(plan, risks=risks, hash=terms))
    if request.verb is Verb.DISCARD or remote is not None:
        plan = await checking
    else:
        plan, words = await asyncio.gather(checking, partition_check.describe(session.broker))
        plan = replace(plan, facts=(*plan.facts, ("partition", words))) if words else plan
    source_guarantee, remote_plan = plan.guarantee, None
    if request.verb is Verb.DISCARD:
        plan = replace(plan, guarantee=_discard_guarantee(session.broker.kind, source_guarantee))
    if remote is not None:
        plan = replace(plan, guarantee=CROSS_BROKER)
        remote_plan = await remote.broker.check_plan(source, _remote_plan(remote, plan, targets))
    return PlannedRedrive(
        request,
        plan,
        source,
        targets,
        remote_plan,
        scan is not None,
        source_guarantee,
        scan is not None and scan.unwrapped > 0,
        not_observable,
        conventions=conventions,
    )


async def _scan(
    session: Session,
    request: RedriveRequest,
    conventions: Conventions,
    source: Source,
    stamper: HeaderStamper,
    selector: LetterSelector,
    partition_check: PartitionCheck,
) -> ScanResult:
    broker, selection = session.broker, request.selection
    new_router = partial(RedriveRouter, request, broker.kind, conventions, stamper, None, alive_at=int(time() * 1000))
    with fewer_collections():
        if selection == Selection() and isinstance(broker, CountsAlike):
            alikeness = AlikeRoutes(new_router(), conventions)
            scan = await count_source(broker, source, new_router(), alikeness, partition_check)
        else:
            scan = await scan_source(broker, source, selector, new_router(), selection.limit, partition_check)
    if request.verb is Verb.REDRIVE and request.to is None:
        await drop_missing_targets(session, scan)
    return scan


async def _find_targets(
    session: Session,
    request: RedriveRequest,
    source: Source,
    price: PeekCost,
    conventions: Conventions,
    scan: ScanResult | None,
    targets: tuple[Ref, ...],
) -> tuple[tuple[Ref, ...], PeekedOrigins | None, Sequence[Risk]]:
    """The targets (a resume keeps those it was given), and what a peek told where the letters were not scanned."""
    if request.verb is Verb.DISCARD:
        return (), await recall_routes(session, source) if scan is None else None, ()
    if request.to is not None:
        targets = (request.to,)
    elif not targets and scan is not None:
        targets = tuple(scan.targets)
    if scan is not None:
        return targets, None, ()
    found, peeked, missing = await find_targets(session, request, source, price, conventions)
    return targets or found, peeked, missing


def _discard_guarantee(kind: BrokerKind, source_guarantee: Guarantee | None) -> Guarantee:
    """Without the right to mark letters where they stay, only this machine remembers a discard."""
    if not traits_of(kind).redrive.keeps_letters:
        return _BUNDLED
    if source_guarantee is not None and source_guarantee.strength is Strength.AT_LEAST_ONCE:
        return Guarantee(Strength.AT_LEAST_ONCE, "each is marked handled in the journal of this machine only")
    return _MARKED


def now_iso() -> str:
    """The time as ISO 8601 with zone, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _assemble(
    session: Session,
    request: RedriveRequest,
    source: Source,
    run: str,
    targets: tuple[Ref, ...],
    scan: ScanResult | None,
    remote: Session | None,
    peeked: PeekedOrigins | None,
) -> Plan:
    count = exact(scan.selected) if scan else count_selected(request, source, peeked)
    cause_text = scan.cause_text if scan else describe_peeked_cause(request, peeked)
    steps: list[Step] = [Take(source, request.selection)]
    if request.verb is Verb.DISCARD or remote is not None:
        steps.append(Remove(count))
    else:
        steps += [
            Deliver(target, exact(scan.targets[target]))
            if scan
            else delivery_step(request, source, target, targets, peeked)
            for target in targets
        ]
    return Plan(
        id=run,
        verb=request.verb,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=tuple(steps),
        count=count,
        facts=(
            *plan_facts(request, source, targets, scan, session.broker.kind, remote, cause_text),
            *peek_facts(request, source, targets, peeked),
        ),
        risks=tuple(scan_risks(request, targets, scan)),
        headers=() if request.verb is Verb.DISCARD else plan_headers(scan),
        largest=scan.largest if scan else 0,
        oldest=scan.oldest if scan else None,
        newest=scan.newest if scan else None,
        keyless=scan.keyless if scan else 0,
        keeps_time=request.keep_timestamp,
    )


def _remote_plan(remote: Session, plan: Plan, targets: tuple[Ref, ...]) -> Plan:
    """The plan of the target's broker: the same run, with its own write permit and audit entry."""
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


def hash_terms(request: RedriveRequest, identity: str, targets: Sequence[Ref], stripped: Sequence[str]) -> str:
    """16 hex digits over source, targets, selection, verb and strip list; not over time, counts or ends (C9)."""
    names = sorted(map(str, targets))
    terms = repr((identity, names, request.selection, request.verb.value, request.to_target, tuple(stripped)))
    return hashlib.sha256(terms.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def describe_stripped(conventions: Conventions, kind: BrokerKind) -> list[str]:
    """Which headers and fields the conventions of a broker strip."""
    return [
        f"{one.name}: {sorted(one.strip_prefixes)} {sorted(one.strip_names)} {sorted(one.strip_fields)}"
        for one in conventions.of_format(traits_of(kind).message_format)
    ]
