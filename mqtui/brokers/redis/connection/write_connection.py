"""The connection for writes: no automatic retries (D2), and a wait until the replicas have what was written (D3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.connection import RedisConnection
from mqtui.brokers.redis.connection.resp import Command, ReplyOrError, as_int, as_list
from mqtui.brokers.redis.connection.routing import RETRY_PAUSE, Router, is_retryable, is_wrong_server, retry_for
from mqtui.brokers.redis.connection.server_info import info_on_connection, parse_version

WAITAOF_SINCE = (7, 2, 0)
MIN_FSYNC_TIMEOUT_MS = 5_000
"""The least timeout of WAITAOF: the append-only file is synced once a second, and later where the disk is slow
(https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/, appendfsync everysec).
"""


class WriteConnection:
    """A connection to the primary that holds a key. All commands on it are executed in order."""

    def __init__(self, router: Router, key: bytes) -> None:
        self._router = router
        self._key = key
        self._connection: RedisConnection | None = None
        self._was_connected = False
        self._client_id = 0
        self._run_id = ""
        self._has_waitaof = False
        self.replicas = 0
        """How many replicas must have a write before it counts as stored."""

    async def ensure_open(self) -> RedisConnection:
        """The open connection; a new one where it is closed or broken.

        After the first success it is tried until the option `reconnect-ms` is used up.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was sent.
        """
        if self._connection is None or not self._connection.is_open:
            seconds = self._router.config.reconnect_timeout if self._was_connected else 0
            self._connection = await retry_for(self._connect, seconds)
        return self._connection

    async def _connect(self) -> RedisConnection:
        await self.close()
        if self._was_connected or self._router.can_relocate_keys:
            await self._router.forget_topology()
        connection = await (await self._router.node_for(self._key)).open_connection()
        try:
            client_id = (await connection.execute_pipeline([("CLIENT", "ID")]))[0]
            info = await info_on_connection(connection, "server", "replication", "persistence")
        except BaseException:
            await connection.close()
            raise
        self._was_connected = True
        self._client_id = client_id if isinstance(client_id, int) else 0
        self._run_id = info.get("run_id", "")
        self._has_waitaof = info.get("aof_enabled") == "1" and parse_version(info) >= WAITAOF_SINCE
        wanted = self._router.config.wait_replicas
        self.replicas = min(1, int(info.get("connected_slaves", "0"))) if wanted is None else wanted
        return connection

    async def execute_pipeline(self, commands: Sequence[Command]) -> list[ReplyOrError]:
        """The replies to several commands.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was sent.
            RepliesLost: the connection broke after something was sent. Call `reconnect` next.
        """
        return await self._execute_when_served(commands, ())

    async def _execute_when_served(self, commands: Sequence[Command], waits: Sequence[Command]) -> list[ReplyOrError]:
        """Send again, to the right server, as long as a server does none of the commands (loading, moved, down)."""
        timeout = self._router.config.reply_timeout + sum(int(wait[-1]) for wait in waits) / 1000
        deadline = monotonic() + self._router.config.reconnect_timeout
        while True:
            replies = await (await self.ensure_open()).execute_pipeline([*commands, *waits], timeout=timeout)
            retryable = [is_retryable(reply) for reply in replies[: len(commands)]]
            if not any(retryable):
                return replies
            await self.close()
            is_hopeless = not self._router.can_relocate_keys and any(map(is_wrong_server, replies))
            if is_hopeless or not all(retryable) or monotonic() > deadline:
                return replies
            await asyncio.sleep(RETRY_PAUSE)

    async def execute_and_wait(
        self, commands: Sequence[Command], *, fsync: bool = False
    ) -> tuple[list[ReplyOrError], str]:
        """As `execute_pipeline`, and why the writes are not durable yet; "" when enough replicas have them (WAIT).

        `fsync` also waits for the append-only file, where the server has WAITAOF.
        """
        await self.ensure_open()
        replies = await self._execute_when_served(commands, self._wait_commands(fsync=fsync))
        return replies[: len(commands)], self._not_durable_reason(replies[len(commands) :])

    async def wait_for_earlier_writes(self) -> str:
        """Why earlier writes are not durable yet, after a reconnect; "" when enough replicas have them."""
        return (await self.execute_and_wait([("PING",)]))[1]

    def _wait_commands(self, *, fsync: bool) -> list[Command]:
        milliseconds = int(self._router.config.wait_timeout * 1000)
        waits: list[Command] = [("WAIT", self.replicas, milliseconds)] if self.replicas else []
        fsync_milliseconds = max(milliseconds, MIN_FSYNC_TIMEOUT_MS)
        return [*waits, ("WAITAOF", 1, 0, fsync_milliseconds)] if fsync and self._has_waitaof else waits

    def _not_durable_reason(self, replies: Sequence[ReplyOrError]) -> str:
        """Judge the replies to WAIT (a number of replicas) and WAITAOF (a list that begins with the local fsync)."""
        took = f"within {self._router.config.wait_timeout * 1000:.0f} ms"
        for reply in replies:
            if isinstance(reply, RedisError):
                return f"whether the replicas have it is unknown: {reply}"
            if isinstance(reply, list):
                if not as_int(as_list(reply)[0]):
                    return "stored on the primary, but its append-only file was not synced in time"
            elif as_int(reply) < self.replicas:
                return f"stored on the primary, but {as_int(reply)} of {self.replicas} replicas had it {took}"
        return ""

    async def reconnect(self) -> bool:
        """Connect anew after lost replies. True when the lost commands can't be executed any more.

        That is so when the server was restarted since, or when CLIENT KILL has ended the old connection there.

        Raises:
            CannotConnect, BrokerTrouble: the server stayed away longer than the option `reconnect-ms`.
        """
        client_id, run_id = self._client_id, self._run_id
        await self.close()
        connection = await self.ensure_open()
        if run_id and run_id != self._run_id:
            return True
        if not client_id or not run_id:
            return False
        return isinstance((await connection.execute_pipeline([("CLIENT", "KILL", "ID", client_id)]))[0], int)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
