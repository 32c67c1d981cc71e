"""The brokers of a cluster: role, disk, and the partitions that each leads and keeps.

A broker that is away is in no answer of the cluster: it is known by the partitions that it should keep.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Node

from mqtui.brokers.kafka.connection.admin_fallback import list_all_topics
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.connection.log_dirs import BrokerDisk, describe_disks
from mqtui.domain.figure import Figure, exact, unknown
from mqtui.domain.placement import ClusterNode
from mqtui.domain.topology import Inventory

AWAY = "it is away: it should keep replicas, and is not in the cluster"


@dataclass(slots=True)
class ReplicaCounts:
    """How many partitions each broker leads and keeps, and how many of its replicas are behind, by its number."""

    leads: Counter[int] = field(default_factory=Counter)
    replicas: Counter[int] = field(default_factory=Counter)
    out_of_sync: Counter[int] = field(default_factory=Counter)
    leaderless: int = 0


async def list_nodes(clients: KafkaClients) -> Inventory[ClusterNode]:
    """All brokers, also those that are away.

    Raises:
        CannotConnect, BrokerTrouble: the cluster can't be asked.
    """
    admin = await clients.admin()
    cluster = await clients.await_answer(
        admin.describe_cluster(request_timeout=REQUEST_TIMEOUT), "looking at the cluster"
    )
    nodes = {node.id: node for node in cluster.nodes}
    disks, topics = await asyncio.gather(
        describe_disks(clients, sorted(nodes)),
        clients.run_in_thread("looking at all partitions", lambda: list_all_topics(clients.address)),
    )
    counts = None if topics is None else _count(topics)
    controller = -1 if cluster.controller is None else cluster.controller.id
    known = {*nodes, *(counts.replicas if counts is not None else ())}
    rows = [_row(number, nodes.get(number), disks.get(number), counts, controller) for number in sorted(known)]
    return Inventory(tuple(rows), tuple(_missing(disks, counts)))


def _missing(disks: Mapping[int, BrokerDisk], counts: ReplicaCounts | None) -> Iterable[str]:
    for why in sorted({disk.why for disk in disks.values() if disk.why}):
        yield f"disks are missing: {why}"
    if counts is None:
        yield "partitions are missing: kafka-python could not ask for them"
    elif counts.leaderless:
        yield f"{counts.leaderless} partitions have no leader"


def _count(topics: Sequence[Mapping[str, Any]]) -> ReplicaCounts:
    found = ReplicaCounts()
    for topic in topics:
        for each in topic["partitions"]:
            replicas, in_sync = each["replica_nodes"], each["isr_nodes"]
            found.replicas.update(replicas)
            found.out_of_sync.update(node for node in replicas if node not in in_sync)
            if each["leader_id"] >= 0:
                found.leads[each["leader_id"]] += 1
            else:
                found.leaderless += 1
    return found


def _row(
    number: int, node: Node | None, disk: BrokerDisk | None, counts: ReplicaCounts | None, controller: int
) -> ClusterNode:
    behind = None if counts is None else counts.out_of_sync[number]
    return ClusterNode(
        str(number),
        "" if node is None else f"{node.host}:{node.port}",
        "away" if node is None else "controller" if number == controller else "broker",
        "" if node is None or not node.rack else f"rack {node.rack}",
        *_disk_figures(disk),
        leads=None if counts is None else counts.leads[number],
        replicas=None if counts is None else counts.replicas[number],
        out_of_sync=behind,
        problem=AWAY if node is None else "; ".join(disk.failed) if disk is not None and disk.failed else "",
    )


def _disk_figures(disk: BrokerDisk | None) -> tuple[Figure, Figure, Figure]:
    """Bytes of data, bytes free, bytes in all."""
    if disk is None:
        return (unknown("it is away"),) * 3
    data = unknown(disk.why) if disk.why else exact(sum(disk.sizes.values()))
    return data, disk.free, disk.total
