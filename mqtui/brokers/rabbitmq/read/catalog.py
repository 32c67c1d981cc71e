"""What there is: queues, streams and exchanges, by the management API; one queue also without it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection.alarms import node_alarms
from mqtui.brokers.rabbitmq.connection.management_api import SAMPLED, Row
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read.bindings import Routes
from mqtui.brokers.rabbitmq.read.destination_rows import (
    HOLDS_NOTHING,
    LISTED,
    depths_by_queue,
    exchange_row,
    list_totals,
    queue_row,
)
from mqtui.brokers.rabbitmq.read.policies import exchange_policy, queue_policies
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue, queue_facts
from mqtui.domain.errors import NotAuthorised, NotFound, Unsupported
from mqtui.domain.figure import about, exact, unknown
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes
from mqtui.domain.topology import Cluster, Destination, Page

LONGEST = 255


def may_be_a_name(name: str) -> bool:
    """Whether something can be called so. RabbitMQ takes line breaks out of a name: another queue would answer."""
    raw = name_bytes(name)
    return len(raw) <= LONGEST and not {"\r", "\n"} & set(name) and raw.decode("utf-8", "replace") == name


class RabbitCatalog:
    """Queues, streams and exchanges of one vhost."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def describe_cluster(self) -> Cluster:
        """Version, cluster name and alarms."""
        server = await self._access.server()
        facts = [("vhost", self._access.vhost), ("user", self._access.options.user)]
        nodes = 1
        if self._access.management.given:
            overview = await self._access.management.get("overview", "overview")
            me = await self._access.management.get("whoami", "user")
            tags = me.get("tags", [])
            facts.append(("tags", tags if isinstance(tags, str) else ", ".join(tags) or "none"))
            facts.append(("erlang", str(overview.get("erlang_version", "?"))))
            rows = await self._nodes()
            nodes = max(1, len(rows))
            facts += [("alarm", f"{row['name']}: {alarm}") for row in rows for alarm in node_alarms(row)]
        return Cluster(BrokerKind.RABBITMQ, server.version, server.cluster, nodes, tuple(facts))

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """Names first, then the same rows with depths.

        Raises:
            Unsupported: no management API was given.
        """
        await self._access.require_management("A list of queues")
        types: dict[str, str] = {}
        queues: list[Row] = []
        async for page in self._access.management.list_all("queues", {"columns": LISTED}):
            types |= {row["name"]: row.get("type", "classic") for row in page}
            queues += page
            yield Page(tuple(queue_row(row, {}) for row in page))
        exchanges: list[Row] = []
        async for page in self._access.management.list_all("exchanges", {"columns": LISTED}):
            named = [row for row in page if row["name"]]
            exchanges += named
            yield Page(tuple(exchange_row(row) for row in named))
        asked = await list_totals(self._access.management, len(queues))
        totals = depths_by_queue(asked)
        routes = Routes(self._access.management, types)
        async for page in self._access.management.list_all("queues", {}):
            policies = await queue_policies(self._access.management, page)
            filled = [
                queue_row(row, totals, await routes.dead_letters(row, policies.get(row["name"])), policies[row["name"]])
                for row in page
            ]
            yield Page(tuple(filled))
        yield Page(tuple(exchange_row(row) for row in exchanges))

    async def describe(self, ref: Ref) -> Destination:
        """One queue, stream or exchange. Without the management API a queue by a passive declaration only.

        Raises:
            NotFound: there is no such thing.
            Unsupported: a stream, and no management API to tell it from a queue.
        """
        found = await self._looked_up(ref)
        return await self._detailed(found) if isinstance(found, Queue) else found

    async def locate(self, ref: Ref) -> Destination:
        """One queue, stream or exchange; where its dead letters go is not asked for.

        Raises:
            NotFound: there is no such thing.
            Unsupported: a stream, and no management API to tell it from a queue.
        """
        found = await self._looked_up(ref)
        if not isinstance(found, Queue):
            return found
        return Destination(found.ref, found.sort, backlog=exact(found.ready), facts={"consumers": found.consumers})

    async def _looked_up(self, ref: Ref) -> Queue | Destination:
        """What is known of a queue or stream, or an exchange."""
        if not may_be_a_name(ref.name):
            raise NotFound(f"There is no {ref.kind} {ref.name!r}", "Names are up to 255 bytes of UTF-8 in one line.")
        if ref.kind is Kind.EXCHANGE:
            return await self._exchange(ref.name)
        if ref.kind not in (Kind.QUEUE, Kind.STREAM):
            raise NotFound(f"RabbitMQ has no {ref.kind}", ref.name)
        facts = await queue_facts(self._access, ref.name)
        if ref.kind is Kind.STREAM and facts.sort == UNKNOWN:
            raise Unsupported(f"Nobody says whether {ref.name} is a stream", facts.why, HINT)
        if ref.kind is Kind.STREAM and facts.sort != "stream":
            raise NotFound(f"There is no stream {ref.name}", f"It is a {facts.sort} queue.")
        return facts

    async def _detailed(self, facts: Queue) -> Destination:
        if facts.sort == UNKNOWN:
            return Destination(
                facts.ref,
                UNKNOWN,
                messages=unknown("unacknowledged messages are told by the management API only"),
                backlog=exact(facts.ready),
                size=unknown("told by the management API only"),
                facts={"consumers": facts.consumers},
            )
        types = {facts.name: facts.sort}
        exchange = facts.setting("dead-letter-exchange")
        if exchange is not None:
            async for page in self._access.management.list_all("queues", {"columns": "name,type"}):
                types |= {row["name"]: row.get("type", "classic") for row in page}
        routes = Routes(self._access.management, types)
        dead = await routes.dead_letters(facts.row, facts.policy)
        unacknowledged = facts.row.get("messages_unacknowledged")
        if facts.sort == "stream":
            messages = about(facts.ready, "offsets of a stream, up to a second old")
        elif unacknowledged or (unacknowledged is None and facts.consumers):
            messages = about(facts.ready + (unacknowledged or 0), SAMPLED)
        else:
            messages = exact(facts.ready)
        row = {**facts.row, "consumers": facts.consumers}
        return queue_row(row, {facts.name: (messages, exact(facts.ready))}, dead, facts.policy)

    async def _exchange(self, name: str) -> Destination:
        if not self._access.management.given:
            await self._access.ask(lambda channel: channel.exchange_declared(name))
            return Destination(Ref(Kind.EXCHANGE, name), UNKNOWN, messages=HOLDS_NOTHING, backlog=HOLDS_NOTHING)
        row = await self._access.management.exchange(name)
        return exchange_row(row, await exchange_policy(self._access.management, row))

    async def _nodes(self) -> Sequence[Row]:
        try:
            found: Sequence[Row] = await self._access.management.get(
                "nodes", "nodes", {"columns": "name,mem_alarm,disk_free_alarm"}
            )
        except NotAuthorised:
            return ()
        return found
