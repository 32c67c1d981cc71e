"""The shop's topics and clients on Kafka."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from mqtui.demo.shop.connections import kafka_settings
from mqtui.demo.shop.names import KafkaNames


def open_producer(url: str) -> Producer:
    """Make an idempotent producer that chooses partitions as Java's does."""
    return Producer(kafka_settings(url) | {"acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random"})


def open_consumer(url: str, group: str) -> Consumer:
    """Make a consumer that reads from the oldest record when the group has no offsets, and commits only when told."""
    return Consumer(
        kafka_settings(url)
        | {
            "group.id": group,
            "client.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
        }
    )


def open_topics(admin: AdminClient, names: KafkaNames) -> None:
    """Create the topics that are not there yet, with the broker's own replication factor.

    Raises:
        KafkaException: the broker refused one for another reason than that it exists.
    """
    topics = [NewTopic(topic, partitions, -1) for topic, partitions in names.partitions().items()]
    for future in admin.create_topics(topics).values():
        try:
            future.result(30)
        except KafkaException as refused:
            if refused.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
