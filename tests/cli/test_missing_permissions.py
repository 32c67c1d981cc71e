"""What a user may not see is not told as if it were not there: Kafka leaves it out of its lists without a word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.cli.command_line import Mqtui
from tests.contract.asking import eventually
from tests.contract.kafka_cluster import KafkaCluster
from tests.contract.redis_server import RedisServer

PASSWORD = "s3cret"
USERS = {"watcher": PASSWORD, "nobody": PASSWORD}
GROUP = "billing"


@pytest.fixture
def guarded(brokers: Brokers) -> Iterator[tuple[KafkaCluster, Ref, int]]:
    """A topic that `watcher` may describe and read, with a group that it may not; the port where users log in."""
    kafka = KafkaCluster(brokers.servers.start_kafka("hidden", sasl_users=USERS))
    topic = kafka.topic("work")
    kafka.fill(topic, 3)
    commit(kafka, GROUP, topic)
    allow(kafka, ResourceType.TOPIC, topic.name, "watcher", AclOperation.DESCRIBE, AclOperation.READ)
    yield kafka, topic, brokers.servers.ports("hidden")["sasl"]
    kafka.leave()
    brokers.servers.discard("hidden")


def commit(kafka: KafkaCluster, group: str, topic: Ref) -> None:
    """A group that nobody is in, with one commit."""
    consumer = Consumer(kafka.servers | {"group.id": group})
    consumer.commit(offsets=[TopicPartition(topic.name, 0, 1)], asynchronous=False)
    consumer.close()


def allow(kafka: KafkaCluster, kind: ResourceType, name: str, user: str, *operations: AclOperation) -> None:
    literal, allowed = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    for each in operations:
        rule = AclBinding(kind, name, literal, f"User:{user}", "*", each, allowed)
        kafka.admin.create_acls([rule])[rule].result(30)


async def test_what_kafka_hides_is_not_gone(mqtui: Mqtui, guarded: tuple[KafkaCluster, Ref, int]) -> None:
    kafka, topic, port = guarded
    closed = kafka.topic("closed")
    kafka.fill(closed, 1)
    allow(kafka, ResourceType.TOPIC, closed.name, "watcher", AclOperation.DESCRIBE)
    watcher, nobody = (f"kafka://{user}:{PASSWORD}@127.0.0.1:{port}" for user in USERS)

    async def allowed() -> bool:
        return topic.name in mqtui("ls", watcher).text

    await eventually(allowed, "the rule is known to the broker")
    hidden = "no groups are shown to this user"
    row = next(row for row in mqtui("ls", watcher, "--json").ok().rows() if row["resource"] == topic.name)
    assert row["backlog"] is None
    for verb in ("ls", "lag", "groups"):
        assert hidden in mqtui(verb, watcher).ok().err, verb
    (told,) = mqtui("lag", watcher, GROUP, "--json").ok().rows()
    assert told["lag"] is None and hidden in told["why"]
    mqtui("lag", watcher, "--fail", 100).fails(1, hidden)
    for verb in ("ls", "dlq"):
        assert "no topics are shown to this user" in mqtui(verb, nobody).ok().err, verb
    mqtui("find", watcher, "no-such-id").fails(1, f"topic:{closed.name}", "is closed to this user", "1 of 2 places")
    allow(kafka, ResourceType.GROUP, "another", "watcher", AclOperation.DESCRIBE)
    commit(kafka, "another", topic)

    async def seen() -> bool:
        return "another" in mqtui("lag", watcher).text

    await eventually(seen, "that rule is known as well")
    mqtui("lag", watcher, GROUP, "--fail", 100).fails(1, "lag unknown", "Describe on the group is needed")
    for how in ("--dry-run", "--yes"):
        mqtui("publish", watcher, topic.name, "--value", "x", how).fails(4, f"Write on topic {topic.name}")
    mqtui("peek", nobody, topic.name).fails(3, "is closed to this user", f"Describe on topic {topic.name}")
    for verb in ("ls", "lag", "groups"):
        assert "shown to this user" not in mqtui(verb, kafka.url).ok().err, verb
    mqtui("lag", kafka.url, "no-such-group").fails(1, "No consumer group")


def test_streams_without_figures_say_why(mqtui: Mqtui, redis_url: str) -> None:
    """`ls`, `dlq` and the lag of one group name the right that is missing."""
    streams = RedisServer(redis_url)
    name, user = streams.stream("shut", 2).name, f"user-{streams.prefix}"
    streams.call("XGROUP", "CREATE", name, "g", "0")
    streams.call("ACL", "SETUSER", user, "reset", "on", f">{PASSWORD}", "+@all", "~elsewhere*")
    url = redis_url.replace("://", f"://{user}:{PASSWORD}@")
    try:
        for verb in ("ls", "dlq"):
            assert "can't be asked: Not allowed to use the key" in mqtui(verb, url).ok().err, verb
        mqtui("find", url, "no-such-id").fails(1, name, "Not allowed to use the key")
        (told,) = mqtui("lag", url, f"{name}/g", "--json").ok().rows()
        assert told["lag"] is None and told["why"] == f"Not allowed to use the key {name}"
    finally:
        streams.call("ACL", "DELUSER", user)
        streams.close()
