"""Puts the offsets of a run back, and goes on with a run that was interrupted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Held, NotFound
from mqtui.domain.figure import exact
from mqtui.domain.group_offsets import Positions
from mqtui.domain.message import Offset
from mqtui.domain.plan import DeleteGroup, Risk, SetOffsets, SkipWithCopies, Step
from mqtui.domain.redrive import Guarantee, Outcome, Strength
from mqtui.services.offsets.journal_plan import SavedOffsets, decode_offsets, move_names
from mqtui.services.offsets.plan import PlannedOffsets, make_plan, plan_moves, require_offsets
from mqtui.services.offsets.skip import ONE_TRANSACTION, copies_of, read_skipped
from mqtui.services.session import Session
from mqtui.state.journal import Journal, RunRecord


async def plan_put_back(session: Session, record: RunRecord, runs: Journal) -> PlannedOffsets:
    """Plan to set the offsets that a run changed to what they were.

    Raises:
        NotFound: it changed none.
        Held: it is still running.
    """
    _check_ended(record)
    short = await _prepare(session, record, runs)
    saved = decode_offsets(record)
    outcomes = await run_in_thread("journal", lambda: list(runs.read_outcomes(record.id)))
    done = {name for name, outcome, _, _ in outcomes if outcome == Outcome.MOVED}
    named = zip(move_names(saved.moves), saved.moves, strict=True)
    moves = [move for name, move in named if name in done or record.state != "done"]
    if not moves:
        raise NotFound(f"Nothing to put back of run {short}", "It changed no offset.")
    broker = await require_offsets(session)
    positions = Positions({(move.resource, move.partition): move.before for move in moves})
    preview = await broker.preview_offsets(saved.group, None, positions)
    plan = plan_moves(session, preview, Verb.PUT_BACK)
    risks = plan.risks
    if saved.copies is not None and plan.steps:
        risks += (Risk("copies-stay", f"the copies stay in {saved.copies.name}: redriven too, they are read twice"),)
    facts = (("run", f"{short}: {record.verb} of {saved.group.name}"), *plan.facts)
    return PlannedOffsets(
        replace(plan, facts=facts, risks=risks), preview, f"mqtui runs putback {short}", put_back_of=record.id
    )


async def plan_resume(session: Session, record: RunRecord, runs: Journal) -> PlannedOffsets:
    """Plan the step of an interrupted run again, under its id: what it did before counts as done.

    Raises:
        Held: its process still runs.
    """
    _check_ended(record)
    short = await _prepare(session, record, runs)
    saved = decode_offsets(record)
    broker = await require_offsets(session)
    wanted = Positions({(move.resource, move.partition): move.after for move in saved.moves})
    preview = await broker.preview_offsets(saved.group, None, wanted)
    step = await _step(session, saved)
    plan = make_plan(session, replace(preview, moves=saved.moves), Verb.OFFSETS, (step,), saved.moves)
    facts = (("resumes", f"run {short}: what it has done counts as done"), ("group", saved.group.name))
    plan = replace(
        plan,
        id=record.id,
        count=exact(len(saved.moves)),
        facts=facts,
        risks=tuple(risk for risk in plan.risks if risk.name in ("active", "readers")),
        deletes=saved.group.name if _deletes(saved) else "",
        guarantee=Guarantee(Strength.EXACTLY_ONCE, ONE_TRANSACTION) if saved.copies else None,
    )
    return PlannedOffsets(plan, replace(preview, moves=saved.moves), f"mqtui runs resume {short}", resumes=True)


def _deletes(saved: SavedOffsets) -> bool:
    return saved.deletes_group or all(move.after is None for move in saved.moves)


def _check_ended(record: RunRecord) -> None:
    if record.state == "running" and not record.interrupted:
        raise Held("That run is still running", f"Process {record.pid} on {record.host}, by {record.operator}.")


async def _prepare(session: Session, record: RunRecord, runs: Journal) -> str:
    """Apply the policies that the run began under; its short name."""
    await session.guard.identify_broker()
    session.guard.add_policies((await run_in_thread("journal", partial(runs.policies_of, record.id)))[:1])
    return await run_in_thread("journal", partial(runs.short_id, record.id))


async def _step(session: Session, saved: SavedOffsets) -> Step:
    if saved.deletes_group:
        return DeleteGroup(saved.group, saved.moves)
    if saved.copies is None:
        return SetOffsets(saved.group, saved.moves)
    (move,) = saved.moves
    assert isinstance(move.before, Offset) and isinstance(move.after, Offset)
    span = move.after.offset - move.before.offset
    messages = [
        message
        for message in await read_skipped(session, move.resource, move.before, span)
        if isinstance(message.position, Offset) and message.position.offset < move.after.offset
    ]
    if not messages:
        raise NotFound("What was to be skipped is gone", f"{move.resource.name} has deleted it.", "Plan it again.")
    return SkipWithCopies(saved.group, move, copies_of(saved.group, saved.copies, messages))
