"""The partitions of a topic as rows: leader, replicas, offsets, bytes on disk."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from mqtui.domain.partitioner import partitions_of_key
from mqtui.domain.placement import PartitionStatus, describe_partitions
from mqtui.ui.render import figures
from mqtui.ui.render.table_model import Cell, Column, Measure


class PartitionStatusRenderer:
    """How partitions are shown in a list."""

    columns = (
        Column("partition", "P", 4, right=True),
        Column("leader", "LEADER", 6, right=True, measure=Measure.TEXT),
        Column("replicas", "REPLICAS", 9, priority=3),
        Column("in_sync", "IN SYNC", 9, priority=2),
        Column("low", "LOW", 9, right=True, priority=4),
        Column("stable", "STABLE", 9, right=True, priority=3, meaning="the last stable offset"),
        Column("high", "HIGH", 9, right=True, meaning="the high watermark"),
        Column("records", "RECORDS", 9, right=True, priority=2, meaning="high less low, with gaps in between"),
        Column(
            "size",
            "SIZE",
            9,
            right=True,
            measure=Measure.BYTES,
            priority=2,
            meaning="on the leader's disk, by DescribeLogDirs",
        ),
        Column("note", "NOTE", 16, grows=True, least=8, priority=2),
    )

    def id(self, item: PartitionStatus) -> Hashable:
        return item.number

    def cells(self, item: PartitionStatus) -> Sequence[Cell]:
        tone = "danger" if item.leader is None else "warn" if item.problem else ""
        return (
            (str(item.number), tone),
            ("none" if item.leader is None else str(item.leader), tone),
            (_nodes(item.replicas), "muted"),
            (_nodes(item.in_sync), "warn" if item.out_of_sync else "muted"),
            *((("?", "muted") if at is None else (str(at), "")) for at in (item.low, item.stable, item.high)),
            (str(item.records), "" if item.records.known else "muted"),
            (shown_size(item), "" if item.size.known else "muted"),
            (" · ".join(filter(None, (item.problem, item.note))), "warn" if item.problem else "muted"),
        )

    def sign(self, item: PartitionStatus) -> Cell:
        """✗ no leader, ▲ replicas behind."""
        if item.leader is None:
            return "✗", "danger"
        return ("▲", "warn") if item.problem else (" ", "")

    def severity(self, item: PartitionStatus) -> int:
        return 2 if item.leader is None else int(bool(item.problem))

    def text(self, item: PartitionStatus) -> str:
        return f"{item.number} leader {item.leader} {item.problem} {item.note}"

    def value(self, item: PartitionStatus, key: str) -> Any:
        known: dict[str, Any] = {
            "partition": item.number,
            "leader": "none" if item.leader is None else str(item.leader),
            "replicas": _nodes(item.replicas),
            "in_sync": _nodes(item.in_sync),
            "low": item.low,
            "stable": item.stable,
            "high": item.high,
            "records": item.records.number,
            "size": item.size.number,
            "note": " · ".join(filter(None, (item.problem, item.note))),
        }
        return known.get(key)


def _nodes(ids: Iterable[int]) -> str:
    return " ".join(map(str, ids)) or "none"


def shown_size(item: PartitionStatus) -> str:
    """The bytes of a partition with their unit."""
    return "?" if item.size.number is None else figures.size(int(item.size.number))


def describe_partition_status(item: PartitionStatus, partitions: Sequence[PartitionStatus]) -> str:
    """What is wrong with a partition, else the topic as a whole."""
    if item.problem:
        return f"partition {item.number}: {item.problem}"
    if item.note:
        return f"partition {item.number}: {item.note}"
    return describe_partitions(partitions)


def describe_key(key: bytes, partitions: int) -> str:
    """Which partition a key goes to, by client, in one sentence."""
    places = partitions_of_key(key, partitions)
    return " · ".join(
        f"{'any' if one.partition is None else one.partition} by {one.partitioner} ({one.clients[0]})" for one in places
    )
