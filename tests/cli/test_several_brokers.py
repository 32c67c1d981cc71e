"""A thing named on a profile of several brokers is looked for on each of them, and a broker that is silent is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.cli.command_line import Mqtui
from tests.contract.kafka_cluster import KafkaCluster
from tests.contract.redis_server import RedisServer

NOBODY = "amqp://127.0.0.1:1/?management=http://127.0.0.1:2"


@pytest.fixture
def streams(redis_url: str) -> Iterator[RedisServer]:
    made = RedisServer(redis_url)
    yield made
    made.close()


@pytest.fixture
def topics(kafka_url: str) -> Iterator[KafkaCluster]:
    made = KafkaCluster(kafka_url)
    yield made
    made.close()


def commit(topics: KafkaCluster, group: str, topic: Ref, offset: int) -> None:
    """A group that nobody is in, with one commit."""
    consumer = Consumer(topics.servers | {"group.id": group})
    consumer.commit(offsets=[TopicPartition(topic.name, 0, offset)], asynchronous=False)
    consumer.close()


def test_the_lag_of_a_group_is_looked_for_on_every_broker(
    mqtui: Mqtui, topics: KafkaCluster, streams: RedisServer
) -> None:
    topic = topics.topic("work")
    topics.fill(topic, 3)
    group = f"{topics.prefix}-g"
    commit(topics, group, topic, 1)
    stream = streams.stream("work", 5)
    streams.group(stream, group)
    for url in (topics.url, streams.url):
        mqtui("profile", "add", "both", url).ok()

    def told(*words: object) -> list[tuple[str, str]]:
        rows = mqtui("lag", "both", *words, "--json").ok().rows()
        return sorted((row["target"], row["group"]) for row in rows)

    on_redis = ("both/redis", f"{stream.name}/{group}")
    assert told(group) == [("both/kafka", group), on_redis]
    assert told(f"{stream.name}/{group}") == [on_redis]
    mqtui("lag", "both", group, "--fail", 5).fails(1, f"{stream.name}/{group}: lag 5 is 5 or more")
    mqtui("lag", "both", group, "--fail", 6).ok()
    missing = mqtui("lag", "both", f"{group}x").fails(1, "No consumer group", "mqtui groups both lists them")
    assert "Searched on both/kafka, both/redis." in missing.err
    readers = mqtui("groups", "both", stream.name, "--json").ok().rows()
    assert [(row["target"], row["group"]) for row in readers] == [("both/redis", f"{stream.name}/{group}")]
    mqtui("groups", "both", f"{stream.name}x").fails(1, "both/kafka, both/redis", "mqtui ls both")

    mqtui("profile", "add", "both", NOBODY).ok()
    for words in (("lag", "both", group), ("lag", "both", group, "--fail", 6), ("groups", "both", stream.name)):
        part = mqtui(*words).fails(1, "✗ both/rabbitmq: ")
        assert part.text.split()[0] == "TARGET" and f"{stream.name}/{group}" in part.text
    unknown = mqtui("lag", "both", f"{group}x").fails(1, "✗ both/rabbitmq: ", "No consumer group")
    assert "Not known of both/rabbitmq." in unknown.err


def test_a_resource_is_taken_where_it_is_found(mqtui: Mqtui, topics: KafkaCluster, streams: RedisServer) -> None:
    """Looks at one resource find its broker; where two have it they ask which, and a silent broker is named."""
    topic, stream = topics.topic("only"), streams.stream("mine", 2)
    topics.fill(topic, 3)
    shared = topics.topic("shared")
    streams.client.xadd(shared.name, {"value": "x"})
    for url in (topics.url, streams.url):
        mqtui("profile", "add", "both", url).ok()
    causes = mqtui("dlq", "both", topic.name, "--json").ok()
    assert [row["letters"] for row in causes.rows()] == [3]
    assert f"{topic.name} is on both/kafka" in causes.err
    assert len(mqtui("peek", "both", stream.name, "--json").ok().rows()) == 2
    assert len(mqtui("peek", "both", topic.name, "--json").ok().rows()) == 3
    for verb in ("dlq", "peek"):
        mqtui(verb, "both", shared.name).fails(2, f"{shared.name} is on both/kafka and on both/redis", "Name one")
        mqtui(verb, "both/redis", shared.name).ok()
        missing = mqtui(verb, "both", f"{topic.name}x").fails(1, "mqtui ls both")
        assert "Searched on both/kafka, both/redis." in missing.err
    mqtui("profile", "add", "both", NOBODY).ok()
    part = mqtui("dlq", "both", topic.name, "--json").ok()
    assert "✗ both/rabbitmq: " in part.err and [row["letters"] for row in part.rows()] == [3]


def test_a_profile_whose_brokers_are_all_silent_names_each(mqtui: Mqtui) -> None:
    for url in ("redis://127.0.0.1:1", NOBODY):
        mqtui("profile", "add", "dark", url).ok()
    for words in (("lag", "dark"), ("lag", "dark", "g"), ("ls", "dark"), ("groups", "dark", "x")):
        told = mqtui(*words).fails(3, "✗ dark/redis: Nobody listens", "✗ dark/rabbitmq: ")
        assert not told.out
    assert "dark/rabbitmq: Nobody listens" in mqtui("ls", "dark", "--json").error()["title"]


def test_a_watch_goes_on_with_the_brokers_that_are_left(mqtui: Mqtui, topics: KafkaCluster, brokers: Brokers) -> None:
    """`lag --watch` of a profile shows every broker, and one that goes meanwhile is named at each look."""
    streams = RedisServer(brokers.servers.start_redis("watched"))
    topic = topics.topic("work")
    topics.fill(topic, 3)
    group = f"{topics.prefix}-g"
    commit(topics, group, topic, 1)
    streams.group(streams.stream("work", 5), group)
    for url in (topics.url, streams.url):
        mqtui("profile", "add", "both", url).ok()
    streams.client.close()
    try:
        with mqtui.start("lag", "both", group, "--watch", "--json") as process:
            assert process.stdout is not None and process.stderr is not None
            first = [process.stdout.readline() for _ in range(2)]
            assert b"both/kafka" in first[0] and b"both/redis" in first[1]
            brokers.servers.kill("watched")
            while b"both/redis" in (line := process.stdout.readline()) or b"both/kafka" not in line:
                assert line
            assert b"both/kafka" in process.stdout.readline()
            process.terminate()
            _, told = process.communicate(timeout=20)
        assert "✗ both/redis: " in told.decode()
    finally:
        brokers.servers.discard("watched")
