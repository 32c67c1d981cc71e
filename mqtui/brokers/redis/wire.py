"""One connection to one server: commands in, raw replies out, nothing repeated behind one's back (D2)."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import redis.exceptions as redis_errors
from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, Connection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from mqtui.brokers import protocol_probe
from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.port import Address
from mqtui.brokers.protocol_probe import ProbeTarget, open_or_diagnose
from mqtui.brokers.redis.errors import RepliesLost, not_connected
from mqtui.brokers.redis.options import Options
from mqtui.brokers.redis.replies import Answer, Reply, items, sure, text
from mqtui.brokers.request_log import log_request
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import BadInput, MqtuiError, TlsRefused, Unreachable

Command: TypeAlias = Sequence[bytes | str | int]
READ_SIZE = 1 << 18
SLOWEST = 1_000_000
"""Bytes a second that sending may be slow as, before the patience for the reply begins."""


class Wire:
    """A conversation. Replies come in the order of the commands, one caller's after the other's; a broken wire stays
    broken.
    """

    def __init__(self, connection: AbstractConnection, door: ProbeTarget, options: Options) -> None:
        self.where = door.host_port if door.port else door.host
        self._door = door
        self._connection = connection
        self._patience = options.reply
        self._greeting = options.timeout
        self._turn = asyncio.Lock()

    async def open(self) -> Wire:
        """Connect and log in.

        Raises:
            CannotConnect: no conversation.
            BrokerTrouble: the server answered that it can't serve now.
        """
        connect: Callable[[], Awaitable[None]] = self._connection.connect
        try:
            with log_request("redis", lambda: f"connecting to {self.where}"):
                async with asyncio.timeout(self._greeting):
                    await open_or_diagnose(connect(), [self._door] if self._door.port else [])
        except (redis_errors.RedisError, TimeoutError) as error:
            await self.close()
            raise await self._explained(not_connected(error, self.where, int(self._connection.db or 0))) from error
        except BaseException:
            await self.close()
            raise
        return self

    async def _explained(self, error: MqtuiError) -> MqtuiError:
        """The error with its cause, if the port itself tells it."""
        if not isinstance(error, Unreachable | TlsRefused) or not self._door.port:
            return error
        return await asyncio.to_thread(protocol_probe.explain_failure, [self._door]) or error

    @property
    def alive(self) -> bool:
        """Whether the connection still stands as far as this side knows."""
        return bool(self._connection.is_connected)

    async def ask(self, *command: bytes | str | int, name: str = "", patience: float | None = None) -> Reply:
        """One command's reply; `name` is what an error is about.

        Raises:
            RepliesLost: the connection broke before the reply came.
            MqtuiError: the server's refusal.
        """
        answer = (await self.pipe([command], patience=patience))[0]
        return sure(answer, str(command[0]), name)

    async def pipe(self, commands: Sequence[Command], *, patience: float | None = None) -> list[Answer]:
        """The replies to several commands sent together; refusals stand in their places.

        Raises:
            RepliesLost: the connection broke, or the replies did not come within `patience` seconds.
        """
        with log_request("redis", lambda: f"{_named(commands)} at {self.where}"):
            return await self._piped(commands, patience)

    async def _piped(self, commands: Sequence[Command], patience: float | None) -> list[Answer]:
        got, slices = list[Answer](), TimeSlices()
        packed = [pack_command(cast("Any", tuple(command))) for command in commands]
        patience = (patience or self._patience) + sum(map(len, packed)) / SLOWEST
        try:
            async with self._turn, asyncio.timeout(patience):
                await self._connection.send_packed_command(packed, check_health=False)
                for _ in commands:
                    got.append(await self._answer())
                    if slices.is_over:
                        await slices.yield_to_loop()
        except (redis_errors.BusyLoadingError, redis_errors.AuthenticationError) as error:
            got.extend([error] * (len(commands) - len(got)))
        except (redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.InvalidResponse) as error:
            raise self._lost(str(error), got) from error
        except TimeoutError as error:
            raise self._lost(f"no reply within {patience:.1f} s", got, late=True) from error
        return got

    async def _answer(self) -> Answer:
        try:
            reply: Reply = await self._connection.read_response(timeout=math.inf)
        except redis_errors.ResponseError as error:
            return error
        return reply

    def _lost(self, why: str, got: list[Answer], *, late: bool = False) -> RepliesLost:
        hint = "What was sent may have been done."
        return RepliesLost(f"The connection to {self.where} broke", why, hint, tuple(got), late=late)

    async def close(self) -> None:
        """End the conversation."""
        await self._connection.disconnect(nowait=not self.alive)


def _named(commands: Sequence[Command]) -> str:
    """The commands of a pipe by their names alone: what follows may be anybody's data."""
    names = [word.decode("ascii", "replace") if isinstance(word, bytes) else str(word) for word, *_ in commands]
    return ", ".join(f"{count} {name}" for name, count in Counter(names).items())


class TlsConnection(Connection):
    """A connection with the TLS of `tls.*`."""

    def __init__(self, tls: TlsSettings, **named: Any) -> None:
        super().__init__(**named)
        self._tls = tls

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments: dict[str, Any] = dict(super()._connection_arguments())
        return arguments | {"ssl": self._tls.context()}


def wire_to(address: Address, options: Options, host: str, port: int, *, sentinel: bool = False) -> Wire:
    """A wire that is not open yet. Sentinels know no database, and no login unless told."""
    login = not sentinel or options.sentinel_login
    named: dict[str, Any] = {
        "host": host,
        "port": port,
        "db": 0 if sentinel else database(address),
        "username": (address.user or None) if login else None,
        "password": (address.secret or None) if login else None,
        "protocol": 2,
        "socket_timeout": None,  # with one, redis-py's send may swallow a cancellation (asyncio.wait_for before 3.12)
        "socket_connect_timeout": options.timeout,
        "socket_read_size": READ_SIZE,
        "retry": Retry(NoBackoff(), 0),
    }
    door = ProbeTarget(host, port, "Redis", options.tls)
    if address.variant == "unix":
        there = {name: value for name, value in named.items() if name not in ("host", "port")}
        return Wire(UnixDomainSocketConnection(path=host, **there), door, options)
    if options.tls is None:
        return Wire(Connection(**named), door, options)
    return Wire(TlsConnection(options.tls, **named), door, options)


def database(address: Address) -> int:
    """The database number of an address.

    Raises:
        BadInput: its path is no number.
    """
    if address.path and not address.path.isdecimal():
        raise BadInput(f"A Redis database is a number, not {address.path!r}", "", "redis://host:port/0")
    return int(address.path or 0)


def info(reply: Reply) -> dict[str, str]:
    """The lines of INFO as names and values."""
    lines = text(reply).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


async def primary_by(wire: Wire, service: str) -> tuple[str, int] | None:
    """What a sentinel says is the primary of a service; None where it does not know the service."""
    reply = items(await wire.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service))
    return (text(reply[0]), int(text(reply[1]))) if len(reply) == 2 else None
