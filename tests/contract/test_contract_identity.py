"""Who a broker is, whatever address and user it was reached by."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from mqtui.brokers.port import Address
from mqtui.brokers.registry import connect
from mqtui.domain.resource import BrokerKind
from tests.brokers import Brokers
from tests.contract.asking import eventually
from tests.contract.redis_server import own_server
from tests.contract.test_redis_cross_slot import join_cluster
from tests.contract.worlds import World, address_of
from tests.memory import MemoryWorld

ALIASES = ("localhost", "127.0.0.1")


async def identity(address: Address) -> str:
    """What a new connection to an address says."""
    adapter = connect(address)
    try:
        return await adapter.broker.identity()
    finally:
        await adapter.close()


async def test_it_does_not_change_while_one_looks(world: World) -> None:
    adapter = world.connect()
    try:
        first = await adapter.broker.identity()
        assert first
        assert await adapter.broker.identity() == first
    finally:
        await adapter.close()


@pytest.mark.parametrize("kind", list(BrokerKind))
async def test_two_addresses_of_one_broker(brokers: Brokers, kind: BrokerKind) -> None:
    url = {BrokerKind.KAFKA: brokers.kafka, BrokerKind.RABBITMQ: brokers.rabbitmq, BrokerKind.REDIS: brokers.redis}
    address = address_of(url[kind]())
    _, port = address.hosts[0]
    told = [await identity(replace(address, hosts=((alias, port),), options={})) for alias in ALIASES]
    assert told[0]
    assert told[0] == told[1]


async def test_two_redis_and_two_databases_of_one(brokers: Brokers, redis_url: str) -> None:
    with own_server(brokers) as (_, other):
        here = address_of(redis_url)
        told = [await identity(address) for address in (here, replace(here, path="1"), other.address)]
        assert all(told)
        assert len(set(told)) == 3


async def test_a_replica_is_the_broker_it_copies(brokers: Brokers, redis_url: str) -> None:
    port = address_of(redis_url).hosts[0][1]
    with own_server(brokers, f"replicaof 127.0.0.1 {port}") as (_, replica):

        async def follows() -> bool:
            return bool(replica.call("INFO", "replication")["master_link_status"] == "up")

        await eventually(follows, "the replica follows")
        assert await identity(replica.address) == await identity(address_of(redis_url))


async def test_a_cluster_is_known_through_each_node_and_as_a_single_server(brokers: Brokers) -> None:
    with (
        own_server(brokers, "cluster-enabled yes", "cluster-node-timeout 2000") as (_, low),
        own_server(brokers, "cluster-enabled yes", "cluster-node-timeout 2000") as (name, high),
    ):
        apart = [await identity(server.address) for server in (low, high)]
        await join_cluster(low, high, brokers.servers.ports(name)["bus"])
        together = [await identity(server.address) for server in (low, high)]
        together.append(await identity(replace(low.address, variant="cluster")))
    assert apart[0] != apart[1]
    assert set(together) == {min(apart)}


async def test_a_redis_without_info_does_not_say(brokers: Brokers) -> None:
    with own_server(brokers, "user default on nopass ~* &* +@all -info") as (_, server):
        assert await identity(server.address) == ""
    with own_server(brokers, 'rename-command INFO ""') as (_, server):
        assert await identity(server.address) == ""


async def test_two_rabbitmq_and_two_vhosts_of_one(brokers: Brokers, rabbitmq_url: str) -> None:
    here = address_of(rabbitmq_url)
    async with httpx2.AsyncClient(base_url=here.options["management"], auth=(here.user, here.secret)) as api:
        (await api.put("/api/vhosts/apart")).raise_for_status()
        told = [await identity(replace(here, path=path, options={})) for path in ("/", "apart")]
        await api.delete("/api/vhosts/apart")
    other = address_of(brokers.servers.start_rabbitmq("rabbitmq-other"))
    try:
        told.append(await identity(other))
    finally:
        brokers.servers.discard("rabbitmq-other")
    assert all(told)
    assert len(set(told)) == 3


async def test_two_kafkas(brokers: Brokers, kafka_url: str) -> None:
    other = address_of(brokers.servers.start_kafka("kafka-other"))
    try:
        told = [await identity(address) for address in (address_of(kafka_url), other)]
    finally:
        brokers.servers.discard("kafka-other")
    assert all(told)
    assert told[0] != told[1]


async def test_memory_has_names_too() -> None:
    world = MemoryWorld()
    told = [
        await world.connect(world.redis(host).address).broker.identity() for host in ("memory", "memory", "elsewhere")
    ]
    assert told[0] == told[1] != told[2]
