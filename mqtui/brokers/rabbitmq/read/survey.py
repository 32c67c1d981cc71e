"""Everything a poll needs in one pass: queues, streams, exchanges, their consumers and what waits."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read.bindings import Routes, setting
from mqtui.brokers.rabbitmq.read.destination_rows import LISTED, depths_by_queue, exchange_row, list_totals, queue_row
from mqtui.brokers.rabbitmq.read.groups import groups_of
from mqtui.brokers.rabbitmq.read.policies import queue_policies
from mqtui.domain.topology import Inventory, Survey

ASKED_ALONE = 4
"""Dead-letter exchanges whose bindings are asked for one by one; of more, all bindings are listed."""


async def survey(access: Access) -> Survey:
    """Queues, streams and exchanges; each queue is the group of its consumers, who are not listed.

    Raises:
        Unsupported: no management API was given.
    """
    management = access.management
    await access.require_management("A list of queues")
    queues = [row async for page in management.list_all("queues") for row in page]
    exchanges = [
        row async for page in management.list_all("exchanges", {"columns": LISTED}) for row in page if row["name"]
    ]
    totals = await list_totals(management, len(queues))
    policies = await queue_policies(management, queues)
    routes = Routes(management, {row["name"]: row.get("type", "classic") for row in queues})
    ways = {setting(row, policies[row["name"]], "dead-letter-exchange") for row in queues} - {None, ""}
    if len(ways) > ASKED_ALONE:
        await routes.load(exchanges)
    depths = depths_by_queue(totals)
    rows = [
        queue_row(row, depths, await routes.dead_letters(row, policies[row["name"]]), policies[row["name"]])
        for row in queues
    ]
    rows += [exchange_row(row) for row in exchanges]
    groups, lags = groups_of(queues, totals)
    return Survey(Inventory(tuple(rows)), groups, lags)
