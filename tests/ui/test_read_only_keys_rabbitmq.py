"""C7 on RabbitMQ: definitions, depths and consumers are the same after the walk, and no message was delivered by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import httpx2
import pika
import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui.app import Console
from tests.brokers import Brokers
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.ui.conftest import KEY
from tests.ui.driver import User, at_console
from tests.ui.read_only_keys import PathToScreen, ScreenCase, after, briefly_named, by_keys, plans_and_records, walk

LIMIT = 9
"""Deliveries of a message in the quorum queue; the walk's own look spends one."""

READ = 5


@pytest.fixture(scope="module")
def own_url(brokers: Brokers) -> Iterator[str]:
    """A broker that nobody else writes to: what it holds is compared after every key."""
    yield brokers.servers.start_rabbitmq("keys")
    brokers.servers.discard("keys")


@pytest.fixture
def ground(own_url: str) -> Iterator[BrokerFixture]:
    with briefly_named(BrokerKind.RABBITMQ, own_url) as made:
        yield made


class Host:
    """A RabbitMQ as pika and the management API tell it."""

    def __init__(self, ground: BrokerFixture, queues: list[str]) -> None:
        address = ground.world.address
        login = pika.PlainCredentials(address.user, address.secret)
        host, port = address.hosts[0]
        self._connection = pika.BlockingConnection(
            pika.ConnectionParameters(host, port, address.path, login, heartbeat=0)
        )
        self._channel = self._connection.channel()
        auth = (address.user, address.secret)
        self._management = httpx2.Client(base_url=address.options["management"], auth=auth, timeout=20)
        self._queues = queues

    def held(self) -> object:
        """Everything declared, and how many messages wait and how many read, by queue."""
        told = self._management.get("/api/definitions").raise_for_status().json()
        declared = [self._channel.queue_declare(name, passive=True).method for name in self._queues]
        return told, [(each.queue, each.message_count, each.consumer_count) for each in declared]

    def spent(self, queue: str) -> list[tuple[bytes, int, bool]]:
        """What every message of a queue is, how often it was delivered, and whether the broker knows of it."""
        found = []
        while (got := self._channel.basic_get(queue))[0] is not None:
            method, properties, body = got
            headers: Mapping[str, Any] = (properties.headers if properties is not None else None) or {}
            redelivered = bool(method is not None and method.redelivered)
            found.append((cast("bytes", body), int(headers.get("x-delivery-count", 0)), redelivered))
        return found

    def close(self) -> None:
        """Close the connections."""
        self._management.close()
        self._connection.close()


@pytest.fixture
def stage(
    ground: BrokerFixture, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Host, str, str, str]]:
    """Dead letters in a classic queue, where they came from, and a quorum queue whose deliveries are counted."""
    dlq, origin = ground.create_pair(5)
    quorum = ground.create_quorum_queue(LIMIT)
    for queue in (origin, quorum):
        ground.world.put(queue, [ground.world.letter(number) for number in range(READ)])
    secret = ground.world.address.secret
    monkeypatch.setenv("MQTUI_SECRET_WALK", secret)
    ProfileStore().add(Profile("walk", {BrokerKind.RABBITMQ: BrokerEndpoint(ground.url.replace(f":{secret}@", "@"))}))
    host = Host(ground, [dlq.name, origin.name, quorum.name])
    yield host, dlq.name, origin.name, quorum.name
    host.close()


@pytest.mark.timeout(900)
async def test_the_small_letter_walk(ground: BrokerFixture, stage: tuple[Host, str, str, str], folders: Path) -> None:
    host, dlq, origin, quorum = stage
    ran = Mqtui(folders, KEY)("redrive", ground.url, dlq, "--limit", "1", "--yes")
    assert ran.code == 0, ran.err
    dead = by_keys("enter", "3", sees=dlq)
    price = by_keys("enter", "enter", onto=quorum, sees="PRICE")
    answers = ("enter", "a")
    spots = [
        ScreenCase("HomeScreen", by_keys()),
        ScreenCase("DestinationsScreen", by_keys("enter", sees=origin)),
        ScreenCase("GroupsScreen", by_keys("enter", "2", sees="Groups")),
        ScreenCase("DeadLetterOverviewScreen", dead),
        ScreenCase("CausesScreen", after(dead, "enter", sees="PRICE"), answers=answers),
        ScreenCase("PeekScreen", price, answers=answers),
        *plans_and_records(dlq, origin),
        ScreenCase("MenuPopup", dead, over="m"),
        ScreenCase("PalettePopup", dead, over="ctrl+p"),
    ]
    async with at_console(Console()) as user:
        assert await walk(user, spots, host.held) == []
    assert {tuple(spent) for _, *spent in host.spent(quorum)} == {(0, False)}
    assert {redelivered for _, _, redelivered in host.spent(origin)} == {False}


@pytest.mark.timeout(900)
async def test_what_was_paid_for_is_shown_from_memory(stage: tuple[Host, str, str, str]) -> None:
    host, dlq, _, quorum = stage
    paid: list[str] = []

    def pay(queue: str, view: str, shown: str) -> PathToScreen:
        async def way(user: User) -> None:
            await by_keys("enter", view, "enter", onto=queue, sees="PRICE")(user)
            paid.append(queue)
            await by_keys("enter", sees=shown)(user)

        return way

    peek, causes = pay(quorum, "1", "shown from memory"), pay(dlq, "3", "shown from memory")
    spots = [
        ScreenCase("PeekScreen", peek),
        ScreenCase("CausesScreen", causes),
        ScreenCase("DeadLetterScreen", after(causes, "enter", sees="Original")),
    ]
    async with at_console(Console()) as user:
        assert await walk(user, spots, host.held) == []
    assert [count for _, count, _ in host.spent(quorum)] == READ * [paid.count(quorum)]
