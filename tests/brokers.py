"""The three brokers of one test run: each is started when first asked for, all end with the run."""

import os
import threading
from functools import cached_property
from pathlib import Path

from mqtui.demo.servers import Servers
from mqtui.demo.servers.ports import free_ports
from tests.newer_servers import NewerServers
from tests.perf.counting_proxy import CountingProxy, kafka_requests
from tests.quick_servers import QuickServers


class Brokers:
    """URLs of real brokers, shared by every test of the run; whoever writes uses names of its own.

    MQTUI_KAFKA, MQTUI_RABBITMQ and MQTUI_REDIS are used instead where set. A test that kills, pauses or configures
    a broker starts its own: ``brokers.servers.start_redis("mine")``, and stops it at its end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._urls: dict[str, str] = {}

    @cached_property
    def servers(self) -> Servers:
        """What runs them: this machine's releases, or those of the folder in MQTUI_NEWER_ROOT (`tests/newer`).

        What is timed runs alone, with servers at their full speed; a worker beside others has the frugal ones.
        """
        newer = os.environ.get("MQTUI_NEWER_ROOT")
        if newer:
            return NewerServers(Path(newer))
        return QuickServers() if "PYTEST_XDIST_WORKER" in os.environ else Servers()

    def kafka(self) -> str:
        """Return Kafka's URL. Raises KafkaMissing."""
        with self._lock:
            if "kafka" not in self._urls:
                self._urls["kafka"] = self.servers.start_kafka(
                    listeners={"counted": f"PLAINTEXT@127.0.0.1:{self._way}"}
                )
            return self._urls["kafka"]

    @cached_property
    def _way(self) -> int:
        """The port to which Kafka's listener `counted` sends its clients."""
        return free_ports(1)[0]

    @cached_property
    def counted_kafka(self) -> CountingProxy:
        """What counts the requests of clients that come to its port: Kafka sends them back to it."""
        self.kafka()
        server = ("127.0.0.1", self.servers.ports("kafka")["counted"])
        return CountingProxy(server, kafka_requests, self._way)

    def rabbitmq(self) -> str:
        """Return RabbitMQ's URL, with its management API. Raises RabbitMQMissing."""
        with self._lock:
            if "rabbitmq" not in self._urls:
                self._urls["rabbitmq"] = self.servers.start_rabbitmq()
            return self._urls["rabbitmq"]

    def redis(self) -> str:
        """Return Redis's URL. Raises RedisMissing."""
        with self._lock:
            if "redis" not in self._urls:
                self._urls["redis"] = self.servers.start_redis()
            return self._urls["redis"]

    def registry(self) -> str:
        """Return a schema registry's URL. Raises RegistryMissing."""
        with self._lock:
            if "registry" not in self._urls:
                self._urls["registry"] = self.servers.start_registry()
            return self._urls["registry"]

    def close(self) -> None:
        """End what was started."""
        if "counted_kafka" in self.__dict__:
            self.counted_kafka.close()
        if "servers" in self.__dict__:
            self.servers.close()
