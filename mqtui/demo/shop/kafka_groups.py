"""Where the shop's consumer groups stand on Kafka when the demo begins."""

from __future__ import annotations

import time
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from mqtui.demo.shop.kafka_topics import open_consumer
from mqtui.demo.shop.names import KafkaNames

REPORTING_BEHIND: Final = 15
SHIPPING_STOPPED_AT: Final = 40
_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 0.05
_LOADING: Final = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)


def seed_groups(admin: AdminClient, url: str, names: KafkaNames) -> None:
    """Commit on ``orders``: billing at the end, reporting 15 records before it, shipping at offset 40 of each.

    Raises:
        KafkaException: the broker refused, for example because a group has members.
    """
    ends = _ends(url, names)
    stands = {
        names.billing: ends,
        names.reporting: {partition: max(end - REPORTING_BEHIND, 0) for partition, end in ends.items()},
        names.shipping: {partition: min(SHIPPING_STOPPED_AT, end) for partition, end in ends.items()},
    }
    for group, offsets in stands.items():
        _commit(
            admin, group, [TopicPartition(names.orders, partition, offset) for partition, offset in offsets.items()]
        )


def _commit(admin: AdminClient, group: str, places: list[TopicPartition]) -> None:
    """Commit, and again while the coordinator of a new broker is still loading."""
    until = time.monotonic() + _SECONDS
    while True:
        (answer,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
        errors = [place.error for place in answer.result(_SECONDS).topic_partitions if place.error]
        if not errors:
            return
        if errors[0].code() not in _LOADING or time.monotonic() > until:
            raise KafkaException(errors[0])
        time.sleep(_PAUSE_SECONDS)


def _ends(url: str, names: KafkaNames) -> dict[int, int]:
    consumer = open_consumer(url, names.billing)
    try:
        partitions = range(names.partitions()[names.orders])
        return {
            one: consumer.get_watermark_offsets(TopicPartition(names.orders, one), _SECONDS)[1] for one in partitions
        }
    finally:
        consumer.close()
