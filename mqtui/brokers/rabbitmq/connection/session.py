"""What every role of the adapter works with: the settings, the management API and short AMQP conversations."""

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
from mqtui.brokers.rabbitmq.config import HINT, Options, parameters, read
from mqtui.brokers.rabbitmq.connection import channel as amqp
from mqtui.brokers.rabbitmq.connection.channel import Channel, Link
from mqtui.brokers.rabbitmq.connection.diagnosis import explained
from mqtui.brokers.rabbitmq.connection.io_thread import IoThread
from mqtui.brokers.rabbitmq.connection.management_api import Management
from mqtui.brokers.request_log import log_request
from mqtui.domain.errors import BrokerTrouble, NotAuthenticated, NotFound, TlsRefused, Unreachable, Unsupported
from mqtui.domain.read_range import PeekHistory
from mqtui.domain.resource import name_bytes

SILENT = 3.0
"""Seconds after which a connection that was used before is given up for a new one: it may be half open."""

Answer = TypeVar("Answer")
Ending = Callable[[], Coroutine[object, object, None]]


@dataclass(frozen=True, slots=True)
class Server:
    """What the broker says of itself when a connection opens."""

    version: str
    cluster: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version to compare with."""
        return version_of(self.version)


class Seen:
    """What looks found and spent, for as long as this process lives. Stands in for `state/counts.py`."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._looks: dict[str, PeekHistory] = {}

    def get(self, queue: str) -> int | None:
        """The least that was left of a message; None where nothing is remembered."""
        return self._left.get(queue)

    def set(self, queue: str, left: int | None) -> None:
        """Remember, or with None forget."""
        if left is None:
            self._left.pop(queue, None)
            self._looks.pop(queue, None)
        else:
            self._left[queue] = left

    def history(self, queue: str) -> PeekHistory:
        """What looks at that queue left behind."""
        return self._looks.get(queue, PeekHistory())

    def begin(self, queue: str, mark: str) -> None:
        """Deliveries are about to be asked for."""
        known = self.history(queue)
        self._looks[queue] = replace(known, unanswered=known.unanswered + 1, mark=mark or known.mark)

    def end(self, queue: str, *, unreadable: int = 0) -> None:
        """What was asked for was answered."""
        known = self.history(queue)
        told = known.unreadable + unreadable
        self._looks[queue] = replace(known, unanswered=max(0, known.unanswered - 1), unreadable=told)


class Access:
    """One broker, one vhost, one user."""

    def __init__(self, address: Address) -> None:
        self.options: Options = read(address)
        self.management = Management(self.options)
        self.io = IoThread("mqtui-rabbitmq")
        self.counts: PeekBudget = Seen()
        self.endings: set[Ending] = set()
        """What gives back and closes whatever is still open; it runs on the I/O thread."""

        self._parameters: Sequence[pika.ConnectionParameters] = ()
        self._server: Server | None = None
        self._shared: Link | None = None
        """The connection that all questions share, each on a channel of its own. None of them publishes: in an alarm
        the broker reads nothing more from a connection that did."""

        self._opening = asyncio.Lock()

    @property
    def vhost(self) -> str:
        """The vhost."""
        return self.options.vhost

    async def remembered(self, work: Callable[[PeekBudget], Answer]) -> Answer:
        """What earlier looks found and spent, read or changed; on disk when it returns.

        Raises:
            StorageFailed: it could not be kept.
        """
        return await run_to_end_in_thread("counts", lambda: work(self.counts))

    @asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        """A connection of one's own; only on the I/O thread."""
        link = await self.connect()
        try:
            yield link
        finally:
            await link.close()

    async def connect(self) -> Link:
        """A connection to be closed by the caller; only on the I/O thread."""
        if not self._parameters:
            self._parameters = parameters(self.options)
        places = [ProbeTarget(host, port, "AMQP", self.options.tls) for host, port in self.options.hosts]
        try:
            with log_request("rabbitmq", lambda: "connecting by AMQP"):
                link = await open_or_diagnose(amqp.connect(self._parameters, self.options.asked), places)
        except (Unreachable, TlsRefused, NotAuthenticated) as error:
            raise await asyncio.to_thread(explained, error, places, self.options.mechanism) from error
        self._server = Server(str(link.server.get("version", "")), str(link.server.get("cluster_name", "")))
        return link

    async def ask(self, work: Callable[[Channel], Awaitable[Answer]]) -> Answer:
        """A question on a throw-away channel; whatever the broker closes over it harms nobody else."""

        async def there() -> Answer:
            channel = await self._shared_channel()
            try:
                with log_request("rabbitmq", lambda: "an AMQP question"):
                    return await work(channel)
            finally:
                await channel.close()

        return await self.io.call(there())

    async def _shared_channel(self) -> Channel:
        """A channel of the shared connection; where that one is gone, or is silent, of a new one."""
        async with self._opening:
            if self._shared is not None:
                try:
                    return await asyncio.wait_for(self._shared.channel(), SILENT)
                except (BrokerTrouble, TimeoutError):
                    await self._shared.close(0.0)
                    self._shared = None
            self._shared = await self.connect()
            return await self._shared.channel()

    async def server(self) -> Server:
        """Version and cluster name, asked once."""
        if self._server is None:
            await self.ask(_nothing)
        if self._server is None:
            raise RuntimeError("a connection opened without a greeting")
        return self._server

    async def identity(self) -> str:
        """Cluster name and vhost, as the broker reports them when a connection opens: no management API is needed."""
        return f"{(await self.server()).cluster}/{self.vhost}"

    async def require_management(self, what: str) -> None:
        """Refuse what AMQP itself can't tell. Whatever is wrong with the connection is told first.

        Raises:
            Unsupported: no management API was given.
            CannotConnect, NotAuthorised, BrokerTrouble: there is no conversation at all.
        """
        if not self.management.given:
            await self.server()
            raise Unsupported(f"{what} needs the management API", "AMQP itself has no such list.", HINT)

    async def declared(self, queue: str) -> tuple[int, int]:
        """Ready messages and consumers of a queue, from the queue itself.

        Raises:
            NotFound: there is no such queue.
        """
        if not name_bytes(queue).isascii() and name_bytes(queue).decode(errors="replace") != queue:
            raise NotFound(f"There is no queue {queue!r}", "Names of queues are UTF-8.")
        return await self.ask(lambda channel: channel.declared(queue))

    async def close(self) -> None:
        """Give back what is in hand and close everything."""
        while self.endings:
            await self.io.call(self.endings.pop()())
        await self.management.close()
        if self._shared is not None:
            await self.io.call(self._shared.close(SILENT))
        await self.io.close()


async def _nothing(_: Channel) -> None:
    return


def version_of(text: str) -> tuple[int, ...]:
    """`3.10.8` as numbers; a suffix such as `-rc.1` is left away."""
    head = text.split("-")[0].split("+")[0]
    return tuple(int(part) for part in head.split(".") if part.isdecimal())
