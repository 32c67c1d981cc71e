"""The word and the sentence of a group, driven through each state on real brokers by real consumers."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pika
import pytest
import redis
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, ShareConsumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.demo.shop.connections import kafka_settings
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag
from mqtui.services.lag_history import LagHistory, LagReport
from mqtui.services.session import Session, open_session

WAIT = 30.0
APART = 30.0
"""Seconds that the looks are told to be apart: nobody waits for them."""


class Scenes:
    """Looks at one group, each told to be half a minute after the one before."""

    def __init__(self, session: Session, group: str) -> None:
        self.session = session
        self.ref = Ref(Kind.GROUP, group)
        self.history = LagHistory()
        self._turn = 0

    async def row(self) -> GroupLag:
        """The group as the console's poll sees it."""
        survey = await self.session.broker.survey()
        return next(row for row in survey.lags if row.group == self.ref)

    async def until(self, condition: Callable[[GroupLag], bool], what: str) -> None:
        """Wait until the broker shows the group so."""
        until = monotonic() + WAIT
        while not any(condition(row) for row in (await self.session.broker.survey()).lags if row.group == self.ref):
            assert monotonic() < until, what
            await asyncio.sleep(0.3)

    async def look(self) -> LagReport:
        """Look, and say how the group goes."""
        self._turn += 1
        row = await self.row()
        self.history.add(self._turn * APART, 1_795_000_000.0 + self._turn * APART, {row.group: row})
        return self.history.reports[self.ref]

    async def after(self, *changes: Callable[[], object]) -> LagReport:
        """How it goes after changes, each of them between two looks of a history of its own."""
        self.history = LagHistory()
        report = await self.look()
        for change in changes:
            change()
            report = await self.look()
        return report


@contextmanager
def polling(consumer: Consumer) -> Iterator[None]:
    """A member that lives and reads nothing."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            consumer.poll(0.1)
            if assigned := consumer.assignment():
                consumer.pause(assigned)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Topic:
    """A topic of its own with two partitions."""

    def __init__(self, url: str) -> None:
        self.settings = kafka_settings(url)
        self.admin = AdminClient(self.settings)
        self.name = f"scenes.{uuid.uuid4().hex[:8]}"
        self.admin.create_topics([NewTopic(self.name, 2, 1)])[self.name].result(WAIT)
        self.producer = Producer(self.settings)

    def produce(self, *counts: int) -> None:
        """So many records into each partition."""
        for partition, count in enumerate(counts):
            for _ in range(count):
                self.producer.produce(self.name, b"{}", partition=partition)
        assert self.producer.flush(WAIT) == 0

    def close(self) -> None:
        self.admin.delete_topics([self.name])[self.name].result(WAIT)


@pytest.fixture
def topic(kafka_url: str) -> Iterator[Topic]:
    made = Topic(kafka_url)
    yield made
    made.close()


def places(topic: Topic, *offsets: int) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number, offset) for number, offset in enumerate(offsets)]


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_group_of_kafka(topic: Topic, kafka_url: str, protocol: str) -> None:
    name = f"{topic.name}.{protocol}"
    settings = topic.settings | {"group.id": name, "group.protocol": protocol, "enable.auto.commit": False}
    consumer = Consumer(settings | {"client.id": "ship", "log_level": 0})
    consumer.subscribe([topic.name])
    topic.produce(10, 10)
    async with open_session(kafka_url) as session:
        scenes = Scenes(session, name)
        with polling(consumer):
            await scenes.until(lambda row: row.members == 1 and all(part.member for part in row.parts), "it is in")

            def commit(*offsets: int) -> None:
                consumer.commit(offsets=places(topic, *offsets), asynchronous=False)

            def fall_behind() -> None:
                commit(40, 100)
                topic.produce(60, 60)

            commit(10, 10)
            await scenes.until(lambda row: row.total.number == 0, "it has read all")
            assert (await scenes.look()).assessment.words == "nothing waits"
            topic.produce(300, 300)
            report = await scenes.after(lambda: topic.produce(60, 60))
            assert report.assessment.words == "stalled: nothing was committed in at least 30s; ≤ 720 waiting"
            report = await scenes.after(lambda: commit(10, 40), lambda: commit(10, 70))
            assert report.state == "stuck"
            assert report.assessment.words.startswith(
                "stuck on 0/10 for at least 1m, while others move and its member "
            )
            assert report.assessment.words.endswith(" is alive; ≤ 360 waiting there")
            assert str(report.movement.time_lag).startswith("≥ ")
            report = await scenes.after(fall_behind)
            assert report.assessment.words == "slow: 4/s in, 2/s out: falls behind 2/s"
            report = await scenes.after(lambda: commit(200, 300))
            assert report.assessment.words == "recovering: 0/s in, 12/s out, done in 30s"
            assert report.movement.eta.number == 30
        consumer.close()
        await scenes.until(lambda row: row.members == 0, "it is empty")
        report = await scenes.look()
        assert report.assessment.words.startswith("stopped: no members")
        assert (await scenes.look()).assessment.words.startswith("stopped since ")
        back = ConsumerGroupTopicPartitions(name, places(topic, 0, 0))
        (answer,) = topic.admin.alter_consumer_group_offsets([back]).values()
        answer.result(WAIT)
        report = await scenes.look()
        assert report.assessment.words == (
            f"rewound: partition 0 of {topic.name} from 200 back to 0, and 1 partition more"
        )


async def test_a_share_group_of_kafka(topic: Topic, kafka_url: str) -> None:
    name = f"{topic.name}.share"
    consumer = ShareConsumer(topic.settings | {"group.id": name, "log_level": 0})
    consumer.subscribe([topic.name])
    async with open_session(kafka_url) as session:
        scenes = Scenes(session, name)
        until = monotonic() + WAIT
        while not any(row.total.known for row in (await session.broker.survey()).lags if row.group == scenes.ref):
            assert monotonic() < until, "it reads"
            topic.produce(1, 1)
            consumer.poll(0.3)
        while consumer.poll(1.0):
            pass
        await scenes.until(lambda row: row.total.number == 0, "it has read all")
        assert (await scenes.look()).assessment.words == "nothing waits"
        topic.produce(20, 20)
        assert (await scenes.after(lambda: None)).state == "stalled"
        consumer.close()
        await scenes.until(lambda row: row.members == 0, "it is empty")
        assert (await scenes.look()).state == "stopped"


async def test_a_group_of_redis(redis_url: str) -> None:
    client: Any = redis.Redis.from_url(redis_url)
    stream, group = f"scenes:{uuid.uuid4().hex[:8]}", "ledger"
    client.xgroup_create(stream, group, id="0", mkstream=True)

    def add(count: int) -> None:
        for _ in range(count):
            client.xadd(stream, {"n": "1"})

    def read(count: int) -> None:
        client.xreadgroup(group, "worker-1", {stream: ">"}, count=count)

    def fall_behind() -> None:
        add(120)
        read(60)

    async with open_session(redis_url) as session:
        scenes = Scenes(session, f"{stream}/{group}")
        add(10)
        assert (await scenes.look()).state == "stopped"
        read(10)
        assert (await scenes.look()).assessment.words == "nothing waits"
        add(600)
        report = await scenes.after(lambda: None)
        assert report.assessment.words.startswith("stalled at ")
        report = await scenes.after(fall_behind)
        assert report.assessment.words == "slow: 4/s in, 2/s out: falls behind 2/s"
        report = await scenes.after(lambda: read(300))
        assert report.assessment.words == "recovering: 0/s in, 10/s out, done in 36s"
        report = await scenes.after(lambda: client.xgroup_setid(stream, group, "0"))
        assert report.assessment.words.startswith("rewound: partition 0 of ")
        client.xgroup_delconsumer(stream, group, "worker-1")
        assert (await scenes.after()).assessment.words.startswith("stopped: no members")
    client.delete(stream)


async def test_consumers_of_a_queue(rabbitmq_url: str) -> None:
    """What consumers take is counted in samples of some seconds: the looks wait for them."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url.partition("?")[0]))
    channel = connection.channel()
    queue = f"scenes.{uuid.uuid4().hex[:8]}"
    channel.queue_declare(queue)
    channel.confirm_delivery()

    def publish(count: int) -> None:
        for _ in range(count):
            channel.basic_publish("", queue, b"{}")

    def take(count: int) -> None:
        for _ in range(count):
            method, _, _ = channel.basic_get(queue)
            assert method is not None and method.delivery_tag is not None
            channel.basic_ack(method.delivery_tag)

    async with open_session(rabbitmq_url) as session:
        scenes = Scenes(session, queue)
        publish(400)
        await scenes.until(lambda row: row.state == "no consumers" and row.total.number == 400, "it is counted")
        assert (await scenes.look()).state == "stopped"
        channel.basic_qos(prefetch_count=1)
        tag = channel.basic_consume(queue, lambda *_: None)
        await scenes.until(lambda row: row.state != "no consumers", "it has a consumer")
        report = await scenes.after(lambda: None)
        assert report.assessment.words == f"stalled at {queue}: nothing was read in at least 30s; 400 waiting"
        channel.basic_cancel(tag)
        channel.basic_consume(queue, lambda *_: None)

        def counted(taken: int, waiting: int) -> Callable[[GroupLag], bool]:
            return lambda row: row.parts[0].read == taken and row.total.number == waiting

        await scenes.after()
        take(60)
        publish(120)
        await scenes.until(counted(60, 460), "it is counted")
        assert (await scenes.look()).assessment.words == "slow: 4/s in, 2/s out: falls behind 2/s"
        await scenes.after()
        take(300)
        await scenes.until(counted(360, 160), "it is counted")
        assert (await scenes.look()).assessment.words == "recovering: 0/s in, 10/s out, done in 16s"
    channel.queue_delete(queue)
    connection.close()
