"""What there is: queues, streams and exchanges, by the management API; one queue also without it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.facts import UNKNOWN, Queue, policy_of, queue_facts
from mqtui.brokers.rabbitmq.groups import TOTALS, groups_of
from mqtui.brokers.rabbitmq.management import SAMPLED, Row
from mqtui.brokers.rabbitmq.options import HINT
from mqtui.brokers.rabbitmq.policies import effective
from mqtui.brokers.rabbitmq.routes import Routes, setting
from mqtui.domain.errors import NotAuthorised, NotFound, Unsupported
from mqtui.domain.figure import Figure, about, exact, unknown
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes
from mqtui.domain.topology import NOT_ASKED, Cluster, Destination, Inventory, Page, Survey

NAMES = "name,type,durable,auto_delete,exclusive,arguments,internal"
MANY = 2_000
"""From this many queues on their depths are the sampled ones: asking each for its own costs the broker too much."""

ASKED_ALONE = 4
"""Dead-letter exchanges whose bindings are asked for one by one; of more, all bindings are listed."""

LONGEST = 255
TAKEN = ("ack", "deliver_no_ack", "get_no_ack")
"""The rates at which messages leave a queue for good."""

NO_FIGURE = unknown("the management API has no figure yet")


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
            facts += [("alarm", f"{row['name']}: {alarm}") for row in rows for alarm in alarms(row)]
        return Cluster(BrokerKind.RABBITMQ, server.version, server.cluster, nodes, tuple(facts))

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """Names first, then the same rows with depths.

        Raises:
            Unsupported: no management API was given.
        """
        await self._access.require_management("A list of queues")
        types: dict[str, str] = {}
        queues: list[Row] = []
        async for page in self._pages("queues", {"columns": NAMES}):
            types |= {row["name"]: row.get("type", "classic") for row in page}
            queues += page
            yield Page(tuple(_queue(row, {}) for row in page))
        exchanges: list[Row] = []
        async for page in self._pages("exchanges", {"columns": NAMES}):
            named = [row for row in page if row["name"]]
            exchanges += named
            yield Page(tuple(_exchange(row) for row in named))
        asked = [row async for page in self._pages("queues", TOTALS) for row in page] if len(queues) <= MANY else []
        totals = _depths(asked)
        routes = Routes(self._access.management, types)
        async for page in self._pages("queues", {}):
            policies = await self._policies(page)
            filled = [
                _queue(row, totals, await routes.dead_letters(row, policies.get(row["name"])), policies[row["name"]])
                for row in page
            ]
            yield Page(tuple(filled))
        yield Page(tuple(_exchange(row) for row in exchanges))

    async def survey(self) -> Survey:
        """Queues, streams and exchanges; each queue is the group of its consumers, who are not listed.

        Raises:
            Unsupported: no management API was given.
        """
        await self._access.require_management("A list of queues")
        queues = [row async for page in self._pages("queues", {}) for row in page]
        exchanges = [row async for page in self._pages("exchanges", {"columns": NAMES}) for row in page if row["name"]]
        totals = [row async for page in self._pages("queues", TOTALS) for row in page] if len(queues) <= MANY else []
        policies = await self._policies(queues)
        routes = Routes(self._access.management, {row["name"]: row.get("type", "classic") for row in queues})
        ways = {setting(row, policies[row["name"]], "dead-letter-exchange") for row in queues} - {None, ""}
        if len(ways) > ASKED_ALONE:
            await routes.load(exchanges)
        depths = _depths(totals)
        rows = [
            _queue(row, depths, await routes.dead_letters(row, policies[row["name"]]), policies[row["name"]])
            for row in queues
        ]
        rows += [_exchange(row) for row in exchanges]
        groups, lags = groups_of(queues, totals)
        return Survey(Inventory(tuple(rows)), groups, lags)

    def _pages(self, things: str, parameters: Mapping[str, str | int]) -> AsyncIterator[Sequence[Row]]:
        return self._access.management.pages(f"{things}/{{vhost}}", f"list of {things}", parameters)

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
            async for page in self._pages("queues", {"columns": "name,type"}):
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
        return _queue(row, {facts.name: (messages, exact(facts.ready))}, dead, facts.policy)

    async def _exchange(self, name: str) -> Destination:
        if not self._access.management.given:
            await self._access.ask(lambda channel: channel.exchange_declared(name))
            return Destination(Ref(Kind.EXCHANGE, name), UNKNOWN, messages=_HOLDS_NOTHING, backlog=_HOLDS_NOTHING)
        row = await self._access.management.exchange(name)
        return _exchange(row, await policy_of(self._access, row, queue=False))

    async def _policies(self, page: Sequence[Row]) -> dict[str, Mapping[str, Any] | None]:
        told = {row["name"]: row.get("effective_policy_definition") for row in page}
        if all(isinstance(policy, Mapping) for policy in told.values()):
            return told
        try:
            own, operators = await self._access.management.policies()
        except NotAuthorised:
            return {name: policy if isinstance(policy, Mapping) else None for name, policy in told.items()}
        for row in page:
            if not isinstance(told[row["name"]], Mapping):
                told[row["name"]] = effective(row, own, operators, queue=True)
        return told

    async def _nodes(self) -> Sequence[Row]:
        try:
            found: Sequence[Row] = await self._access.management.get(
                "nodes", "nodes", {"columns": "name,mem_alarm,disk_free_alarm"}
            )
        except NotAuthorised:
            return ()
        return found


_HOLDS_NOTHING = unknown("an exchange holds no messages")


def alarms(node: Row) -> list[str]:
    """The alarms of a node that stop publishers."""
    named = (("mem_alarm", "memory"), ("disk_free_alarm", "disk space"))
    return [text for key, text in named if node.get(key) is True]


def _depths(totals: Sequence[Row]) -> dict[str, tuple[Figure, Figure]]:
    """Messages and ready ones by queue, as the queues themselves said; streams do not answer this."""
    found: dict[str, tuple[Figure, Figure]] = {}
    for row in totals:
        if isinstance(row.get("messages"), int) and isinstance(row.get("messages_ready"), int):
            figure = exact if row.get("type") == "classic" else _noted
            found[row["name"]] = (figure(row["messages"]), figure(row["messages_ready"]))
    return found


def _queue(
    row: Row,
    totals: Mapping[str, tuple[Figure, Figure]],
    dead: tuple[Ref, ...] = (),
    policy: Mapping[str, Any] | None = None,
) -> Destination:
    sort = str(row.get("type", "classic"))
    messages, backlog = totals.get(row["name"], (_sampled(row, "messages"), _sampled(row, "messages_ready")))
    facts: dict[str, str | int | bool | None] = {
        "durable": row.get("durable"),
        "auto_delete": row.get("auto_delete"),
        "exclusive": True if row.get("exclusive") else None,
        "consumers": row.get("consumers"),
        "policy": row.get("policy"),
        "dead_letter_exchange": setting(row, policy, "dead-letter-exchange"),
        "dead_letter_routing_key": setting(row, policy, "dead-letter-routing-key"),
        "message_ttl": setting(row, policy, "message-ttl"),
        "max_length": setting(row, policy, "max-length"),
        "overflow": setting(row, policy, "overflow"),
        "delivery_limit": setting(row, policy, "delivery-limit"),
        "state": row.get("state"),
    }
    return Destination(
        Ref(Kind.STREAM if sort == "stream" else Kind.QUEUE, row["name"]),
        sort,
        messages=messages,
        backlog=unknown("each reader of a stream has its own place") if sort == "stream" else backlog,
        size=_sampled(row, "message_bytes"),
        internal=row["name"].startswith("amq."),
        facts={name: value for name, value in facts.items() if value is not None},
        rate_in=_rate_in(row),
        dead_letters_to=dead,
    )


def _rate_in(row: Row) -> Figure:
    """What is published to a queue; where nobody publishes, what it gained and gave: dead letters come unpublished."""
    stats = row.get("message_stats") or {}
    published = _rate(stats, "publish")
    if published:
        return about(published, SAMPLED)
    gained = _rate(row, "messages")
    if gained is None:
        return unknown("the management API tells no rates") if "node" in row else NOT_ASKED
    return about(max(0.0, gained + sum(_rate(stats, name) or 0.0 for name in TAKEN)), SAMPLED)


def _rate(row: Row, name: str) -> float | None:
    rate = (row.get(f"{name}_details") or {}).get("rate")
    return float(rate) if isinstance(rate, int | float) else None


def _noted(number: int) -> Figure:
    return about(number, "a quorum queue notes its counts a moment later")


def _sampled(row: Row, key: str) -> Figure:
    if isinstance(row.get(key), int):
        return about(row[key], SAMPLED)
    return NO_FIGURE if "node" in row else NOT_ASKED


def _exchange(row: Row, policy: Mapping[str, Any] | None = None) -> Destination:
    facts = {
        "durable": row.get("durable"),
        "auto_delete": row.get("auto_delete"),
        "alternate_exchange": row.get("arguments", {}).get("alternate-exchange")
        or (policy or {}).get("alternate-exchange"),
    }
    return Destination(
        Ref(Kind.EXCHANGE, row["name"]),
        str(row["type"]),
        messages=_HOLDS_NOTHING,
        backlog=_HOLDS_NOTHING,
        size=_HOLDS_NOTHING,
        internal=bool(row.get("internal")) or row["name"].startswith("amq."),
        facts={name: value for name, value in facts.items() if value is not None},
    )
