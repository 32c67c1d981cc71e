"""The port in memory: deterministic, without threads, sockets or the time of day.

::

    world = MemoryWorld()
    server = world.kafka()                       # or rabbitmq(), redis(): what the broker holds, to fill and look into
    adapter = world.connect(server.address)      # the port; `world.connect` is a `brokers.port.Connect`
    server.faults.die_after = 7                  # the seventh letter stored is the process's last

The kind of an address chooses the flavour: topics with offsets and a state of what was handled, queues with delivery
tags and limits, streams with ids and pending entries. Addresses with other hosts are other servers.
"""

from tests.memory.faults import Faults, Killed
from tests.memory.kafka import MemoryKafka
from tests.memory.rabbitmq import MemoryRabbitMQ
from tests.memory.redis import MemoryRedis
from tests.memory.world import MemoryWorld

__all__ = ["Faults", "Killed", "MemoryKafka", "MemoryRabbitMQ", "MemoryRedis", "MemoryWorld"]
