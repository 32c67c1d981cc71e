"""Rows of `mqtui describe`, `partitions` and `topology` with `--json`."""

from __future__ import annotations

from mqtui.domain.partitioner import KeyPartition
from mqtui.domain.placement import ClusterNode, PartitionStatus
from mqtui.domain.resource import Ref, name_text
from mqtui.domain.topology import NOT_ASKED, Property
from mqtui.services.jsonlines import Json, add_figures, name_or_base64


def property_row(ref: Ref, item: Property) -> Json:
    """One line of what the broker says; value null: not known, and the note says why."""
    return {
        "resource": name_or_base64(ref.name),
        "of": item.part,
        "name": name_or_base64(item.name),
        "value": item.value,
        "note": item.source,
        "problem": item.problem,
    }


def partition_row(ref: Ref, item: PartitionStatus) -> Json:
    """A partition; offsets are null where its leader did not tell them."""
    row: Json = {
        "resource": name_or_base64(ref.name),
        "partition": item.number,
        "leader": item.leader,
        "replicas": list(item.replicas),
        "in_sync": list(item.in_sync),
        "low": item.low,
        "high": item.high,
        "stable": item.stable,
        "problem": item.problem,
        "note": item.note,
    }
    return add_figures(row, bytes=item.size)


def key_partition_row(ref: Ref, key: bytes, item: KeyPartition) -> Json:
    """Where producers of one kind send a key; null: to any partition."""
    return {
        "resource": name_or_base64(ref.name),
        "key": name_or_base64(name_text(key)),
        "partitioner": item.partitioner,
        "partition": item.partition,
        "clients": list(item.clients),
    }


def node_row(item: ClusterNode) -> Json:
    """A node; figures that its broker does not have are left out."""
    row: Json = {
        "node": item.name,
        "address": item.address,
        "role": item.role,
        "leads": item.leads,
        "keeps": item.replicas,
        "out_of_sync": item.out_of_sync,
        "problem": item.problem,
        "note": item.note,
    }
    figures = {
        "data_bytes": item.data,
        "disk_free": item.disk_free,
        "disk_total": item.disk_total,
        "memory": item.memory,
        "memory_limit": item.memory_limit,
    }
    return add_figures(row, **{name: figure for name, figure in figures.items() if figure is not NOT_ASKED})
