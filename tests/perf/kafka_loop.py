"""The loop of confluent-kafka's own example of transactions: poll, produce with a delivery callback, commit.

It commits every 10,000 records instead of every 100, and sends headers along. It remembers nothing, and keeps no
position.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from mqtui.demo.shop.connections import kafka_settings

RECORDS_A_TRANSACTION = 10_000
WAIT = 30.0


def run(url: str, source: str, target: str, count: int, partitions: int) -> float:
    """Seconds for `count` records of a topic."""
    settings = kafka_settings(url)
    consumer = Consumer(
        settings | {"group.id": target, "enable.auto.commit": False, "isolation.level": "read_committed"}
    )
    consumer.assign([TopicPartition(source, number, 0) for number in range(partitions)])
    producer = Producer(settings | {"transactional.id": target, "partitioner": "murmur2_random"})
    producer.init_transactions(WAIT)
    failed: list[KafkaError] = []

    def report(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failed.append(error)

    done = 0
    began = perf_counter()
    while done < count:
        producer.begin_transaction()
        end = min(count, done + RECORDS_A_TRANSACTION)
        while done < end:
            producer.poll(0)
            record = consumer.poll(WAIT)
            assert record is not None
            assert record.error() is None
            producer.produce(target, record.value(), record.key(), headers=record.headers(), on_delivery=report)
            done += 1
        producer.commit_transaction(WAIT)
    seconds = perf_counter() - began
    consumer.close()
    assert not failed
    return seconds


if __name__ == "__main__":
    url, source, target, count, partitions = sys.argv[1:]
    print(json.dumps(run(url, source, target, int(count), int(partitions))))
