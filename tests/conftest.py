"""Fixtures every test may use: real brokers, started when first asked for."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from brokers import Brokers  # noqa: E402 - found by the line above: importlib mode adds no folder to the path


@pytest.fixture(scope="session")
def brokers() -> Iterator[Brokers]:
    """The brokers of this run, and what starts further ones."""
    running = Brokers()
    yield running
    running.close()


@pytest.fixture(scope="session")
def kafka_url(brokers: Brokers) -> str:
    """A Kafka for the whole run."""
    return brokers.kafka()


@pytest.fixture(scope="session")
def rabbitmq_url(brokers: Brokers) -> str:
    """A RabbitMQ with management, streams and shovels for the whole run."""
    return brokers.rabbitmq()


@pytest.fixture(scope="session")
def redis_url(brokers: Brokers) -> str:
    """A Redis for the whole run."""
    return brokers.redis()
