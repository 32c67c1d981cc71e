"""Which partition a producer picks for a key.

Sources: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner.partitionForKey` of Apache Kafka, which
librdkafka calls `murmur2_random`; `rd_kafka_msg_partitioner_consistent_random` of librdkafka, its default.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

SEED, MIX, MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class KeyPartition:
    """The partition that producers with one partitioner pick for a key; None where they pick any."""

    partitioner: str
    clients: tuple[str, ...]
    partition: int | None


def murmur2(key: bytes) -> int:
    """The 32-bit hash of a key, unsigned."""
    whole = len(key) // 4 * 4
    state = (SEED ^ len(key)) & MASK
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * MIX & MASK
        word = (word ^ word >> 24) * MIX & MASK
        state = (state * MIX & MASK) ^ word
    if whole < len(key):
        state = (state ^ int.from_bytes(key[whole:], "little")) * MIX & MASK
    state = (state ^ state >> 13) * MIX & MASK
    return state ^ state >> 15


def partition_for(key: bytes, partitions: int) -> int:
    """The partition of a key among `partitions`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def crc32_partition(key: bytes, partitions: int) -> int | None:
    """What librdkafka picks unless it is told another partitioner; any partition for an empty key."""
    return zlib.crc32(key) % partitions if key else None


def partitions_of_key(key: bytes, partitions: int) -> tuple[KeyPartition, KeyPartition]:
    """Where a key goes, by the partitioners that producers have by default."""
    return (
        KeyPartition(
            "murmur2", ("Java", "Kafka Streams", "kafka-python", "franz-go", "mqtui"), partition_for(key, partitions)
        ),
        KeyPartition(
            "consistent_random",
            ("librdkafka", "confluent-kafka of Python, Go, .NET, JavaScript", "kcat"),
            crc32_partition(key, partitions),
        ),
    )
