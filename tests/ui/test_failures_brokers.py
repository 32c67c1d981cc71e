"""Brokers in trouble while a list is open: one dies and comes back, one gives no right, one holds 20 MB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import httpx2
import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from redis import Redis

from mqtui.domain.resource import BrokerKind
from mqtui.ui.app import Console
from tests.brokers import Brokers
from tests.cli.broker_fixtures import BrokerFixture, broker_fixture_of
from tests.cli.test_broker_failures import grant
from tests.ui.driver import User, at_console
from tests.ui.picture_steps import all_polled
from tests.ui.read_only_keys import hit, short_prefix

PASSWORD = "s3cret-w0rd"
LONG = 60.0
"""Seconds in which a broker that is started again is seen again: the last pause between two tries may be 16 s."""

LARGE = 20_000_000
KEY = 1.0
"""Seconds of CPU a key may take while a large message is shown: other tests run beside this one."""


@dataclass(frozen=True, slots=True)
class Own:
    """A server of one test, by its name."""

    name: str
    ground: BrokerFixture


@pytest.fixture
def own(brokers: Brokers, kind: BrokerKind) -> Iterator[Own]:
    """A broker that only this test has."""
    name = f"ui-{kind}"
    start = {
        BrokerKind.KAFKA: lambda: brokers.servers.start_kafka(name, sasl_users={"carol": PASSWORD}),
        BrokerKind.RABBITMQ: lambda: brokers.servers.start_rabbitmq(name),
        BrokerKind.REDIS: lambda: brokers.servers.start_redis(name, config=['save ""', "appendonly yes"]),
    }
    ground = broker_fixture_of(kind, start[kind]())
    ground.world.prefix = short_prefix()
    yield Own(name, ground)
    brokers.servers.discard(name)


def end(brokers: Brokers, own: Own) -> None:
    """Kill a broker; RabbitMQ in order, since it writes a new queue's name to disk when it likes."""
    if own.ground.kind is BrokerKind.RABBITMQ:
        brokers.servers.stop(own.name)
    else:
        brokers.servers.kill(own.name)


@pytest.mark.parametrize("kind", list(BrokerKind))
async def test_a_broker_that_dies_and_comes_back_by_itself(own: Own, brokers: Brokers) -> None:
    """3.25 stale: the values stay, dim, with since when and the next try; CAPITALS say why; nothing is pressed."""
    dlq, origin = own.ground.create_pair(3)
    own.ground.world.leave()
    async with at_console(Console((own.ground.url, ""))) as user:
        await user.is_at("DestinationsScreen", within=LONG).until(
            lambda: all_polled(user), "has seen the figures", LONG
        )
        await user.then_calls(user.console._tick).moves_to(dlq.name)
        before = user.rows
        end(brokers, own)
        await user.until(lambda: user.table.stale, "sees that the link is lost", LONG)
        await user.sees("lost", "retry", dlq.name, origin.name)
        assert [name(row) for row in user.rows] == [name(row) for row in before]
        tries = {
            user.screen.console.broker_sessions[0].snapshot.retry_number
            if user.screen.console.broker_sessions[0].snapshot
            else 0
        }
        await user.until(lambda: retries(user) not in tries, "sees another try", LONG)
        await user.presses("R").reads_in_prompt("the link")
        await user.presses("2").is_at("GroupsScreen").presses("3").is_at("DeadLetterOverviewScreen").sees(dlq.name)
        await user.presses("R").reads_in_prompt("the link")
        await user.presses("1").is_at("DestinationsScreen").sees(dlq.name)
        brokers.servers.restart(own.name)
        await user.until(lambda: not user.table.stale, "sees it again", LONG)
        await user.sees_no("lost", within=LONG).sees(dlq.name, origin.name).moves_to(origin.name)
        await user.presses("P").is_at("PublishScreen")


@pytest.mark.parametrize("kind", [BrokerKind.KAFKA])
async def test_kafka_without_a_right_for_one_topic(own: Own, brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic without DESCRIBE is not told of by Kafka; the others are listed with what may be read of them."""
    seen, hidden = own.ground.world.create("seen"), own.ground.world.create("hidden")
    own.ground.world.put(seen, [own.ground.world.letter(number) for number in range(3)])
    grant(own.ground.url, ResourceType.TOPIC, seen.name, AclOperation.READ, AclOperation.DESCRIBE)
    monkeypatch.setenv("MQTUI_SECRET_KAFKA", PASSWORD)
    port = brokers.servers.ports(own.name)["sasl"]
    async with at_console(Console((f"kafka://carol@127.0.0.1:{port}", ""))) as user:
        await user.is_at("DestinationsScreen", within=LONG).sees(seen.name, within=LONG).moves_to(seen.name)
        assert hidden.name not in user.screen_text
        await user.presses("enter").is_at("MessagesScreen").sees("letter 000002")
        await user.presses("2").is_at("GroupsScreen").sees("no groups are shown to this user")
        await user.presses("3").is_at("DeadLetterOverviewScreen")


async def test_redis_without_the_right_to_see_groups(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams are listed and read; what needs XINFO is not known, and said once."""
    ground = broker_fixture_of(BrokerKind.REDIS, redis_url)
    ground.world.prefix = short_prefix()
    stream = ground.world.create("seen")
    ground.world.put(stream, [ground.world.letter(number) for number in range(3)])
    ground.world.consume(stream, "settle", 1)
    user_name = f"{ground.world.prefix}-carol"
    rights = ["+@all", "-xinfo|groups", "-xinfo|consumers", "-xpending"]
    with Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", user_name, "on", f">{PASSWORD}", "~*", *rights)
        monkeypatch.setenv("MQTUI_SECRET_REDIS", PASSWORD)
        async with at_console(Console((f"redis://{user_name}@127.0.0.1:{ground.port}", ""))) as user:
            await user.is_at("DestinationsScreen", within=LONG).moves_to(stream.name)
            assert "?" in user.row
            await user.presses("enter").is_at("MessagesScreen").sees("letter 000002")
            await user.presses("2").is_at("GroupsScreen").sees("ø", "is not known")
        client.execute_command("ACL", "DELUSER", user_name)
    ground.world.close()


@pytest.fixture
def carol(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[BrokerFixture, str]]:
    """A user who may manage but not monitor, and their URL; on a broker without other tests' traffic."""
    ground = broker_fixture_of(BrokerKind.RABBITMQ, brokers.servers.start_rabbitmq("carol"))
    ground.world.prefix = short_prefix()
    address = ground.world.address
    user, management = f"{ground.world.prefix}-carol", address.options["management"]
    monkeypatch.setenv("MQTUI_SECRET_RABBITMQ", PASSWORD)
    with httpx2.Client(base_url=management, auth=(address.user, address.secret)) as api:
        api.put(f"/api/users/{user}", json={"password": PASSWORD, "tags": "management"}).raise_for_status()
        rights = {"configure": "", "write": "", "read": ".*"}
        api.put(f"/api/permissions/%2F/{user}", json=rights).raise_for_status()
        yield ground, f"amqp://{user}@127.0.0.1:{ground.port}/?management={management}"
        api.delete(f"/api/users/{user}")
    ground.world.close()
    brokers.servers.discard("carol")


async def test_rabbitmq_without_the_monitoring_tag(carol: tuple[BrokerFixture, str]) -> None:
    """The queues are listed and read; only what nodes tell is left out."""
    ground, url = carol
    dlq, origin = ground.create_pair(3)
    async with at_console(Console((url, ""))) as user:
        await user.is_at("DestinationsScreen", within=LONG).moves_to(dlq.name)
        await user.presses("enter").sees("PRICE").presses("enter").sees("shown from memory", within=LONG)
        await user.presses("2").is_at("GroupsScreen").presses("1").sees(origin.name)
    assert len(ground.world.contents(dlq)) == 3


async def test_a_message_of_20_mb_on_redis(redis_url: str) -> None:
    """It is a row like any other, opens, and keys are answered while it is shown."""
    ground = broker_fixture_of(BrokerKind.REDIS, redis_url)
    ground.world.prefix = short_prefix()
    stream = ground.world.create("large")
    ground.world.put(stream, [ground.world.letter(1)])
    with Redis.from_url(redis_url) as client:
        client.xadd(stream.name, {"value": b'{"items": "' + b"x" * LARGE + b'"}'})
    async with at_console(Console((redis_url, stream.name))) as user:
        await user.is_at("MessagesScreen", within=LONG).sees("letter 000001", "items", within=LONG)
        for key in ("k", "j", "z", "w", "i", "G", "z"):
            began = process_time()
            await hit(user, key)
            assert process_time() - began < KEY, f"{key} took {process_time() - began:.2f} s"
    ground.world.close()


def name(row: str) -> str:
    """The name in a row, behind cursor, mark and state."""
    return row[4:].split()[0] if row[4:].split() else ""


def retries(user: User) -> int:
    """How often the lost broker was tried again."""
    seen = user.console.broker_sessions[0].snapshot
    return seen.retry_number if seen is not None else 0
