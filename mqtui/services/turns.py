"""Long work on the event loop, cut into turns: what waits there meanwhile, such as a key, has its own between them."""

from __future__ import annotations

import asyncio

PAUSE = 0.002
"""Seconds between two turns. A key passes several queues to what it paints: a pause of no time would put a turn of the
work between each two of them."""


async def give_way() -> None:
    """End a turn."""
    await asyncio.sleep(PAUSE)
