"""A bounded queue from a thread to the event loop: a slow reader makes the thread wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from mqtui.brokers.blocking import start_thread

Item = TypeVar("Item")
POLL_INTERVAL = 0.2
"""Seconds between two checks whether the reader has closed the queue."""


class ThreadToLoopQueue(Generic[Item]):
    """One thread puts items, one task iterates over them. Create it in the event loop."""

    def __init__(self, capacity: int = 4) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Item | BaseException | None] = asyncio.Queue()
        self._free_slots = threading.Semaphore(capacity)
        self.closed = threading.Event()

    def put(self, item: Item) -> bool:
        """In the thread: put one item, waiting while the queue is full. False once the reader has closed the queue."""
        while not self._free_slots.acquire(timeout=POLL_INTERVAL):
            if self.closed.is_set():
                return False
        return self._post(item)

    def run_producer(self, name: str, function: Callable[[], object]) -> None:
        """Run the function that puts the items in a thread of its own; its return or its error ends the iteration."""

        def run() -> None:
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - raised again by items(), whatever it is
                self._post(error)
            else:
                self._post(None)

        start_thread(name, run)

    def close(self) -> None:
        """In the loop: stop reading."""
        self.closed.set()

    async def items(self) -> AsyncIterator[Item]:
        """In the loop: the items until the producer ends; raises its error."""
        while (item := await self._arrived.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._free_slots.release()
            yield item

    def _post(self, item: Item | BaseException | None) -> bool:
        if self.closed.is_set():
            return False
        try:
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, item)
        except RuntimeError:  # the loop is closed, so nobody reads
            self.closed.set()
            return False
        return True
