"""Redis Streams behind the port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

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
from mqtui.brokers.redis.catalog import StreamCatalog, require_stream, stream_key
from mqtui.brokers.redis.checks import StreamChecks
from mqtui.brokers.redis.groups import StreamGroups
from mqtui.brokers.redis.lagging import LagCounter
from mqtui.brokers.redis.lease import StreamLease
from mqtui.brokers.redis.nodes import Nodes, nodes_of
from mqtui.brokers.redis.options import read
from mqtui.brokers.redis.pending import StreamPending
from mqtui.brokers.redis.publisher import NEW_STREAM, StreamPublisher
from mqtui.brokers.redis.reader import StreamReader
from mqtui.brokers.redis.replies import Reply, entries, entry_id, items, number, pairs, sure, text
from mqtui.brokers.redis.server import Server
from mqtui.brokers.redis.steps import StreamSteps
from mqtui.brokers.redis.survey import survey
from mqtui.brokers.redis.tracing import MoveTracer
from mqtui.brokers.redis.wire import database
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.errors import BadInput, Unsupported
from mqtui.domain.figure import Figure, exact
from mqtui.domain.message import EntryId, Position
from mqtui.domain.plan import Plan, Send, Step, StepResult
from mqtui.domain.redrive import Guarantee, IdBounds, LeaseOptions, Receipt, Source
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_text
from mqtui.domain.topology import Destination, Survey

VARIANTS = ("", "unix", "sentinel", "cluster")
SINCE = {
    Verb.LIST: ((6, 0, 0), "SCAN TYPE"),
    Verb.DEAD_LETTERS: ((6, 0, 0), "SCAN TYPE"),
    Verb.PUBLISH: ((6, 2, 0), "XADD NOMKSTREAM"),
    Verb.PUT_BACK: ((6, 2, 0), "XADD NOMKSTREAM"),
    Verb.REDRIVE: ((6, 2, 0), "XADD NOMKSTREAM"),
    Verb.DISCARD: ((6, 2, 0), "SMISMEMBER"),
}


class RedisBroker:
    """One Redis, Sentinel service or Cluster, to look at."""

    kind = BrokerKind.REDIS

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._server = Server(nodes)
        self._checks = StreamChecks(nodes)
        self._tracer = MoveTracer(nodes)
        lags = LagCounter(nodes)
        self._streams = streams = StreamCatalog(nodes, self._server, lags)
        self.catalog: Catalog = streams
        self.reader: Reader = StreamReader(nodes)
        self.groups: Groups = StreamGroups(nodes, streams, lags)
        self.pending: Pending | None = StreamPending(nodes)

    async def identity(self) -> str:
        """Replication id and database; of a cluster the least node id. "" where the server does not say."""
        return await self._server.identity()

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether kind and version allow the verb; missing rights are named by the plan."""
        if verb is Verb.SPEND:
            return not_supported("Redis lends nothing: a look is free", "peek reads without a price.")
        if ref is not None and ref.kind is not Kind.STREAM:
            return not_supported(f"Redis has no {ref.kind}", "Its destinations are streams.")
        version = await self._server.version()
        needed, command = SINCE.get(verb, ((5, 0, 0), "streams"))
        if version is not None and version < needed:
            shown = ".".join(map(str, version))
            return not_supported(f"{command} needs Redis {needed[0]}.{needed[1]}; this is {shown}")
        return SUPPORTED

    async def survey(self) -> Survey:
        """Streams, groups and lags; each stream is asked about once."""
        return await survey(self._streams)

    async def survey_depths(self) -> Survey:
        """The same: a stream tells both at once."""
        return await self.survey()

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """The lengths of the listing: what was handled is gone from a stream."""
        return {row.ref: row.messages for row in rows}

    async def snapshot(self, source: Ref) -> Source:
        """First and last id, the count, and the groups that read the source themselves.

        Raises:
            NotFound: there is no such stream.
        """
        key = stream_key(source)
        kind, told, groups = await self._nodes.pipe(
            key, [("TYPE", key), ("XINFO", "STREAM", key), ("XINFO", "GROUPS", key)]
        )
        require_stream(kind, source)
        facts = pairs(sure(told, "XINFO STREAM", source.name))
        read_by = [pairs(group) for group in items(sure(groups, "XINFO GROUPS", source.name))]
        names = tuple(_name(group["name"]) for group in read_by if number(group["consumers"]))
        return Source(
            ref=source,
            identity=f"{database(self._nodes.address)}/{source.name}",
            bounds=IdBounds(
                _id(facts.get("first-entry")),
                _id(facts.get("last-entry")),
                entry_id(text(facts.get("last-generated-id")).encode()),
                number(facts["entries-added"]) if "entries-added" in facts else None,
            ),
            count=exact(number(facts["length"])),
            readers=names,
        )

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with the guarantee and the risks."""
        return await self._checks.inspect(source, plan)

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """Exactly once within a slot; across slots, no double while the run's mark lives."""
        return self._checks.guarantee(source, targets)

    async def trace(self, source: Source, terms: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """What the run's own scripts recorded of letters that are not in the source any more."""
        return await self._tracer.trace(source, terms, positions)


class RedisWriter:
    """The changes one plan names."""

    def __init__(self, nodes: Nodes, plan: Plan) -> None:
        self._nodes = nodes
        self._plan = plan

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        """Publishing to streams that exist, or that the plan says are new."""
        return self._publishing()

    @asynccontextmanager
    async def _publishing(self) -> AsyncIterator[Publisher]:
        new = frozenset(step.target for step in self._plan.steps if isinstance(step, Send) and step.note == NEW_STREAM)
        publisher = StreamPublisher(self._nodes, new)
        try:
            yield publisher
        finally:
            await publisher.close()

    def lease(self, source: Source, terms: LeaseOptions) -> AbstractAsyncContextManager[Lease]:
        """Take letters from a stream."""
        return StreamLease.taken(self._nodes, source, terms)

    def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """Redis lends nothing.

        Raises:
            Unsupported: always.
        """
        raise Unsupported("Redis lends nothing", "A look is free there.", "Use peek.")

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Letters behind the snapshot's last id, as they arrive."""
        last = source.bounds.last if isinstance(source.bounds, IdBounds) else None
        yield ()
        async for batch in StreamReader(self._nodes).after(source.ref, last or EntryId(0, 0)):
            yield batch

    async def apply(self, step: Step) -> StepResult:
        """Reassign or acknowledge pending entries."""
        return await StreamSteps(self._nodes).apply(step)


class RedisAdapter:
    """One address."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self.broker: Broker = RedisBroker(nodes)

    def open_writer(self, permit: Permit) -> Writer:
        """A writer for one plan."""
        return RedisWriter(self._nodes, permit.plan)

    async def close(self) -> None:
        """Close all connections."""
        await self._nodes.close()


def connect(address: Address) -> Adapter:
    """The adapter of an address; the first question connects.

    Raises:
        BadInput: no host, a variant or option that Redis does not have, or a database that is no number.
    """
    if address.variant not in VARIANTS:
        raise BadInput(
            f"Redis has no variant {address.variant!r}", "", "It has redis+sentinel:// and redis+cluster://."
        )
    if not address.hosts:
        raise BadInput("The address names no host", "", "redis://host:6379/0")
    if database(address) and address.variant == "cluster":
        raise BadInput("A Redis Cluster has database 0 only")
    return RedisAdapter(nodes_of(address, read(address)))


def _id(reply: Reply | None) -> EntryId | None:
    found = entries([reply]) if isinstance(reply, list) else []
    return entry_id(found[0][0]) if found else None


def _name(raw: Reply) -> str:
    return name_text(raw) if isinstance(raw, bytes) else str(raw)
