"""Taking up a run whose process is gone: the same order, on the same letters, under the same id."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import Held, NotFound, Refused
from mqtui.domain.figure import exact
from mqtui.domain.plan import Risk, Send, Severity
from mqtui.domain.redrive import IdBounds, Outcome, Source, Stored
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.bundled import held, unnoted
from mqtui.services.redrive.hands import PERHAPS_TWICE
from mqtui.services.redrive.order import Recipe, narrowed, read_recipe
from mqtui.services.redrive.planning import Planned, make
from mqtui.services.redrive.running import UNPLANNED, Before
from mqtui.services.session import Session
from mqtui.state.runs import Mark, RunRecord, Runs

DAY = 24 * 3_600_000
UNSURE = 8
"""Batches before a broken connection whose acks may be lost: some seconds."""

FINISHED = (Outcome.MOVED, Outcome.SKIPPED, Outcome.UNKNOWN)
"""Outcomes after which nothing is tried again. An unknown letter that may still be in the source stays open instead."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the journal knows of a run."""

    marks: list[Mark]
    """Letters that were in hand."""

    stored: frozenset[str]
    """Names of those of them that were stored, and perhaps not removed."""

    unsure: list[Mark]
    """Letters that were moved, and that the broker may have given back."""

    counts: dict[str, int]
    """Finished letters by outcome, without the unsure ones."""

    finished: int
    twice: list[str]
    """Names of letters that may be in two places."""

    unknown: list[str]
    """Journal names of letters of which nothing can be found out any more."""

    repeated: frozenset[str]
    """Letters that were in more than one hand."""

    refused: Sequence[Mark] = ()
    """Letters of a queue that were refused, and are tried again."""


@dataclass(frozen=True, slots=True)
class Leave:
    """What a resume is given leave to, beside what its run was given."""

    take_over: bool = False
    """To end another run on the same source."""

    shared: bool = False
    """To take letters while consumers read the source."""


NO_LEAVE = Leave()


async def plan(
    session: Session,
    record: RunRecord,
    runs: Runs,
    conventions: Conventions,
    remote: Session | None = None,
    leave: Leave = NO_LEAVE,
) -> tuple[Planned, Before]:
    """The rest of a run. Letters that came after the first plan are not in it; refused ones are tried again.

    Raises:
        Refused: the source is another one under the same name, or the run is done and nothing is in doubt.
    """
    kept = read_recipe(record.plan)
    began_under = await asyncio.to_thread(runs.policies, record.id)
    for each, policy in zip((session, remote), began_under, strict=False):
        if each is not None:
            each.guard.hold((policy,))
    written = await asyncio.to_thread(_written, record, runs)
    if record.state == "done" and not written.marks:
        raise Refused(
            "That run is done", f"{record.verb} of {record.source.name}", "Plan a new one for what is there now."
        )
    source = await _source(session, kept)
    if source.identity != kept.identity:
        raise Refused(f"{record.source.name} is not the one the run was planned on", "It was deleted and made again.")
    lacking = "" if record.broker is BrokerKind.KAFKA else await asyncio.to_thread(_lacking, session, record, runs)
    written.marks.extend(await asyncio.to_thread(unnoted, session, record, runs))
    order = replace(
        kept.order,
        stages=replace(kept.order.stages, first=()),
        take_over=kept.order.take_over or leave.take_over,
        shared=kept.order.shared or leave.shared,
    )
    total = None if record.planned == UNPLANNED else record.planned
    done = sum(written.counts.values())
    if total is not None and (source.count.number or 0) > total - done:
        source = replace(source, count=exact(total - done))
    planned = await make(session, order, conventions, remote, source=source, run=record.id, targets=kept.targets)
    short = await asyncio.to_thread(runs.short, record.id)
    facts = [("resumes", f"run {short}: {written.finished:,} done, {len(written.marks):,} were in hand")]
    facts += [fact for fact in planned.plan.facts if fact[0] != "from"]
    steps = planned.plan.steps
    frail = sum(mark[2] == 0 and mark[0] not in written.stored for mark in written.marks)
    if frail and remote is None and kept.order.verb is Verb.REDRIVE:
        steps += tuple(Send(target, exact(frail), "from the bundle") for target in planned.targets)
    damage = (Risk("bundle", lacking),) if lacking else ()
    risks = (*planned.plan.risks, *_made_anew(source, kept), *damage)
    rest = replace(planned.plan, facts=tuple(facts), steps=steps, risks=risks)
    return replace(planned, plan=rest), _before(kept, written, total)


def _before(kept: Recipe, written: Written, total: int | None) -> Before:
    """What the rest of the run is told of the processes before it."""
    return Before(
        total,
        written.counts,
        [*written.marks, *written.unsure],
        written.twice,
        written.unknown,
        written.stored,
        written.repeated,
        written.stored | {mark[0] for mark in written.unsure},
        kept.offsets.first if kept.offsets else {},
        written.refused,
    )


def _lacking(session: Session, record: RunRecord, runs: Runs) -> str:
    """What the bundle lost of the letters that were moved, in a sentence; "" where it lost none."""
    moved = {done[0] for done in runs.outcomes(record.id) if done[1] == Outcome.MOVED}
    return held(session, record, moved)[1]


def _written(record: RunRecord, runs: Runs) -> Written:
    """Read the journal; a long run has many lines, so this is not for an event loop."""
    marks = runs.open_marks(record.id)
    hands = Counter(mark[0] for _, hand in runs.open_hands(record.id) for mark in hand)
    unsure = _unsure(record, runs, marks)
    counts = {name: number for name, number in runs.counts(record.id).items() if name in FINISHED}
    finished = sum(counts.values())
    if unsure:
        counts[Outcome.MOVED] -= len(unsure)
    twice: list[str] = []
    unknown: list[str] = []
    stored: set[str] = set()
    refused: set[str] = set()
    for name, outcome, _, reason in runs.outcomes(record.id):
        if PERHAPS_TWICE in reason:
            twice.append(reason.removeprefix(PERHAPS_TWICE))
        if outcome == Outcome.UNKNOWN:
            unknown.append(name)
        elif outcome == Outcome.REFUSED:
            refused.add(name)
        elif outcome == Stored.STORED:
            stored.add(name)
    repeated = frozenset(name for name, number in hands.items() if number > 1)
    again = runs.marks_of(record.id, refused) if refused and record.broker is BrokerKind.RABBITMQ else ()
    return Written(list(marks), frozenset(stored), unsure, counts, finished, twice, unknown, repeated, again)


def _unsure(record: RunRecord, runs: Runs, open_marks: Sequence[Mark]) -> list[Mark]:
    """Letters that were moved shortly before the broker broke off, and that it may have given back.

    An ack has no answer: a broker that dies keeps the copy it confirmed and forgets the ack that followed
    [RabbitMQ 3.10.8: 250 letters came back]. Those that are met again are moved as suspects, the others stay moved.
    """
    if record.broker is not BrokerKind.RABBITMQ or record.state != "failed":
        return []
    moved = {done[0] for done in runs.outcomes(record.id) if done[1] == Outcome.MOVED}
    moved.difference_update(mark[0] for mark in open_marks)
    last = {mark[0]: mark for mark in runs.last_marks(record.id, UNSURE) if mark[2] != 0}
    return [mark for name, mark in last.items() if name in moved]


async def _source(session: Session, kept: Recipe) -> Source:
    """The source as of now, within the bounds of the plan. A stream that expired or was deleted is an empty one.

    Raises:
        NotFound: it is gone, and it was no stream.
    """
    try:
        return narrowed(await session.broker.snapshot(kept.order.source), kept)
    except NotFound:
        if kept.ids is None:
            raise
    return Source(kept.order.source, kept.identity, IdBounds(None, None), exact(0))


def _made_anew(source: Source, kept: Recipe) -> list[Risk]:
    """A stream of the same name whose ids went back: letters of the plan's ids may be others."""
    bounds = source.bounds
    if kept.ids is None or not isinstance(bounds, IdBounds) or not bounds.made_anew_since(kept.ids):
        return []
    text = f"{source.ref.name} was deleted and made again since the run was planned, or a failover took it back"
    return [Risk("made-anew", f"{text}: other letters may have the ids of the plan", Severity.REFUSE)]


def check(record: RunRecord) -> None:
    """Let through what can be resumed.

    Raises:
        Refused: a put back is not resumed but asked for again.
        Held: its process still runs.
    """
    if record.verb == Verb.PUT_BACK:
        raise Refused("A put back is not resumed", "", "Ask for it again: letters that are back are not in its plan.")
    if record.state == "running" and not record.interrupted:
        raise Held("That run is still running", f"Process {record.pid} on {record.host}, by {record.operator}.")
