"""Kafka's redrive rate beside a bare transactional loop, in one run on one broker.

The bare loop is that of confluent-kafka's own example of transactions (poll, produce with a delivery callback), with
headers, and with a commit every 10,000 records instead of every 100. It remembers nothing and knows no position.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.brokers.guard import Guard
from mqtui.brokers.port import Address
from mqtui.brokers.registry import connect
from mqtui.domain.capability import Verb
from mqtui.domain.plan import CreateStateTopic, Deliver, Plan, Take
from mqtui.domain.policy import Consent, Policy
from mqtui.domain.redrive import LeaseOptions, PublishStatus, Selection, Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.gc_tuning import fewer_collections
from tests.contract.asking import Notes
from tests.contract.worlds import address_of

PARTITIONS = 4
HAND = 10_000
WAIT = 30.0


class Bench:
    """Topics of its own on one broker, with `count` dead letters of about 300 bytes and three headers."""

    def __init__(self, url: str, count: int) -> None:
        self.address: Address = address_of(url, f"mqtui-perf-{uuid.uuid4().hex[:8]}")
        self.count = count
        hosts = ",".join(f"{host}:{port}" for host, port in self.address.hosts)
        self._servers: dict[str, Any] = {"bootstrap.servers": hosts}
        self._admin = AdminClient(self._servers)
        self.source = self.topic("dlq")
        self._fill()

    def topic(self, stem: str) -> str:
        """A new topic."""
        name = f"{self.address.prefix}.{stem}-{uuid.uuid4().hex[:4]}"
        self._admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(WAIT)
        return name

    def _fill(self) -> None:
        producer = Producer(self._servers | {"linger.ms": 50})
        headers: list[tuple[str, str | bytes | None]] = [
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-exception-fqcn", b"x" * 40),
            ("h", b"1"),
        ]
        for number in range(self.count):
            producer.produce(self.source, b"x" * 300, b"key %d" % number, headers=headers)
            if number % 20_000 == 19_999:
                producer.flush()
        assert producer.flush(WAIT) == 0

    def bare(self) -> float:
        """Records a second of a loop without any safety."""
        return self.count / bare(self._servers, self.source, self.topic("bare"), self.count, PARTITIONS)

    async def ours(self) -> float:
        """Letters a second of a lease, from its first batch to its last receipt."""
        adapter = connect(self.address)
        source, target = Ref(Kind.TOPIC, self.source), Ref(Kind.TOPIC, self.topic("ours"))
        taken = await adapter.broker.snapshot(source)
        plan = Plan(
            uuid.uuid4().hex,
            Verb.REDRIVE,
            "perf",
            BrokerKind.KAFKA,
            (Take(taken, Selection()), Deliver(target, taken.count)),
            taken.count,
        )
        plan = await adapter.broker.check_plan(taken, plan)
        terms = LeaseOptions(plan.id, "perf", "perf", HAND, targets=(target,))
        done = 0
        async with Guard(adapter, Policy("perf"), Notes()).writing(plan, Consent(yes=True)) as writer:
            for step in plan.steps:
                if isinstance(step, CreateStateTopic):
                    await writer.apply(step)
            async with writer.lease(taken, terms) as lease:
                began = time.perf_counter()
                with fewer_collections():
                    async for batch in lease.batches(HAND):
                        receipts = await lease.move([Transfer(letter, target) for letter in batch])
                        done += sum([receipt.state is PublishStatus.STORED for receipt in receipts])
                seconds = time.perf_counter() - began
        await adapter.close()
        assert done == self.count
        return self.count / seconds


def bare(servers: dict[str, Any], source: str, target: str, count: int, partitions: int) -> float:
    """Seconds of a loop without any safety over `count` records of a topic."""
    consumer = Consumer(
        servers | {"group.id": target, "enable.auto.commit": False, "isolation.level": "read_committed"}
    )
    consumer.assign([TopicPartition(source, number, 0) for number in range(partitions)])
    producer = Producer(servers | {"transactional.id": target, "partitioner": "murmur2_random"})
    producer.init_transactions(WAIT)
    failed: list[KafkaError] = []

    def told(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failed.append(error)

    done = 0
    began = time.perf_counter()
    while done < count:
        producer.begin_transaction()
        open_until = min(count, done + HAND)
        while done < open_until:
            producer.poll(0)
            record = consumer.poll(WAIT)
            assert record is not None
            assert record.error() is None
            producer.produce(target, record.value(), record.key(), headers=record.headers(), on_delivery=told)
            done += 1
        producer.commit_transaction(WAIT)
    seconds = time.perf_counter() - began
    consumer.close()
    assert not failed
    return seconds


def ratio(url: str, count: int) -> tuple[float, float]:
    """Letters a second of the lease, and records a second of the bare loop: the better of two rounds each."""
    rates: list[tuple[float, float]] = []
    for _ in range(2):
        bench = Bench(url, count)
        bare = bench.bare()
        rates.append((asyncio.run(bench.ours()), bare))
    return max(ours for ours, _ in rates), max(bare for _, bare in rates)


if __name__ == "__main__":
    import sys

    print(ratio(sys.argv[1], int(sys.argv[2])))
