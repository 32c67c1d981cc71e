"""Fixtures every test may use: real brokers, started when first asked for."""

import gc
from collections.abc import Iterator

import pytest

from tests.brokers import Brokers

LONG = ("test_stories_", "test_walk_", "test_kills", "test_trouble_brokers", "test_servers")
"""How the names of files begin that take minutes."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are called by their argument: sealed ones differ in every process, and workers have to agree on names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take minutes come first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: not item.path.name.startswith(LONG))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: neither Python nor a console that opens looks through it for garbage again."""
    gc.collect()
    gc.freeze()


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
