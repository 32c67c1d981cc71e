"""Real brokers in private folders, on private ports, gone with their parent.

::

    from mqtui.demo.servers import Servers

    with Servers() as servers:
        for arrival in servers.start_each():         # kafka, rabbitmq, redis: side by side
            print(arrival.kind, arrival.url, arrival.trouble)
        url = servers.start_redis("second", config=["requirepass secret"])
        servers.kill("kafka")
        servers.restart("kafka")                     # the same port, the same data

``python -m mqtui.demo.servers`` starts all three, prints their URLs as one JSON line and runs until SIGINT or SIGTERM.
"""

from mqtui.demo.servers.errors import (
    BorrowedServer,
    KafkaMissing,
    RabbitMQMissing,
    RedisMissing,
    ServerFailed,
    ServerMissing,
    ServersClosed,
    ServerTrouble,
)
from mqtui.demo.servers.progress import Progress
from mqtui.demo.servers.server_set import KINDS, Arrival, Servers

__all__ = [
    "KINDS",
    "Arrival",
    "BorrowedServer",
    "KafkaMissing",
    "Progress",
    "RabbitMQMissing",
    "RedisMissing",
    "ServerFailed",
    "ServerMissing",
    "ServerTrouble",
    "Servers",
    "ServersClosed",
]
