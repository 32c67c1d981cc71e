"""A shop on the suite's brokers, and mqtui with folders of its own."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from mqtui.demo.session import DemoSession
from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, broker_fixture_of
from tests.cli.command_line import Mqtui


@dataclass(frozen=True, slots=True)
class Shop:
    """URLs by kind, and what stands before each name."""

    urls: dict[str, str]
    prefix: str

    def name(self, plain: str) -> str:
        return f"{self.prefix}{plain}"


@pytest.fixture(scope="module")
def shop(kafka_url: str, rabbitmq_url: str, redis_url: str) -> Iterator[Shop]:
    """The failing shop, seeded on all three brokers, with live traffic, which ends with the test file."""
    urls = {"MQTUI_KAFKA": kafka_url, "MQTUI_RABBITMQ": rabbitmq_url, "MQTUI_REDIS": redis_url}
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            for name, url in urls.items():
                patch.setenv(name, url)
            session = stack.enter_context(DemoSession())
            troubles = [opened.trouble for opened in session.openings() if opened.trouble]
        assert not troubles
        yield Shop(session.urls(), session.prefix)


@pytest.fixture
def mqtui(tmp_path: Path) -> Mqtui:
    """The command line with its own folders and a bundle key."""
    return Mqtui(tmp_path, base64.urlsafe_b64encode(os.urandom(32)).decode())


@pytest.fixture(params=list(BrokerKind))
def broker(request: pytest.FixtureRequest) -> Iterator[BrokerFixture]:
    """The fixture of each broker in turn."""
    yield from _ground(request, request.param)


@pytest.fixture
def broker_on(request: pytest.FixtureRequest) -> Iterator[Callable[[str], BrokerFixture]]:
    """Makes the fixture of a kind of broker."""
    with ExitStack() as stack:

        def made(kind: str) -> BrokerFixture:
            broker = broker_fixture_of(BrokerKind(kind), request.getfixturevalue(f"{kind}_url"))
            stack.callback(broker.world.close)
            return broker

        yield made


@pytest.fixture
def kafka(request: pytest.FixtureRequest) -> Iterator[BrokerFixture]:
    """The fixture of Kafka."""
    yield from _ground(request, BrokerKind.KAFKA)


@pytest.fixture
def rabbitmq(request: pytest.FixtureRequest) -> Iterator[BrokerFixture]:
    """The fixture of RabbitMQ."""
    yield from _ground(request, BrokerKind.RABBITMQ)


@pytest.fixture
def redis(request: pytest.FixtureRequest) -> Iterator[BrokerFixture]:
    """The fixture of Redis."""
    yield from _ground(request, BrokerKind.REDIS)


def _ground(request: pytest.FixtureRequest, kind: BrokerKind) -> Iterator[BrokerFixture]:
    made = broker_fixture_of(kind, request.getfixturevalue(f"{kind}_url"))
    yield made
    made.world.close()
