"""Resumes a run whose process is gone: the same request, on the same letters, under the same id."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import LETTER_VERBS, Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import Held, NotFound, Refused
from mqtui.domain.figure import exact
from mqtui.domain.plan import Risk, Send, Severity
from mqtui.domain.redrive import IdBounds, Outcome, PublishStatus, Source
from mqtui.services.redrive.planning.plan import PlannedRedrive, plan_redrive
from mqtui.services.redrive.recovery.bundle_contents import find_in_bundle, find_unjournaled
from mqtui.services.redrive.request import SavedRequest, clip_to, decode_request
from mqtui.services.redrive.run.batch import POSSIBLE_DUPLICATE
from mqtui.services.redrive.run.earlier_progress import EarlierProgress
from mqtui.services.redrive.run.run import UNKNOWN_COUNT
from mqtui.services.session import Session
from mqtui.state.journal import InFlight, Journal, RunRecord

DAY_MS = 24 * 3_600_000
UNSURE_BATCHES = 8
"""Batches before a lost connection whose acks may not have arrived: some seconds."""

FINISHED = (Outcome.MOVED, Outcome.SKIPPED, Outcome.UNKNOWN)
"""Outcomes after which nothing is tried again. An unknown letter that may still be in the source stays open instead."""


@dataclass(frozen=True, slots=True)
class JournaledRun:
    """What the journal has of a run."""

    in_flight: list[InFlight]
    """Letters that were in flight."""

    stored: frozenset[str]
    """Names of those in flight that were stored, and perhaps not removed."""

    acks_in_doubt: list[InFlight]
    """Letters that were moved, and that the broker may have requeued since it never got the ack."""

    counts: dict[str, int]
    """Finished letters by outcome, without those whose ack is in doubt."""

    finished: int
    possible_duplicates: list[str]
    """Names of letters that may have been stored twice."""

    unknown: list[str]
    """Journal names of letters whose outcome can't be found out any more."""

    repeated: frozenset[str]
    """Letters that were in flight at more than one crash."""

    refused: Sequence[InFlight] = ()
    """Letters of a queue that were refused, and are tried again."""


@dataclass(frozen=True, slots=True)
class ResumeOverrides:
    """Risks that a resume accepts beside those its run accepted."""

    take_over: bool = False
    """End another run on the same source."""

    shared: bool = False
    """Move letters while consumers read the source."""


NO_OVERRIDES = ResumeOverrides()


async def plan_resume(
    session: Session,
    record: RunRecord,
    runs: Journal,
    conventions: Conventions,
    remote: Session | None = None,
    overrides: ResumeOverrides = NO_OVERRIDES,
) -> tuple[PlannedRedrive, EarlierProgress]:
    """Plan the rest of a run. Letters that came after the first plan are not in it; refused ones are tried again.

    Raises:
        Refused: the source is another one under the same name, or the run is done and nothing is left or in doubt.
    """
    saved = decode_request(record.plan)
    began_under = await asyncio.to_thread(runs.policies_of, record.id)
    for each, policy in zip((session, remote), began_under, strict=False):
        if each is not None:
            each.guard.add_policies((policy,))
    journaled = await asyncio.to_thread(_read_journal, record, runs)
    total = None if record.planned == UNKNOWN_COUNT else record.planned
    done = sum(journaled.counts.values())
    if record.state == "done" and not journaled.in_flight and (total is None or done >= total):
        raise Refused(
            "That run is done", f"{record.verb} of {record.source.name}", "Plan a new one for what is there now."
        )
    source = await _clipped_snapshot(session, saved)
    if source.identity != saved.identity:
        raise Refused(f"{record.source.name} is not the one the run was planned on", "It was deleted and made again.")
    bundle_loss = (
        ""
        if traits_of(record.broker).redrive.keeps_letters
        else await asyncio.to_thread(_describe_bundle_loss, session, record, runs)
    )
    journaled.in_flight.extend(await asyncio.to_thread(find_unjournaled, session, record, runs))
    request = replace(
        saved.request,
        stages=replace(saved.request.stages, first=()),
        take_over=saved.request.take_over or overrides.take_over,
        shared=saved.request.shared or overrides.shared,
    )
    if total is not None and (source.count.number or 0) > total - done:
        source = replace(source, count=exact(total - done))
    planned = await plan_redrive(
        session, request, conventions, remote, source=source, run=record.id, targets=saved.targets
    )
    short = await asyncio.to_thread(runs.short_id, record.id)
    facts = [("resumes", f"run {short}: {journaled.finished:,} done, {len(journaled.in_flight):,} were in flight")]
    facts += [fact for fact in planned.plan.facts if fact[0] != "from"]
    steps = planned.plan.steps
    last_delivery = sum(mark[2] == 0 and mark[0] not in journaled.stored for mark in journaled.in_flight)
    if last_delivery and remote is None and saved.request.verb is Verb.REDRIVE:
        steps += tuple(Send(target, exact(last_delivery), "from the bundle") for target in planned.targets)
    damage = (Risk("bundle", bundle_loss),) if bundle_loss else ()
    risks = (*planned.plan.risks, *_recreated_stream_risk(source, saved), *damage)
    rest = replace(planned.plan, facts=tuple(facts), steps=steps, risks=risks)
    return replace(planned, plan=rest), _earlier_progress(saved, journaled, total)


def _earlier_progress(saved: SavedRequest, journaled: JournaledRun, total: int | None) -> EarlierProgress:
    """What the rest of the run has to know of the processes before it."""
    return EarlierProgress(
        total,
        journaled.counts,
        [*journaled.in_flight, *journaled.acks_in_doubt],
        journaled.possible_duplicates,
        journaled.unknown,
        journaled.stored,
        journaled.repeated,
        journaled.stored | {mark[0] for mark in journaled.acks_in_doubt},
        saved.offsets.first if saved.offsets else {},
        journaled.refused,
    )


def _describe_bundle_loss(session: Session, record: RunRecord, runs: Journal) -> str:
    """A sentence on moved letters that the bundle lost; "" where it lost none."""
    moved = {done[0] for done in runs.read_outcomes(record.id) if done[1] == Outcome.MOVED}
    return find_in_bundle(session, record, moved)[1]


def _read_journal(record: RunRecord, runs: Journal) -> JournaledRun:
    """It blocks: the journal of a long run has many rows."""
    marks = runs.unfinished_letters(record.id)
    batches_by_name = Counter(mark[0] for _, batch in runs.unfinished_batches(record.id) for mark in batch)
    acks_in_doubt = _acks_in_doubt(record, runs, marks)
    counts = {name: number for name, number in runs.count_outcomes(record.id).items() if name in FINISHED}
    finished = sum(counts.values())
    if acks_in_doubt:
        counts[Outcome.MOVED] -= len(acks_in_doubt)
    possible_duplicates: list[str] = []
    unknown: list[str] = []
    stored: set[str] = set()
    refused: set[str] = set()
    for name, outcome, _, reason in runs.read_outcomes(record.id):
        if POSSIBLE_DUPLICATE in reason:
            possible_duplicates.append(reason.removeprefix(POSSIBLE_DUPLICATE))
        if outcome == Outcome.UNKNOWN:
            unknown.append(name)
        elif outcome == Outcome.REFUSED:
            refused.add(name)
        elif outcome == PublishStatus.STORED:
            stored.add(name)
    repeated = frozenset(name for name, number in batches_by_name.items() if number > 1)
    again = runs.letters_named(record.id, refused) if refused and traits_of(record.broker).lends else ()
    return JournaledRun(
        list(marks), frozenset(stored), acks_in_doubt, counts, finished, possible_duplicates, unknown, repeated, again
    )


def _acks_in_doubt(record: RunRecord, runs: Journal, open_marks: Sequence[InFlight]) -> list[InFlight]:
    """Letters that were moved shortly before the connection broke, and that the broker may have requeued.

    An ack has no answer: a broker that dies keeps the copy it confirmed and forgets the ack that followed
    [RabbitMQ 3.10.8: 250 letters came back]. Those that are met again are moved as suspects, the others stay moved.
    """
    if not traits_of(record.broker).lends or record.state != "failed":
        return []
    moved = {done[0] for done in runs.read_outcomes(record.id) if done[1] == Outcome.MOVED}
    moved.difference_update(mark[0] for mark in open_marks)
    last = {mark[0]: mark for mark in runs.letters_of_last_batches(record.id, UNSURE_BATCHES) if mark[2] != 0}
    return [mark for name, mark in last.items() if name in moved]


async def _clipped_snapshot(session: Session, saved: SavedRequest) -> Source:
    """The source as of now, within the bounds of the plan. A stream that expired or was deleted counts as empty.

    Raises:
        NotFound: it is gone, and it was not a stream.
    """
    try:
        return clip_to(await session.broker.snapshot(saved.request.source), saved)
    except NotFound:
        if saved.ids is None:
            raise
    return Source(saved.request.source, saved.identity, IdBounds(None, None), exact(0))


def _recreated_stream_risk(source: Source, saved: SavedRequest) -> list[Risk]:
    """The risk that a stream was created anew since the plan: its ids may name other letters."""
    bounds = source.bounds
    if saved.ids is None or not isinstance(bounds, IdBounds) or not bounds.recreated_since(saved.ids):
        return []
    text = f"{source.ref.name} was deleted and made again since the run was planned, or a failover took it back"
    return [Risk("made-anew", f"{text}: other letters may have the ids of the plan", Severity.REFUSE)]


def check_resumable(record: RunRecord) -> None:
    """Check that a run can be resumed.

    Raises:
        Refused: it is a put back, which is asked for again instead.
        Held: its process still runs.
    """
    if record.verb == Verb.PUT_BACK:
        raise Refused("A put back is not resumed", "", "Ask for it again: letters that are back are not in its plan.")
    if record.verb not in LETTER_VERBS:
        raise Refused("Offsets are not resumed here", "", f"mqtui runs resume {record.id[:8].upper()} does it.")
    if record.state == "running" and not record.interrupted:
        raise Held("That run is still running", f"Process {record.pid} on {record.host}, by {record.operator}.")
