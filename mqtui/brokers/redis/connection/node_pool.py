"""The connections to one server for read commands, which may be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote
from weakref import WeakSet

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.connection import RedisConnection
from mqtui.brokers.redis.connection.resp import Command, Reply, ReplyOrError, as_list, as_text, raise_if_error
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.request_log import log_retry
from mqtui.domain.errors import BrokerTrouble, CannotConnect, TimedOut, Unreachable

MAX_IDLE_CONNECTIONS = 4


class NodePool:
    """One server and its idle connections. Commands must be read-only: after a lost reply they are sent once more.

    `announced_by` says who named the server's address where the user did not: a sentinel or the cluster.
    """

    def __init__(self, new_connection: Callable[[], RedisConnection], announced_by: str = "") -> None:
        self._new_connection = new_connection
        self._announced_by = announced_by
        self._idle: list[RedisConnection] = []
        self._opened: WeakSet[RedisConnection] = WeakSet()
        self._is_open = True
        self._role_checked = False

    async def open_connection(self) -> RedisConnection:
        """A new connection, which the caller closes.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached, or the adapter was closed.
        """
        if not self._is_open:
            raise CannotConnect("The connection was closed", "The adapter was closed meanwhile.")
        connection = self._new_connection()
        try:
            await connection.open()
        except Unreachable as error:
            raise self._announced_unreachable(error, connection.server) if self._announced_by else error from error
        self._opened.add(connection)
        return connection

    def _announced_unreachable(self, error: Unreachable, server: str) -> Unreachable:
        return Unreachable(
            f"{self._announced_by} says that a server is at {server}, and that can't be reached",
            " ".join(part for part in (error.title, error.detail) if part),
            "Its cluster-announce-ip, replica-announce-ip or announced hostname must be reachable from here.",
        )

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[RedisConnection]:
        """An idle or new connection; it is kept for later use unless an error is raised."""
        connection = self._idle.pop() if self._idle else await self.open_connection()
        kept = False
        try:
            yield connection
            kept = connection.is_open and self._is_open and len(self._idle) < MAX_IDLE_CONNECTIONS
        finally:
            if kept:
                self._idle.append(connection)
            else:
                await connection.close()

    async def execute_pipeline(
        self, commands: Sequence[Command], *, timeout: float | None = None
    ) -> list[ReplyOrError]:
        """The replies to several read commands.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached, or the connection broke twice.
            TimedOut: no reply in time.
        """
        try:
            async with self.acquire() as connection:
                replies = await connection.execute_pipeline(commands, timeout=timeout)
                await self._refuse_sentinel(connection, replies)
                return replies
        except RepliesLost as lost:
            if lost.timed_out:
                raise TimedOut("Redis did not answer in time", lost.title, "It is busy, or frozen.") from lost
            log_retry("redis", "a question", lost.title)
            await self.close()
        try:
            async with self.acquire() as connection:
                return await connection.execute_pipeline(commands, timeout=timeout)
        except RepliesLost as lost:
            raise BrokerTrouble(lost.title, lost.detail, "Is the server overloaded, or going down?") from lost

    async def _refuse_sentinel(self, connection: RedisConnection, replies: Sequence[ReplyOrError]) -> None:
        """Raise where the server is a Sentinel, which has no streams. Checked once, after an unknown command."""
        errors = [str(each) for each in replies if isinstance(each, RedisError)]
        if self._role_checked or not any("unknown command" in each for each in errors):
            return
        (role,) = await connection.execute_pipeline([("ROLE",)])
        if isinstance(role, list) and role[:1] == [b"sentinel"]:
            watched = [as_text(name) for name in as_list(role[1])]
            urls = " or ".join(f"redis+sentinel://{connection.server}/{quote(name, safe='')}" for name in watched[:3])
            title = f"{connection.server} is a Sentinel, which holds no streams itself"
            hint = f"Write {urls}." if urls else ""
            raise CannotConnect(title, f"It watches {', '.join(watched) or 'nothing'}.", hint)
        self._role_checked = True

    async def execute(self, *command: bytes | str | int, name: str = "") -> Reply:
        """The reply to one read command. `name` is the stream or group that an error names.

        Raises:
            MqtuiError: the server can't be reached, or replied with an error.
        """
        return raise_if_error((await self.execute_pipeline([command]))[0], str(command[0]), name)

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def shut_down(self) -> None:
        """Close every connection, also those in use, and open no more."""
        self._is_open = False
        for connection in list(self._opened):
            await connection.close()
        self._idle = []
