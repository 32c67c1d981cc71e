"""A writer, publisher and lease restricted to one plan: whatever the plan does not name is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence, Sized
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from functools import partial
from typing import NamedTuple

from mqtui.brokers.blocking import run_to_end_in_thread
from mqtui.brokers.optional_port import BulkLease, RawBatch, ScanShare, SharesScans
from mqtui.brokers.port import Batch, ClaimsLetters, EndsEarly, Lease, Publisher, SchemaRegistrar, StoresFirst, Writer
from mqtui.brokers.request_log import log_request
from mqtui.domain.bulk import BulkResult, RouteTemplates
from mqtui.domain.errors import Refused, Unsupported
from mqtui.domain.figure import pluralize
from mqtui.domain.message import Outgoing, Position
from mqtui.domain.plan import (
    Deliver,
    JoinScan,
    Listen,
    PeekUnacked,
    Plan,
    RegisterSchema,
    Remove,
    Send,
    Step,
    StepResult,
    Take,
)
from mqtui.domain.redrive import LeaseOptions, LetterClaim, PublishStatus, Receipt, Source, Transfer
from mqtui.domain.resource import BrokerKind, Ref

DONE = "done"


class WriteResult:
    """How a write ended, for the audit log."""

    result = DONE
    """The outcome; the service sets it."""

    def result_after_error(self, why: str) -> str:
        """The outcome after an error: what was done before it, and the error."""
        return why if self.result == DONE else f"{self.result}; {why}"


class RestrictedRegistrar(WriteResult):
    """Registers the schemas that its plan names, and no others."""

    def __init__(self, registry: SchemaRegistrar, plan: Plan) -> None:
        self._registry = registry
        self._plan = plan

    async def register(self, step: RegisterSchema) -> int:
        """Apply one of the plan's steps; the schema's id."""
        if step not in self._plan.steps:
            raise Refused("The plan does not have that step")
        work = partial(self._registry.register, step.subject, step.schema)
        number = await run_to_end_in_thread("schema", work)
        self.result = f"{step.subject} has the schema id {number}"
        return number


class RestrictedWriter(WriteResult):
    """A writer that refuses everything its plan does not name, so that a write permit is good for that plan only."""

    def __init__(self, writer: Writer, plan: Plan, broker: BrokerKind) -> None:
        self._writer = writer
        self._plan = plan
        self._broker = broker

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        """A publisher to the plan's targets."""
        targets = frozenset(step.target for step in self._plan.steps if isinstance(step, Send))
        async with self._writer.publisher() as publisher:
            yield RestrictedPublisher(publisher, targets, self._broker)

    @asynccontextmanager
    async def lease(self, source: Source, options: LeaseOptions) -> AsyncIterator[Lease]:
        """A lease on the plan's source that moves letters to the plan's targets."""
        if not any(isinstance(step, Take) and step.source.ref == source.ref for step in self._plan.steps):
            raise Refused(f"The plan does not take letters from {source.ref}")
        targets = frozenset(step.target for step in self._plan.steps if isinstance(step, Deliver))
        removes = any(isinstance(step, Remove) for step in self._plan.steps)
        async with self._writer.lease(source, options) as lease:
            restricted: type[RestrictedLease] = RestrictedBulkLease if isinstance(lease, BulkLease) else RestrictedLease
            if isinstance(lease, ClaimsLetters):
                is_bulk = isinstance(lease, BulkLease)
                restricted = RestrictedBulkClaimingLease if is_bulk else RestrictedClaimingLease
            if isinstance(lease, StoresFirst):
                restricted = RestrictedStoringLease
            yield restricted(lease, targets, RequestLog(self._broker, f" of {source.ref.name}"), removes=removes)

    def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """Peek at a queue, which uses up deliveries: at most as many messages as the plan says."""
        if not any(
            isinstance(step, PeekUnacked) and step.queue == ref and count <= step.count for step in self._plan.steps
        ):
            raise Refused(f"The plan does not look at {pluralize(count, 'message')} of {ref}")
        return self._writer.peek_unacked(ref, count)

    def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Letters that arrive at the plan's source."""
        if not any(isinstance(step, Take | Listen) and step.source.ref == source.ref for step in self._plan.steps):
            raise Refused(f"The plan does not listen to {source.ref}")
        return self._writer.listen(source)

    def share_scan(self, step: JoinScan) -> AbstractAsyncContextManager[ScanShare]:
        """Take part in the plan's scan."""
        if not any(step == known for known in self._plan.steps):
            raise Refused("The plan does not have that step")
        if not isinstance(self._writer, SharesScans):
            raise Unsupported(f"{self._broker} can't share a scan")
        return self._writer.share_scan(step)

    async def apply(self, step: Step) -> StepResult:
        """Apply one of the plan's steps."""
        if not any(step is known or step == known for known in self._plan.steps):
            raise Refused("The plan does not have that step")
        with log_request(self._broker, lambda: f"{self._plan.verb}, plan {self._plan.id[:4].upper()}"):
            return await self._writer.apply(step)


class RequestLog(NamedTuple):
    """Notes the batches that a broker is sent; `place` is where their letters are."""

    broker: BrokerKind
    place: str = ""

    def note(self, done: str, batch: Sized) -> AbstractContextManager[None]:
        """Note one batch, by what is done to it."""
        return log_request(self.broker, lambda: f"{done} {pluralize(len(batch), 'letter')}{self.place}")


class RestrictedPublisher:
    """A publisher that sends to the plan's targets only."""

    def __init__(self, publisher: Publisher, targets: frozenset[Ref], broker: BrokerKind) -> None:
        self._publisher = publisher
        self._targets = targets
        self._broker = broker

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order."""
        wanted = {outgoing.target for outgoing in batch}
        require_targets(self._targets, wanted)
        names = ", ".join(sorted(ref.name for ref in wanted))
        with log_request(self._broker, lambda: f"publish {pluralize(len(batch), 'message')} to {names}"):
            return await self._publisher.send(batch)


class RestrictedLease:
    """A lease that moves to the plan's targets only, and removes only where the plan says so."""

    def __init__(self, lease: Lease, targets: frozenset[Ref], log: RequestLog, *, removes: bool) -> None:
        self._lease = lease
        self._targets = targets
        self._log = log
        self._removes = removes

    @property
    def end_reason(self) -> str:
        """As `EndsEarly.end_reason`; "" where the lease has none."""
        return self._lease.end_reason if isinstance(self._lease, EndsEarly) else ""

    def batches(self, size: int) -> AsyncIterator[Batch]:
        """As `Lease.batches`."""
        return self._lease.batches(size)

    async def drain(self) -> None:
        """As `Lease.drain`."""
        await self._lease.drain()

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """As `Lease.move`, to the plan's targets."""
        require_targets(self._targets, set({id(transfer.target): transfer.target for transfer in batch}.values()))
        with self._log.note("move", batch):
            return await self._lease.move(batch)

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """As `Lease.settle`, if the plan removes letters."""
        if not self._removes:
            raise Refused("The plan does not remove letters without storing them")
        with self._log.note("remove", letters):
            return await self._lease.settle(letters)

    async def release(self, letters: Batch) -> None:
        """As `Lease.release`."""
        await self._lease.release(letters)


class RestrictedClaimingLease(RestrictedLease):
    """A restricted lease that claims letters before they are stored at another broker."""

    async def claim(self, letters: Batch) -> Sequence[LetterClaim]:
        """As `ClaimsLetters.claim`."""
        assert isinstance(self._lease, ClaimsLetters)
        with self._log.note("claim", letters):
            return await self._lease.claim(letters)


class RestrictedStoringLease(RestrictedLease):
    """A restricted lease that stores letters first: it may also remove those that it has stored."""

    def __init__(self, lease: Lease, targets: frozenset[Ref], log: RequestLog, *, removes: bool) -> None:
        super().__init__(lease, targets, log, removes=removes)
        self._stored: set[Position] = set()

    async def store(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """As `StoresFirst.store`, to the plan's targets."""
        assert isinstance(self._lease, StoresFirst)
        require_targets(self._targets, set({id(transfer.target): transfer.target for transfer in batch}.values()))
        with self._log.note("store", batch):
            receipts = await self._lease.store(batch)
        self._stored.update(
            transfer.letter.position
            for transfer, receipt in zip(batch, receipts, strict=True)
            if receipt.state is PublishStatus.STORED
        )
        return receipts

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """As `Lease.settle`, for letters that were stored here or if the plan removes letters."""
        positions = {letter.position for letter in letters}
        if not positions <= self._stored:
            return await super().settle(letters)
        self._stored -= positions
        with self._log.note("remove", letters):
            return await self._lease.settle(letters)


class RestrictedBulkLease(RestrictedLease):
    """A restricted lease that moves letters in bulk."""

    def raw_batches(self, size: int, routes: RouteTemplates) -> AsyncIterator[RawBatch]:
        """As `BulkLease.raw_batches`."""
        return self._bulk_lease.raw_batches(size, routes)

    async def move_raw(self, batch: RawBatch) -> BulkResult:
        """As `BulkLease.move_raw`, to the plan's targets."""
        require_targets(self._targets, {route.target for route in batch.routes})
        with self._log.note("move", batch):
            return await self._bulk_lease.move_raw(batch)

    @property
    def _bulk_lease(self) -> BulkLease:
        assert isinstance(self._lease, BulkLease)
        return self._lease


class RestrictedBulkClaimingLease(RestrictedBulkLease, RestrictedClaimingLease):
    """A restricted lease that does both."""


def require_targets(allowed: frozenset[Ref], wanted: set[Ref]) -> None:
    """Check that only allowed targets are wanted.

    Raises:
        Refused: another target is wanted.
    """
    for ref in wanted - allowed:
        raise Refused(f"The plan does not write to {ref}")
