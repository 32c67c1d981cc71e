"""One connection to one server: commands in, raw replies out, no automatic retries (D2)."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import redis.exceptions as redis_errors
from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, Connection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from mqtui.brokers import protocol_probe
from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.port import Address
from mqtui.brokers.protocol_probe import ProbeTarget, open_or_diagnose
from mqtui.brokers.redis.config import RedisConfig
from mqtui.brokers.redis.connection.resp import Command, Reply, ReplyOrError, as_list, as_text, raise_if_error
from mqtui.brokers.redis.errors import RepliesLost, connection_error
from mqtui.brokers.request_log import log_request
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import BadInput, MqtuiError, TlsRefused, Unreachable

READ_SIZE = 1 << 18
MIN_SEND_RATE = 1_000_000
"""Bytes a second: the time to send so slowly is added to the timeout of the reply."""


class RedisConnection:
    """A connection whose callers take turns. It never reconnects: once broken, it stays broken."""

    def __init__(self, connection: AbstractConnection, target: ProbeTarget, config: RedisConfig) -> None:
        self.server = target.host_port if target.port else target.host
        """The address of the server, for people."""

        self._target = target
        self._connection = connection
        self._reply_timeout = config.reply_timeout
        self._connect_timeout = config.connect_timeout
        self._lock = asyncio.Lock()

    async def open(self) -> RedisConnection:
        """Connect and log in.

        Raises:
            CannotConnect: the connection or the login failed.
            BrokerTrouble: the server answered that it can't serve now.
        """
        connect: Callable[[], Awaitable[None]] = self._connection.connect
        try:
            with log_request("redis", lambda: f"connecting to {self.server}"):
                async with asyncio.timeout(self._connect_timeout):
                    await open_or_diagnose(connect(), [self._target] if self._target.port else [])
        except (redis_errors.RedisError, TimeoutError) as error:
            await self.close()
            raise await self._diagnose(connection_error(error, self.server, int(self._connection.db or 0))) from error
        except BaseException:
            await self.close()
            raise
        return self

    async def _diagnose(self, error: MqtuiError) -> MqtuiError:
        """The cause of a failed connection as a probe of the port finds it, else the error itself."""
        if not isinstance(error, Unreachable | TlsRefused) or not self._target.port:
            return error
        return await asyncio.to_thread(protocol_probe.explain_failure, [self._target]) or error

    @property
    def is_open(self) -> bool:
        """Whether the connection is open, as far as this side knows."""
        return bool(self._connection.is_connected)

    async def execute(self, *command: bytes | str | int, name: str = "", timeout: float | None = None) -> Reply:
        """The reply to one command. `name` is the stream or group that an error names.

        Raises:
            RepliesLost: the connection broke before the reply came.
            MqtuiError: the server replied with an error.
        """
        answer = (await self.execute_pipeline([command], timeout=timeout))[0]
        return raise_if_error(answer, str(command[0]), name)

    async def execute_pipeline(
        self, commands: Sequence[Command], *, timeout: float | None = None
    ) -> list[ReplyOrError]:
        """The replies to several commands sent at once, errors among them, in order.

        Raises:
            RepliesLost: the connection broke, or the replies did not come within `timeout` seconds.
        """
        with log_request("redis", lambda: f"{_command_names(commands)} at {self.server}"):
            return await self._send_and_receive(commands, timeout)

    async def _send_and_receive(self, commands: Sequence[Command], timeout: float | None) -> list[ReplyOrError]:
        replies, packed, slices = list[ReplyOrError](), list[bytes](), TimeSlices()
        for command in commands:
            packed.append(pack_command(cast("Any", tuple(command))))
            if slices.is_over:
                await slices.yield_to_loop()
        timeout = (timeout or self._reply_timeout) + sum(map(len, packed)) / MIN_SEND_RATE
        try:
            async with self._lock, asyncio.timeout(timeout):
                await self._connection.send_packed_command(packed, check_health=False)
                for _ in commands:
                    replies.append(await self._read_reply())
                    if slices.is_over:
                        await slices.yield_to_loop()
        except (redis_errors.BusyLoadingError, redis_errors.AuthenticationError) as error:
            replies.extend([error] * (len(commands) - len(replies)))
        except (redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.InvalidResponse) as error:
            raise self._replies_lost(str(error), replies) from error
        except TimeoutError as error:
            raise self._replies_lost(f"no reply within {timeout:.1f} s", replies, timed_out=True) from error
        return replies

    async def _read_reply(self) -> ReplyOrError:
        try:
            reply: Reply = await self._connection.read_response(timeout=math.inf)
        except redis_errors.ResponseError as error:
            return error
        return reply

    def _replies_lost(self, why: str, replies: list[ReplyOrError], *, timed_out: bool = False) -> RepliesLost:
        hint = "What was sent may have been done."
        title = f"The connection to {self.server} broke"
        return RepliesLost(title, why, hint, tuple(replies), timed_out=timed_out)

    async def close(self) -> None:
        await self._connection.disconnect(nowait=not self.is_open)


def _command_names(commands: Sequence[Command]) -> str:
    """How often each command occurs. Arguments are left out: they may be anybody's data."""
    names = [word.decode("ascii", "replace") if isinstance(word, bytes) else str(word) for word, *_ in commands]
    return ", ".join(f"{count} {name}" for name, count in Counter(names).items())


class RedisTlsConnection(Connection):
    """redis-py's connection with the TLS settings of the options `tls.*`."""

    def __init__(self, tls: TlsSettings, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._tls = tls

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments: dict[str, Any] = dict(super()._connection_arguments())
        return arguments | {"ssl": self._tls.context()}


def new_connection(
    address: Address, config: RedisConfig, host: str, port: int, *, sentinel: bool = False
) -> RedisConnection:
    """A connection that is not open yet. With Sentinels it selects no database, and logs in only if configured."""
    login = not sentinel or config.sentinel_login
    arguments: dict[str, Any] = {
        "host": host,
        "port": port,
        "db": 0 if sentinel else database_number(address),
        "username": (address.user or None) if login else None,
        "password": (address.secret or None) if login else None,
        "protocol": 2,
        "socket_timeout": None,  # with one, redis-py's send may swallow a cancellation (asyncio.wait_for before 3.12)
        "socket_connect_timeout": config.connect_timeout,
        "socket_read_size": READ_SIZE,
        "retry": Retry(NoBackoff(), 0),
    }
    target = ProbeTarget(host, port, "Redis", config.tls)
    if address.variant == "unix":
        socket_arguments = {name: value for name, value in arguments.items() if name not in ("host", "port")}
        return RedisConnection(UnixDomainSocketConnection(path=host, **socket_arguments), target, config)
    if config.tls is None:
        return RedisConnection(Connection(**arguments), target, config)
    return RedisConnection(RedisTlsConnection(config.tls, **arguments), target, config)


def database_number(address: Address) -> int:
    """The database number of an address.

    Raises:
        BadInput: the path of the address is no number.
    """
    if address.path and not address.path.isdecimal():
        raise BadInput(f"A Redis database is a number, not {address.path!r}", "", "redis://host:port/0")
    return int(address.path or 0)


def parse_info(reply: Reply) -> dict[str, str]:
    """The fields of INFO by name."""
    lines = as_text(reply).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


async def get_master_address(connection: RedisConnection, service: str) -> tuple[str, int] | None:
    """The address of a service's primary by a sentinel; None where the sentinel does not know the service."""
    reply = as_list(await connection.execute("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service))
    return (as_text(reply[0]), int(as_text(reply[1]))) if len(reply) == 2 else None
