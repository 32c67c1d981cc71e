"""Partitions in words: what is wrong, what is skewed; and which partition a key goes to by client."""

from __future__ import annotations

from mqtui.domain.figure import exact, unknown
from mqtui.domain.partitioner import partitions_of_key
from mqtui.domain.placement import PartitionStatus, describe_partitions


def partition(number: int, records: int, **other: object) -> PartitionStatus:
    known: dict[str, object] = {"leader": 1, "replicas": (1, 2), "in_sync": (1, 2), "size": exact(records * 10)}
    low_and_high = {"low": 5, "high": 5 + records, "stable": 5 + records}
    return PartitionStatus(number=number, **(known | low_and_high | other))  # type: ignore[arg-type]


def test_what_is_wrong_is_counted_and_named() -> None:
    away = partition(1, 0, leader=None, in_sync=(), low=None, high=None, stable=None, size=unknown("no leader"))
    behind = partition(2, 10, in_sync=(1,), stable=12)
    assert away.problem == "no leader: it can't be read or written"
    assert behind.problem == "1 of 2 replicas out of sync: 2"
    assert behind.note == "3 behind an open transaction"
    assert partition(3, 1, leader=2).note == "its preferred leader is 1"
    words = describe_partitions([partition(0, 10), away, behind])
    assert words.startswith("≥ 20 records in 3 partitions · ≥ 200 bytes on their leaders")
    assert words.endswith("1 without a leader · 2 under-replicated")


def test_few_partitions_that_hold_most_are_named() -> None:
    even = [partition(number, 50) for number in range(8)]
    assert describe_partitions(even).endswith("all replicas in sync")
    skewed = [partition(number, 900 if number in (3, 5) else 10) for number in range(8)]
    assert "skewed: 2 of 8 partitions hold 97% of the records (3, 5)" in describe_partitions(skewed)
    few = [partition(number, 9 if number == 3 else 0) for number in range(8)]
    assert "skewed" not in describe_partitions(few)


def test_the_empty_key_goes_anywhere_with_librdkafka_only() -> None:
    java, librdkafka = partitions_of_key(b"", 12)
    assert (java.partitioner, librdkafka.partitioner) == ("murmur2", "consistent_random")
    assert java.partition is not None and librdkafka.partition is None
