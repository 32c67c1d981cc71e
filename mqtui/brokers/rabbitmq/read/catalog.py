"""Lists and details of queues, streams and exchanges, by the management API; one queue also without it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection.alarms import node_alarms
from mqtui.brokers.rabbitmq.connection.management_api import SAMPLED, Row
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.bindings import BindingGraph
from mqtui.brokers.rabbitmq.read.destination_rows import (
    NAME_COLUMNS,
    depths_by_queue,
    exchange_row,
    list_totals,
    queue_row,
)
from mqtui.brokers.rabbitmq.read.policies import exchange_policy, queue_policies
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo, describe_queue
from mqtui.brokers.rabbitmq.read.queue_properties import list_exchange_properties, list_queue_properties
from mqtui.domain.errors import NotAuthorised, NotFound, Unsupported
from mqtui.domain.figure import about, exact, unknown
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes
from mqtui.domain.topology import HOLDS_NOTHING, Cluster, Destination, Page, Property

MAX_NAME_BYTES = 255
NO_MANAGEMENT = f"only the management API reports it ({HINT[0].lower()}{HINT[1:].rstrip('.')})"


def is_valid_name(name: str) -> bool:
    """Whether a queue or exchange can have that name. RabbitMQ drops line breaks: a different queue would answer."""
    raw = name_bytes(name)
    return len(raw) <= MAX_NAME_BYTES and not {"\r", "\n"} & set(name) and raw.decode("utf-8", "replace") == name


class RabbitCatalog:
    """Queues, streams and exchanges of one vhost."""

    def __init__(self, session: RabbitSession) -> None:
        self._session = session

    async def describe_cluster(self) -> Cluster:
        """Version, cluster name and alarms."""
        server = await self._session.server_info()
        facts = [("vhost", self._session.vhost), ("user", self._session.config.user)]
        nodes = 1
        if self._session.management.is_configured:
            overview = await self._session.management.get("overview", "overview")
            me = await self._session.management.get("whoami", "user")
            tags = me.get("tags", [])
            facts.append(("tags", tags if isinstance(tags, str) else ", ".join(tags) or "none"))
            facts.append(("erlang", str(overview.get("erlang_version", "?"))))
            rows = await self._nodes()
            nodes = max(1, len(rows))
            facts += [("alarm", f"{row['name']}: {alarm}") for row in rows for alarm in node_alarms(row)]
        return Cluster(BrokerKind.RABBITMQ, server.version, server.cluster, nodes, tuple(facts))

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """All of them by name, then the same rows with depths.

        Raises:
            Unsupported: no management API was given.
        """
        await self._session.require_management("A list of queues")
        types: dict[str, str] = {}
        queues: list[Row] = []
        async for page in self._session.management.list_all("queues", {"columns": NAME_COLUMNS}):
            types |= {row["name"]: row.get("type", "classic") for row in page}
            queues += page
            yield Page(tuple(queue_row(row, {}) for row in page))
        exchanges: list[Row] = []
        async for page in self._session.management.list_all("exchanges", {"columns": NAME_COLUMNS}):
            named = [row for row in page if row["name"]]
            exchanges += named
            yield Page(tuple(exchange_row(row) for row in named))
        totals = await list_totals(self._session.management, len(queues))
        depths = depths_by_queue(totals)
        graph = BindingGraph(self._session.management, types)
        async for page in self._session.management.list_all("queues", {}):
            policies = await queue_policies(self._session.management, page)
            filled = [
                queue_row(
                    row, depths, await graph.dead_letter_targets(row, policies.get(row["name"])), policies[row["name"]]
                )
                for row in page
            ]
            yield Page(tuple(filled))
        yield Page(tuple(exchange_row(row) for row in exchanges))

    async def describe(self, ref: Ref) -> Destination:
        """One queue, stream or exchange. Without the management API only what a passive declare reports.

        Raises:
            NotFound: it does not exist.
            Unsupported: a stream is asked for, and only the management API tells it from a queue.
        """
        found = await self._look_up(ref)
        return await self._queue_detail(found) if isinstance(found, QueueInfo) else found

    async def list_properties(self, ref: Ref) -> Sequence[Property]:
        """Settings, arguments, policy, bindings and consumers. Without the management API most are not known."""
        if ref.kind is Kind.EXCHANGE and is_valid_name(ref.name) and self._session.management.is_configured:
            row = await self._session.management.exchange(ref.name)
            return await list_exchange_properties(self._session.management, row)
        found = await self._look_up(ref)
        if isinstance(found, QueueInfo):
            return await list_queue_properties(self._session, found)
        return [Property("exchange", "all", None, NO_MANAGEMENT)]

    async def locate(self, ref: Ref) -> Destination:
        """One queue, stream or exchange, without looking up where its dead letters go.

        Raises:
            NotFound: it does not exist.
            Unsupported: a stream is asked for, and only the management API tells it from a queue.
        """
        found = await self._look_up(ref)
        if not isinstance(found, QueueInfo):
            return found
        return Destination(found.ref, found.type, backlog=exact(found.ready), facts={"consumers": found.consumers})

    async def _look_up(self, ref: Ref) -> QueueInfo | Destination:
        """What is known of a queue or stream; an exchange as it is shown."""
        if not is_valid_name(ref.name):
            raise NotFound(f"There is no {ref.kind} {ref.name!r}", "Names are up to 255 bytes of UTF-8 in one line.")
        if ref.kind is Kind.EXCHANGE:
            return await self._exchange(ref.name)
        if ref.kind not in (Kind.QUEUE, Kind.STREAM):
            raise NotFound(f"RabbitMQ has no {ref.kind}", ref.name)
        queue = await describe_queue(self._session, ref.name)
        if ref.kind is Kind.STREAM and queue.type == UNKNOWN:
            raise Unsupported(f"It is unknown whether {ref.name} is a stream", queue.unreadable_reason, HINT)
        if ref.kind is Kind.STREAM and queue.type != "stream":
            raise NotFound(f"There is no stream {ref.name}", f"It is a {queue.type} queue.")
        return queue

    async def _queue_detail(self, queue: QueueInfo) -> Destination:
        if queue.type == UNKNOWN:
            return Destination(
                queue.ref,
                UNKNOWN,
                messages=unknown("only the management API reports unacknowledged messages"),
                backlog=exact(queue.ready),
                size=unknown("only the management API reports it"),
                facts={"consumers": queue.consumers},
            )
        types = {queue.name: queue.type}
        exchange = queue.setting("dead-letter-exchange")
        if exchange is not None:
            async for page in self._session.management.list_all("queues", {"columns": "name,type"}):
                types |= {row["name"]: row.get("type", "classic") for row in page}
        graph = BindingGraph(self._session.management, types)
        dead = await graph.dead_letter_targets(queue.row, queue.policy)
        unacknowledged = queue.row.get("messages_unacknowledged")
        if queue.type == "stream":
            messages = about(queue.ready, "offsets of a stream, up to a second old")
        elif unacknowledged or (unacknowledged is None and queue.consumers):
            messages = about(queue.ready + (unacknowledged or 0), SAMPLED)
        else:
            messages = exact(queue.ready)
        row = {**queue.row, "consumers": queue.consumers}
        return queue_row(row, {queue.name: (messages, exact(queue.ready))}, dead, queue.policy)

    async def _exchange(self, name: str) -> Destination:
        if not self._session.management.is_configured:
            await self._session.on_channel(f"ask for exchange {name}", lambda channel: channel.require_exchange(name))
            return Destination(Ref(Kind.EXCHANGE, name), UNKNOWN, messages=HOLDS_NOTHING, backlog=HOLDS_NOTHING)
        row = await self._session.management.exchange(name)
        return exchange_row(row, await exchange_policy(self._session.management, row))

    async def _nodes(self) -> Sequence[Row]:
        try:
            found: Sequence[Row] = await self._session.management.get(
                "nodes", "nodes", {"columns": "name,mem_alarm,disk_free_alarm"}
            )
        except NotAuthorised:
            return ()
        return found
