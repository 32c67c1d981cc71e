"""Carries out a plan of offsets: through the write gate, with the old offsets in the journal before any change."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from time import monotonic

import msgspec

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError
from mqtui.domain.plan import Plan, Result, Step, StepResult
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import Outcome
from mqtui.domain.resource import Kind, Ref
from mqtui.services.offsets.journal_plan import encode_offsets
from mqtui.services.offsets.plan import PlannedOffsets
from mqtui.services.offsets.plan_request import plan_offsets
from mqtui.services.offsets.request import OffsetsRequest
from mqtui.services.redrive.putback.history import encode_run_reference
from mqtui.services.redrive.run.journal_writer import NO_BATCH, JournalWriter
from mqtui.services.redrive.run.run_record import new_run_record
from mqtui.services.session import Session
from mqtui.state.journal import Journal, RunRecord

RETRY_PAUSE = 1.0
"""Seconds between two looks whether the members have left."""


async def plan_when_idle(
    session: Session, request: OffsetsRequest, seconds: float, tell: Callable[[PlannedOffsets], None]
) -> PlannedOffsets:
    """Plan, and plan again while members are in the way, at most for so long. `tell` gets each plan that is blocked.

    Raises:
        MqtuiError: as `plan_offsets`.
    """
    until = monotonic() + seconds
    while True:
        planned = await plan_offsets(session, request)
        if not planned.is_blocked or monotonic() >= until:
            return planned
        tell(planned)
        await asyncio.sleep(min(RETRY_PAUSE, max(0.0, until - monotonic())))


async def run_offsets(session: Session, planned: PlannedOffsets, runs: Journal, consent: Consent) -> StepResult:
    """Carry out the plan's step.

    Raises:
        Refused, NeedsConsent: from the write gate, or since the group is in use or moved since.
        MqtuiError: it failed; the journal keeps what the offsets were.
    """
    plan = planned.plan
    (step,) = plan.steps
    journal = JournalWriter(runs, plan.id)
    async with session.guard.writing(plan, consent) as writer:
        if planned.resumes:
            await journal.claim(os.getpid())
        else:
            await journal.write_start(_record(session, planned, step), (session.policy,))
        began = monotonic()
        try:
            result = await writer.apply(step)
        except BaseException as error:
            await journal.write_end("failed", _failed(plan, error))
            raise
        await journal.write_outcomes(NO_BATCH, [(name, Outcome.MOVED, "", "") for name in result.ids])
        moved = len(result.ids)
        asked = int(plan.count.number or 0)
        ended = Result(plan.id, asked, moved=moved, left=asked - moved, seconds=monotonic() - began)
        await journal.write_end("done", msgspec.json.encode(ended))
        writer.result = f"{moved} of {asked} partitions set"
    return result


def _failed(plan: Plan, error: BaseException) -> bytes:
    asked = int(plan.count.number or 0)
    why = error.title if isinstance(error, MqtuiError) else type(error).__name__
    return msgspec.json.encode(Result(plan.id, asked, left=asked, why=why))


def _record(session: Session, planned: PlannedOffsets, step: Step) -> RunRecord:
    is_put_back = planned.plan.verb is Verb.PUT_BACK
    saved = encode_run_reference(planned.put_back_of) if is_put_back else encode_offsets(step, planned.command)
    source = Ref(Kind.GROUP, planned.preview.group.name)
    return new_run_record(session, planned.plan, source, saved, int(planned.plan.count.number or 0))
