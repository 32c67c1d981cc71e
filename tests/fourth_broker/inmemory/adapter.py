"""Servers of this process, by host and port."""

from __future__ import annotations

from mqtui.brokers.port import Address
from mqtui.domain.resource import BrokerKind
from tests.memory.clock import Clock
from tests.memory.kafka import MemoryKafka
from tests.memory.roles import MemoryAdapter, MemoryConnection

CLOCK = Clock()
SERVERS: dict[tuple[tuple[str, int], ...], Inmemory] = {}


class Inmemory(MemoryKafka):
    """A server with topics, and groups that commit offsets."""

    kind = BrokerKind("inmemory")


def server_at(address: Address) -> Inmemory:
    """The server at an address, which is always there."""
    return SERVERS.setdefault(address.hosts, Inmemory(address, CLOCK))


def connect(address: Address) -> MemoryAdapter:
    """The adapter of an address."""
    return MemoryAdapter(MemoryConnection(server_at(address), address.secret, address.hosts[0][0]), address.kind)
