"""A process that moves letters until it is killed: `python -m tests.contract.rabbitmq_mover URL SOURCE TARGET LOG`.

Before a batch moves, its bodies are on disk; `done` follows when it was moved. That is what a journal keeps.
"""

from __future__ import annotations

import asyncio
import os
import sys

from mqtui.domain.resource import Kind, Ref
from tests.contract.rabbitmq_test_client import adapter, lease_options, transfers_to, writer
from tests.contract.worlds import address_of

BATCH = 300


async def move(url: str, source: str, target: str, log: str) -> None:
    """Move everything."""
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    async with adapter(address_of(url)) as broker:
        snapshot = await broker.broker.snapshot(Ref(Kind.QUEUE, source))
        async with writer(broker).lease(snapshot, lease_options(BATCH)) as lease:
            async for batch in lease.batches(BATCH):
                os.write(descriptor, b" ".join(letter.value or b"" for letter in batch) + b"\n")
                os.fsync(descriptor)
                await lease.move(transfers_to(list(batch), Ref(Kind.QUEUE, target)))
                os.write(descriptor, b"done\n")
    os.close(descriptor)


if __name__ == "__main__":
    asyncio.run(move(*sys.argv[1:]))
