"""The one write gate: policy, consent, and an audit line on disk before the first byte leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from mqtui.brokers.port import Adapter, AuditLog, Batch, Lease, Publisher, Writer
from mqtui.domain.errors import MqtuiError, Refused
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import Borrow, Deliver, Plan, Send, Step, StepResult, Take
from mqtui.domain.policy import Consent, Policy, check
from mqtui.domain.redrive import Receipt, Source, Terms
from mqtui.domain.resource import Ref


@dataclass(frozen=True, slots=True)
class GrantedPermit:
    """Leave to write what one plan says."""

    plan: Plan


class Guard:
    """Stands before one adapter's writer."""

    def __init__(self, adapter: Adapter, policy: Policy, audit: AuditLog) -> None:
        self.policy = policy
        self._adapter = adapter
        self._audit = audit

    @asynccontextmanager
    async def writing(self, plan: Plan, consent: Consent) -> AsyncIterator[Writer]:
        """A writer for exactly this plan.

        Raises:
            Refused, NeedsConsent: as `domain.policy.check`.
            StorageFailed: the audit line could not be kept; nothing was written.
        """
        check(self.policy, plan, consent)
        self._audit.begin(plan, self.policy)
        writer = BoundWriter(self._adapter.open_writer(GrantedPermit(plan)), plan)
        try:
            yield writer
        except MqtuiError as error:
            self._audit.end(plan, self.policy, f"failed: {error.title}")
            raise
        except BaseException as error:
            self._audit.end(plan, self.policy, f"interrupted: {type(error).__name__}")
            raise
        self._audit.end(plan, self.policy, writer.result)


class BoundWriter:
    """A writer that refuses what its plan does not name, so a permit can't be spent on something else."""

    def __init__(self, writer: Writer, plan: Plan) -> None:
        self._writer = writer
        self._plan = plan
        self.result = "done"
        """What the audit says at the end; the service writes it."""

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        """Publishing to the plan's targets."""
        targets = frozenset(step.target for step in self._plan.steps if isinstance(step, Send | Deliver))
        return self._bound_publisher(targets)

    @asynccontextmanager
    async def _bound_publisher(self, targets: frozenset[Ref]) -> AsyncIterator[Publisher]:
        async with self._writer.publisher() as publisher:
            yield BoundPublisher(publisher, targets)

    def lease(self, source: Source, terms: Terms) -> AbstractAsyncContextManager[Lease]:
        """Taking letters from the plan's source."""
        if not any(isinstance(step, Take) and step.source.ref == source.ref for step in self._plan.steps):
            raise Refused(f"The plan does not take letters from {source.ref}")
        return self._writer.lease(source, terms)

    def borrow(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """The paid look the plan names."""
        if not any(isinstance(step, Borrow) and step.queue == ref and count <= step.count for step in self._plan.steps):
            raise Refused(f"The plan does not look at {count} messages of {ref}")
        return self._writer.borrow(ref, count)

    async def apply(self, step: Step) -> StepResult:
        """One of the plan's own steps."""
        if not any(step is known or step == known for known in self._plan.steps):
            raise Refused("The plan does not have that step")
        return await self._writer.apply(step)


class BoundPublisher:
    """A publisher that sends to the plan's targets only."""

    def __init__(self, publisher: Publisher, targets: frozenset[Ref]) -> None:
        self._publisher = publisher
        self._targets = targets

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order."""
        for target in {outgoing.target for outgoing in batch}:
            if target not in self._targets:
                raise Refused(f"The plan does not write to {target}")
        return await self._publisher.send(batch)
