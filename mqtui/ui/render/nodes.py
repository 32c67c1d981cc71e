"""The nodes of brokers as rows: role, disk, memory, what they keep."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.figure import Figure
from mqtui.domain.placement import ClusterNode
from mqtui.domain.resource import BrokerKind
from mqtui.domain.topology import NOT_ASKED
from mqtui.ui.render import figures
from mqtui.ui.render.table_model import Cell, Column, Measure


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node, and the broker that it belongs to."""

    target: str
    broker: BrokerKind
    node: ClusterNode


SIZES = ("data", "disk_free", "disk_total", "memory", "memory_limit")
COUNTS = ("leads", "replicas", "out_of_sync")


class NodeRenderer:
    """How nodes are shown in a list."""

    columns = (
        Column("node", "NODE", 14, grows=True, least=8, is_name=True),
        Column("broker", "BROKER", 8, priority=2),
        Column("role", "ROLE", 10),
        Column(
            "data",
            "DATA",
            10,
            right=True,
            measure=Measure.BYTES,
            priority=2,
            meaning="bytes of the replicas that it keeps",
        ),
        Column("disk_free", "DISK FREE", 10, right=True, measure=Measure.BYTES),
        Column("disk_total", "OF", 10, right=True, measure=Measure.BYTES, priority=4, meaning="the size of its disks"),
        Column("memory", "MEMORY", 10, right=True, measure=Measure.BYTES, priority=2),
        Column("memory_limit", "LIMIT", 10, right=True, measure=Measure.BYTES, priority=4),
        Column("leads", "LEADS", 6, right=True, priority=3, meaning="partitions that it leads"),
        Column("replicas", "KEEPS", 6, right=True, priority=3, meaning="partitions of which it keeps a replica"),
        Column("out_of_sync", "BEHIND", 6, right=True, priority=2, meaning="its replicas that are not in sync"),
        Column("note", "NOTE", 20, grows=True, least=10, priority=2),
    )

    def id(self, item: NodeRow) -> Hashable:
        return item.target, item.node.name

    def cells(self, item: NodeRow) -> Sequence[Cell]:
        node = item.node
        return (
            (node.name, ""),
            (item.broker, "muted"),
            (node.role, "danger" if node.problem else ""),
            *(_size(getattr(node, name)) for name in SIZES),
            *(("" if getattr(node, name) is None else f"{getattr(node, name):,}", "") for name in COUNTS),
            (_note(node), "warn" if node.problem else "muted"),
        )

    def sign(self, item: NodeRow) -> Cell:
        """✗ something is wrong with it, ▲ replicas on it are behind."""
        if item.node.problem:
            return "✗", "danger"
        return ("▲", "warn") if item.node.out_of_sync else (" ", "")

    def severity(self, item: NodeRow) -> int:
        return 2 if item.node.problem else int(bool(item.node.out_of_sync))

    def text(self, item: NodeRow) -> str:
        return f"{item.node.name} {item.node.address} {item.broker} {item.node.role} {_note(item.node)}"

    def value(self, item: NodeRow, key: str) -> Any:
        node = item.node
        if key in SIZES:
            figure: Figure = getattr(node, key)
            return figure.number
        known: dict[str, Any] = {
            "node": node.name,
            "broker": str(item.broker),
            "role": node.role,
            "note": _note(node),
            **{name: getattr(node, name) for name in COUNTS},
        }
        return known.get(key)


def _size(figure: Figure) -> Cell:
    if figure is NOT_ASKED:
        return "", ""
    return ("?", "muted") if figure.number is None else (figures.size(int(figure.number)), "")


def _note(node: ClusterNode) -> str:
    return " · ".join(filter(None, (node.problem, node.note)))


def describe_node(item: NodeRow) -> str:
    """A node in one sentence, uncut; why a figure of it is not known."""
    node = item.node
    whys = {figure.why for name in SIZES if (figure := getattr(node, name)).number is None and figure is not NOT_ASKED}
    parts = (node.address if node.address != node.name else "", node.role, _note(node), *(f"? {why}" for why in whys))
    return f"{item.broker} {node.name}: {' · '.join(filter(None, parts))}"
