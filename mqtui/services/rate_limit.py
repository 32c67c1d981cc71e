"""A rate limit: whole batches, then a pause, so that no transaction is open while waiting (K4)."""

from __future__ import annotations

import asyncio
from time import monotonic


class RateLimiter:
    """At most `rate` messages a second on average; None: no limit."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._start = monotonic()
        self._sent = 0

    def batch_size(self, most: int) -> int:
        """How many to take at once: at most a second's worth."""
        return most if self._rate is None else max(1, min(most, int(self._rate)))

    async def wait_after(self, count: int, stop: asyncio.Event | None = None) -> None:
        """Wait as long as `count` messages take at this rate; a stop ends the wait."""
        self._sent += count
        if self._rate is None:
            return
        pause = self._start + self._sent / self._rate - monotonic()
        if pause <= 0:
            return
        if stop is None:
            await asyncio.sleep(pause)
            return
        try:
            async with asyncio.timeout(pause):
                await stop.wait()
        except TimeoutError:
            return
