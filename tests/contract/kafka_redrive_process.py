"""A redrive to be killed: `python -m tests.contract.kafka_redrive_process '{"url": ..., "source": ..., ...}'`.

Prints `held` once it has the lease, `moved N` after each batch and `done` at the end. With `hang` set to N, the Nth
commit is never sent: the transaction stays open, `open` is printed, and the process waits to be killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from dataclasses import replace
from typing import Any

from mqtui.brokers.kafka.redrive.source_lock import SourceLock
from mqtui.brokers.registry import connect
from mqtui.domain.resource import Kind, Ref
from tests.contract.kafka_cluster import GuardedRedrive
from tests.contract.worlds import address_of


def hang_at_commit(number: int) -> None:
    """Let the Nth commit wait for ever, once everything produced has arrived."""
    commit, left = SourceLock.commit, [number]

    def hanging(lock: SourceLock) -> None:
        left[0] -= 1
        if left[0] == 0:
            lock.producer.flush(10)
            print("open", flush=True)
            threading.Event().wait()
        commit(lock)

    SourceLock.commit = hanging  # type: ignore[method-assign,assignment]  # the one instant a test can't choose otherwise


async def move(job: dict[str, Any]) -> None:
    """Move everything in small batches."""
    if job.get("hang"):
        hang_at_commit(job["hang"])
    adapter = connect(replace(address_of(job["url"]), prefix=job["prefix"]))
    run = GuardedRedrive(adapter, Ref(Kind.TOPIC, job["source"]), Ref(Kind.TOPIC, job["target"]), run=job["run"])
    run.resumed = job.get("resumed", False)
    async with run.lease() as lease:
        print("held", flush=True)
        async for batch in lease.batches(job.get("size", 50)):
            await lease.move(run.transfers(batch))
            print("moved", len(batch), flush=True)
    await adapter.close()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(move(json.loads(sys.argv[1])))
