"""How fast letters are moved within a Redis, beside a bare Lua loop in the same run."""

from __future__ import annotations

import asyncio
import secrets
import sys
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

import redis

from mqtui.brokers.guard import WriteGrant
from mqtui.brokers.port import Address
from mqtui.brokers.redis.adapter import connect
from mqtui.domain.capability import Verb
from mqtui.domain.figure import exact
from mqtui.domain.plan import Deliver, Plan, Take
from mqtui.domain.redrive import LeaseOptions, PublishStatus, Selection, Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref

HAND = 500
BARE = """
local out = {}
for i = 1, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])
  if found[1] then
    out[i] = redis.call('XADD', KEYS[2], 'NOMKSTREAM', '*', unpack(found[1][2]))
    redis.call('XDEL', KEYS[1], ARGV[i])
  else
    out[i] = ''
  end
end
return out
"""


def ratio(url: str, count: int) -> tuple[float, float]:
    """Letters a second, (ours, bare): the lease's batches and moves, and a client that hands ids to a script."""
    with redis.Redis.from_url(url) as client:
        names = [f"rate:{secrets.token_hex(4)}:{kind}" for kind in ("source", "target", "warm", "warmed")]
        source, target, warm, warmed = names
        try:
            for stream in (target, warmed):
                client.xadd(stream, {"first": "entry"})
            fill(client, warm, min(count, 5_000))
            bare(client, warm, warmed)
            fill(client, warm, min(count, 5_000))
            asyncio.run(ours(url, warm, warmed))
            fill(client, source, count)
            slow = bare(client, source, target)
            fill(client, source, count)
            return count / asyncio.run(ours(url, source, target)), count / slow
        finally:
            client.delete(*names)


def fill(client: redis.Redis, stream: str, count: int) -> None:
    """Add letters of some 300 bytes in four fields."""
    for start in range(0, count, 1000):
        with client.pipeline(transaction=False) as pipe:
            for number in range(start, min(start + 1000, count)):
                pipe.xadd(stream, {"id": number, "error": "CardDeclined", "attempts": 5, "body": "x" * 250})
            pipe.execute()


def bare(client: redis.Redis, source: str, target: str) -> float:
    """Seconds of the bare loop: XRANGE for ids, EVALSHA for 500 of them, until nothing is left."""
    script = client.script_load(BARE)
    began = perf_counter()
    while found := cast("list[Any]", client.xrange(source, count=HAND)):
        client.evalsha(script, 2, source, target, *(entry for entry, _ in found))
    return perf_counter() - began


async def ours(url: str, source: str, target: str) -> float:
    """Seconds of a lease that moves everything; every letter must be reported as stored."""
    parts = urlsplit(url)
    address = Address(BrokerKind.REDIS, ((parts.hostname or "127.0.0.1", parts.port or 6379),), path=parts.path[1:])
    adapter = connect(address)
    goal = Ref(Kind.STREAM, target)
    try:
        taken = await adapter.broker.snapshot(Ref(Kind.STREAM, source))
        steps = (Take(taken, Selection()), Deliver(goal, taken.count))
        plan = Plan(secrets.token_hex(16), Verb.REDRIVE, "rate", BrokerKind.REDIS, steps, exact(0))
        writer = adapter.open_writer(WriteGrant(plan))
        moved = 0
        began = perf_counter()
        async with writer.lease(taken, LeaseOptions(plan.id, "rate", "", HAND, targets=(goal,))) as lease:
            async for batch in lease.batches(HAND):
                receipts = await lease.move([Transfer(letter, goal) for letter in batch])
                moved += sum(receipt.state is PublishStatus.STORED for receipt in receipts)
        took = perf_counter() - began
        assert moved == taken.count.number
        return took
    finally:
        await adapter.close()


if __name__ == "__main__":
    mine, plain = ratio(sys.argv[1], int(sys.argv[2]))
    print(f"ours {mine:,.0f}/s, bare {plain:,.0f}/s, ratio {mine / plain:.2f}")
