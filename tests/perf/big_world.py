"""A broker of each kind with much in it: what a command about one thing must not pay for.

Kafka: 1,019 topics with 10,000 partitions, 508 groups with 12,118 commits. Redis: a stream with 500,000 pending
entries, another with a group, 300,000 other keys. RabbitMQ: 1,000 queues, eight of them dead-letter queues.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from itertools import islice
from time import monotonic
from typing import Any, TypeVar

import pika
import redis
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.demo.shop.connections import amqp_connection, kafka_settings, redis_client

Item = TypeVar("Item")
WAIT = 180.0
TOPICS, PARTITIONS, GROUPS, COMMITS = 1_019, 10_000, 508, 12_118
DEAD_LETTERS = 8
TOPIC, DEAD_TOPIC, GROUP = "shop.orders.0500", "shop.orders.0500.DLT", "billing-0250"
PENDING, OTHER_KEYS = 500_000, 300_000
STREAM, SMALL_STREAM, READERS = "orders", "small", "g"
QUEUES = 1_000
QUEUE = "shop.work.0500"


def topics() -> dict[str, int]:
    """Partitions by topic."""
    names = [f"shop.orders.{number:04}" for number in range(TOPICS - DEAD_LETTERS)]
    names += [f"shop.orders.{500 + number:04}.DLT" for number in range(DEAD_LETTERS)]
    each, more = divmod(PARTITIONS, TOPICS)
    return {name: each + (number < more) for number, name in enumerate(names)}


def fill_kafka(url: str) -> None:
    """Topics, three records a partition, and groups that have read two of them."""
    settings, there = kafka_settings(url), topics()
    admin = AdminClient(settings)
    for some in _some([NewTopic(name, count, 1) for name, count in there.items()], 100):
        for made in admin.create_topics(list(some), request_timeout=WAIT, operation_timeout=WAIT).values():
            made.result(WAIT)
    until = monotonic() + WAIT
    while set(there) - set(admin.list_topics(timeout=WAIT).topics):
        if monotonic() > until:
            raise TimeoutError("the broker does not follow its controller")
    waits: dict[str, str | int | float | bool] = {"linger.ms": 50, "queue.buffering.max.messages": 1_000_000}
    producer = Producer(settings | waits | {"message.timeout.ms": 180_000, "request.timeout.ms": 120_000})
    for name, count in there.items():
        for partition in range(count):
            for number in range(3):
                producer.produce(name, b'{"order": %d}' % number, b"%d" % number, partition)
        producer.poll(0)
    if producer.flush(WAIT):
        raise TimeoutError("Kafka did not take all records")
    places = [(name, partition) for name, count in there.items() for partition in range(count)]
    each, more = divmod(COMMITS, GROUPS)
    for numbers in _some(range(GROUPS), 100):
        asked: list[ConsumerGroupTopicPartitions] = []
        for number in numbers:
            wanted = [places[(number * each + at) % len(places)] for at in range(each + (number < more))]
            commits = [TopicPartition(name, partition, 1 + partition % 3) for name, partition in wanted]
            asked.append(ConsumerGroupTopicPartitions(f"billing-{number:04}", commits))
        _commit(admin, asked)


def _commit(admin: AdminClient, asked: list[ConsumerGroupTopicPartitions]) -> None:
    """Commit for each group; a coordinator that still loads refuses single partitions."""
    until = monotonic() + WAIT
    while asked:
        promises: list[Future[Any]] = [
            promise for one in asked for promise in admin.alter_consumer_group_offsets([one]).values()
        ]
        answers = [promise.result(WAIT) for promise in promises]
        refused = {answer.group_id for answer in answers if any(place.error for place in answer.topic_partitions)}
        asked = [one for one in asked if one.group_id in refused]
        if monotonic() > until:
            raise TimeoutError("a coordinator does not take commits")


def fill_redis(url: str) -> None:
    """The streams and the other keys."""
    with closing(redis_client(url)) as client:
        for some in _some(range(OTHER_KEYS), 10_000):
            client.mset({f"session:{number}": "x" for number in some})
        _fill_stream(client, STREAM, PENDING)
        _fill_stream(client, SMALL_STREAM, 100)


def _fill_stream(client: redis.Redis, name: str, count: int) -> None:
    for some in _some(range(count), 10_000):
        pipe = client.pipeline(transaction=False)
        for number in some:
            pipe.xadd(name, {"parcel": f"number {number}"})
        pipe.execute()
    client.xgroup_create(name, READERS, "0")
    while client.xreadgroup(READERS, "worker", {name: ">"}, count=10_000):
        continue


def fill_rabbitmq(url: str) -> None:
    """Queues with one message each; the first eight die into queues of their own."""
    with closing(amqp_connection(url)) as connection:
        channel = connection.channel()
        for number in range(QUEUES - DEAD_LETTERS):
            name = f"shop.work.{number:04}"
            dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{name}.dlq"}
            channel.queue_declare(name, durable=True, arguments=dead if number < DEAD_LETTERS else None)
            channel.basic_publish("", name, b"{}")
        for number in range(DEAD_LETTERS):
            channel.queue_declare(f"shop.work.{number:04}.dlq", durable=True)
            channel.basic_publish("", f"shop.work.{number:04}.dlq", b"{}", pika.BasicProperties(delivery_mode=2))


def _some(values: Iterable[Item], count: int) -> Iterator[list[Item]]:
    each = iter(values)
    while some := list(islice(each, count)):
        yield some
