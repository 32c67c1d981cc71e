"""The nodes of a RabbitMQ cluster with disk, memory and alarms, by the management API."""

from __future__ import annotations

from typing import Any

from mqtui.brokers.rabbitmq.connection.alarms import node_alarms
from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.domain.figure import Figure, about, exact, unknown
from mqtui.domain.placement import ClusterNode
from mqtui.domain.topology import Inventory

COLUMNS = (
    "name,type,running,disk_free,disk_free_limit,mem_used,mem_limit,mem_alarm,disk_free_alarm,partitions,"
    "fd_used,fd_total,being_drained"
)
SAMPLED = "sampled by the node every few seconds"


async def list_nodes(session: RabbitSession) -> Inventory[ClusterNode]:
    """All nodes, also those that are down.

    Raises:
        Unsupported: no management API was given.
        NotAuthorised: the tag `monitoring` is missing.
    """
    await session.require_management("A list of nodes")
    rows = await session.management.get("nodes", "nodes", {"columns": COLUMNS})
    return Inventory(tuple(_to_node(row) for row in sorted(rows, key=lambda row: str(row["name"]))))


def _to_node(row: Row) -> ClusterNode:
    if not row.get("running"):
        return ClusterNode(str(row["name"]), role="down", problem="it is down")
    split = row.get("partitions") or ()
    problems = [f"{alarm} alarm: publishers are blocked" for alarm in node_alarms(row)]
    problems += [f"does not see {', '.join(map(str, split))}: the cluster is split"] if split else []
    notes = [
        f"alarm below {row['disk_free_limit']:,} bytes free" if isinstance(row.get("disk_free_limit"), int) else "",
        f"{row['fd_used']:,} of {row['fd_total']:,} files open" if isinstance(row.get("fd_used"), int) else "",
        "in maintenance" if row.get("being_drained") else "",
    ]
    return ClusterNode(
        str(row["name"]),
        role=str(row.get("type", "")),
        note=" · ".join(filter(None, notes)),
        disk_free=_figure(row.get("disk_free")),
        memory=_figure(row.get("mem_used")),
        memory_limit=exact(row["mem_limit"]) if isinstance(row.get("mem_limit"), int) else unknown("not told"),
        problem="; ".join(problems),
    )


def _figure(value: Any) -> Figure:
    return about(value, SAMPLED) if isinstance(value, int) else unknown("the node has not told it yet")
