"""Consumers that run beside a command: they commit, acknowledge, leave messages pending, or dead-letter them again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pika
import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from mqtui.domain.resource import Ref
from tests.cli.broker_fixtures import BrokerFixture, KafkaDeadLetters


@contextmanager
def repeating(step: Callable[[], object]) -> Iterator[None]:
    """Does a step again and again, in a thread."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            step()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@contextmanager
def run_kafka_group(
    broker: BrokerFixture, group: str, topic: Ref, dies_in: Ref | None = None
) -> Iterator[Callable[[], int]]:
    """A group that commits each record after it was handled; with `dies_in` it goes there first, as Spring sends it.

    Gives what is committed in partition 0, as the broker tells it to another client.
    """
    assert isinstance(broker.world, KafkaDeadLetters)
    servers = {"bootstrap.servers": urlsplit(broker.url).netloc}
    wanted = servers | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    reader, producer = Consumer(wanted), Producer(servers)
    reader.subscribe([topic.name])
    assigned = threading.Event()

    def handle() -> None:
        record = reader.poll(0.05)
        if reader.assignment():
            assigned.set()
        if record is None or record.error() is not None:
            return
        if dies_in is not None:
            place = ("kafka_dlt-original-partition", (record.partition() or 0).to_bytes(4, "big"))
            offset = ("kafka_dlt-original-offset", (record.offset() or 0).to_bytes(8, "big"))
            told = [("kafka_dlt-original-topic", topic.name.encode()), place, offset]
            why = [("kafka_dlt-exception-fqcn", b"shop.Bad"), ("kafka_dlt-exception-message", b"no amount")]
            producer.produce(dies_in.name, record.value(), headers=[*(record.headers() or []), *told, *why])
            producer.flush(20)
        reader.commit(message=record, asynchronous=False)

    with closing(reader), closing(Consumer(wanted)) as asking, repeating(handle):
        assert assigned.wait(60)
        yield lambda: asking.committed([TopicPartition(topic.name, 0)], 20)[0].offset


@contextmanager
def run_queue_consumer(broker: BrokerFixture, queue: Ref, *, acks: bool) -> Iterator[None]:
    """A consumer that acknowledges what it gets, or rejects it for good."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url.partition("?")[0]))
    channel = connection.channel()

    def handle(lane: Any, method: Any, _properties: Any, _body: bytes) -> None:
        if acks:
            lane.basic_ack(method.delivery_tag)
        else:
            lane.basic_nack(method.delivery_tag, requeue=False)

    channel.basic_consume(queue.name, handle)
    with closing(connection), repeating(lambda: connection.process_data_events(1)):
        yield


@contextmanager
def run_stream_group(broker: BrokerFixture, group: str, stream: Ref, *, acks: bool) -> Iterator[None]:
    """A consumer of a group that reads what comes; it acknowledges it, or leaves it pending."""
    client: Any = redis.Redis.from_url(broker.url)
    client.xgroup_createconsumer(stream.name, group, "worker")

    def read() -> None:
        for _, entries in client.xreadgroup(group, "worker", {stream.name: ">"}, count=100, block=50) or ():
            if acks:
                client.xack(stream.name, group, *(entry for entry, _ in entries))

    with closing(client), repeating(read):
        yield
