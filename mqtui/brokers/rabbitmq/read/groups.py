"""Consumer groups: the consumers of a queue are its group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from mqtui.brokers.rabbitmq.connection.management_api import QUEUE_TOTALS, SAMPLED, Row
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.lag import destination_of, queue_lag, waiting_messages
from mqtui.domain.errors import NotFound
from mqtui.domain.figure import Figure, about, exact, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group, GroupLag, Inventory, Member

MAX_SINGLE_REQUESTS = 2
"""Queues that are asked for one by one; for more, all queues are listed."""

NO_CONSUMERS = "no consumers"


class RabbitGroups:
    """One group for each queue, with the name of the queue."""

    def __init__(self, session: RabbitSession) -> None:
        self._session = session

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All queues with their consumers, or one.

        Raises:
            Unsupported: no management API was given.
            NotFound: there is no such queue.
        """
        if ref is not None:
            if ref.kind is Kind.EXCHANGE:
                return Inventory()
            row, consumers = await self._one(ref)
            return Inventory((_group(row, consumers),))
        rows, by_queue = await self._rows(), await self._consumers_by_queue()
        return Inventory(tuple(_group(row, by_queue[row["name"]]) for row in rows))

    async def list_names(self) -> Inventory[Ref]:
        """The names of all queues."""
        rows = await self._rows({"columns": "name"})
        return Inventory(tuple(Ref(Kind.GROUP, row["name"]) for row in rows))

    async def exists(self, ref: Ref) -> bool:
        """Whether there is a queue of that name."""
        await self._session.require_management("A list of consumers and lag")
        try:
            await self._session.management.queue(ref.name)
        except NotFound:
            return False
        return True

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """Ready and unacknowledged messages of each queue, as the queues report them themselves."""
        if len(groups) <= MAX_SINGLE_REQUESTS:
            for ref in groups:
                row, consumers = await self._one(ref)
                yield queue_lag(ref, row, _state(consumers), waiting_messages(row))
            return
        rows = {row["name"]: row for row in await self._rows()}
        by_queue = await self._consumers_by_queue()
        for ref in groups:
            if ref.name not in rows:
                continue  # deleted meanwhile; reply queues come and go all the time
            row = rows[ref.name]
            yield queue_lag(ref, row, _state(by_queue[ref.name]), waiting_messages(row))

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """The groups with their consumers."""
        by_queue = await self._consumers_by_queue()
        return Inventory(tuple(_with_consumers(group, by_queue[group.ref.name]) for group in groups), groups.missing)

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """The consumers of each queue, as tag@channel; none without the management API."""
        if not self._session.management.is_configured:
            return dict.fromkeys(refs, ())
        by_queue = await self._consumers_by_queue()
        return {ref: tuple(map(_tag, by_queue[ref.name])) for ref in refs}

    async def _one(self, ref: Ref) -> tuple[Row, Sequence[Row]]:
        """One queue with its own counts, and its consumers.

        Raises:
            NotFound: there is no such queue.
        """
        await self._session.require_management("A list of consumers and lag")
        try:
            sampled = await self._session.management.queue(ref.name)
        except NotFound as error:
            raise _no_queue(ref) from error
        by_name = {**QUEUE_TOTALS, "name": ref.name}
        row = next((row for row in await self._rows(by_name) if row["name"] == ref.name), sampled)
        return row, sampled.get("consumer_details", ())

    async def _consumers_by_queue(self) -> defaultdict[str, list[Row]]:
        consumers: defaultdict[str, list[Row]] = defaultdict(list)
        for consumer in await self._session.management.consumers():
            consumers[consumer["queue"]["name"]].append(consumer)
        return consumers

    async def _rows(self, parameters: Mapping[str, str | int] = QUEUE_TOTALS) -> list[Row]:
        await self._session.require_management("A list of consumers and lag")
        rows: list[Row] = []
        async for page in self._session.management.list_all("queues", parameters):
            rows += page
        return rows


def groups_and_lag(queues: Sequence[Row], totals: Sequence[Row]) -> tuple[Inventory[Group], tuple[GroupLag, ...]]:
    """Groups without members, and their lag, from a listing of `queues` and the `totals` the queues report."""
    exact_rows = {row["name"]: row for row in totals}
    groups: list[Group] = []
    lags: list[GroupLag] = []
    for row in queues:
        known = exact_rows.get(row["name"])
        size = row.get("consumers")
        group = replace(_group(known or row, ()), state=NO_CONSUMERS if size == 0 else "", size=size)
        waiting = waiting_messages(known or row)
        if known is None:
            group, waiting = replace(group, pending=_sampled(group.pending)), _sampled(waiting)
        groups.append(group)
        lags.append(queue_lag(group.ref, row, group.state, waiting))
    return Inventory(tuple(groups)), tuple(lags)


def _with_consumers(group: Group, consumers: Sequence[Row]) -> Group:
    members = tuple(_member(group.ref.name, each) for each in consumers)
    return replace(group, state=_state(consumers), members=members, size=None)


def _tag(consumer: Row) -> str:
    return f"{consumer['consumer_tag']}@{(consumer.get('channel_details') or {}).get('name', '?')}"


def _sampled(figure: Figure) -> Figure:
    return figure if figure.number is None else about(figure.number, SAMPLED)


def _no_queue(ref: Ref) -> NotFound:
    return NotFound(f"There is no queue {ref.name}", "A group of RabbitMQ is the consumers of one queue.")


def _group(row: Row, consumers: Sequence[Row]) -> Group:
    taken = row.get("messages_unacknowledged")
    return Group(
        Ref(Kind.GROUP, row["name"]),
        str(row.get("type", "classic")),
        _state(consumers),
        tuple(_member(row["name"], consumer) for consumer in consumers),
        (destination_of(row),),
        exact(taken) if isinstance(taken, int) else unknown("the queue does not report it"),
    )


def _state(consumers: Sequence[Row]) -> str:
    states = {str(consumer.get("activity_status", "up")) for consumer in consumers}
    return ", ".join(sorted(states)) or NO_CONSUMERS


def _member(queue: str, consumer: Row) -> Member:
    channel = consumer.get("channel_details") or {}
    host, port = channel.get("peer_host", ""), channel.get("peer_port", "")
    return Member(
        str(consumer["consumer_tag"]),
        client=str(channel.get("user", "")),
        host=f"{host}:{port}" if host else "",
        assigned=((queue, 0),),
    )
