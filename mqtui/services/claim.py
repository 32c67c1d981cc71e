"""Claims pending entries (Redis) in two stages: the first entry alone, then, when it was acknowledged, the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from mqtui.domain.plan import Claim, Plan
from mqtui.domain.policy import Consent
from mqtui.services import pending
from mqtui.services.session import Session

POLL_SECONDS = 0.5
"""Seconds between two readings of the pending entries list."""

WATCH_SECONDS = 10.0
"""Seconds that the new consumer is given to acknowledge."""


@dataclass(frozen=True, slots=True)
class ClaimProgress:
    """What became of claimed entries: `moved` of `asked` were claimed, `waiting` of them are still pending."""

    owners: str
    to: str
    asked: int
    moved: int
    waiting: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def is_acknowledged(self) -> bool:
        """Whether all claimed entries were acknowledged."""
        return not self.waiting

    def describe(self) -> str:
        """The progress in one sentence."""
        done = self.moved - self.waiting
        parts = [f"{done:,} acknowledged"] if done else []
        if self.waiting:
            parts.append(f"{self.waiting:,} still pending after {self.seconds:.0f}s")
        became = ", ".join(parts) or "nothing to acknowledge"
        return f"{self.moved:,} of {self.asked:,} moved from {self.owners} to {self.to}: {became}"


def split_first_entry(plan: Plan) -> Plan:
    """The same plan with the first entry as a step of its own."""
    (step,) = plan.steps
    if not isinstance(step, Claim) or len(step.seen) < 2:
        return plan
    return replace(plan, steps=(replace(step, seen=step.seen[:1]), replace(step, seen=step.seen[1:])))


class StagedClaim:
    """A claim in stages. Each stage has its own write permit, so that nothing is open while the operator decides."""

    def __init__(self, session: Session, plan: Plan, owners: str) -> None:
        self.plan = plan
        self.stage = 0
        self._session = session
        self._owners = owners
        self._moved: set[str] = set()
        self._notes: tuple[str, ...] = ()

    @property
    def remaining(self) -> int:
        """Entries of the stages to come."""
        return sum(len(step.seen) for step in self.plan.steps[self.stage :] if isinstance(step, Claim))

    async def run_next_stage(self, consent: Consent, tell: Callable[[ClaimProgress], None]) -> ClaimProgress:
        """Run the next stage and poll until all claimed entries are acknowledged, or the time is over.

        Raises:
            Refused, NeedsConsent: from the write gate.
        """
        step = self.plan.steps[self.stage]
        assert isinstance(step, Claim)
        async with self._session.guard.writing(self.plan, consent) as writer:
            result = await writer.apply(step)
            writer.result = f"{result.done} of {result.asked} done"
        self.stage += 1
        self._moved |= set(result.ids)
        self._notes += result.notes
        began = monotonic()
        while True:
            given = await self._read_progress(step, monotonic() - began)
            tell(given)
            if given.is_acknowledged or given.seconds >= WATCH_SECONDS:
                return given
            await asyncio.sleep(POLL_SECONDS)

    async def _read_progress(self, step: Claim, seconds: float) -> ClaimProgress:
        found = pending.read_entries(self._session, step.stream, step.group, consumer=step.consumer)
        waiting = self._moved & {str(entry.id) async for entry in found}
        asked = sum(len(each.seen) for each in self.plan.steps if isinstance(each, Claim))
        return ClaimProgress(self._owners, step.consumer, asked, len(self._moved), len(waiting), seconds, self._notes)
