"""All servers there are, and the connecting to them."""

from __future__ import annotations

from mqtui.brokers.port import Address
from mqtui.domain.resource import BrokerKind
from tests.memory.clock import Clock
from tests.memory.kafka import MemoryKafka
from tests.memory.rabbitmq import MemoryRabbitMQ
from tests.memory.redis import MemoryRedis
from tests.memory.roles import MemoryAdapter, MemoryConnection
from tests.memory.server import MemoryServer

SERVER_CLASSES: dict[BrokerKind, type[MemoryKafka] | type[MemoryRabbitMQ] | type[MemoryRedis]] = {
    BrokerKind.KAFKA: MemoryKafka,
    BrokerKind.RABBITMQ: MemoryRabbitMQ,
    BrokerKind.REDIS: MemoryRedis,
}


class MemoryWorld:
    """Servers by kind and hosts, all on one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.hosts: dict[str, str] = {}
        """Further names of hosts. To whoever asks a broker for its identity each is one of its own."""

        self._servers: dict[tuple[BrokerKind, tuple[tuple[str, int], ...]], MemoryServer] = {}

    def connect(self, address: Address) -> MemoryAdapter:
        """The adapter for an address: a `brokers.port.Connect`."""
        identity = f"{address.hosts[0][0]}/{address.path}"
        return MemoryAdapter(MemoryConnection(self.server(address), address.secret, identity), address.kind)

    def server(self, address: Address) -> MemoryServer:
        """The server at an address; a new one where none was."""
        hosts = tuple((self.hosts.get(host, host), port) for host, port in address.hosts)
        place = (address.kind, hosts)
        if place not in self._servers:
            self._servers[place] = SERVER_CLASSES[address.kind](address, self.clock)
        return self._servers[place]

    def kafka(self, host: str = "memory") -> MemoryKafka:
        """A Kafka cluster."""
        server = self.server(Address(BrokerKind.KAFKA, ((host, 9092),)))
        assert isinstance(server, MemoryKafka)
        return server

    def rabbitmq(self, host: str = "memory") -> MemoryRabbitMQ:
        """A RabbitMQ node."""
        server = self.server(Address(BrokerKind.RABBITMQ, ((host, 5672),), path="/"))
        assert isinstance(server, MemoryRabbitMQ)
        return server

    def redis(self, host: str = "memory") -> MemoryRedis:
        """A Redis server."""
        server = self.server(Address(BrokerKind.REDIS, ((host, 6379),), path="0"))
        assert isinstance(server, MemoryRedis)
        return server
