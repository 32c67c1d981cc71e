"""What a plan was granted, and nothing else: writer, publisher and leases that refuse what it does not name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mqtui.brokers.port import (
    Batch,
    ClaimsLetters,
    Convoy,
    EndsEarly,
    Lease,
    Load,
    Publisher,
    StoresFirst,
    Writer,
)
from mqtui.domain.convoy import Carried, Lanes
from mqtui.domain.errors import Refused
from mqtui.domain.figure import counted
from mqtui.domain.message import Outgoing, Position
from mqtui.domain.plan import Borrow, Deliver, Listen, Plan, Remove, Send, Step, StepResult, Take
from mqtui.domain.redrive import LetterClaim, Receipt, Source, Stored, Terms, Transfer
from mqtui.domain.resource import Ref

DONE = "done"


class BoundWriter:
    """A writer that refuses what its plan does not name, so a permit can't be spent on something else."""

    def __init__(self, writer: Writer, plan: Plan) -> None:
        self._writer = writer
        self._plan = plan
        self.result = DONE
        """What the audit says at the end; the service writes it."""

    def broken(self, why: str) -> str:
        """What the audit says of a write that an error ended: what was done until then, and the error."""
        return why if self.result == DONE else f"{self.result}; {why}"

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        """Publishing to the plan's targets."""
        targets = frozenset(step.target for step in self._plan.steps if isinstance(step, Send))
        async with self._writer.publisher() as publisher:
            yield BoundPublisher(publisher, targets)

    @asynccontextmanager
    async def lease(self, source: Source, terms: Terms) -> AsyncIterator[Lease]:
        """Taking letters from the plan's source, for the plan's targets."""
        if not any(isinstance(step, Take) and step.source.ref == source.ref for step in self._plan.steps):
            raise Refused(f"The plan does not take letters from {source.ref}")
        targets = frozenset(step.target for step in self._plan.steps if isinstance(step, Deliver))
        removes = any(isinstance(step, Remove) for step in self._plan.steps)
        async with self._writer.lease(source, terms) as lease:
            bound: type[BoundLease] = BoundConvoy if isinstance(lease, Convoy) else BoundLease
            if isinstance(lease, ClaimsLetters):
                bound = BoundClaimingLease
            if isinstance(lease, StoresFirst):
                bound = BoundStoringLease
            yield bound(lease, targets, removes=removes)

    def borrow(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """The paid look the plan names."""
        if not any(isinstance(step, Borrow) and step.queue == ref and count <= step.count for step in self._plan.steps):
            raise Refused(f"The plan does not look at {counted(count, 'message')} of {ref}")
        return self._writer.borrow(ref, count)

    def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Hearing what comes to the plan's source."""
        if not any(isinstance(step, Take | Listen) and step.source.ref == source.ref for step in self._plan.steps):
            raise Refused(f"The plan does not listen to {source.ref}")
        return self._writer.listen(source)

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
        only(self._targets, {outgoing.target for outgoing in batch})
        return await self._publisher.send(batch)


class BoundLease:
    """A lease that moves to the plan's targets only, and removes only where the plan says so."""

    def __init__(self, lease: Lease, targets: frozenset[Ref], *, removes: bool) -> None:
        self._lease = lease
        self._targets = targets
        self._removes = removes

    @property
    def end_reason(self) -> str:
        """As the lease's own; "" where it has none."""
        return self._lease.end_reason if isinstance(self._lease, EndsEarly) else ""

    def batches(self, size: int) -> AsyncIterator[Batch]:
        """As the lease's own."""
        return self._lease.batches(size)

    async def drain(self) -> None:
        """As the lease's own."""
        await self._lease.drain()

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """As the lease's own, for the plan's targets."""
        only(self._targets, set({id(transfer.target): transfer.target for transfer in batch}.values()))
        return await self._lease.move(batch)

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """As the lease's own, where the plan removes."""
        if not self._removes:
            raise Refused("The plan does not remove letters without storing them")
        return await self._lease.settle(letters)

    async def keep(self, letters: Batch) -> None:
        """As the lease's own."""
        await self._lease.keep(letters)


class BoundClaimingLease(BoundLease):
    """The same for a lease that claims letters before they are stored elsewhere."""

    async def claim(self, letters: Batch) -> Sequence[LetterClaim]:
        """As the lease's own."""
        assert isinstance(self._lease, ClaimsLetters)
        return await self._lease.claim(letters)


class BoundStoringLease(BoundLease):
    """The same for a lease that stores first: it also removes what it has stored."""

    def __init__(self, lease: Lease, targets: frozenset[Ref], *, removes: bool) -> None:
        super().__init__(lease, targets, removes=removes)
        self._stored: set[Position] = set()

    async def store(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """As the lease's own, for the plan's targets."""
        assert isinstance(self._lease, StoresFirst)
        only(self._targets, set({id(transfer.target): transfer.target for transfer in batch}.values()))
        receipts = await self._lease.store(batch)
        self._stored.update(
            transfer.letter.position
            for transfer, receipt in zip(batch, receipts, strict=True)
            if receipt.state is Stored.STORED
        )
        return receipts

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """As the lease's own, for letters that were stored, and where the plan removes."""
        positions = {letter.position for letter in letters}
        if not positions <= self._stored:
            return await super().settle(letters)
        self._stored -= positions
        return await self._lease.settle(letters)


class BoundConvoy(BoundLease):
    """The same for a lease that carries letters unseen."""

    def loads(self, size: int, lanes: Lanes) -> AsyncIterator[Load]:
        """As the lease's own."""
        return self._convoy.loads(size, lanes)

    async def carry(self, load: Load) -> Carried:
        """As the lease's own, for the plan's targets."""
        only(self._targets, {lane.target for lane in load.lanes})
        return await self._convoy.carry(load)

    @property
    def _convoy(self) -> Convoy:
        assert isinstance(self._lease, Convoy)
        return self._lease


def only(allowed: frozenset[Ref], wanted: set[Ref]) -> None:
    """Let through what the plan names.

    Raises:
        Refused: something else is wanted.
    """
    for ref in wanted - allowed:
        raise Refused(f"The plan does not write to {ref}")
