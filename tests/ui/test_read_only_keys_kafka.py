"""C7 on Kafka: topics, records, settings, groups and their offsets are the same after the walk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui.app import Console
from tests.brokers import Brokers
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.ui.conftest import KEY
from tests.ui.driver import User, at_console
from tests.ui.read_only_keys import ScreenCase, after, briefly_named, by_keys, plans_and_records, walk

WAIT = 20.0


@pytest.fixture(scope="module")
def own_url(brokers: Brokers) -> Iterator[str]:
    """A broker that nobody else writes to: what it holds is compared after every key."""
    yield brokers.servers.start_kafka("keys")
    brokers.servers.discard("keys")


@pytest.fixture
def ground(own_url: str) -> Iterator[BrokerFixture]:
    with briefly_named(BrokerKind.KAFKA, own_url) as made:
        yield made


class Cluster:
    """A cluster as its client library tells it."""

    def __init__(self, url: str, prefix: str) -> None:
        servers: dict[str, Any] = {"bootstrap.servers": url.removeprefix("kafka://")}
        self._admin = AdminClient(servers)
        settings = {
            "group.id": prefix,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
        }
        self._reader = Consumer(servers | settings | {"auto.offset.reset": "earliest"})
        self._prefix = prefix

    def held(self) -> object:
        """Topics with their settings, records of ours and of mqtui's own, groups with their state and offsets."""
        topics = {
            name: sorted(topic.partitions) for name, topic in self._reader.list_topics(timeout=WAIT).topics.items()
        }
        ours = [name for name in sorted(topics) if name.startswith((self._prefix, "mqtui"))]
        return topics, self._settings(ours), [self._records(name, topics[name]) for name in ours], self._groups()

    def _settings(self, names: list[str]) -> list[dict[str, str | None]]:
        asked = self._admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names])
        return [{key: entry.value for key, entry in told.result(WAIT).items()} for told in asked.values()]

    def _records(self, name: str, partitions: list[int]) -> list[tuple[object, ...]]:
        self._reader.assign([TopicPartition(name, number, 0) for number in partitions])
        reading, found = set(partitions), []
        while reading:
            record = self._reader.poll(WAIT)
            assert record is not None, f"{name} does not end"
            error = record.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                reading.discard(record.partition())
                continue
            place = (record.partition(), record.offset(), record.timestamp())
            found.append((*place, record.key(), record.value(), record.headers()))
        self._reader.unassign()
        return sorted(found, key=repr)

    def _groups(self) -> list[tuple[object, ...]]:
        listed = self._admin.list_consumer_groups(request_timeout=WAIT).result(WAIT).valid
        told: list[tuple[object, ...]] = []
        for group in sorted(listed, key=lambda each: each.group_id):
            asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group.group_id)])
            places = asked[group.group_id].result(WAIT).topic_partitions
            told.append(
                (group.group_id, group.state, sorted((each.topic, each.partition, each.offset) for each in places))
            )
        return told

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()


@pytest.mark.timeout(900)
async def test_the_small_letter_walk(ground: BrokerFixture, folders: Path) -> None:
    dlq, origin = ground.create_pair(5)
    ground.world.put(origin, [ground.world.letter(number) for number in range(9)])
    ground.world.consume(origin, "billing", 4)
    ran = Mqtui(folders, KEY)("redrive", ground.url, dlq.name, "--limit", "1", "--yes")
    assert ran.code == 0, ran.err
    ProfileStore().add(Profile("walk", {BrokerKind.KAFKA: BrokerEndpoint(ground.url)}))
    dead = by_keys("enter", "3", sees=dlq.name)
    letters = by_keys("enter", "3", "enter", onto=dlq.name, sees="no amount")
    topic = by_keys("enter", "enter", onto=origin.name, sees="letter 000008")

    async def in_order(user: User) -> None:
        await dead(user)
        broker_session = user.console.go.broker_session("walk", BrokerKind.KAFKA)
        assert broker_session is not None
        await user.console.go.messages(broker_session, dlq)
        await user.sees("shop.Bad")

    spots = [
        ScreenCase("HomeScreen", by_keys()),
        ScreenCase("DestinationsScreen", by_keys("enter", sees=origin.name)),
        ScreenCase("GroupsScreen", by_keys("enter", "2", sees="billing")),
        ScreenCase("DeadLetterOverviewScreen", dead),
        ScreenCase("CausesScreen", letters),
        ScreenCase("DeadLetterScreen", after(letters, "enter", sees="Original")),
        ScreenCase("DeadLetterListScreen", in_order),
        ScreenCase("MessagesScreen", topic),
        *plans_and_records(dlq.name, origin.name),
        ScreenCase("MenuPopup", topic, over="m"),
        ScreenCase("PalettePopup", letters, over="ctrl+p"),
    ]
    cluster = Cluster(ground.url, ground.world.prefix)
    try:
        async with at_console(Console()) as user:
            assert await walk(user, spots, cluster.held) == []
    finally:
        cluster.close()
