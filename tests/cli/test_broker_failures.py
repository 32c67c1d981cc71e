"""Brokers of our own: one dies while a redrive runs, one refuses a password or a right."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from redis import Redis

from mqtui.domain.resource import BrokerKind, Ref
from tests.brokers import Brokers
from tests.cli.broker_fixtures import BrokerFixture, broker_fixture_of, run_result, wait_until
from tests.cli.command_line import Mqtui

MANY = 1_000
PASSWORD = "s3cret-w0rd"


@pytest.fixture(scope="module")
def own_kafka(brokers: Brokers) -> Iterator[str]:
    """A Kafka with a SASL listener and ACLs."""
    yield brokers.servers.start_kafka("cli-kafka", sasl_users={"carol": PASSWORD})
    brokers.servers.discard("cli-kafka")


@pytest.fixture(scope="module")
def own_rabbitmq(brokers: Brokers) -> Iterator[str]:
    """A RabbitMQ of our own."""
    yield brokers.servers.start_rabbitmq("cli-rabbitmq")
    brokers.servers.discard("cli-rabbitmq")


@pytest.fixture(scope="module")
def own_redis(brokers: Brokers) -> Iterator[str]:
    """A Redis with a password and a user who may not delete."""
    user = f"user carol on >{PASSWORD} ~* +@all -xdel"
    yield brokers.servers.start_redis("cli-redis", config=[f"requirepass {PASSWORD}", user])
    brokers.servers.discard("cli-redis")


def under_way(mqtui: Mqtui, broker: BrokerFixture) -> tuple[subprocess.Popen[bytes], Ref, Ref]:
    """A redrive that has moved a part, its source and its target."""
    mqtui.extra["MQTUI_SECRET_REDIS"] = PASSWORD
    dlq, origin = broker.world.create("dead"), broker.world.create("home")
    broker.world.put(dlq, [broker.dead_letter(number, origin) for number in range(MANY)])
    running = mqtui.start("redrive", broker.url, dlq.name, "--to", origin.name, "--rate", 500, "--yes", "--json")
    wait_until(lambda: broker.world.depth(origin) > MANY // 4)
    broker.world.leave()
    return running, dlq, origin


@pytest.mark.parametrize("kind", [BrokerKind.RABBITMQ, BrokerKind.REDIS])
def test_a_broker_that_dies_while_a_redrive_runs(
    mqtui: Mqtui, brokers: Brokers, request: pytest.FixtureRequest, kind: BrokerKind
) -> None:
    broker = broker_fixture_of(kind, request.getfixturevalue(f"own_{kind}"))
    running, dlq, origin = under_way(mqtui, broker)
    brokers.servers.kill(f"cli-{kind}")
    out, err = running.communicate(timeout=90)
    assert running.returncode in (1, 3), err
    assert b"Traceback" not in err
    named = re.search(rb"mqtui runs resume ([0-9A-F]{4,})", err)
    assert named, err
    told = json.loads(out.splitlines()[-1])
    assert 0 < told["moved"] < MANY
    assert told["planned"] == MANY == sum(told[name] for name in ("moved", "refused", "unknown", "skipped", "left"))
    brokers.servers.restart(f"cli-{kind}")
    after = run_result(mqtui("runs", "resume", named[1].decode(), "--yes", "--json", within=120).ok())
    assert after["run"] == told["run"]
    assert after["moved"] + after["skipped"] == MANY
    fresh = broker_fixture_of(kind, broker.url)
    seen = Counter(fresh.numbers(origin))
    assert set(seen) == set(range(MANY))
    assert sum(seen.values()) - MANY <= after["duplicates_suspected"]
    assert fresh.count_unhandled(mqtui, dlq) == 0
    fresh.world.close()


def test_a_kafka_that_dies_and_comes_back_while_a_redrive_runs(mqtui: Mqtui, brokers: Brokers, own_kafka: str) -> None:
    broker = broker_fixture_of(BrokerKind.KAFKA, own_kafka)
    running, dlq, origin = under_way(mqtui, broker)
    brokers.servers.kill("cli-kafka")
    brokers.servers.restart("cli-kafka")
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    told = json.loads(out.splitlines()[-1])
    assert told["moved"] + told["skipped"] == told["planned"] == MANY
    fresh = broker_fixture_of(BrokerKind.KAFKA, own_kafka)
    assert sorted(fresh.numbers(origin)) == list(range(MANY))
    assert fresh.count_unhandled(mqtui, dlq) == 0
    fresh.world.close()


def test_a_password_of_redis(mqtui: Mqtui, own_redis: str) -> None:
    port = own_redis.rpartition(":")[2]
    assert "password" in mqtui("ls", f"redis://:wrong@127.0.0.1:{port}").fails(3).err
    assert "wrong" not in mqtui("ls", f"redis://carol:wrong@127.0.0.1:{port}").fails(3).err.replace("WRONGPASS", "")
    mqtui("ls", f"redis://127.0.0.1:{port}").fails(3)
    mqtui.extra["MQTUI_SECRET_REDIS"] = PASSWORD
    mqtui("ls", f"redis://carol@127.0.0.1:{port}").ok()


def test_redis_without_the_right_to_delete(mqtui: Mqtui, own_redis: str) -> None:
    broker = broker_fixture_of(BrokerKind.REDIS, own_redis)
    dlq, origin = broker.create_pair(3)
    port = own_redis.rpartition(":")[2]
    mqtui.extra["MQTUI_SECRET_REDIS"] = PASSWORD
    for words in (("redrive",), ("discard",)):
        refused = mqtui(words[0], f"redis://carol@127.0.0.1:{port}", dlq.name, "--yes")
        assert refused.code in (3, 4), refused.err
        assert "XDEL" in refused.err + refused.text
    assert broker.numbers(origin) == []
    assert broker.numbers(dlq) == [0, 1, 2]
    with Redis.from_url(own_redis) as client:
        assert not list(client.scan_iter(match=f"mqtui:*{dlq.name}*"))
    broker.world.close()


def test_rabbitmq_without_the_right_to_write(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    dlq, origin = rabbitmq.create_pair(2)
    address = rabbitmq.world.address
    user = rabbitmq.world.name("carol")
    mqtui.extra["MQTUI_SECRET_RABBITMQ"] = PASSWORD
    auth = (address.user, address.secret)
    with httpx2.Client(base_url=address.options["management"], auth=auth) as api:
        try:
            api.put(f"/api/users/{user}", json={"password": PASSWORD, "tags": "monitoring"}).raise_for_status()
            rights = {"configure": "", "write": "", "read": ".*"}
            api.put(f"/api/permissions/%2F/{user}", json=rights).raise_for_status()
            url = f"amqp://{user}@127.0.0.1:{rabbitmq.port}/?management={address.options['management']}"
            mqtui("peek", url, dlq.name, "-n", 1).ok()
            refused = mqtui("redrive", url, dlq.name, "--to", origin.name, "--yes")
            assert refused.code in (3, 4), refused.err
            assert "write" in (refused.err + refused.text).lower()
            for how in ("--dry-run", "--yes"):
                mqtui("publish", url, origin.name, "--value", "x", how).fails(4, "right to write")
        finally:
            api.delete(f"/api/users/{user}")
    assert rabbitmq.numbers(origin) == []
    assert len(rabbitmq.world.contents(dlq)) == 2


def test_kafka_with_acls(mqtui: Mqtui, brokers: Brokers, own_kafka: str) -> None:
    broker = broker_fixture_of(BrokerKind.KAFKA, own_kafka)
    dlq, origin = broker.create_pair(3)
    sasl = f"kafka://carol@127.0.0.1:{brokers.servers.ports('cli-kafka')['sasl']}"
    mqtui.extra["MQTUI_SECRET_KAFKA"] = "wrong"
    refused = mqtui("peek", sasl, dlq.name).fails(3)
    assert "wrong" not in refused.err.lower().replace("wrong password", "")
    mqtui.extra["MQTUI_SECRET_KAFKA"] = PASSWORD
    unseen = mqtui("peek", sasl, dlq.name)
    assert unseen.code in (1, 3), unseen.err
    grant(own_kafka, ResourceType.TOPIC, dlq.name, AclOperation.READ, AclOperation.DESCRIBE)
    assert len(mqtui("peek", sasl, dlq.name, "--json").ok().rows()) == 3
    plan = mqtui("redrive", sasl, dlq.name, "--to", origin.name, "--yes", "--json")
    assert plan.code in (1, 3, 4), plan.err
    assert broker.numbers(origin) == []
    grant(own_kafka, ResourceType.TOPIC, origin.name, AclOperation.DESCRIBE)
    refused = mqtui("redrive", sasl, dlq.name, "--to", origin.name, "--yes")
    assert refused.code in (3, 4), refused.err
    assert "Write" in refused.err + refused.text
    assert broker.numbers(origin) == []
    grant(own_kafka, ResourceType.TOPIC, origin.name, AclOperation.WRITE)
    done = mqtui("redrive", sasl, dlq.name, "--to", origin.name, "--yes", "--json").ok()
    promise = done.rows()[0]["plan"]["guarantee"]
    assert promise["strength"] == "at least once"
    assert run_result(done)["moved"] == 3
    assert broker.numbers(origin) == [0, 1, 2]
    broker.world.close()


def grant(url: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    """Let carol do something."""
    admin = AdminClient({"bootstrap.servers": url.removeprefix("kafka://")})
    allow = AclPermissionType.ALLOW
    rules = [AclBinding(kind, name, ResourcePatternType.LITERAL, "User:carol", "*", each, allow) for each in operations]
    for done in admin.create_acls(rules).values():
        done.result(20)
