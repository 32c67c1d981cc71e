"""All queues, streams and exchanges with depths and lag, by one listing of each."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.bindings import BindingGraph, argument_or_policy
from mqtui.brokers.rabbitmq.read.destination_rows import (
    NAME_COLUMNS,
    depths_by_queue,
    exchange_row,
    list_totals,
    queue_row,
)
from mqtui.brokers.rabbitmq.read.groups import groups_and_lag
from mqtui.brokers.rabbitmq.read.policies import queue_policies
from mqtui.domain.topology import Inventory, Survey

MAX_SINGLE_REQUESTS = 4
"""Dead-letter exchanges whose bindings are asked for one by one; for more, all bindings are listed."""


async def survey(session: RabbitSession) -> Survey:
    """Queues, streams and exchanges. Each queue is also the group of its consumers, who are not listed.

    Raises:
        Unsupported: no management API was given.
    """
    management = session.management
    await session.require_management("A list of queues")
    queues = [row async for page in management.list_all("queues") for row in page]
    exchanges = [
        row async for page in management.list_all("exchanges", {"columns": NAME_COLUMNS}) for row in page if row["name"]
    ]
    totals = await list_totals(management, len(queues))
    policies = await queue_policies(management, queues)
    graph = BindingGraph(management, {row["name"]: row.get("type", "classic") for row in queues})
    dead_letter_exchanges = {
        argument_or_policy(row, policies[row["name"]], "dead-letter-exchange") for row in queues
    } - {None, ""}
    if len(dead_letter_exchanges) > MAX_SINGLE_REQUESTS:
        await graph.load_all(exchanges)
    depths = depths_by_queue(totals)
    rows = [
        queue_row(row, depths, await graph.dead_letter_targets(row, policies[row["name"]]), policies[row["name"]])
        for row in queues
    ]
    rows += [exchange_row(row) for row in exchanges]
    groups, lags = groups_and_lag(queues, totals)
    return Survey(Inventory(tuple(rows)), groups, lags)
