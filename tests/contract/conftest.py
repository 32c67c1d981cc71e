"""The worlds the one contract suite runs in: three real brokers, and the three flavours in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from mqtui.brokers.port import Adapter
from tests.contract.worlds import World

if TYPE_CHECKING:
    from tests.contract.kafka_cluster import KafkaCluster
    from tests.contract.redis_server import RedisServer

WORLDS = ("memory-kafka", "memory-rabbitmq", "memory-redis", "kafka", "rabbitmq", "redis")


def enter(name: str, request: pytest.FixtureRequest) -> World:
    """A world by its name; a real broker starts when it is first asked for."""
    from tests.contract import world_memory

    match name:
        case "memory-kafka":
            return world_memory.MemoryKafkaWorld()
        case "memory-rabbitmq":
            return world_memory.MemoryRabbitMQWorld()
        case "memory-redis":
            return world_memory.MemoryRedisWorld()
        case "kafka":
            from tests.contract.world_kafka import KafkaWorld

            return KafkaWorld(request.getfixturevalue("kafka_url"))
        case "rabbitmq":
            from tests.contract.world_rabbitmq import RabbitMQWorld

            return RabbitMQWorld(request.getfixturevalue("rabbitmq_url"))
        case _:
            from tests.contract.world_redis import RedisWorld

            return RedisWorld(request.getfixturevalue("redis_url"))


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A broker with names of its own for one test."""
    entered = enter(request.param, request)
    yield entered
    entered.close()


@pytest.fixture
async def adapter(world: World) -> AsyncIterator[Adapter]:
    """An adapter for the world."""
    connected = world.connect()
    yield connected
    await connected.close()


@pytest.fixture
def kafka(kafka_url: str) -> Iterator[KafkaCluster]:
    """A Kafka cluster on which the test's topics, transactional ids and state topic have a prefix of their own."""
    from tests.contract.kafka_cluster import KafkaCluster

    cluster = KafkaCluster(kafka_url)
    yield cluster
    cluster.close()


@pytest.fixture
async def kafka_adapter(kafka: KafkaCluster) -> AsyncIterator[Adapter]:
    """An adapter for that cluster."""
    connected = kafka.adapter()
    yield connected
    await connected.close()


@pytest.fixture
def redis_server(redis_url: str) -> Iterator[RedisServer]:
    """A Redis server on which the test's streams and mqtui's own keys have a prefix of their own."""
    from tests.contract.redis_server import RedisServer

    server = RedisServer(redis_url)
    yield server
    server.close()


@pytest.fixture
async def redis_adapter(redis_server: RedisServer) -> AsyncIterator[Adapter]:
    """An adapter for that server."""
    connected = redis_server.adapter()
    yield connected
    await connected.close()
