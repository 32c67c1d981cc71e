"""A Kafka cluster that tests fill and read by confluent-kafka alone, and adapters for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.brokers.port import Adapter, Lease
from mqtui.brokers.registry import connect
from mqtui.domain.capability import Verb
from mqtui.domain.message import Message
from mqtui.domain.plan import CreateStateTopic, Deliver, Plan, Remove, Take
from mqtui.domain.redrive import LeaseOptions, Receipt, Selection, Source, Transfer
from mqtui.domain.resource import Kind, Ref
from tests.contract.asking import a_plan, writing
from tests.contract.worlds import address_of

WAIT = 30.0

Row = tuple[int, int, bytes | None]
"""Partition, offset and value of a record."""


class KafkaCluster:
    """One cluster. Names made here have a prefix of their own, the state topic too."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = f"t{uuid.uuid4().hex[:8]}"
        self.address = replace(address_of(url), prefix=self.prefix)
        self.servers: dict[str, Any] = {
            "bootstrap.servers": ",".join(f"{host}:{port}" for host, port in self.address.hosts)
        }
        self.admin = AdminClient(self.servers)
        self._made = 0

    def adapter(self, **changed: Any) -> Adapter:
        """A new adapter; whoever asks for it closes it."""
        return connect(replace(self.address, **changed))

    @property
    def state(self) -> str:
        return f"{self.prefix}.state"

    def topic(self, stem: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> Ref:
        """A new topic."""
        self._made += 1
        name = f"{self.prefix}.{stem}{self._made}"
        self.admin.create_topics([NewTopic(name, partitions, 1, config=dict(config or {}))])[name].result(WAIT)
        wait_until(lambda: name in self.names(), WAIT, f"{name} is known to the broker")
        return Ref(Kind.TOPIC, name)

    def producer(self, **config: Any) -> Producer:
        return Producer(self.servers | {name.replace("_", "."): value for name, value in config.items()})

    def fill(self, ref: Ref, count: int, *, partitions: int = 1, first: int = 0) -> list[bytes]:
        """Numbered letters with a key and two headers, turn by turn into the partitions. Returns the values."""
        producer = self.producer(linger_ms=20)
        values = [b"letter %06d" % number for number in range(first, first + count)]
        for number, value in enumerate(values, first):
            headers: list[tuple[str, str | bytes | None]] = [("n", b"%d" % number), ("origin", b"orders")]
            producer.produce(ref.name, value, b"key %d" % number, number % partitions, headers=headers)
        assert producer.flush(WAIT) == 0
        return values

    def records(self, ref: Ref, *, committed: bool = True) -> list[Any]:
        """Every record a consumer sees, in order of position."""
        level = "read_committed" if committed else "read_uncommitted"
        consumer = Consumer(
            self.servers
            | {"group.id": self.prefix, "enable.auto.commit": False, "isolation.level": level}
            | {"enable.partition.eof": True, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50}
        )
        found: list[Any] = []
        try:
            reading = set(consumer.list_topics(timeout=WAIT).topics[ref.name].partitions)
            consumer.assign([TopicPartition(ref.name, number, 0) for number in reading])
            while reading:
                record: Any = consumer.poll(WAIT)
                assert record is not None, f"{ref} does not end"
                if record.error() is None:
                    found.append(record)
                else:
                    assert record.error().code() == KafkaError._PARTITION_EOF, record.error()
                    reading.discard(record.partition())
        finally:
            consumer.close()
        return sorted(found, key=lambda record: (record.partition(), record.offset()))

    def values(self, ref: Ref, *, committed: bool = True) -> list[bytes]:
        """Values of everything a consumer sees."""
        return [record.value() for record in self.records(ref, committed=committed)]

    def ends(self, ref: Ref) -> dict[int, int]:
        """High watermarks, by a consumer's own question."""
        consumer = Consumer(self.servers | {"group.id": self.prefix})
        try:
            numbers = consumer.list_topics(timeout=WAIT).topics[ref.name].partitions
            return {
                number: consumer.get_watermark_offsets(TopicPartition(ref.name, number), WAIT)[1] for number in numbers
            }
        finally:
            consumer.close()

    def names(self) -> set[str]:
        """Every topic there is."""
        return set(self.admin.list_topics(timeout=WAIT).topics)

    def state_records(self) -> dict[str, dict[str, Any]]:
        """The last value of each key of the state topic."""
        found = {}
        for record in self.records(Ref(Kind.TOPIC, self.state)):
            found[record.key().decode()] = json.loads(record.value())
        return found

    def write_state(self, key: str, value: Mapping[str, Any]) -> None:
        """A record of the state topic as another mqtui would write it."""
        producer = self.producer()
        producer.produce(self.state, json.dumps(value).encode(), key.encode())
        assert producer.flush(WAIT) == 0

    def leave(self) -> None:
        """Let go of the client, where the broker itself ends: it would go on trying to reach it."""
        del self.admin

    def close(self) -> None:
        names = [name for name in self.names() if name.startswith(self.prefix)]
        if names:
            for promise in self.admin.delete_topics(names).values():
                promise.result(WAIT)


@dataclass(slots=True)
class GuardedRedrive:
    """A redrive through the guard, without a service."""

    adapter: Adapter
    source: Ref
    target: Ref
    operator: str = "ada"
    run: str = ""
    max_in_flight: int = 1000
    take_over: bool = False
    resumed: bool = False
    discard: bool = False

    async def plan(self) -> tuple[Source, Plan]:
        """The source and the inspected plan."""
        source = await self.adapter.broker.snapshot(self.source)
        end = Remove(source.count) if self.discard else Deliver(self.target, source.count)
        verb = Verb.DISCARD if self.discard else Verb.REDRIVE
        plan = a_plan(self.adapter, verb, Take(source, Selection()), end, count=source.count)
        return source, await self.adapter.broker.check_plan(source, plan)

    @asynccontextmanager
    async def lease(self, planned: tuple[Source, Plan] | None = None) -> AsyncIterator[Lease]:
        """The lease, after the plan's first steps."""
        source, plan = planned or await self.plan()
        self.run = self.run or plan.id
        terms = LeaseOptions(
            self.run,
            self.operator,
            "hash",
            self.max_in_flight,
            targets=(self.target,),
            take_over=self.take_over,
            resumed=self.resumed,
        )
        async with writing(self.adapter, plan) as writer:
            for step in plan.steps:
                if isinstance(step, CreateStateTopic):
                    await writer.apply(step)
            async with writer.lease(source, terms) as lease:
                yield lease

    def transfers(self, letters: Sequence[Message], **changed: Any) -> list[Transfer]:
        """The letters on their way."""
        return [Transfer(letter, self.target, **changed) for letter in letters]

    async def move_all(
        self, *, size: int = 1000, chosen: Callable[[Message], bool] = lambda letter: True
    ) -> list[Receipt]:
        """Move what is chosen, keep the rest."""
        receipts: list[Receipt] = []
        async with self.lease() as lease:
            async for batch in lease.batches(size):
                taken = [letter for letter in batch if chosen(letter)]
                await lease.release([letter for letter in batch if not chosen(letter)])
                receipts += await lease.move(self.transfers(taken))
        return receipts


@contextmanager
def redrive_process(
    kafka: KafkaCluster, source: Ref, target: Ref, run: str, **how: Any
) -> Iterator[subprocess.Popen[str]]:
    """A redrive in a process of its own (`tests.contract.kafka_redrive_process`), killed at the end of the block."""
    job = {"url": kafka.url, "prefix": kafka.prefix, "source": source.name, "target": target.name, "run": run, **how}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.kafka_redrive_process", json.dumps(job)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT)
        assert process.stdout is not None
        process.stdout.close()


def read_until(process: subprocess.Popen[str], word: str, count: int = 1) -> str:
    """Read lines until one begins with the word for the `count`th time; that line, or "" at the end."""
    assert process.stdout is not None
    line = ""
    while count and (line := process.stdout.readline()):
        count -= line.startswith(word)
    return line


def wait_until(condition: Callable[[], bool], patience: float, what: str) -> float:
    """Wait until it holds; seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < patience, f"not within {patience:.0f} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - began
