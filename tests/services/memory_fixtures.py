"""An in-memory broker of each kind with a dead-letter destination and its origin. Letters are numbered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence

from mqtui.brokers.port import Adapter, Address
from mqtui.domain.field_table import string
from mqtui.domain.message import Header, Outgoing
from mqtui.domain.resource import BrokerKind, Ref
from tests.domain.dead_letters import death, x_death
from tests.memory import MemoryKafka, MemoryRabbitMQ, MemoryRedis, MemoryWorld
from tests.memory.clock import START

EXCEPTIONS = ("SchemaMismatch", "NoStock", "Timeout")


class MemoryFixture(ABC):
    """Letter n failed with `EXCEPTIONS[n % 3]`. `returned` are those at the origin, `unhandled` those in the source."""

    kind: BrokerKind
    url: str
    server: MemoryKafka | MemoryRabbitMQ | MemoryRedis
    source: Ref
    origin: Ref
    may_duplicate = False
    """Whether a crash may duplicate a letter, which is then named as a suspect."""

    def __init__(self) -> None:
        self.world = MemoryWorld()

    def connect(self, address: Address) -> Adapter:
        return self.world.connect(address)

    @abstractmethod
    def letter(self, number: int, origin: str = "") -> Outgoing:
        """A dead letter."""

    def time(self, number: int) -> int:
        """When letter n was dead-lettered, in ms, where letters were added from 0 on."""
        return START + 1 + number

    @abstractmethod
    def values(self, ref: Ref) -> list[int]:
        """All letters of a destination, in order."""

    @abstractmethod
    def unhandled(self) -> list[int]:
        """Unhandled dead letters, in order."""

    @abstractmethod
    def create(self, name: str) -> Ref:
        """Another destination."""

    @abstractmethod
    def delete(self, ref: Ref) -> None:
        """Delete a destination."""

    def add_dead_letters(self, numbers: Iterable[int], origin: str = "") -> None:
        for number in numbers:
            self.world.clock.advance(1)
            self.server.store(self.letter(number, origin))

    def returned(self) -> list[int]:
        return self.values(self.origin)

    def duplicates(self) -> list[int]:
        return [number for number, times in Counter(self.returned()).items() if times > 1]


class KafkaFixture(MemoryFixture):
    """Two partitions of dead letters in Spring's format; the marks, not the topic, say what is left."""

    kind = BrokerKind.KAFKA
    url = "kafka://memory:9092"
    server: MemoryKafka

    def __init__(self) -> None:
        super().__init__()
        self.server = self.world.kafka()
        self.origin = self.server.make("orders", 3)
        self.source = self.server.make("orders.DLQ", 2)

    def letter(self, number: int, origin: str = "") -> Outgoing:
        return Outgoing(
            self.source, b"%d" % number, b"k%d" % number, self.headers(number, origin), partition=number % 2
        )

    def headers(self, number: int, origin: str = "") -> tuple[Header, ...]:
        told: Sequence[tuple[str, bytes]] = (
            ("app", b"1"),
            ("kafka_dlt-exception-fqcn", f"shop.{EXCEPTIONS[number % 3]}".encode()),
            ("kafka_dlt-exception-message", b"order %d" % number),
            ("kafka_dlt-original-topic", (origin or self.origin.name).encode()),
            ("kafka_dlt-original-partition", (number % 3).to_bytes(4, "big")),
            ("kafka_dlt-original-offset", number.to_bytes(8, "big")),
        )
        return tuple((name, value, "") for name, value in told)

    def values(self, ref: Ref) -> list[int]:
        return [int(record.value or b"-1") for record in self.server.records(ref)]

    def unhandled(self) -> list[int]:
        topic = self.server.topics[self.source.name]
        handled = self.server.handled_in(topic)
        return [
            int(record.value or b"-1")
            for number, partition in enumerate(topic.partitions)
            for offset, record in enumerate(partition.records)
            if not handled.has(number, offset)
        ]

    def create(self, name: str) -> Ref:
        return self.server.make(name)

    def delete(self, ref: Ref) -> None:
        self.server.remove(ref)


class RabbitMQFixture(MemoryFixture):
    """A classic queue whose rejected messages go to another."""

    kind = BrokerKind.RABBITMQ
    url = "amqp://memory:5672"
    server: MemoryRabbitMQ
    may_duplicate = True

    def __init__(self) -> None:
        super().__init__()
        self.server = self.world.rabbitmq()
        self.origin = self.server.declare("work", dead_to="work.dlq")
        self.source = self.server.declare("work.dlq")

    def letter(self, number: int, origin: str = "") -> Outgoing:
        died = x_death(death(origin or self.origin.name, "rejected", seconds=self.time(number) // 1000))
        thrown = f"shop.{EXCEPTIONS[number % 3]}"
        headers: tuple[Header, ...] = (
            ("app", string("1"), "string"),
            ("x-exception-message", string(f"order {number}"), "string"),
            ("x-exception-fqcn", string(thrown), "string"),
            died,
        )
        return Outgoing(self.source, b"%d" % number, headers=headers, properties=(("message_id", f"m{number}"),))

    def time(self, number: int) -> int:
        return START + 1000 * number

    def values(self, ref: Ref) -> list[int]:
        return [int(sent.value or b"-1") for sent in self.server.ready(ref)]

    def unhandled(self) -> list[int]:
        return self.values(self.source)

    def create(self, name: str) -> Ref:
        return self.server.declare(name)

    def delete(self, ref: Ref) -> None:
        self.server.remove(ref)


class RedisFixture(MemoryFixture):
    """A stream and its dead letters, in one slot."""

    kind = BrokerKind.REDIS
    url = "redis://memory:6379"
    server: MemoryRedis

    def __init__(self) -> None:
        super().__init__()
        self.server = self.world.redis()
        self.origin = self.server.make("payments")
        self.source = self.server.make("payments:dlq")

    def letter(self, number: int, origin: str = "") -> Outgoing:
        fields = (
            (b"dlq_origin", (origin or self.origin.name).encode()),
            (b"dlq_reason", f"{EXCEPTIONS[number % 3]}: order".encode()),
            (b"value", b"%d" % number),
        )
        return Outgoing(self.source, fields=fields)

    def values(self, ref: Ref) -> list[int]:
        return [int(dict(fields)[b"value"]) for _, fields in self.server.entries(ref)]

    def unhandled(self) -> list[int]:
        return self.values(self.source)

    def create(self, name: str) -> Ref:
        return self.server.make(name)

    def delete(self, ref: Ref) -> None:
        self.server.remove(ref)


FIXTURES = (KafkaFixture, RabbitMQFixture, RedisFixture)
