"""D3: a reply is not durable; what the replicas do not have is unknown, and never lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mqtui.brokers.port import Adapter
from mqtui.domain.redrive import PublishStatus
from tests.brokers import Brokers
from tests.contract.asking import Move, eventually, publish
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_lost_replies import entry

IMPATIENT = {"wait-ms": "200"}


@dataclass(slots=True)
class ReplicatedServers:
    """A primary and its replica."""

    primary: RedisServer
    replica: RedisServer
    name: str
    """The replica's, to pause it."""

    brokers: Brokers

    async def freeze(self) -> None:
        """Pause the replica, and see that it says nothing any more."""
        self.brokers.servers.pause(self.name)

        async def silent() -> bool:
            with redis.Redis.from_url(self.replica.url, socket_timeout=0.1, retry=Retry(NoBackoff(), 0)) as client:
                try:
                    client.ping()
                except redis.TimeoutError:
                    return True
            return False

        await eventually(silent, "the replica is frozen")


@pytest.fixture(scope="module")
def servers(brokers: Brokers) -> Iterator[ReplicatedServers]:
    with own_server(brokers, "repl-diskless-sync-delay 0") as (_, primary):
        port = primary.address.hosts[0][1]
        with own_server(brokers, f"replicaof 127.0.0.1 {port}") as (name, replica):
            yield ReplicatedServers(primary, replica, name, brokers)


@pytest.fixture
async def pair(servers: ReplicatedServers) -> AsyncIterator[ReplicatedServers]:
    async def replica_is_connected() -> bool:
        known: Any = servers.primary.client.info("replication")
        return bool(known.get("slave0", {}).get("state") == "online")

    await eventually(replica_is_connected, "the replica is there")
    yield servers
    servers.brokers.servers.resume(servers.name)


@pytest.fixture
async def adapter(pair: ReplicatedServers) -> AsyncIterator[Adapter]:
    made = pair.primary.adapter(options=IMPATIENT)
    yield made
    await made.close()


async def test_d3_moved_means_that_the_replica_has_it(pair: ReplicatedServers) -> None:
    """D3: by default one replica must have the letter, where there is any."""
    source, target = pair.primary.stream("dlq", 20), pair.primary.stream("home")
    patient = pair.primary.adapter(options={"wait-ms": "20000"})
    receipts = await Move(patient, source, target).all()
    await patient.close()
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    assert pair.replica.numbers(target) == list(range(20))


async def test_d3_a_paused_replica_makes_the_outcome_unknown(pair: ReplicatedServers, adapter: Adapter) -> None:
    """D3: the script ran on the primary; the outcome is unknown with the reason, the letter is not lost."""
    source, target = pair.primary.stream("dlq", 5), pair.primary.stream("home")
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(10) for letter in some]
        await pair.freeze()
        receipts = await lease.move(move.transfers(letters))
    assert {receipt.state for receipt in receipts} == {PublishStatus.UNKNOWN}
    assert all("0 of 1 replicas" in receipt.reason for receipt in receipts)
    assert [str(receipt.position).encode() for receipt in receipts] == [raw for raw, _ in pair.primary.rows(target)]
    assert sorted(pair.primary.numbers(target) + pair.primary.numbers(source)) == list(range(5))
    pair.brokers.servers.resume(pair.name)

    async def followed() -> bool:
        return pair.replica.rows(target) == pair.primary.rows(target)

    await eventually(followed, "the replica follows")


async def test_d3_published_is_unknown_without_the_replica(pair: ReplicatedServers, adapter: Adapter) -> None:
    """D3: the same for publishing and for discard."""
    ref, source = pair.primary.stream("work"), pair.primary.stream("dlq", 2)
    async with Move(adapter, source, source, removes=True).lease() as lease:
        letters = [letter async for some in lease.batches(10) for letter in some]
        await pair.freeze()
        removed = await lease.settle(letters)
    (receipt,) = await publish(adapter, [entry(ref, 1)])
    assert receipt.state is PublishStatus.UNKNOWN and "0 of 1 replicas" in receipt.reason
    assert {one.state for one in removed} == {PublishStatus.UNKNOWN}
    assert pair.primary.numbers(ref) == [1]


async def test_d3_wait_replicas_0_waits_for_none(pair: ReplicatedServers) -> None:
    """D3: `wait-replicas=0` asks for none; if there are fewer than asked for, the plan says so."""
    ref = pair.primary.stream("work")
    careless = pair.primary.adapter(options={"wait-replicas": "0"})
    await pair.freeze()
    (receipt,) = await publish(careless, [entry(ref, 1)])
    await careless.close()
    assert receipt.state is PublishStatus.STORED
    strict = pair.primary.adapter(options={"wait-replicas": "2"})
    _, plan = await Move(strict, ref, pair.primary.stream("home")).planned()
    await strict.close()
    assert [risk.text for risk in plan.risks if risk.name == "replicas"]


async def test_d3_a_replica_takes_no_writes(pair: ReplicatedServers) -> None:
    """D3: a plan on a replica is refused, without an override, and says where its primary is."""
    source, target = pair.primary.stream("dlq", 1), pair.primary.stream("home")

    async def copied() -> bool:
        return pair.replica.numbers(source) == [0]

    await eventually(copied, "the replica has the letter")
    on_replica = pair.replica.adapter()
    _, plan = await Move(on_replica, source, target).planned()
    (receipt,) = await publish(on_replica, [entry(source, 1)])
    await on_replica.close()
    assert receipt.state is PublishStatus.REFUSED and "replica" in receipt.reason
    assert [risk.final for risk in plan.risks if risk.name == "replica"] == [True]
