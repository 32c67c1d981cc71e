"""What brokers keep on their disks (DescribeLogDirs), which only kafka-python can ask for.

Each broker is asked by itself: one that is away, or refuses, costs only its own figures (K19).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mqtui.brokers.kafka.connection.admin_fallback import ask_kafka_python
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.domain.figure import Figure, exact, unknown

NOT_TOLD = -1
"""What a broker before Kafka 3.3 reports as the size of a disk."""

NO_RIGHT = "Describe on the cluster is missing"
NOT_ASKABLE = "kafka-python could not ask for it"
UNKNOWN_SIZE = unknown(NOT_ASKABLE)


@dataclass(frozen=True, slots=True)
class BrokerDisk:
    """The log directories of one broker: bytes by topic and partition, and those of the disks they are on."""

    sizes: Mapping[tuple[str, int], int] = field(default_factory=dict)
    free: Figure = UNKNOWN_SIZE
    total: Figure = UNKNOWN_SIZE
    failed: tuple[str, ...] = ()
    """Directories that the broker can't use, with the reason."""

    why: str = ""
    """Why nothing is known of it."""

    def size_of(self, topic: str, partition: int) -> Figure:
        """The bytes of one replica."""
        size = self.sizes.get((topic, partition))
        return unknown(self.why or "the broker keeps no replica of it") if size is None else exact(size)


async def describe_disks(
    clients: KafkaClients, brokers: Sequence[int], topics: Mapping[str, Sequence[int]] | None = None
) -> Mapping[int, BrokerDisk]:
    """The disks of brokers by number, with the replicas of some topics, or of all."""

    def ask(admin: Any) -> dict[int, BrokerDisk]:
        return {broker: _describe_disk(admin, broker, topics) for broker in brokers}

    found = await clients.run_in_thread("asking for log sizes", lambda: ask_kafka_python(clients.address, ask))
    return found if found is not None else dict.fromkeys(brokers, BrokerDisk(why=NOT_ASKABLE))


def _describe_disk(admin: Any, broker: int, topics: Mapping[str, Sequence[int]] | None) -> BrokerDisk:
    from kafka.errors import KafkaError
    from kafka.protocol.admin import DescribeLogDirsRequest

    asked = None if topics is None else [(name, list(numbers)) for name, numbers in topics.items()]
    try:
        response = admin._manager.run(_send, admin, DescribeLogDirsRequest(topics=asked), broker)
    except (KafkaError, OSError) as error:
        return _unknown_disk(f"the broker did not answer ({type(error).__name__})")
    directories = [result.to_dict() for result in response.results]
    if getattr(response, "error_code", 0) or not directories:
        return _unknown_disk(NO_RIGHT)
    return _to_disk(directories)


async def _send(admin: Any, request: Any, broker: int) -> Any:
    return await admin._manager.send(request, node_id=broker)


def _unknown_disk(why: str) -> BrokerDisk:
    return BrokerDisk(free=unknown(why), total=unknown(why), why=why)


def _to_disk(directories: Sequence[Mapping[str, Any]]) -> BrokerDisk:
    sizes: dict[tuple[str, int], int] = {}
    for directory in directories:
        for topic in directory["topics"]:
            for one in topic["partitions"]:
                if not one["is_future_key"]:
                    sizes[topic["name"], one["partition_index"]] = one["partition_size"]
    failed = tuple(
        f"{each['log_dir']} can't be used (error {each['error_code']})" for each in directories if each["error_code"]
    )
    usable = [each for each in directories if not each["error_code"]]
    return BrokerDisk(sizes, _on_disks(usable, "usable_bytes"), _on_disks(usable, "total_bytes"), failed)


def _on_disks(directories: Sequence[Mapping[str, Any]], name: str) -> Figure:
    """The sum over the disks; directories with the same figures are on one disk."""
    disks = {(each.get("total_bytes", NOT_TOLD), each.get("usable_bytes", NOT_TOLD)) for each in directories}
    known = [each[name == "usable_bytes"] for each in disks]
    if not known or NOT_TOLD in known:
        return unknown("brokers report it since Kafka 3.3")
    return exact(sum(known))
