"""A TCP proxy that cuts the connection at a chosen request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True)
class Proxy:
    """Between a client and a server. Once armed, it cuts the connection at the first request that contains `word`."""

    host: str
    port: int
    own_port: int = 0
    word: bytes = b""
    swallow: bool = False
    """Whether the request itself is lost instead of its reply."""

    keep: int = 0
    """Bytes of the reply that are still passed on."""

    cuts: int = 0
    closed_for_new: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.own_port}/0"

    def arm(self, word: bytes, *, swallow: bool = False, keep: int = 0) -> None:
        self.word, self.swallow, self.keep = word, swallow, keep

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self.closed_for_new:
                await self._talk(reader, writer)
        except asyncio.CancelledError:
            return
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.host, self.port)
        cut = asyncio.Event()
        replies = asyncio.create_task(self._replies(there, writer, cut))
        try:
            while data := await reader.read(1 << 20):
                if self.word and self.word in data:
                    self.word, self.cuts = b"", self.cuts + 1
                    if self.swallow:
                        return
                    cut.set()
                back.write(data)
                await back.drain()
                if cut.is_set():
                    await replies
                    return
        except ConnectionError:
            return
        finally:
            replies.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await replies
            back.close()
            with suppress(OSError):
                await back.wait_closed()

    async def _replies(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while data := await there.read(1 << 20):
            if cut.is_set():
                writer.write(data[: self.keep])
                await writer.drain()
                return
            writer.write(data)
            await writer.drain()

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """A running proxy."""
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
    proxy.own_port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
