"""Long work on the event loop, cut into turns: what waits there meanwhile, such as a key, has its own between them."""

from __future__ import annotations

import asyncio
from time import monotonic

PAUSE = 0.002
"""Seconds between two turns while somebody types. A key passes several queues to what it paints: a pause of no time
would put a turn of the work between each two of them."""

SLICE = 0.01
"""Seconds after which a turn is long enough."""

RECENT = 1.0
"""Seconds after a key for which somebody types."""


class Turns:
    """The turns of this process; `typed` is told of each key."""

    def __init__(self) -> None:
        self._typed_at = -RECENT

    def typed(self) -> None:
        """Somebody pressed a key: the next may follow soon."""
        self._typed_at = monotonic()

    async def give_way(self) -> None:
        """End a turn."""
        await asyncio.sleep(PAUSE if monotonic() - self._typed_at < RECENT else 0)


TURNS = Turns()
give_way = TURNS.give_way


class Slices:
    """Work in turns that are told by the clock: `if slices.over: await slices.rest()` between two pieces of it."""

    def __init__(self) -> None:
        self._until = monotonic() + SLICE

    @property
    def over(self) -> bool:
        """Whether others have waited long enough."""
        return monotonic() > self._until

    async def rest(self) -> None:
        """Let everybody who waits go first."""
        await give_way()
        self._until = monotonic() + SLICE
