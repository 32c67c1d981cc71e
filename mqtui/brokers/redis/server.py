"""What a server says of itself."""

from __future__ import annotations

from redis.exceptions import RedisError

from mqtui.brokers.redis.errors import UNAVAILABLE, answered
from mqtui.brokers.redis.nodes import Node, Nodes
from mqtui.brokers.redis.replies import pairs, sure, text
from mqtui.brokers.redis.wire import Wire, database, info
from mqtui.domain.resource import BrokerKind
from mqtui.domain.topology import Cluster

SECTIONS = ("server", "replication", "memory", "persistence", "clients")
Version = tuple[int, int, int]


async def told(node: Node, *sections: str) -> dict[str, str]:
    """The lines of some sections of INFO.

    Raises:
        MqtuiError: no conversation, or no right to it.
    """
    lines: dict[str, str] = {}
    for answer in await node.pipe([("INFO", section) for section in sections]):
        lines |= info(sure(answer, "INFO"))
    return lines


async def known(node: Node, *sections: str) -> dict[str, str]:
    """As `told`; empty where INFO can't be used here.

    Raises:
        CannotConnect, BrokerTrouble: no conversation.
    """
    try:
        return await told(node, *sections)
    except UNAVAILABLE:
        return {}


async def told_by(wire: Wire, *sections: str) -> dict[str, str]:
    """As `known`, on a connection of one's own.

    Raises:
        BrokerTrouble: the server can't serve now.
    """
    lines: dict[str, str] = {}
    for answer in await wire.pipe([("INFO", section) for section in sections]):
        if isinstance(answer, RedisError):
            error = answered(answer, "INFO")
            if isinstance(error, UNAVAILABLE):
                continue
            raise error
        lines |= info(answer)
    return lines


def version_of(lines: dict[str, str]) -> Version:
    """Redis's version (Valkey tells the one it is compatible with)."""
    numbers = [int(part) for part in lines.get("redis_version", "0").split(".")[:3] if part.isdecimal()]
    padded = [*numbers, 0, 0, 0]
    return padded[0], padded[1], padded[2]


class Server:
    """The facts that do not change while one is connected, asked once."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._lines: dict[str, str] = {}

    async def version(self) -> Version | None:
        """The version; None where INFO can't be used here."""
        lines = await self._told()
        return version_of(lines) if lines else None

    async def mode(self) -> str:
        """`standalone`, `sentinel` or `cluster`; "" where INFO can't be used here."""
        return (await self._told()).get("redis_mode", "")

    async def _told(self) -> dict[str, str]:
        if not self._lines:
            self._lines = await known(await self._nodes.of(b""), "server")
        return self._lines

    async def identity(self) -> str:
        """`<replication id>/<database>`, or of a cluster the least node id; "" where the server does not say.

        A primary and its replicas share the replication id (https://redis.io/docs/latest/operate/oss_and_stack/
        management/replication/); `run_id` would be another one on each. Neither outlives a restart or a promotion.
        Node ids do, so of a cluster all nodes are asked for, also those that are replicas or down at the moment.

        Raises:
            MqtuiError: no conversation.
        """
        node = await self._nodes.of(b"")
        try:
            lines = await told(node, "server", "replication")
            if lines.get("redis_mode") == "cluster":
                return min(line.split()[0] for line in text(await node.ask("CLUSTER", "NODES")).splitlines())
        except UNAVAILABLE:
            return ""
        replication = lines.get("master_replid", "")
        return f"{replication}/{database(self._nodes.address)}" if replication else ""

    async def cluster(self) -> Cluster:
        """The broker as a whole; `?` for what INFO does not tell here.

        Raises:
            CannotConnect, BrokerTrouble: no conversation.
        """
        primaries = await self._nodes.primaries()
        lines = await known(primaries[0], *SECTIONS)
        replicas = 0
        for node in primaries:
            replicas += int((await known(node, "replication")).get("connected_slaves", "0"))
        named = lines.get("server_name", "redis")
        facts = (
            ("server", f"{named} {lines.get('valkey_version', lines.get('redis_version', '?'))}"),
            ("mode", self._nodes.address.variant or lines.get("redis_mode", "?")),
            ("role", lines.get("role", "?")),
            ("replicas", str(replicas) if lines else "?"),
            ("memory", f"{lines.get('used_memory_human', '?')} of {limit_of(lines)}"),
            ("persistence", await persistence(primaries[0], lines)),
            ("clients", lines.get("connected_clients", "?")),
        )
        return Cluster(
            BrokerKind.REDIS,
            lines.get("redis_version", "?"),
            self._nodes.address.shown,
            len(primaries) + replicas,
            facts,
        )


def limit_of(lines: dict[str, str]) -> str:
    """The memory limit and what happens there, in the server's words."""
    if "maxmemory" not in lines:
        return "?"
    if lines["maxmemory"] == "0":
        return "no limit"
    return f"{lines.get('maxmemory_human', '?')} ({lines.get('maxmemory_policy', '?')})"


async def persistence(node: Node, lines: dict[str, str]) -> str:
    """`append-only file`, `snapshots only`, `none`, or `unknown` where INFO or the configuration can't be read."""
    if "aof_enabled" not in lines:
        return "unknown"
    if lines["aof_enabled"] == "1":
        return "append-only file"
    answer = (await node.pipe([("CONFIG", "GET", "save")]))[0]
    if isinstance(answer, RedisError):
        return "unknown"
    return "snapshots only" if text(pairs(answer).get("save")) else "none"
