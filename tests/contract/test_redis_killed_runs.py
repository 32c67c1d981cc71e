"""C6, C8: killed at any instant and resumed, each letter is in the target once and none in the source."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from mqtui.brokers.redis.connection.hash_slots import key_slot
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.contract.asking import Move
from tests.contract.redis_server import RedisServer, own_server

LETTERS = 6_000
KILLS = 5
PATIENCE = 60.0
HOME = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster(brokers: Brokers) -> Iterator[RedisServer]:
    with own_server(brokers, "cluster-enabled yes") as (_, made):
        yield made


def start_redrive_process(
    server: RedisServer, variant: str, source: Ref, target: Ref, run: str
) -> subprocess.Popen[bytes]:
    words = [server.url, server.prefix, variant, source.name, target.name, run]
    return subprocess.Popen([sys.executable, "-m", "tests.contract.redis_redrive_process", *words], cwd=HOME)


def kill_at(server: RedisServer, process: subprocess.Popen[bytes], target: Ref, length: int) -> None:
    """SIGKILL as soon as the target holds that many letters."""
    until = time.monotonic() + PATIENCE
    while server.call("XLEN", target.name) < length and process.poll() is None:
        assert time.monotonic() < until, "the mover does not get there"
    process.send_signal(signal.SIGKILL)
    process.wait()


def kill_and_resume(server: RedisServer, variant: str, source: Ref, target: Ref) -> None:
    seed = random.randrange(1 << 30)
    dice, run, half_done = random.Random(seed), uuid.uuid4().hex, 0
    print(f"seed {seed}")
    for number in range(KILLS):
        length = LETTERS * number // KILLS + dice.randrange(LETTERS // KILLS)
        kill_at(server, start_redrive_process(server, variant, source, target, run), target, length)
        there, left = set(server.numbers(target)), set(server.numbers(source))
        assert there | left == set(range(LETTERS)), f"lost after kill {number}, seed {seed}"
        half_done += bool(there & left)
    assert start_redrive_process(server, variant, source, target, run).wait(PATIENCE) == 0
    assert server.numbers(target) == list(range(LETTERS)), f"doubled or out of order, seed {seed}"
    assert server.numbers(source) == []
    assert variant == "cluster" or half_done == 0, "a script was interrupted between its halves"


@pytest.mark.chaos
def test_c6_killed_within_a_slot(redis_server: RedisServer) -> None:
    """C6: one slot: lost 0, doubled 0, and no letter is ever in both streams."""
    kill_and_resume(redis_server, "", redis_server.stream("dlq", LETTERS), redis_server.stream("home"))


@pytest.mark.chaos
def test_c6_killed_across_slots(cluster: RedisServer) -> None:
    """C6, D5: across slots: lost 0, doubled 0, thanks to the run's stored set."""
    source, target = cluster.stream("dlq", LETTERS), cluster.stream("home")
    assert key_slot(source.name.encode()) != key_slot(target.name.encode())
    kill_and_resume(cluster, "cluster", source, target)


@pytest.mark.chaos
@pytest.mark.parametrize("variant", ["", "cluster"])
async def test_c8_the_server_is_killed_during_a_run(brokers: Brokers, variant: str) -> None:
    """C8, D2: the server dies in the middle and comes back: the run goes on, and every letter has one outcome."""
    config = ["cluster-enabled yes"] if variant else []
    with own_server(brokers, *config) as (name, server):
        source, target = server.stream("dlq", 4_000), server.stream("home")
        adapter = server.adapter(variant=variant, options={"reconnect-ms": "20000"})
        move, receipts = Move(adapter, source, target), list[Receipt]()
        dying: asyncio.Task[None] | None = None
        async with move.lease() as lease:
            async for batch in lease.batches(100):
                if dying is None and len(receipts) >= 2_000:
                    dying = asyncio.create_task(asyncio.to_thread(kill_and_restart, brokers, name))
                receipts.extend(await lease.move(move.transfers(batch)))
        assert dying is not None
        await dying
        await adapter.close()
        assert {one.state for one in receipts} == {PublishStatus.STORED}
        assert (len(receipts), server.numbers(target), server.numbers(source)) == (4_000, list(range(4_000)), [])


def kill_and_restart(brokers: Brokers, name: str) -> None:
    brokers.servers.kill(name)
    brokers.servers.restart(name)
