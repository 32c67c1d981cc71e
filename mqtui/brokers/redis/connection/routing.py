"""Finds the server that holds a key: the only one, the primary that the sentinels name, or a node of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import TypeVar

from redis.exceptions import RedisError

from mqtui.brokers.port import Address
from mqtui.brokers.redis.config import RedisConfig
from mqtui.brokers.redis.connection.connection import get_master_address, new_connection
from mqtui.brokers.redis.connection.hash_slots import key_slot
from mqtui.brokers.redis.connection.node_pool import NodePool
from mqtui.brokers.redis.connection.resp import Command, Reply, ReplyOrError, as_int, as_list, as_text, raise_if_error
from mqtui.brokers.redis.errors import error_code
from mqtui.brokers.request_log import log_retry
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError, Unreachable

Result = TypeVar("Result")
RETRY_PAUSE = 0.1
TRY_LATER_CODES = ("LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN")
OTHER_SERVER_CODES = ("MOVED", "READONLY", "CLUSTERDOWN", "MASTERDOWN")
PRIMARY_TTL = 5.0
"""Seconds after which the sentinels are asked again for the primary."""


class Router:
    """All servers of an address: here the one server; `SentinelRouter` and `ClusterRouter` discover theirs."""

    is_clustered = False
    announcer = "The server"
    """Who names the addresses of servers that the user did not give, for errors."""

    def __init__(self, address: Address, config: RedisConfig) -> None:
        self.address = address
        self.config = config
        self._pools: dict[tuple[str, int], NodePool] = {}

    async def node_for(self, key: bytes) -> NodePool:
        """The node that holds a key and accepts writes to it."""
        return self._pool_at(*self.address.hosts[0])

    async def primaries(self) -> list[NodePool]:
        """Every node that holds keys."""
        return [await self.node_for(b"")]

    async def forget_topology(self) -> None:
        """Discover the servers again next time: what is known may be out of date."""
        for pool in list(self._pools.values()):
            await pool.close()

    async def execute(self, key: bytes, *command: bytes | str | int, name: str = "") -> Reply:
        """The reply to a read command on one key. `name` is the stream or group that an error names."""
        return raise_if_error((await self.execute_pipeline(key, [command]))[0], str(command[0]), name)

    async def execute_pipeline(self, key: bytes, commands: Sequence[Command]) -> list[ReplyOrError]:
        """The replies to read commands on one key; they are repeated once where the key has moved."""
        return await self.retry_after_rediscovery(
            lambda: self._execute_pipeline(key, commands), lambda replies: any(map(is_for_other_server, replies))
        )

    async def _execute_pipeline(self, key: bytes, commands: Sequence[Command]) -> list[ReplyOrError]:
        return await (await self.node_for(key)).execute_pipeline(commands)

    async def scatter(self, commands: Sequence[tuple[bytes, Command]]) -> list[ReplyOrError]:
        """The replies to read commands, each with its key, in order: one pipeline to each node."""
        indexes_by_node: dict[NodePool, list[int]] = {}
        for index, (key, _) in enumerate(commands):
            indexes_by_node.setdefault(await self.node_for(key), []).append(index)
        replies: list[ReplyOrError] = [None] * len(commands)

        async def execute_on(node: NodePool, indexes: list[int]) -> None:
            found = await node.execute_pipeline([commands[index][1] for index in indexes])
            for index, reply in zip(indexes, found, strict=True):
                key, command = commands[index]
                replies[index] = (await self.execute_pipeline(key, [command]))[0] if is_moved(reply) else reply

        await asyncio.gather(*(execute_on(node, indexes) for node, indexes in indexes_by_node.items()))
        return replies

    async def retry_after_rediscovery(
        self, request: Callable[[], Awaitable[Result]], is_misrouted: Callable[[Result], bool]
    ) -> Result:
        """The result of a request. If the server is gone or is the wrong one, discover the servers and repeat it."""
        try:
            result = await request()
        except (Unreachable, BrokerTrouble):
            if not self.can_relocate_keys:
                raise
        else:
            if not (self.can_relocate_keys and is_misrouted(result)):
                return result
        await self.forget_topology()
        return await request()

    @property
    def can_relocate_keys(self) -> bool:
        """Whether the server that holds a key may change."""
        return False

    async def close(self) -> None:
        for pool in list(self._pools.values()):
            await pool.shut_down()

    def _pool_at(self, host: str, port: int) -> NodePool:
        at = (host, port)
        if at not in self._pools:
            announced_by = "" if at in self.address.hosts else self.announcer
            self._pools[at] = NodePool(lambda: new_connection(self.address, self.config, host, port), announced_by)
        return self._pools[at]


class SentinelRouter(Router):
    """The primary that the sentinels name; the hosts of the address are the sentinels."""

    announcer = "The sentinel"

    def __init__(self, address: Address, config: RedisConfig) -> None:
        super().__init__(address, config)
        self._primary: tuple[str, int] | None = None
        self._expires_at = 0.0

    @property
    def can_relocate_keys(self) -> bool:
        """A failover promotes another primary."""
        return True

    async def node_for(self, key: bytes) -> NodePool:
        """The current primary. It is asked for now and then: the old one may still answer after a failover."""
        if self._primary is None or monotonic() > self._expires_at:
            self._primary = await self._discover()
            self._expires_at = monotonic() + PRIMARY_TTL
        return self._pool_at(*self._primary)

    async def forget_topology(self) -> None:
        """Ask the sentinels again next time."""
        await super().forget_topology()
        self._primary = None

    async def _discover(self) -> tuple[str, int]:
        service, failures = self.config.service, []
        for host, port in self.address.hosts:
            connection = new_connection(self.address, self.config, host, port, sentinel=True)
            try:
                found = await get_master_address(await connection.open(), service)
            except (CannotConnect, BrokerTrouble) as error:
                failures.append(f"{connection.server}: {error.title}")
                continue
            finally:
                await connection.close()
            if found:
                return found
            failures.append(f"{connection.server} knows no {service}")
        raise Unreachable(f"No sentinel names a primary for {service}", "; ".join(failures), "Set the option service.")


class ClusterRouter(Router):
    """The nodes of a cluster by slot; the hosts of the address are those that are asked for the slots first."""

    is_clustered = True
    announcer = "The cluster"

    def __init__(self, address: Address, config: RedisConfig) -> None:
        super().__init__(address, config)
        self._slot_ranges: list[tuple[int, int, tuple[str, int]]] = []
        self._discovering = asyncio.Lock()

    @property
    def can_relocate_keys(self) -> bool:
        """Slots are moved, and replicas are promoted."""
        return True

    async def node_for(self, key: bytes) -> NodePool:
        """The primary that serves the key's slot."""
        wanted = key_slot(key)
        for first, last, at in await self._slot_map():
            if first <= wanted <= last:
                return self._pool_at(*at)
        raise BrokerTrouble(f"No node of the cluster serves slot {wanted}", "", "redis-cli cluster info says more.")

    async def primaries(self) -> list[NodePool]:
        return [self._pool_at(*at) for at in dict.fromkeys(at for _, _, at in await self._slot_map())]

    async def forget_topology(self) -> None:
        """Ask for the slots again next time."""
        await super().forget_topology()
        self._slot_ranges = []

    async def _execute_pipeline(self, key: bytes, commands: Sequence[Command]) -> list[ReplyOrError]:
        """While a slot is being moved, ASK redirects to the node that has the key already."""
        replies = await super()._execute_pipeline(key, commands)
        redirect = next(
            (reply for reply in replies if isinstance(reply, RedisError) and error_code(reply) == "ASK"), None
        )
        if redirect is None:
            return replies
        host, _, port = str(redirect).rpartition(" ")[2].rpartition(":")
        asking = [part for command in commands for part in (("ASKING",), command)]
        return (await self._pool_at(host, int(port)).execute_pipeline(asking))[1::2]

    async def _slot_map(self) -> list[tuple[int, int, tuple[str, int]]]:
        async with self._discovering:
            if not self._slot_ranges:
                self._slot_ranges = await self._discover()
        return self._slot_ranges

    async def _discover(self) -> list[tuple[int, int, tuple[str, int]]]:
        failure: MqtuiError | None = None
        for host, port in dict.fromkeys((*self.address.hosts, *self._pools)):
            try:
                reply = await self._pool_at(host, port).execute("CLUSTER", "SLOTS")
            except (Unreachable, BrokerTrouble) as error:
                failure = error
                continue
            return [_slot_range(as_list(part), host) for part in as_list(reply)]
        raise failure or Unreachable("The cluster's address names no host")


def _slot_range(part: list[Reply], asked: str) -> tuple[int, int, tuple[str, int]]:
    """First and last slot and the primary's address; a node that does not know its own host leaves it empty."""
    at = as_list(part[2])
    return as_int(part[0]), as_int(part[1]), (as_text(at[0]) or asked, as_int(at[1]))


def is_moved(reply: ReplyOrError) -> bool:
    """Whether a reply redirects to another node of the cluster."""
    return isinstance(reply, RedisError) and error_code(reply) in ("MOVED", "ASK")


def is_wrong_server(reply: ReplyOrError) -> bool:
    """Whether a reply says that the address itself is wrong: that of a replica, or of one node of a cluster."""
    return isinstance(reply, RedisError) and error_code(reply) in ("MOVED", "READONLY")


def is_retryable(reply: ReplyOrError) -> bool:
    """Whether a reply says that nothing was done, and that another server or a later moment may do it."""
    return isinstance(reply, RedisError) and error_code(reply) in (*OTHER_SERVER_CODES, *TRY_LATER_CODES)


def is_for_other_server(reply: ReplyOrError) -> bool:
    """Whether a reply says that another server may do it."""
    return isinstance(reply, RedisError) and error_code(reply) in OTHER_SERVER_CODES


async def retry_for(request: Callable[[], Awaitable[Result]], seconds: float) -> Result:
    """The result of a request, repeated while the server is away or can't serve, as during a failover or restart.

    Raises:
        Unreachable, BrokerTrouble: this lasted longer than `seconds`.
    """
    deadline = monotonic() + seconds
    while True:
        try:
            return await request()
        except (Unreachable, BrokerTrouble) as error:
            if monotonic() > deadline:
                raise
            log_retry("redis", "a question", error.title)
        await asyncio.sleep(RETRY_PAUSE)


def new_router(address: Address, config: RedisConfig) -> Router:
    """The router of an address; nothing is connected yet."""
    kinds: dict[str, type[Router]] = {
        "": Router,
        "unix": Router,
        "sentinel": SentinelRouter,
        "cluster": ClusterRouter,
    }
    return kinds[address.variant](address, config)
