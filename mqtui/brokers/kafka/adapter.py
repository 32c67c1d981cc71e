"""The Kafka adapter: one cluster to read (`KafkaBroker`) and to change (`KafkaWriter`).

It stands on confluent-kafka, and on kafka-python's admin client where only that can ask. What plans and writes is
imported when it is first used: it is a third of all there is to load, and most commands only read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from mqtui.brokers.kafka.config import require_user, tls_settings
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.catalog import KafkaCatalog
from mqtui.brokers.kafka.read.groups import KafkaGroups
from mqtui.brokers.kafka.read.survey import survey, survey_depths
from mqtui.domain.capability import Support, Verb
from mqtui.domain.errors import Unsupported
from mqtui.domain.figure import Figure
from mqtui.domain.message import Position
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import Destination, Inventory, Survey

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from mqtui.brokers.kafka.publish import KafkaPublisher
    from mqtui.brokers.kafka.read.reader import KafkaReader
    from mqtui.brokers.kafka.redrive.unhandled_counts import UnhandledCounter
    from mqtui.brokers.optional_port import ScanShare
    from mqtui.brokers.port import Address, Batch, Lease, Permit
    from mqtui.domain.bulk import Alikeness, CountedLetters
    from mqtui.domain.destination_change import DestinationChange
    from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget
    from mqtui.domain.placement import ClusterNode, PartitionStatus
    from mqtui.domain.plan import ChangePreview, JoinScan, Plan, Risk, Step, StepResult
    from mqtui.domain.redrive import Guarantee, LeaseOptions, Receipt, Source
    from mqtui.domain.transactions import OpenTransaction


def connect(address: Address) -> KafkaAdapter:
    """An adapter for an address. No I/O: the first call connects.

    Raises:
        BadInput: a TLS option has an impossible value, the URL excludes TLS although its options ask for it, or the
            SASL mechanism needs a user and the URL names none.
    """
    tls_settings(address)
    require_user(address)
    return KafkaAdapter(KafkaClients(address))


class KafkaBroker:
    """The read side of one cluster."""

    kind = BrokerKind.KAFKA
    pending = None

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self.catalog = KafkaCatalog(clients)
        self.groups = KafkaGroups(clients)

    @cached_property
    def reader(self) -> KafkaReader:
        from mqtui.brokers.kafka.read.reader import KafkaReader

        return KafkaReader(self._clients)

    @cached_property
    def _unhandled_counter(self) -> UnhandledCounter:
        from mqtui.brokers.kafka.redrive.unhandled_counts import UnhandledCounter

        return UnhandledCounter(self._clients)

    async def identity(self) -> str:
        """The cluster id, asked once; "" where the cluster has none."""
        return await self.catalog.cluster_id()

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether Kafka has the verb and this principal's ACLs allow it."""
        from mqtui.brokers.kafka.capabilities import can

        return await can(self._clients, verb, ref)

    async def survey(self) -> Survey:
        """Topics, groups and lags by partition; each partition's offsets are asked once."""
        return await survey(self._clients, self.catalog, self.groups)

    async def survey_depths(self) -> Survey:
        """Topics and groups with lags by topic, without records in open transactions: a round trip less."""
        return await survey_depths(self._clients, self.catalog, self.groups)

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """Records by offsets, less those that the state topic records as handled."""
        return await self._unhandled_counter.count(rows)

    async def snapshot(self, source: Ref) -> Source:
        """Offset bounds, handled offsets and lock owner of a topic as of now. Opens no transaction (K3)."""
        from mqtui.brokers.kafka.redrive.snapshot import take_snapshot

        return await take_snapshot(self._clients, source)

    def count_alike(self, source: Source, alikeness: Alikeness) -> AsyncIterator[CountedLetters]:
        """The unhandled letters of a snapshot, counted by their headers in a thread."""
        from mqtui.brokers.kafka.redrive.alike_letters import count_alike

        return count_alike(self._clients, source, alikeness)

    async def check_publish(self, targets: Sequence[Ref]) -> Sequence[Risk]:
        """A missing ACL, as describing the topic tells it."""
        from mqtui.brokers.kafka.redrive.plan_checks import check_publish

        return await check_publish(self._clients, targets)

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with its guarantee, its risks and, where it is missing, the creation of the state topic."""
        from mqtui.brokers.kafka.redrive.plan_checks import check_plan

        return await check_plan(self._clients, source, plan)

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """The guarantee of a move within this cluster if all ACLs for it are granted; `inspect` checks them."""
        from mqtui.brokers.kafka.redrive.plan_checks import describe_guarantee

        return describe_guarantee()

    async def trace(self, source: Source, options: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """By the state topic, which run handled letters that were in flight when a process died."""
        from mqtui.brokers.kafka.redrive.killed_run_outcomes import trace

        return await trace(self._clients, source, options, positions)

    async def preview_offsets(
        self, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None = None
    ) -> OffsetPreview:
        """What would become of a group's committed offsets, in distances of offsets."""
        from mqtui.brokers.kafka.read.offset_preview import preview_offsets

        return await preview_offsets(self._clients, group, resource, target, partition)

    async def list_partitions(self, ref: Ref) -> Inventory[PartitionStatus]:
        """Leader, replicas, offsets and size on disk of each partition of a topic."""
        from mqtui.brokers.kafka.read.partitions import list_partitions_of

        return await list_partitions_of(self._clients, ref)

    async def list_nodes(self) -> Inventory[ClusterNode]:
        """The brokers with their disks, and how many partitions each leads and keeps."""
        from mqtui.brokers.kafka.read.nodes import list_nodes

        return await list_nodes(self._clients)

    async def open_transactions(
        self, ref: Ref | None = None, partition: int | None = None
    ) -> Inventory[OpenTransaction]:
        """By partitions with a last stable offset before their end, their leaders, and all coordinators."""
        from mqtui.brokers.kafka.read.transactions import list_open_transactions

        return await list_open_transactions(self._clients, self.catalog, ref, partition)

    async def preview_change(self, change: DestinationChange) -> ChangePreview:
        """What a change of a topic would do, as the brokers validate it."""
        from mqtui.brokers.kafka.read.change_preview import preview_change

        return await preview_change(self._clients, change)


class KafkaWriter:
    """The write side of one cluster, for one plan. Only the guard's permit opens one."""

    def __init__(self, clients: KafkaClients, plan: Plan) -> None:
        self._clients = clients
        self._plan = plan

    def publisher(self) -> AbstractAsyncContextManager[KafkaPublisher]:
        """Publishes with an idempotent producer and acks=all."""
        from mqtui.brokers.kafka.publish import open_publisher

        return open_publisher(self._clients)

    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[Lease]:
        """Unhandled letters of a topic under its lock; leaving the block releases the lock."""
        from mqtui.brokers.kafka.redrive.lease import open_lease

        return open_lease(self._clients, self._plan, source, options)

    def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """Not applicable: reading a topic consumes nothing."""
        raise Unsupported(f"{ref} can't be peeked at a cost", "Reading a topic does not consume.", "Use peek.")

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Letters after the snapshot's end, as they become readable. The first batch is empty."""
        from mqtui.brokers.kafka.read.tail import tail
        from mqtui.domain.redrive import OffsetBounds

        if not isinstance(source.bounds, OffsetBounds):
            raise Unsupported(f"{source.ref} is no topic")
        yield ()
        async for batch in tail(self._clients, source.ref, source.bounds.end):
            yield batch

    def share_scan(self, step: JoinScan) -> AbstractAsyncContextManager[ScanShare]:
        """As a member of a consumer group, with progress committed for each partition."""
        from mqtui.brokers.kafka.shared_scan import join_scan

        return join_scan(self._clients, step)

    async def apply(self, step: Step) -> StepResult:
        """Mark letters unhandled again (K11), set a group's offsets, change a topic, create the state topic (K2)."""
        from mqtui.brokers.kafka.steps import apply_step

        return await apply_step(self._clients, self._plan, step)


class KafkaAdapter:
    """One cluster with all its connections."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self.broker = KafkaBroker(clients)

    def open_writer(self, permit: Permit) -> KafkaWriter:
        """A writer for the plan of one permit."""
        return KafkaWriter(self._clients, permit.plan)

    async def close(self) -> None:
        await self._clients.close()
