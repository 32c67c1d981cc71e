"""All servers there are, and the connecting to them."""

from __future__ import annotations

from mqtui.brokers.port import Address
from mqtui.domain.resource import BrokerKind
from tests.memory.clock import Clock
from tests.memory.kafka_shelf import KafkaShelf
from tests.memory.rabbitmq_shelf import RabbitMQShelf
from tests.memory.redis_shelf import RedisShelf
from tests.memory.roles import MemoryAdapter, MemoryConversation
from tests.memory.shelf import Shelf

SHELVES: dict[BrokerKind, type[KafkaShelf] | type[RabbitMQShelf] | type[RedisShelf]] = {
    BrokerKind.KAFKA: KafkaShelf,
    BrokerKind.RABBITMQ: RabbitMQShelf,
    BrokerKind.REDIS: RedisShelf,
}


class MemoryWorld:
    """Servers by kind and hosts, all on one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.hosts: dict[str, str] = {}
        """Further names of hosts. To whoever asks a broker for its identity each is one of its own."""

        self._shelves: dict[tuple[BrokerKind, tuple[tuple[str, int], ...]], Shelf] = {}

    def connect(self, address: Address) -> MemoryAdapter:
        """The adapter for an address: a `brokers.port.Connect`."""
        identity = f"{address.hosts[0][0]}/{address.path}"
        return MemoryAdapter(MemoryConversation(self.server(address), address.secret, identity), address.kind)

    def server(self, address: Address) -> Shelf:
        """The server at an address; a new one where none was."""
        hosts = tuple((self.hosts.get(host, host), port) for host, port in address.hosts)
        place = (address.kind, hosts)
        if place not in self._shelves:
            self._shelves[place] = SHELVES[address.kind](address, self.clock)
        return self._shelves[place]

    def kafka(self, host: str = "memory") -> KafkaShelf:
        """A Kafka cluster."""
        shelf = self.server(Address(BrokerKind.KAFKA, ((host, 9092),)))
        assert isinstance(shelf, KafkaShelf)
        return shelf

    def rabbitmq(self, host: str = "memory") -> RabbitMQShelf:
        """A RabbitMQ node."""
        shelf = self.server(Address(BrokerKind.RABBITMQ, ((host, 5672),), path="/"))
        assert isinstance(shelf, RabbitMQShelf)
        return shelf

    def redis(self, host: str = "memory") -> RedisShelf:
        """A Redis server."""
        shelf = self.server(Address(BrokerKind.REDIS, ((host, 6379),), path="0"))
        assert isinstance(shelf, RedisShelf)
        return shelf
