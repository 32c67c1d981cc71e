"""Which partition Java's producer picks for a key.

Source: `org.apache.kafka.common.utils.Utils.murmur2` and `BuiltInPartitioner.partitionForKey` of Apache Kafka;
librdkafka calls it `murmur2_random`.
"""

from __future__ import annotations

SEED, MIX, MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


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
