"""Kafka by confluent-kafka alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from mqtui.brokers.port import Adapter
from mqtui.brokers.registry import connect
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from tests.contract.worlds import Letter, Traits, address_of, keyed_letter, new_prefix

WAIT = 20.0


class KafkaWorld:
    """Topics under one prefix."""

    kind = BrokerKind.KAFKA
    traits = Traits(
        lends=False, follows=True, pending=False, partitions=True, any_name=False, holds=True, too_large=2_000_000
    )

    def __init__(self, url: str) -> None:
        self.prefix = new_prefix()
        self.address = address_of(url, self.prefix)
        self._servers: dict[str, str | int | float | bool] = {
            "bootstrap.servers": ",".join(f"{host}:{port}" for host, port in self.address.hosts)
        }
        self._admin = AdminClient(self._servers)
        self._producer = Producer(self._servers | {"enable.idempotence": True})
        self._made = 0

    def connect(self) -> Adapter:
        return connect(self.address)

    def name(self, stem: str) -> str:
        self._made += 1
        return f"{self.prefix}.{stem}-{self._made}"

    def ref(self, name: str) -> Ref:
        return Ref(Kind.TOPIC, name)

    def create(self, stem: str = "work", *, partitions: int = 1) -> Ref:
        name = self.name(stem)
        self._admin.create_topics([NewTopic(name, partitions, 1)])[name].result(WAIT)
        until = time.monotonic() + WAIT
        while (
            name not in self._admin.list_topics(timeout=WAIT).topics
        ):  # the controller knows it before the broker does
            assert time.monotonic() < until, f"{name} does not appear"
        until = time.monotonic() + WAIT
        while name not in self._admin.list_topics(timeout=WAIT).topics:  # the broker follows its controller
            assert time.monotonic() < until, f"{name} does not appear"
        return self.ref(name)

    def remove(self, ref: Ref) -> None:
        self._admin.delete_topics([ref.name])[ref.name].result(WAIT)

    def put(self, ref: Ref, letters: Sequence[Letter], *, partition: int = 0) -> None:
        failed: list[KafkaError] = []

        def told(error: KafkaError | None, _: object) -> None:
            if error is not None:
                failed.append(error)

        for letter in letters:
            self._producer.produce(
                ref.name, letter.value, letter.key, partition, headers=list(letter.headers), on_delivery=told
            )
        assert self._producer.flush(WAIT) == 0
        assert not failed

    def contents(self, ref: Ref) -> list[Letter]:
        consumer = Consumer(
            self._servers
            | {"group.id": self.prefix, "enable.auto.commit": False, "isolation.level": "read_committed"}
            | {"enable.partition.eof": True, "auto.offset.reset": "earliest", "allow.auto.create.topics": False}
        )
        found: list[tuple[int, int, Letter]] = []
        try:
            reading = set(consumer.list_topics(timeout=WAIT).topics[ref.name].partitions)
            consumer.assign([TopicPartition(ref.name, number, 0) for number in reading])
            while reading:
                record = consumer.poll(WAIT)
                assert record is not None, f"{ref} does not end"
                error = record.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    reading.discard(record.partition())
                    continue
                headers = tuple(cast("list[tuple[str, bytes | None]]", record.headers() or []))
                letter = Letter(record.value(), record.key(), headers)
                found.append((record.partition() or 0, record.offset() or 0, letter))
        finally:
            consumer.close()
        return [letter for _, _, letter in sorted(found, key=lambda row: row[:2])]

    def fingerprint(self) -> object:
        topics = self._admin.list_topics(timeout=WAIT).topics
        mine = {name: sorted(topics[name].partitions) for name in topics if name.startswith(self.prefix)}
        reader = Consumer(self._servers | {"group.id": self.prefix})
        ends = {
            (name, number): reader.get_watermark_offsets(TopicPartition(name, number), WAIT)
            for name, numbers in mine.items()
            for number in numbers
        }
        reader.close()
        groups = self._admin.list_consumer_groups(request_timeout=WAIT).result(WAIT).valid
        return ends, sorted(group.group_id for group in groups if group.group_id.startswith(self.prefix))

    def consume(self, ref: Ref, group: str, count: int) -> None:
        name = f"{self.prefix}.{group}"
        wanted = [ConsumerGroupTopicPartitions(name, [TopicPartition(ref.name, 0, count)])]
        until = time.monotonic() + WAIT
        while True:  # a broker whose coordinator still loads answers well and commits nothing
            told = self._admin.alter_consumer_group_offsets(wanted)[name].result(WAIT)
            if all(place.error is None for place in told.topic_partitions):
                return
            assert time.monotonic() < until, told.topic_partitions

    def letter(self, number: int) -> Letter:
        return keyed_letter(number)

    def odd_letters(self) -> list[Letter]:
        binary = bytes(range(256))
        twice = (
            ("twice", b"1"),
            ("between", binary),
            ("twice", b"2"),
            ("null", None),
            ("empty", b""),
            ("größe 🧵", b"x"),
        )
        return [
            Letter(binary, binary, twice),
            Letter(b"", b"", ()),
            Letter(None, b"tombstone", (("x-strip", b"me"),)),
            Letter(b"no key", None, ()),
            Letter(b"\xff\xfe" * 50_000, b"large", ()),
            Letter(b"many", b"many", tuple((f"h{number}", b"%d" % number) for number in range(1000))),
        ]

    def sent(self, letter: Letter, target: Ref) -> Outgoing:
        headers = tuple((name, value, "") for name, value in letter.headers)
        return Outgoing(target, letter.value, letter.key, headers, partition=0)

    def seen(self, message: Message) -> Letter:
        return Letter(message.value, message.key, tuple((name, value) for name, value, _ in message.headers))

    def close(self) -> None:
        mine = [name for name in self._admin.list_topics(timeout=WAIT).topics if name.startswith(self.prefix)]
        for done in (self._admin.delete_topics(mine) if mine else {}).values():
            done.result(WAIT)
