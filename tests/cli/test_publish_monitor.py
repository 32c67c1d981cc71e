"""`publish --watch`: the message was passed, by whom, or died, and where (C16)."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import redis as redis_client
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.demo.shop.connections import kafka_settings
from mqtui.domain.resource import Kind, Ref
from tests.cli.broker_fixtures import BrokerFixture, wait_until, with_dead_letter_exchange
from tests.cli.command_line import CommandResult, Mqtui
from tests.cli.consumers import run_kafka_group, run_queue_consumer, run_stream_group

BODY = ("--value", '{"order": "AB-991"}', "--yes", "--json")


def verdict(done: CommandResult) -> dict[str, Any]:
    """The line of the watch, behind that of the message."""
    _, sent, told = done.rows()
    assert sent["state"] == "stored"
    return told


def test_a_record_that_passes(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    _, origin = _topics(kafka)
    with run_kafka_group(kafka, f"{origin.name}-pay", origin) as committed:
        told = verdict(mqtui("publish", kafka.url, origin.name, "--watch", "20s", *BODY).ok())
        assert committed() == 1
    assert (told["passed"], told["waiting"], told["came_back"]) == (1, 0, 0)
    assert [(reader["group"], reader["passed"]) for reader in told["readers"]] == [(f"{origin.name}-pay", 1)]
    assert f"The message passed {origin.name}-pay and did not come back" in told["verdict"]


def test_a_record_that_dies(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """It is found by where it lay, and the watch ends with it."""
    dlq, origin = _topics(kafka)
    with run_kafka_group(kafka, f"{origin.name}-pay", origin, dies_in=dlq):
        told = verdict(mqtui("publish", kafka.url, origin.name, "--watch", "20s", *BODY).fails(1))
    assert told["came_back"] == 1
    assert told["back"] == [f"{dlq.name} 0/0: Bad: no amount"]
    assert told["watched"] < 15


def test_nobody_who_reads(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """Said before anything leaves, and afterwards; in words too."""
    dlq, origin = _topics(kafka)
    dry = mqtui("publish", kafka.url, origin.name, "--watch", "1s", *BODY[:2], "--dry-run").ok()
    assert f"no consumer reads {origin.name}" in dry.text
    assert f"listen to topic:{dlq.name}" in dry.text
    told = mqtui("publish", kafka.url, origin.name, "--watch", "1s", *BODY[:3]).fails(1)
    assert f"The message passed no consumer, since none reads {origin.name}" in told.text
    assert kafka.world.contents(dlq) == []


def test_a_message_of_a_queue(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """Acknowledged it passes; rejected it is known again by its id, which it is given where it has none."""
    dlq, origin = with_dead_letter_exchange(rabbitmq)
    with run_queue_consumer(rabbitmq, origin, acks=False):
        told = verdict(mqtui("publish", rabbitmq.url, origin.name, "--watch", "20s", *BODY).fails(1))
    assert told["came_back"] == 1
    assert f"rejected by {origin.name}" in told["back"][0]
    assert told["back"][0].startswith(dlq.name)
    with run_queue_consumer(rabbitmq, origin, acks=True):
        told = verdict(mqtui("publish", rabbitmq.url, origin.name, "--watch", "20s", *BODY).ok())
    assert (told["passed"], told["came_back"]) == (1, 0)


def test_a_queue_whose_dead_letters_are_not_kept(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """What leaves such a queue was acknowledged or is lost: neither is claimed."""
    origin = rabbitmq.world.create("plain")
    with run_queue_consumer(rabbitmq, origin, acks=True):
        told = verdict(mqtui("publish", rabbitmq.url, origin.name, "--watch", "8s", *BODY).fails(1))
    assert (told["passed"], told["came_back"]) == (None, None)
    assert f"dead letters of {origin.name} are not kept" in told["verdict"]


def test_an_entry_of_a_stream(mqtui: Mqtui, redis: BrokerFixture) -> None:
    origin = redis.world.create("home")
    with closing(redis_client.Redis.from_url(redis.url)) as client:
        client.xadd(f"{origin.name}:dlq", {"order": "another"})
        client.xgroup_create(origin.name, "work/ers", "$")
    with run_stream_group(redis, "work/ers", origin, acks=True):
        told = verdict(mqtui("publish", redis.url, origin.name, "--watch", "20s", *BODY).ok())
    assert (told["passed"], told["waiting"], told["came_back"]) == (1, 0, 0)
    with run_stream_group(redis, "work/ers", origin, acks=False):
        told = verdict(mqtui("publish", redis.url, origin.name, "--watch", "2s", *BODY).fails(1))
    assert (told["passed"], told["waiting"]) == (0, 1)


def _topics(broker: BrokerFixture) -> tuple[Ref, Ref]:
    """A topic, and one that is known by its name as that of its dead letters."""
    origin = broker.world.create("home")
    dlq = Ref(Kind.TOPIC, f"{origin.name}.DLQ")
    admin = AdminClient(kafka_settings(broker.url))
    admin.create_topics([NewTopic(dlq.name, 1, 1)])[dlq.name].result(30)
    wait_until(lambda: broker.world.contents(dlq) == [])
    return dlq, origin
