"""A process that moves a whole stream, to be killed at any instant.

Arguments: URL, prefix, variant, source, target, run. The same run again is its resume.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from mqtui.brokers.redis.adapter import connect
from mqtui.domain.resource import Kind, Ref
from tests.contract.asking import Move
from tests.contract.worlds import address_of

BATCH = 50


async def move(url: str, prefix: str, variant: str, source: str, target: str, run: str) -> None:
    """Move everything, a small batch at a time."""
    adapter = connect(replace(address_of(url), prefix=prefix, variant=variant))
    try:
        await Move(adapter, Ref(Kind.STREAM, source), Ref(Kind.STREAM, target), run=run, resumed=True).all(size=BATCH)
    finally:
        await adapter.close()


if __name__ == "__main__":
    asyncio.run(move(*sys.argv[1:]))
