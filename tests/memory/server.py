"""What a server holds, and what the roles of the port ask of it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from msgspec import structs

from mqtui.brokers.port import Address, Batch, Lease
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.errors import NotFound, Unsupported
from mqtui.domain.figure import Figure, exact
from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget
from mqtui.domain.message import Message, Outgoing, Position
from mqtui.domain.placement import ClusterNode, PartitionStatus
from mqtui.domain.plan import Plan, Step, StepResult, Take
from mqtui.domain.read_range import FREE_PEEK, Extent, PeekCost, ReadRange
from mqtui.domain.redrive import Guarantee, LeaseOptions, PublishStatus, Receipt, Source
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import Destination, Group, GroupLag, Page, PendingEntry
from tests.memory.clock import Clock
from tests.memory.faults import Faults

Marks = Mapping[int, Position]


class MemoryLease(Lease, Protocol):
    """A lease that can lose its connection."""

    def lost(self) -> None:
        """The connection is lost: the broker requeues what is unacknowledged."""


@runtime_checkable
class TracesHere(Protocol):
    """A server that keeps which letters a run has moved."""

    def trace(self, source: Source, options: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """As `TracesMoves.trace`."""


@runtime_checkable
class RequeuesHere(Protocol):
    """A server that requeues what a dead connection held."""

    def wait_for_requeue(self, ref: Ref) -> Figure:
        """As `RequeuesLate.wait_for_requeue`, at once."""


@runtime_checkable
class HasPartitionsHere(Protocol):
    """A server whose destinations have partitions."""

    def partitions(self, ref: Ref) -> Sequence[PartitionStatus]:
        """As `ListsPartitions.list_partitions`."""


@runtime_checkable
class SetsOffsetsHere(Protocol):
    """A server where it can be set from outside where a group reads on."""

    def preview_offsets(
        self, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None
    ) -> OffsetPreview:
        """As `SetsGroupOffsets.preview_offsets`."""


def takes_letters(plan: Plan) -> bool:
    """Whether letters are taken from this server, not only delivered to it from another."""
    return any(isinstance(step, Take) for step in plan.steps)


class MemoryServer(ABC):
    """One server. Everything here is the server's own doing and immediate; roles add the conversation.

    `events` is what happened, in order: ("stored", target), ("removed", source), ("opened", plan id).
    """

    kind: BrokerKind
    version = "memory"

    def __init__(self, address: Address, clock: Clock) -> None:
        self.address = address
        self.clock = clock
        self.faults = Faults()
        self.events: list[tuple[str, str]] = []
        self.closed: set[Ref] = set()
        """Destinations that nobody may write."""

        self._arrivals: list[asyncio.Event] = []

    # --- looking

    @abstractmethod
    def destinations(self) -> Sequence[Destination]:
        """Everything, with depths."""

    @abstractmethod
    def messages(self, ref: Ref, span: ReadRange) -> list[Message]:
        """All messages of a part, in order of position; `Edge.NEWEST` is left to the reader."""

    @abstractmethod
    def extent(self, ref: Ref, partition: int | None) -> Extent:
        """First, end and count."""

    @abstractmethod
    def arrived_since(self, ref: Ref, marks: Marks) -> list[Message]:
        """Messages behind the ends `marks`."""

    def ends(self, ref: Ref) -> Marks:
        """Where a writer that listens begins."""
        return self.extent(ref, None).end

    def heard(self, ref: Ref, marks: Marks) -> list[Message]:
        """What a writer that listens has heard since `marks`."""
        return self.arrived_since(ref, marks)

    @abstractmethod
    def groups(self, ref: Ref | None) -> Sequence[Group]:
        """Groups, or those that read one destination."""

    @abstractmethod
    def lag(self, group: Ref) -> GroupLag:
        """The lag of one group."""

    @abstractmethod
    def snapshot(self, ref: Ref) -> Source:
        """The source as of now."""

    @abstractmethod
    def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with guarantee, risks and further steps."""

    @abstractmethod
    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """The promise of a move inside this server."""

    def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """What a look costs."""
        self.detail(ref)
        return FREE_PEEK

    def detail(self, ref: Ref) -> Destination:
        """One destination."""
        for destination in self.destinations():
            if destination.ref == ref:
                return destination
        raise NotFound(f"There is no {ref}", "memory", "See `mqtui ls`.")

    def nodes(self) -> Sequence[ClusterNode]:
        """One, which keeps everything."""
        host, port = self.address.hosts[0]
        return [ClusterNode("1", f"{host}:{port}", "memory", data=exact(0), disk_free=exact(40 << 30))]

    def unsupported(self, verb: Verb, ref: Ref | None) -> str:
        """Why this kind of broker does not offer the verb; "" where it does."""
        return ""

    def can(self, verb: Verb, ref: Ref | None) -> Support:
        """Kind, then rights."""
        if reason := self.unsupported(verb, ref):
            return not_supported(reason)
        return (
            not_supported(f"the user has no right to {verb}", "Grant it.") if verb in self.faults.denied else SUPPORTED
        )

    # --- changing

    @abstractmethod
    def put(self, outgoing: Outgoing) -> Receipt:
        """Store one message, or say why not. Faults are added by `store`."""

    @abstractmethod
    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[MemoryLease]:
        """Take letters."""

    @abstractmethod
    def apply(self, step: Step) -> StepResult:
        """One step."""

    def peek_unacked(self, ref: Ref, count: int) -> AsyncGenerator[Batch, None]:
        """The paid look."""
        raise Unsupported(f"{ref} lends nothing", "Reading it is free.")

    def store(self, outgoing: Outgoing) -> Receipt:
        """Store one message with all that can go wrong."""
        limit = self.faults.max_size
        if limit is not None and outgoing.size > limit:
            return Receipt(PublishStatus.REFUSED, reason=f"too large: {outgoing.size} bytes, the limit is {limit}")
        receipt = self.put(outgoing)
        if receipt.state is PublishStatus.STORED:
            self.events.append(("stored", str(outgoing.target)))
            self.on_message()
            self.faults.message_arrived()
            if self.faults.reply_lost():
                return structs.replace(
                    receipt, state=PublishStatus.UNKNOWN, position=None, reason="the reply did not come"
                )
        return receipt

    # --- following

    def on_message(self) -> None:
        """Wake whoever follows a destination."""
        for event in self._arrivals:
            event.set()

    async def next_arrival(self) -> None:
        """Wait until something was stored."""
        event = asyncio.Event()
        self._arrivals.append(event)
        try:
            await event.wait()
        finally:
            self._arrivals.remove(event)

    # --- pending entries, where there are any

    def pending(
        self, stream: Ref, group: str, *, min_idle: int, consumer: str, after: bytes | None, limit: int
    ) -> Page[PendingEntry]:
        """Pending entries by id."""
        raise Unsupported(f"{self.kind} has no pending entries")
