"""The INFO of a server: version, mode, identity, replication, memory and persistence."""

from __future__ import annotations

from redis.exceptions import RedisError

from mqtui.brokers.address import Address
from mqtui.brokers.redis.connection.connection import RedisConnection, database_number, parse_info
from mqtui.brokers.redis.connection.node_pool import NodePool
from mqtui.brokers.redis.connection.resp import as_dict, as_text, raise_if_error
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE, translate
from mqtui.domain.resource import BrokerKind
from mqtui.domain.topology import Cluster

SECTIONS = ("server", "replication", "memory", "persistence", "clients")
Version = tuple[int, int, int]


async def query_info(node: NodePool, *sections: str) -> dict[str, str]:
    """The fields of some sections of INFO.

    Raises:
        MqtuiError: the server can't be reached, or the right to INFO is missing.
    """
    fields: dict[str, str] = {}
    for reply in await node.execute_pipeline([("INFO", section) for section in sections]):
        fields |= parse_info(raise_if_error(reply, "INFO"))
    return fields


async def query_info_if_allowed(node: NodePool, *sections: str) -> dict[str, str]:
    """As `query_info`; empty where INFO can't be used here.

    Raises:
        CannotConnect, BrokerTrouble: the server can't be reached.
    """
    try:
        return await query_info(node, *sections)
    except COMMAND_UNAVAILABLE:
        return {}


async def info_on_connection(connection: RedisConnection, *sections: str) -> dict[str, str]:
    """As `query_info_if_allowed`, on an open connection.

    Raises:
        BrokerTrouble: the server can't serve now.
    """
    fields: dict[str, str] = {}
    for reply in await connection.execute_pipeline([("INFO", section) for section in sections]):
        if isinstance(reply, RedisError):
            error = translate(reply, "INFO")
            if isinstance(error, COMMAND_UNAVAILABLE):
                continue
            raise error
        fields |= parse_info(reply)
    return fields


def parse_version(info: dict[str, str]) -> Version:
    """The version of Redis; Valkey reports the one it is compatible with."""
    numbers = [int(part) for part in info.get("redis_version", "0").split(".")[:3] if part.isdecimal()]
    padded = [*numbers, 0, 0, 0]
    return padded[0], padded[1], padded[2]


class RedisServerInfo:
    """The identity, version and description of the broker; what can't change meanwhile is asked once."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._server_section: dict[str, str] = {}

    async def version(self) -> Version | None:
        """The version; None where INFO can't be used here."""
        info = await self._server_info()
        return parse_version(info) if info else None

    async def mode(self) -> str:
        """`standalone`, `sentinel` or `cluster`; "" where INFO can't be used here."""
        return (await self._server_info()).get("redis_mode", "")

    async def _server_info(self) -> dict[str, str]:
        if not self._server_section:
            self._server_section = await query_info_if_allowed(await self._router.node_for(b""), "server")
        return self._server_section

    async def identity(self) -> str:
        """`<replication id>/<database>`, of a cluster the least node id; "" where INFO or CLUSTER can't be used.

        A primary and its replicas share the replication id (https://redis.io/docs/latest/operate/oss_and_stack/
        management/replication/); `run_id` would be another one on each. Neither outlives a restart or a promotion.
        Node ids do, so of a cluster all nodes are asked for, also those that are replicas or down at the moment.

        Raises:
            MqtuiError: the server can't be reached.
        """
        node = await self._router.node_for(b"")
        try:
            info = await query_info(node, "server", "replication")
            if info.get("redis_mode") == "cluster":
                return min(line.split()[0] for line in as_text(await node.execute("CLUSTER", "NODES")).splitlines())
        except COMMAND_UNAVAILABLE:
            return ""
        replication = info.get("master_replid", "")
        return f"{replication}/{database_number(self._router.address)}" if replication else ""

    async def describe_cluster(self) -> Cluster:
        """The server or cluster as a whole; `?` for what INFO does not say here.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached.
        """
        primaries = await self._router.primaries()
        info = await query_info_if_allowed(primaries[0], *SECTIONS)
        replicas = 0
        for node in primaries:
            replicas += int((await query_info_if_allowed(node, "replication")).get("connected_slaves", "0"))
        server_name = info.get("server_name", "redis")
        facts = (
            ("server", f"{server_name} {info.get('valkey_version', info.get('redis_version', '?'))}"),
            ("mode", self._router.address.variant or info.get("redis_mode", "?")),
            ("role", info.get("role", "?")),
            ("replicas", str(replicas) if info else "?"),
            ("memory", f"{info.get('used_memory_human', '?')} of {describe_memory_limit(info)}"),
            ("persistence", await describe_persistence(primaries[0], info)),
            ("clients", info.get("connected_clients", "?")),
        )
        return Cluster(
            BrokerKind.REDIS,
            info.get("redis_version", "?"),
            shown_url(self._router.address),
            len(primaries) + replicas,
            facts,
        )


def shown_url(address: Address) -> str:
    """The URL of an address without its secret."""
    if address.variant == "unix":
        return f"unix://{f'{address.user}@' if address.user else ''}{address.hosts[0][0]}"
    plus = f"+{address.variant}" if address.variant else ""
    hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts)
    who = f"{address.user}@" if address.user else ""
    path = f"/{address.path}" if address.path else ""
    return f"{'rediss' if address.tls else 'redis'}{plus}://{who}{hosts}{path}"


def describe_memory_limit(info: dict[str, str]) -> str:
    """The memory limit with the eviction policy, as INFO has them."""
    if "maxmemory" not in info:
        return "?"
    if info["maxmemory"] == "0":
        return "no limit"
    return f"{info.get('maxmemory_human', '?')} ({info.get('maxmemory_policy', '?')})"


async def describe_persistence(node: NodePool, info: dict[str, str]) -> str:
    """`append-only file`, `snapshots only`, `none`, or `unknown` where INFO or the configuration can't be read."""
    if "aof_enabled" not in info:
        return "unknown"
    if info["aof_enabled"] == "1":
        return "append-only file"
    reply = (await node.execute_pipeline([("CONFIG", "GET", "save")]))[0]
    if isinstance(reply, RedisError):
        return "unknown"
    return "snapshots only" if as_text(as_dict(reply).get("save")) else "none"
