"""Batches from a thread to the event loop: few at a time, so that a slow reader holds the thread back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from mqtui.brokers.blocking import start_thread

Item = TypeVar("Item")
LOOK = 0.2
"""Seconds between two looks at whether nobody reads any more."""


class Feed(Generic[Item]):
    """A bounded queue with one thread at one end and one task at the other. Made in the event loop."""

    def __init__(self, room: int = 4) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Item | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(room)
        self.closed = threading.Event()

    def give(self, item: Item) -> bool:
        """From the thread: hand over one item, waiting for room. False once nobody reads."""
        while not self._room.acquire(timeout=LOOK):
            if self.closed.is_set():
                return False
        return self._put(item)

    def fill(self, name: str, work: Callable[[], object]) -> None:
        """Run what gives the items in a thread of its own; its end or its error ends the feed."""

        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again by items(), whatever it is
                self._put(error)
            else:
                self._put(None)

        start_thread(name, run)

    def close(self) -> None:
        """From the loop: nobody reads any more."""
        self.closed.set()

    async def items(self) -> AsyncIterator[Item]:
        """From the loop: what arrives, until the end."""
        while (item := await self._arrived.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._room.release()
            yield item

    def _put(self, item: Item | BaseException | None) -> bool:
        if self.closed.is_set():
            return False
        try:
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self.closed.set()
            return False
        return True
