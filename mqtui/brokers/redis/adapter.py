"""The adapter of Redis Streams: its broker for reading, its writer for the changes of one plan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from mqtui.brokers.port import (
    Adapter,
    Address,
    Batch,
    Broker,
    Catalog,
    Groups,
    Lease,
    Pending,
    Permit,
    Publisher,
    Reader,
    Writer,
)
from mqtui.brokers.redis.capabilities import can
from mqtui.brokers.redis.config import read_config
from mqtui.brokers.redis.connection.connection import database_number
from mqtui.brokers.redis.connection.routing import Router, new_router
from mqtui.brokers.redis.connection.server_info import RedisServerInfo
from mqtui.brokers.redis.publish import open_publisher
from mqtui.brokers.redis.read.catalog import RedisCatalog
from mqtui.brokers.redis.read.change_preview import preview_change
from mqtui.brokers.redis.read.groups import RedisGroups
from mqtui.brokers.redis.read.lag import LagCounter
from mqtui.brokers.redis.read.nodes import list_nodes
from mqtui.brokers.redis.read.offset_preview import preview_offsets
from mqtui.brokers.redis.read.pending import RedisPending
from mqtui.brokers.redis.read.reader import RedisReader
from mqtui.brokers.redis.read.survey import survey
from mqtui.brokers.redis.redrive.alike_letters import count_alike
from mqtui.brokers.redis.redrive.killed_run_outcomes import trace
from mqtui.brokers.redis.redrive.lease import open_lease
from mqtui.brokers.redis.redrive.plan_checks import check_plan, check_publish, describe_guarantee
from mqtui.brokers.redis.redrive.snapshot import take_snapshot
from mqtui.brokers.redis.steps import apply_step
from mqtui.domain.bulk import Alikeness, CountedLetters
from mqtui.domain.capability import Support, Verb
from mqtui.domain.destination_change import DestinationChange
from mqtui.domain.errors import BadInput, Unsupported
from mqtui.domain.figure import Figure
from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget
from mqtui.domain.message import EntryId, Position
from mqtui.domain.placement import ClusterNode
from mqtui.domain.plan import ChangePreview, Plan, Risk, Step, StepResult
from mqtui.domain.redrive import Guarantee, IdBounds, LeaseOptions, Receipt, Source
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import Destination, Inventory, Survey

URL_VARIANTS = ("", "unix", "sentinel", "cluster")


class RedisBroker:
    """One Redis server, Sentinel service or Redis Cluster, for reading."""

    kind = BrokerKind.REDIS

    def __init__(self, router: Router) -> None:
        self._router = router
        self._server = RedisServerInfo(router)
        self._lags = lags = LagCounter(router)
        self._streams = streams = RedisCatalog(router, self._server, lags)
        self.catalog: Catalog = streams
        self.reader: Reader = RedisReader(router)
        self.groups: Groups = RedisGroups(router, streams, lags)
        self.pending: Pending | None = RedisPending(router)

    async def identity(self) -> str:
        """Replication id and database; of a cluster the least node id. "" where the server does not say."""
        return await self._server.identity()

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether kind and version allow a verb. Missing rights are named by the plan."""
        return await can(self._server, verb, ref)

    async def survey(self) -> Survey:
        return await survey(self._streams)

    async def survey_depths(self) -> Survey:
        """As `survey`: a stream tells its length and its groups at once."""
        return await self.survey()

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """The lengths in the listing: letters that were handled are gone from a stream."""
        return {row.ref: row.messages for row in rows}

    async def snapshot(self, source: Ref) -> Source:
        """First and last id, length, and the groups that have consumers.

        Raises:
            NotFound: there is no such stream.
        """
        return await take_snapshot(self._router, source)

    def count_alike(self, source: Source, alikeness: Alikeness) -> AsyncIterator[CountedLetters]:
        """The entries of a snapshot, counted by their fields."""
        return count_alike(self._router, source, alikeness)

    async def check_publish(self, targets: Sequence[Ref]) -> Sequence[Risk]:
        """A missing right to XADD or to the key, by an id that no stream takes."""
        return await check_publish(self._router, targets)

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        return await check_plan(self._router, source, plan)

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """Exactly once within a slot; across slots a resume doubles nothing while the run's stored set exists."""
        return describe_guarantee(self._router, source, targets)

    async def trace(self, source: Source, options: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        return await trace(self._router, source, options, positions)

    async def preview_offsets(
        self, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None = None
    ) -> OffsetPreview:
        """What would become of a group's last delivered id, in entries counted by the server."""
        return await preview_offsets(self._router, self._lags, group, resource, target)

    async def list_nodes(self) -> Inventory[ClusterNode]:
        """Primaries with memory and persistence, and their replicas."""
        return await list_nodes(self._router)

    async def preview_change(self, change: DestinationChange) -> ChangePreview:
        """What a change of a stream would do, in entries counted by the server."""
        return await preview_change(self._router, self._lags, change)


class RedisWriter:
    """Makes the changes of one plan."""

    def __init__(self, router: Router, plan: Plan) -> None:
        self._router = router
        self._plan = plan

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        return open_publisher(self._router, self._plan)

    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[Lease]:
        return open_lease(self._router, source, options)

    def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """Not supported: a read of a stream uses nothing up.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(f"{ref} can't be peeked at a cost", "Reading a stream does not consume.", "Use peek.")

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Letters after the snapshot's last id, as they arrive."""
        last = source.bounds.last if isinstance(source.bounds, IdBounds) else None
        yield ()
        async for batch in RedisReader(self._router).read_after(source.ref, last or EntryId(0, 0)):
            yield batch

    async def apply(self, step: Step) -> StepResult:
        return await apply_step(self._router, step)


class RedisAdapter:
    """The broker and its writers at one address."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.broker: Broker = RedisBroker(router)

    def open_writer(self, permit: Permit) -> Writer:
        return RedisWriter(self._router, permit.plan)

    async def close(self) -> None:
        await self._router.close()


def connect(address: Address) -> Adapter:
    """The adapter of an address; the first call connects.

    Raises:
        BadInput: no host, an unknown variant or option, or a database that is no number.
    """
    if address.variant not in URL_VARIANTS:
        raise BadInput(
            f"Redis has no variant {address.variant!r}", "", "It has redis+sentinel:// and redis+cluster://."
        )
    if not address.hosts:
        raise BadInput("The address names no host", "", "redis://host:6379/0")
    if database_number(address) and address.variant == "cluster":
        raise BadInput("A Redis Cluster has database 0 only")
    return RedisAdapter(new_router(address, read_config(address)))
