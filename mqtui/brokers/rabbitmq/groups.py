"""The consumers of a queue are its group; what is ready and what is in their hands is its lag."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.management import Row
from mqtui.brokers.rabbitmq.options import HINT
from mqtui.domain.errors import NotFound, Unsupported
from mqtui.domain.figure import Figure, about, exact, total, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group, GroupLag, Inventory, Member, PartitionLag

TOTALS = {"disable_stats": "true", "enable_queue_totals": "true"}
STREAM_LAG = unknown("the management API does not tell the places of a stream's readers")
NOBODY = "no consumers"


class RabbitGroups:
    """One group a queue, named like it."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All queues with their consumers, or one.

        Raises:
            Unsupported: no management API was given.
            NotFound: there is no such queue.
        """
        rows = await self._rows()
        readers: defaultdict[str, list[Row]] = defaultdict(list)
        for consumer in await self._access.management.consumers():
            readers[consumer["queue"]["name"]].append(consumer)
        if ref is not None and ref.kind is not Kind.EXCHANGE:
            rows = [_named(rows, ref)]
        elif ref is not None:
            return Inventory()
        return Inventory(tuple(_group(row, readers[row["name"]]) for row in rows))

    async def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """Ready and unacknowledged messages of each queue, asked of the queues themselves."""
        rows = await self._rows()
        readers: defaultdict[str, list[Row]] = defaultdict(list)
        for consumer in await self._access.management.consumers():
            readers[consumer["queue"]["name"]].append(consumer)
        for ref in groups:
            row = _named(rows, ref)
            part = PartitionLag(_destination(row), 0, "", "", _waiting(row))
            yield GroupLag(ref, _state(readers[ref.name]), (part,), total((part.lag,)))

    async def _rows(self) -> list[Row]:
        if not self._access.management.given:
            raise Unsupported("Consumers and lag need the management API", "AMQP itself has no such list.", HINT)
        rows: list[Row] = []
        async for page in self._access.management.pages("queues/{vhost}", "list of queues", TOTALS):
            rows += page
        return rows


def _named(rows: Sequence[Row], ref: Ref) -> Row:
    for row in rows:
        if row["name"] == ref.name:
            return row
    raise NotFound(f"There is no queue {ref.name}", "A group of RabbitMQ is the consumers of one queue.")


def _destination(row: Row) -> Ref:
    return Ref(Kind.STREAM if row.get("type") == "stream" else Kind.QUEUE, row["name"])


def _waiting(row: Row) -> Figure:
    if row.get("type") == "stream":
        return STREAM_LAG
    if isinstance(row.get("messages"), int):
        return exact(row["messages"])
    ready, taken = row.get("messages_ready"), row.get("messages_unacknowledged")
    if isinstance(ready, int) and isinstance(taken, int):
        return about(ready + taken)
    return unknown(f"the queue does not answer: {row.get('state', 'state unknown')}")


def _group(row: Row, consumers: Sequence[Row]) -> Group:
    taken = row.get("messages_unacknowledged")
    return Group(
        Ref(Kind.GROUP, row["name"]),
        str(row.get("type", "classic")),
        _state(consumers),
        tuple(_member(row, consumer) for consumer in consumers),
        (_destination(row),),
        exact(taken) if isinstance(taken, int) else unknown("the queue does not tell"),
    )


def _state(consumers: Sequence[Row]) -> str:
    words = {str(consumer.get("activity_status", "up")) for consumer in consumers}
    return ", ".join(sorted(words)) or NOBODY


def _member(row: Row, consumer: Row) -> Member:
    channel = consumer.get("channel_details") or {}
    host, port = channel.get("peer_host", ""), channel.get("peer_port", "")
    return Member(
        str(consumer["consumer_tag"]),
        client=str(channel.get("user", "")),
        host=f"{host}:{port}" if host else "",
        assigned=((row["name"], 0),),
    )
