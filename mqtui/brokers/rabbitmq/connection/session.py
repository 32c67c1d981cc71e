"""What all parts of the adapter share: settings, management API, AMQP connections, I/O thread, peek budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import pika

from mqtui.brokers.blocking import run_to_end_in_thread
from mqtui.brokers.port import Address, PeekBudget
from mqtui.brokers.protocol_probe import ProbeTarget, open_or_diagnose
from mqtui.brokers.rabbitmq.config import HINT, RabbitConfig, connection_parameters, from_address
from mqtui.brokers.rabbitmq.connection.channel import Channel, Connection, open_connection
from mqtui.brokers.rabbitmq.connection.diagnosis import explain_failure
from mqtui.brokers.rabbitmq.connection.io_thread import IoThread
from mqtui.brokers.rabbitmq.connection.management_api import ManagementApi
from mqtui.brokers.request_log import log_request
from mqtui.domain.errors import BrokerTrouble, NotAuthenticated, NotFound, TlsRefused, Unreachable, Unsupported
from mqtui.domain.read_range import PeekHistory
from mqtui.domain.resource import name_bytes

HALF_OPEN_TIMEOUT = 3.0
"""Seconds an idle connection has to open a channel; then it is taken to be half open and is replaced."""

Result = TypeVar("Result")
Closer = Callable[[], Coroutine[object, object, None]]


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Version and cluster name, as the broker reports them when a connection opens."""

    version: str
    cluster: str

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version in a form that can be compared: (3, 10, 8)."""
        return parse_version(self.version)


class InMemoryPeekBudget:
    """Deliveries that peeks have spent, by queue, kept for the life of this process where no store on disk is given."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._looks: dict[str, PeekHistory] = {}

    def get(self, queue: str) -> int | None:
        """The fewest deliveries a message of that queue had left; None where nothing is known."""
        return self._left.get(queue)

    def set(self, queue: str, left: int | None) -> None:
        """Keep that number; None forgets everything about the queue."""
        if left is None:
            self._left.pop(queue, None)
            self._looks.pop(queue, None)
        else:
            self._left[queue] = left

    def history(self, queue: str) -> PeekHistory:
        """Peeks of that queue that were not answered, or met an unreadable message."""
        return self._looks.get(queue, PeekHistory())

    def begin(self, queue: str, mark: str) -> None:
        """Record that a peek is about to ask for deliveries."""
        known = self.history(queue)
        self._looks[queue] = replace(known, unanswered=known.unanswered + 1, mark=mark or known.mark)

    def end(self, queue: str, *, unreadable: int = 0) -> None:
        """Record that the peek was answered."""
        known = self.history(queue)
        unreadable += known.unreadable
        self._looks[queue] = replace(known, unanswered=max(0, known.unanswered - 1), unreadable=unreadable)


class RabbitSession:
    """One user's access to one vhost of one broker. Nothing connects before the first call."""

    def __init__(self, address: Address) -> None:
        self.config: RabbitConfig = from_address(address)
        self.management = ManagementApi(self.config)
        self.io = IoThread("mqtui-rabbitmq")
        self.peek_budget: PeekBudget = InMemoryPeekBudget()
        self.closers: set[Closer] = set()
        """Coroutine functions that requeue and close what is still open. They run on the I/O thread."""

        self._parameters: Sequence[pika.ConnectionParameters] = ()
        self._server: ServerInfo | None = None
        self._shared_connection: Connection | None = None
        """For short requests, each on a channel of its own. None of them publishes: during an alarm the broker reads
        nothing more from a connection that did."""

        self._connecting = asyncio.Lock()

    @property
    def vhost(self) -> str:
        """The name of the vhost."""
        return self.config.vhost

    async def with_peek_budget(self, work: Callable[[PeekBudget], Result]) -> Result:
        """Read or change the peek budget off the event loop; it is on disk when this returns.

        Raises:
            StorageFailed: it could not be written.
        """
        return await run_to_end_in_thread("counts", lambda: work(self.peek_budget))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for one purpose, closed at the end. Only on the I/O thread."""
        connection = await self.connect()
        try:
            yield connection
        finally:
            await connection.close()

    async def connect(self) -> Connection:
        """A connection that the caller closes. Only on the I/O thread."""
        if not self._parameters:
            self._parameters = connection_parameters(self.config)
        targets = [ProbeTarget(host, port, "AMQP", self.config.tls) for host, port in self.config.hosts]
        try:
            with log_request("rabbitmq", lambda: "connecting by AMQP"):
                opening = open_connection(self._parameters, self.config.endpoint)
                connection = await open_or_diagnose(opening, targets)
        except (Unreachable, TlsRefused, NotAuthenticated) as error:
            raise await asyncio.to_thread(explain_failure, error, targets, self.config.mechanism) from error
        reported = connection.server_properties
        self._server = ServerInfo(str(reported.get("version", "")), str(reported.get("cluster_name", "")))
        return connection

    async def on_channel(self, what: str, work: Callable[[Channel], Awaitable[Result]]) -> Result:
        """Run `work` on a throw-away channel: one that the broker closes over it disturbs nothing else."""

        async def run() -> Result:
            channel = await self._shared_channel()
            try:
                with log_request("rabbitmq", lambda: what):
                    return await work(channel)
            finally:
                await channel.close()

        return await self.io.call(run())

    async def _shared_channel(self) -> Channel:
        """A channel of the shared connection (R17), which is replaced where it was lost or does not answer."""
        async with self._connecting:
            if self._shared_connection is not None:
                try:
                    async with asyncio.timeout(HALF_OPEN_TIMEOUT):
                        return await self._shared_connection.channel()
                except (BrokerTrouble, TimeoutError):
                    await self._shared_connection.close(0.0)
                    self._shared_connection = None
            self._shared_connection = await self.connect()
            return await self._shared_connection.channel()

    async def server_info(self) -> ServerInfo:
        """Version and cluster name; connects where nothing has connected before."""
        if self._server is None:
            await self.on_channel("open a channel", _do_nothing)
        if self._server is None:
            raise RuntimeError("a connection opened without server properties")
        return self._server

    async def identity(self) -> str:
        """`<cluster name>/<vhost>`. No management API is needed."""
        return f"{(await self.server_info()).cluster}/{self.vhost}"

    async def require_management(self, what: str) -> None:
        """Refuse what can be read from the management API only. A failed connection is reported first.

        Raises:
            Unsupported: no management API was given.
            CannotConnect, NotAuthorised, BrokerTrouble: no AMQP connection.
        """
        if not self.management.is_configured:
            await self.server_info()
            raise Unsupported(f"{what} needs the management API", "AMQP itself has no such list.", HINT)

    async def queue_counts(self, queue: str) -> tuple[int, int]:
        """Ready messages and consumers of a queue, as the queue itself counts them.

        Raises:
            NotFound: there is no such queue.
        """
        if not name_bytes(queue).isascii() and name_bytes(queue).decode(errors="replace") != queue:
            raise NotFound(f"There is no queue {queue!r}", "Names of queues are UTF-8.")
        return await self.on_channel(f"ask queue {queue} for its counts", lambda channel: channel.queue_counts(queue))

    async def close(self) -> None:
        """Requeue what is unacknowledged and close everything."""
        while self.closers:
            await self.io.call(self.closers.pop()())
        await self.management.close()
        if self._shared_connection is not None:
            await self.io.call(self._shared_connection.close(HALF_OPEN_TIMEOUT))
        await self.io.close()


async def _do_nothing(_: Channel) -> None:
    return


def parse_version(text: str) -> tuple[int, ...]:
    """`3.10.8` as numbers; a suffix such as `-rc.1` is ignored."""
    head = text.split("-")[0].split("+")[0]
    return tuple(int(part) for part in head.split(".") if part.isdecimal())
