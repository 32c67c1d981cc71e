"""C6, C8: what a lost connection and a killed process leave behind on RabbitMQ."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.redrive import PublishStatus
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    Rabbit,
    lease_options,
    numbered,
    open_lease,
    queue_ref,
    states,
    transfers_to,
    until,
)

LIMITED = {**QUORUM, "x-delivery-limit": 20}
KILLS = 3


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


async def test_a_lost_connection_leaves_nothing_unsaid(rabbit: Rabbit) -> None:
    """C8: what was sent without the broker's word is unknown, the next batch tells the loss, and nothing is lost."""
    source, target = rabbit.queue(), rabbit.queue()
    rabbit.fill(source, numbered(2000))
    seen: list[PublishStatus] = []
    with pytest.raises(BrokerTrouble):
        async with open_lease(rabbit, source, lease_options(400)) as lease:
            cut: asyncio.Task[None] | None = None
            async for batch in lease.batches(200):
                if len(seen) >= 400 and cut is None:
                    cut = asyncio.create_task(asyncio.to_thread(rabbit.close_consumer_connections, source))
                seen += states(await lease.move(transfers_to(list(batch), queue_ref(target))))
                if cut is not None:
                    await cut
    assert set(seen) <= {PublishStatus.STORED, PublishStatus.UNKNOWN, PublishStatus.REFUSED}
    until(lambda: rabbit.ready(source) + rabbit.ready(target) >= 2000, "the broker requeued what was unacknowledged")
    moved, left = rabbit.bodies(target), rabbit.bodies(source)
    assert set(moved) | set(left) == set(numbered(2000))
    assert seen.count(PublishStatus.STORED) <= len(moved)
    assert len(moved) + len(left) - 2000 <= seen.count(PublishStatus.UNKNOWN)


@pytest.mark.chaos
async def test_kill_9_in_the_middle_loses_nothing(rabbit: Rabbit, tmp_path: Path) -> None:
    """C6: source and target hold every letter; doubles only among letters in flight when it was killed."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    for attempt in range(KILLS):
        source, target = rabbit.queue(LIMITED if attempt % 2 else None), rabbit.queue()
        rabbit.fill(source, numbered(2400))
        log = tmp_path / f"log-{attempt}"
        kill_when_moved(rabbit, source, target, log, chance.randrange(1, 2200))
        until(partial(holds, rabbit, (source, target), 2400), f"requeued, seed {seed}")
        found = Counter(rabbit.bodies(target) + rabbit.bodies(source))
        assert set(found) == set(numbered(2400)), f"lost, seed {seed}"
        doubled = {body for body, times in found.items() if times > 1}
        assert doubled <= in_flight(log), f"doubled outside of what was in flight, seed {seed}"


def holds(rabbit: Rabbit, queues: tuple[str, ...], count: int) -> bool:
    return sum(map(rabbit.ready, queues)) >= count


def kill_when_moved(rabbit: Rabbit, source: str, target: str, log: Path, count: int) -> None:
    """Run a mover and kill it when that many letters have arrived."""
    command = [sys.executable, "-m", "tests.contract.rabbitmq_mover", rabbit.url, source, target, str(log)]
    mover = subprocess.Popen(command, cwd=Path(__file__).parents[2], start_new_session=True)
    until(lambda: rabbit.ready(target) >= count or mover.poll() is not None, "the mover is under way")
    if mover.poll() is None:
        os.kill(mover.pid, signal.SIGKILL)
    mover.wait()


def in_flight(log: Path) -> set[bytes]:
    """Bodies of the batch that was written down and not done."""
    lines = log.read_bytes().splitlines() if log.exists() else []
    return set(lines[-1].split()) if lines and lines[-1] != b"done" else set()


async def test_what_comes_after_a_channel_closed_is_told_as_its_loss(rabbit: Rabbit) -> None:
    """Acks and requeues have no answer: on a closed channel pika raises at once, and its error stays in here."""
    source = rabbit.queue()
    rabbit.fill(source, numbered(2))
    session = RabbitSession(rabbit.address)

    async def use_after_close() -> None:
        async with session.connection() as connection:
            channel = await connection.channel()
            got = await channel.get(source)
            assert got is not None
            tag = got[0].delivery_tag
            await channel.close()
            with pytest.raises(BrokerTrouble, match="the connection was lost"):
                channel.ack(tag, multiple=False)
            with pytest.raises(BrokerTrouble, match="the connection was lost"):
                channel.requeue_up_to(tag)

    await session.io.call(use_after_close())
    await session.close()
    until(lambda: rabbit.ready(source) == 2, "the broker requeued what was unacknowledged")
