"""Trouble on real brokers, as a look of the console finds it: what is stopped, full or losing (C113, C114, C116)."""

from __future__ import annotations

import pika
from confluent_kafka import Consumer

from mqtui.domain.resource import BrokerKind
from mqtui.services.conventions import load_for_profile
from mqtui.services.poller import Poller
from mqtui.services.session import open_session
from mqtui.ui.render.destinations.destinations import (
    DestinationRenderer,
    DestinationRow,
    describe_destination,
    lines_of,
)
from mqtui.ui.render.destinations.groups import GroupRenderer, describe_group, group_lines
from tests.contract.kafka_cluster import KafkaCluster
from tests.contract.world_rabbitmq import RabbitMQWorld
from tests.contract.worlds import Letter


async def look(url: str, kind: BrokerKind) -> tuple[list[DestinationRow], Poller]:
    """What one look finds."""
    async with open_session(url) as session:
        watch = Poller(session, load_for_profile().conventions, lambda: None)
        await watch.poll()
        return lines_of(kind, watch.snapshot), watch


async def test_a_group_that_stopped_with_a_backlog(kafka_url: str) -> None:
    """Nobody is in it, and what waits does not even grow."""
    kafka = KafkaCluster(kafka_url)
    ref = kafka.topic("orders", 1)
    producer = kafka.producer()
    for number in range(5):
        producer.produce(ref.name, b"%d" % number, partition=0)
    producer.flush(20)
    name = f"{ref.name}-billing"
    settings = {"bootstrap.servers": kafka_url.partition("//")[2], "group.id": name, "enable.auto.commit": False}
    reader = Consumer(settings | {"auto.offset.reset": "earliest"})
    reader.subscribe([ref.name])
    record = reader.poll(60)
    assert record is not None and record.error() is None
    reader.commit(message=record, asynchronous=False)
    reader.close()
    lines, watch = await look(kafka_url, BrokerKind.KAFKA)
    (line,) = [line for line in lines if line.destination.ref == ref]
    assert DestinationRenderer().severity(line)
    assert describe_destination(line) == f"{ref.name}: {name} stopped: no members, ≤ 4 waiting"
    (group,) = [one for one in group_lines(BrokerKind.KAFKA, watch.snapshot) if one.group.ref.name == name]
    assert GroupRenderer().severity(group)
    assert describe_group(group) == f"{name} stopped: no members, ≤ 4 waiting"
    kafka.close()


async def test_a_full_queue_and_one_whose_letters_vanish(rabbitmq_url: str) -> None:
    """A limit that is reached drops what came first; a dead-letter exchange that is not there drops the letters."""
    world = RabbitMQWorld(rabbitmq_url)
    full, losing, sound = (world.create(name) for name in ("full", "losing", "sound"))
    with pika.BlockingConnection(pika.URLParameters(rabbitmq_url.partition("?")[0])) as connection:
        channel = connection.channel()
        for ref, arguments in (
            (full, {"x-max-length": 3}),
            (losing, {"x-dead-letter-exchange": f"{losing.name}.gone"}),
            (sound, {"x-max-length": 30, "x-dead-letter-exchange": "amq.fanout"}),
        ):
            channel.queue_delete(ref.name)
            channel.queue_declare(ref.name, durable=True, arguments=arguments)
    for ref in (full, losing, sound):
        world.put(ref, [Letter(b"%d" % number) for number in range(5)])
    lines, _ = await look(rabbitmq_url, BrokerKind.RABBITMQ)
    told = {line.destination.ref: line for line in lines}
    assert "full (3 of 3): drops the oldest" in describe_destination(told[full])
    assert (
        describe_destination(told[losing])
        == f"{losing.name}: its dead letters are lost: there is no exchange {losing.name}.gone"
    )
    assert [DestinationRenderer().severity(told[ref]) > 0 for ref in (full, losing, sound)] == [True, True, False]
    world.close()
