"""Where the shop's consumer groups stand on Kafka when the demo begins."""

from __future__ import annotations

from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from mqtui.demo.shop.kafka_topics import open_consumer
from mqtui.demo.shop.names import KafkaNames

REPORTING_BEHIND: Final = 15
SHIPPING_STOPPED_AT: Final = 40
_SECONDS: Final = 30


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
        places = [TopicPartition(names.orders, partition, offset) for partition, offset in offsets.items()]
        (answer,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
        answer.result(_SECONDS)


def _ends(url: str, names: KafkaNames) -> dict[int, int]:
    consumer = open_consumer(url, names.billing)
    try:
        partitions = range(names.partitions()[names.orders])
        return {
            one: consumer.get_watermark_offsets(TopicPartition(names.orders, one), _SECONDS)[1] for one in partitions
        }
    finally:
        consumer.close()
