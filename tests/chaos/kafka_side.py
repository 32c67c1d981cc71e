"""Kafka by confluent-kafka: letters with Spring's headers, read back by a read_committed consumer (C6, K5)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from mqtui.demo.shop.connections import kafka_settings
from mqtui.demo.shop.failures import card_declined
from mqtui.demo.shop.spring import FailedRecord, dead_letter_headers
from tests.chaos.scenes import Scene, Truth, label, new_name, numbers_in, poisoned

WAIT = 30.0
PARTITIONS = 3
BODY = b" " + b"a charge that was declined " * 6
QUEUE_FULL = 0.05


COMPACTED = {"cleanup.policy": "compact", "min.compaction.lag.ms": "86400000"}
"""A home that refuses letters without a key, and keeps every copy of the others for as long as the test lasts."""


class KafkaSide:
    """Topics of three partitions. A handled letter stays in its topic, so only the target counts.

    A poisoned letter has no key, and its home is compacted.
    """

    name = "kafka"
    letters = 50_000
    source_counts = False
    mortal = False
    refusal = "INVALID_RECORD"

    def __init__(self, url: str) -> None:
        self.url = url
        self.poison = 0
        self._settings = kafka_settings(url)
        self._admin = AdminClient(self._settings)
        self._producer = Producer(
            self._settings | {"enable.idempotence": True, "linger.ms": 20, "queue.buffering.max.messages": 200_000}
        )

    def fill(self, count: int) -> Scene:
        stem = new_name()
        scene = Scene(f"{stem}-dlt", stem, count, poisoned(count, self.poison))
        home = NewTopic(scene.home, PARTITIONS, 1, config=COMPACTED if scene.poisoned else {})
        topics = [NewTopic(scene.dlq, PARTITIONS, 1), home]
        for made in self._admin.create_topics(topics).values():
            made.result(WAIT)
        self.add(scene, range(count))
        return scene

    def add(self, scene: Scene, numbers: Iterable[int]) -> None:
        failed: list[KafkaError] = []

        def told(error: KafkaError | None, _: object) -> None:
            if error is not None:
                failed.append(error)

        headers = _headers(scene.home)
        for number in numbers:
            name = label(number)
            while True:
                try:
                    key = None if number in scene.poisoned else name
                    self._producer.produce(scene.dlq, name + BODY, key, headers=headers, on_delivery=told)
                    break
                except BufferError:
                    self._producer.poll(QUEUE_FULL)
        assert self._producer.flush(WAIT) == 0
        assert not failed

    def moved(self, scene: Scene) -> int:
        return self._read(scene.home).total()

    def truth(self, scene: Scene) -> Truth:
        self._await_no_open_transaction(scene.home)
        return Truth(self._read(scene.home))

    def drop(self, scene: Scene) -> None:
        for gone in self._admin.delete_topics([scene.dlq, scene.home]).values():
            gone.result(WAIT)

    def close(self) -> None:
        self._producer.flush(WAIT)

    def suspect(self, words: str) -> int | None:
        return None

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            self._settings
            | {"group.id": "mqtui-kill", "enable.auto.commit": False, "isolation.level": isolation}
            | {"enable.partition.eof": True, "auto.offset.reset": "earliest", "allow.auto.create.topics": False}
        )

    def _read(self, topic: str) -> Counter[int]:
        """Everything committed, by the number in key and value."""
        found: Counter[int] = Counter()
        consumer = self._consumer("read_committed")
        try:
            consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
            reading = set(range(PARTITIONS))
            while reading:
                records = consumer.consume(10_000, 0.2)
                values: list[bytes] = []
                for record in records:
                    error = record.error()
                    if error is not None:
                        assert error.code() == KafkaError._PARTITION_EOF, error
                        reading.discard(record.partition() or 0)
                        continue
                    value = record.value() or b""
                    assert value[:8] == record.key()
                    values.append(value)
                found += numbers_in(values)
        finally:
            consumer.close()
        return found

    def _await_no_open_transaction(self, topic: str) -> None:
        """Until the last stable offset is the end: nothing of a killed run hangs (K4)."""
        until = time.monotonic() + WAIT
        while self._ends(topic, "read_committed") != self._ends(topic, "read_uncommitted"):
            assert time.monotonic() < until, f"{topic} has an open transaction"

    def _ends(self, topic: str, isolation: str) -> list[int]:
        consumer = self._consumer(isolation)
        try:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            return [consumer.get_watermark_offsets(place, WAIT)[1] for place in places]
        finally:
            consumer.close()


def _headers(topic: str) -> list[tuple[str, str | bytes | None]]:
    """Spring's headers, without the stack trace: several KB a letter would measure the disk."""
    delivery = FailedRecord(topic, 0, 0, int(time.time() * 1000), "payments", "shop.Payments.charge(java.lang.String)")
    headers = dead_letter_headers(delivery, card_declined(51))
    return [(name, value) for name, value in headers if not name.endswith("stacktrace")]
