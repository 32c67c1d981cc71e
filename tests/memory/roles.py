"""The roles of the port over a server: each call is a conversation, and hands out pages and batches."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from mqtui.brokers.port import Batch, Broker, Catalog, Groups, Lease, Pending, Permit, Publisher, Reader
from mqtui.domain.capability import Support, Verb
from mqtui.domain.destination_change import DestinationChange
from mqtui.domain.errors import CannotConnect, MqtuiError
from mqtui.domain.figure import Figure, unknown
from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget
from mqtui.domain.message import EntryId, Message, Outgoing, Position
from mqtui.domain.placement import ClusterNode, PartitionStatus
from mqtui.domain.plan import ChangePreview, Plan, Risk, Severity, Step, StepResult
from mqtui.domain.read_range import Edge, Extent, PeekCost, ReadRange
from mqtui.domain.redrive import Guarantee, LeaseOptions, Receipt, Source
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import (
    NOT_ASKED,
    Cluster,
    Destination,
    Group,
    GroupLag,
    Inventory,
    Page,
    PendingEntry,
    Property,
    Survey,
)
from tests.memory.changes import ChangesHere
from tests.memory.server import HasPartitionsHere, MemoryLease, MemoryServer, RequeuesHere, SetsOffsetsHere, TracesHere

BATCH = 1000


class MemoryConnection:
    """A server behind a login."""

    def __init__(self, server: MemoryServer, secret: str, identity: str) -> None:
        self._server = server
        self._identity = identity
        self._secret = secret
        self.leases: list[MemoryLease] = []

    @property
    def server(self) -> MemoryServer:
        """The server, after everything that can hinder a call."""
        self._server.faults.conversation(self._secret)
        return self._server

    @property
    def identity(self) -> str:
        """Who the server says it is, likewise."""
        self._server.faults.conversation(self._secret)
        return self._identity


class MemoryCatalog:
    """What there is."""

    def __init__(self, talk: MemoryConnection) -> None:
        self._connection = talk

    async def describe_cluster(self) -> Cluster:
        """The broker as a whole."""
        server = self._connection.server
        return Cluster(server.kind, server.version, "memory")

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """Names, then depths."""
        found = tuple(self._connection.server.destinations())
        yield Page(tuple(replace(row, messages=NOT_ASKED, backlog=NOT_ASKED) for row in found))
        yield Page(found)

    async def locate(self, ref: Ref) -> Destination:
        """One destination, without its figures."""
        return replace(self._connection.server.detail(ref), messages=NOT_ASKED, backlog=NOT_ASKED)

    async def describe(self, ref: Ref) -> Destination:
        """One destination."""
        return self._connection.server.detail(ref)

    async def list_properties(self, ref: Ref) -> Sequence[Property]:
        """Its facts."""
        row = self._connection.server.detail(ref)
        facts = {"type": row.type, "messages": row.messages, **row.facts}
        return [Property("memory", name, str(value)) for name, value in facts.items() if value is not None]


class MemoryReader:
    """Looking at messages."""

    def __init__(self, talk: MemoryConnection) -> None:
        self._connection = talk

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """First, end and count."""
        return self._connection.server.extent(ref, partition)

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """What a look costs."""
        return self._connection.server.peek_cost(ref, count)

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Messages in order of position."""
        found = self._connection.server.messages(ref, span)
        if span.start is Edge.NEWEST:
            found = sorted(found, key=lambda message: message.timestamp or 0)
            found = found[-limit:] if limit else found
        elif limit is not None:
            found = found[:limit]
        for start in range(0, len(found), BATCH):
            yield found[start : start + BATCH]

    async def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Messages from now on."""
        server = self._connection.server
        marks = server.extent(ref, partition).end
        while True:
            if found := server.arrived_since(ref, marks):
                marks = server.extent(ref, partition).end
                yield found
            else:
                await server.next_arrival()


class MemoryGroups:
    """Consumer groups."""

    def __init__(self, talk: MemoryConnection) -> None:
        self._connection = talk

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All, or those of one destination."""
        if ref is not None:
            self._connection.server.detail(ref)
        return Inventory(tuple(self._connection.server.groups(ref)))

    async def list_names(self) -> Inventory[Ref]:
        """Of all."""
        return Inventory(tuple(group.ref for group in self._connection.server.groups(None)))

    async def exists(self, ref: Ref) -> bool:
        """Whether it is among them."""
        return ref in await self.list_names()

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """As the listing tells them."""
        names = {group.ref for group in groups}
        told = [group for group in self._connection.server.groups(None) if group.ref in names]
        return Inventory(tuple(told), groups.missing)

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """By the snapshots, which know them."""
        return {ref: self._connection.server.snapshot(ref).readers for ref in refs}

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """One after the other."""
        for group in groups:
            yield self._connection.server.lag(group)


class MemoryPending:
    """Pending entries."""

    def __init__(self, talk: MemoryConnection) -> None:
        self._connection = talk

    async def list_entries(
        self,
        stream: Ref,
        group: str,
        *,
        min_idle: int = 0,
        consumer: str = "",
        cursor: bytes | None = None,
        limit: int = 100,
    ) -> Page[PendingEntry]:
        """A page, by id."""
        server = self._connection.server
        return server.pending(stream, group, min_idle=min_idle, consumer=consumer, after=cursor, limit=limit)

    async def count_by_consumer(self, stream: Ref, group: str) -> Mapping[str, int]:
        """Of all that is pending."""
        found = self._connection.server.pending(stream, group, min_idle=0, consumer="", after=None, limit=sys.maxsize)
        return dict(Counter(entry.consumer for entry in found.items).most_common())

    async def read_entries(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[Message | None]:
        """The entries themselves."""
        found = {message.position: message for message in self._connection.server.messages(stream, ReadRange())}
        return [found.get(entry) for entry in ids]

    async def are_in_stream(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[bool]:
        """Whether the entries are there."""
        return [letter is not None for letter in await self.read_entries(stream, ids)]


class MemoryBroker:
    """One broker, to look at."""

    def __init__(self, talk: MemoryConnection, kind: BrokerKind) -> None:
        self._connection = talk
        self.kind = kind
        self.catalog: Catalog = MemoryCatalog(talk)
        self.reader: Reader = MemoryReader(talk)
        self.groups: Groups = MemoryGroups(talk)
        self.pending: Pending | None = MemoryPending(talk) if kind is BrokerKind.REDIS else None

    async def identity(self) -> str:
        """The server's name."""
        return self._connection.identity

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Kind, then rights."""
        return self._connection.server.can(verb, ref)

    async def survey(self) -> Survey:
        """Everything at one look; groups without their members, where that is how the broker tells them."""
        server = self._connection.server
        rows = Inventory(tuple(server.destinations()))
        if Verb.GROUPS in server.faults.denied:
            return Survey(rows, Inventory((), ("Not authorised to list groups",)), ())
        groups = tuple(server.groups(None))
        lags = tuple(server.lag(group.ref) for group in groups)
        if self.kind is not BrokerKind.KAFKA:
            groups = tuple(replace(group, members=(), size=len(group.members)) for group in groups)
        return Survey(rows, Inventory(groups), lags)

    async def survey_depths(self) -> Survey:
        """The same."""
        return await self.survey()

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """By the snapshots, which know what was handled."""
        return {row.ref: self._letters(row.ref) for row in rows}

    def _letters(self, ref: Ref) -> Figure:
        try:
            return self._connection.server.snapshot(ref).count
        except CannotConnect:
            raise
        except MqtuiError as error:
            return unknown(error.title)

    async def snapshot(self, source: Ref) -> Source:
        """The source as of now."""
        return self._connection.server.snapshot(source)

    async def check_publish(self, targets: Sequence[Ref]) -> Sequence[Risk]:
        """A refusal for each destination that is closed to writers."""
        closed = [ref.name for ref in targets if ref in self._connection.server.closed]
        return [Risk("rights", f"writing to {name} is not allowed", Severity.REFUSE, final=True) for name in closed]

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The broker's word on a plan."""
        return self._connection.server.check_plan(source, plan)

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """The promise."""
        return self._connection.server.guarantee(source, targets)

    async def list_nodes(self) -> Inventory[ClusterNode]:
        """As the server tells them."""
        return Inventory(tuple(self._connection.server.nodes()))

    async def preview_change(self, change: DestinationChange) -> ChangePreview:
        """What a change would do."""
        server = self._connection.server
        assert isinstance(server, ChangesHere)
        return server.preview_change(change)


class MemoryTracingBroker(MemoryBroker):
    """One that keeps which letters a run has moved."""

    async def trace(self, source: Source, options: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """By the record of the run."""
        server = self._connection.server
        assert isinstance(server, TracesHere)
        return server.trace(source, options, positions)

    async def preview_offsets(
        self, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None = None
    ) -> OffsetPreview:
        """What would become of a group's offsets."""
        server = self._connection.server
        assert isinstance(server, SetsOffsetsHere)
        return server.preview_offsets(group, resource, target, partition)


class MemoryPartitionedBroker(MemoryTracingBroker):
    """One whose destinations have partitions."""

    async def list_partitions(self, ref: Ref) -> Inventory[PartitionStatus]:
        """As the server has them."""
        server = self._connection.server
        assert isinstance(server, HasPartitionsHere)
        return Inventory(tuple(server.partitions(ref)))


class MemoryRequeuingBroker(MemoryBroker):
    """One that requeues what a dead connection held."""

    async def wait_for_requeue(self, source: Ref, ready: int) -> Figure:
        """What is still held."""
        server = self._connection.server
        assert isinstance(server, RequeuesHere)
        return server.wait_for_requeue(source)


ROLES: Mapping[BrokerKind, type[MemoryBroker]] = {
    BrokerKind.RABBITMQ: MemoryRequeuingBroker,
    BrokerKind.REDIS: MemoryTracingBroker,
}


class MemoryPublisher:
    """Publishing with confirmation."""

    def __init__(self, talk: MemoryConnection) -> None:
        self._connection = talk

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order."""
        return [self._connection.server.store(outgoing) for outgoing in batch]


class MemoryWriter:
    """The changes of one permit."""

    def __init__(self, talk: MemoryConnection) -> None:
        self._connection = talk

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator[Publisher]:
        """Publishing."""
        yield MemoryPublisher(self._connection)

    @asynccontextmanager
    async def lease(self, source: Source, options: LeaseOptions) -> AsyncIterator[Lease]:
        """Taking letters."""
        async with self._connection.server.lease(source, options) as lease:
            self._connection.leases.append(lease)
            yield lease

    async def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """The paid look."""
        async with aclosing(self._connection.server.peek_unacked(ref, count)) as batches:
            async for batch in batches:
                yield batch

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """What comes to a source from now on; the first batch is empty."""
        marks = self._connection.server.ends(source.ref)
        yield ()
        while True:
            if found := self._connection.server.heard(source.ref, marks):
                marks = self._connection.server.ends(source.ref)
                yield found
            else:
                await self._connection.server.next_arrival()

    async def apply(self, step: Step) -> StepResult:
        """One step."""
        return self._connection.server.apply(step)


class MemoryAdapter:
    """One connected broker."""

    def __init__(self, talk: MemoryConnection, kind: BrokerKind) -> None:
        self._connection = talk
        self.broker: Broker = ROLES.get(kind, MemoryPartitionedBroker)(talk, kind)

    def open_writer(self, permit: Permit) -> MemoryWriter:
        """A writer for one permit."""
        self._connection.server.events.append(("opened", permit.plan.id))
        return MemoryWriter(self._connection)

    async def close(self) -> None:
        """All connections are gone; what was lent goes back."""
        for lease in self._connection.leases:
            lease.lost()
