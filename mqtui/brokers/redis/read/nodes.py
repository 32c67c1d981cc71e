"""The servers of a Redis: primaries with memory and persistence, and their replicas as they know them."""

from __future__ import annotations

import re

from mqtui.brokers.redis.connection.node_pool import NodePool
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.server_info import describe_persistence, query_info_if_allowed
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.figure import Figure, exact, unknown
from mqtui.domain.placement import ClusterNode
from mqtui.domain.topology import NOT_ASKED, Inventory

SECTIONS = ("server", "replication", "memory", "persistence")
REPLICA = re.compile(r"slave\d+")
NO_INFO = unknown("INFO can't be used here")


async def list_nodes(router: Router) -> Inventory[ClusterNode]:
    """Each primary and its replicas; a primary that can't be asked has only its address.

    Raises:
        CannotConnect, BrokerTrouble: no primary is known.
    """
    found: list[ClusterNode] = []
    for pool in await router.primaries():
        found += await _nodes_of(pool)
    return Inventory(tuple(found))


async def _nodes_of(pool: NodePool) -> list[ClusterNode]:
    try:
        async with pool.acquire() as connection:
            address = connection.server
        info = await query_info_if_allowed(pool, *SECTIONS)
        persistence = await describe_persistence(pool, info)
    except (CannotConnect, BrokerTrouble) as error:
        return [ClusterNode("?", role="primary", problem=error.title)]
    version = info.get("valkey_version", info.get("redis_version", "?"))
    unlimited = info.get("maxmemory") == "0"
    notes = [f"{info.get('server_name', 'redis')} {version}", f"persistence: {persistence}"]
    notes += ["no memory limit"] if unlimited else []
    problem = "it refuses writes: its last save failed" if info.get("rdb_last_bgsave_status") == "err" else ""
    primary = ClusterNode(
        address,
        address,
        "primary" if info.get("role") == "master" else info.get("role", "?"),
        " · ".join(notes),
        memory=_bytes(info, "used_memory"),
        memory_limit=NOT_ASKED if unlimited else _bytes(info, "maxmemory"),
        problem=problem,
    )
    return [primary, *(_replica(value, info) for name, value in info.items() if REPLICA.fullmatch(name))]


def _bytes(info: dict[str, str], name: str) -> Figure:
    return exact(int(info[name])) if info.get(name, "").isdecimal() else NO_INFO


def _replica(text: str, info: dict[str, str]) -> ClusterNode:
    """A replica by its primary's line: `ip=10.0.0.2,port=6379,state=online,offset=42,lag=0`."""
    fields = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    address = f"{fields.get('ip', '?')}:{fields.get('port', '?')}"
    offset, primary = fields.get("offset", ""), info.get("master_repl_offset", "")
    behind = ""
    if offset.isdecimal() and primary.isdecimal():
        behind = f"{max(0, int(primary) - int(offset)):,} bytes behind"
    state = fields.get("state", "?")
    return ClusterNode(address, address, "replica", behind, problem="" if state == "online" else f"state {state}")
