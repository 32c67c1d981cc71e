"""Taking up a run whose process is gone: the same order, on the same letters, under the same id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import Held, Refused
from mqtui.domain.figure import exact
from mqtui.domain.plan import Send
from mqtui.domain.redrive import Outcome
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.hands import PERHAPS_TWICE
from mqtui.services.redrive.order import narrowed, read_recipe
from mqtui.services.redrive.planning import Planned, make
from mqtui.services.redrive.running import UNPLANNED, Before
from mqtui.services.session import Session
from mqtui.state.runs import Mark, RunRecord, Runs

DAY = 24 * 3_600_000
UNSURE = 8
"""Batches before a broken connection whose acks may be lost: some seconds."""

FINISHED = (Outcome.MOVED, Outcome.SKIPPED)


async def plan(
    session: Session, record: RunRecord, runs: Runs, conventions: Conventions, remote: Session | None = None
) -> tuple[Planned, Before]:
    """The rest of a run. Letters that came after the first plan are not in it; refused ones are tried again.

    Raises:
        Refused: the source is another one under the same name, or the run is done and nothing is in doubt.
    """
    kept = read_recipe(record.plan)
    marks = runs.open_marks(record.id)
    hands = Counter(mark[0] for _, hand in runs.open_hands(record.id) for mark in hand)
    if record.state == "done" and not marks:
        raise Refused(
            "That run is done", f"{record.verb} of {record.source.name}", "Plan a new one for what is there now."
        )
    unsure = _unsure(record, runs, marks)
    source = narrowed(await session.broker.snapshot(kept.order.source), kept)
    if source.identity != kept.identity:
        raise Refused(f"{record.source.name} is not the one the run was planned on", "It was deleted and made again.")
    order = replace(kept.order, stages=replace(kept.order.stages, first=()))
    counts = {name: number for name, number in runs.counts(record.id).items() if name in FINISHED}
    finished = sum(counts.values())
    if unsure:
        counts[Outcome.MOVED] -= len(unsure)
    total = None if record.planned == UNPLANNED else record.planned
    if total is not None and (source.count.number or 0) > total - sum(counts.values()):
        source = replace(source, count=exact(total - sum(counts.values())))
    planned = await make(session, order, conventions, remote, source=source, run=record.id, targets=kept.targets)
    facts = [("resumes", f"run {runs.short(record.id)}: {finished:,} done, {len(marks):,} were in hand")]
    facts += [fact for fact in planned.plan.facts if fact[0] != "from"]
    steps = planned.plan.steps
    frail = sum(mark[2] == 0 for mark in marks)
    if frail and remote is None and kept.order.verb is Verb.REDRIVE:
        steps += tuple(Send(target, exact(frail), "from the bundle") for target in planned.targets)
    rest = replace(planned.plan, facts=tuple(facts), steps=steps)
    repeated = (name for name, number in hands.items() if number > 1)
    twice = [done[3].removeprefix(PERHAPS_TWICE) for done in runs.outcomes(record.id) if PERHAPS_TWICE in done[3]]
    return replace(planned, plan=rest), Before(total, counts, [*marks, *unsure], twice, frozenset(repeated))


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
