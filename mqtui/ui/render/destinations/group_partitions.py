"""The partitions of a group as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from mqtui.domain.lag_movement import NEVER, Movement, duration_text, rate_text
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Kind
from mqtui.domain.times import parse_entry_id
from mqtui.domain.topology import PartitionLag
from mqtui.services.lag_history import LagHistory
from mqtui.services.unread_age import NOTHING_READ, FirstUnreads, add_age
from mqtui.ui.render.destinations.groups import NO_MOVEMENT, GroupRow
from mqtui.ui.render.table_model import Cell, Column, Measure


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """One partition of a group, and the member it is assigned to."""

    part: PartitionLag
    member: str
    movement: Movement = NO_MOVEMENT


class PartitionRenderer:
    """How the partitions of a group are shown in a list."""

    columns = (
        Column("p", "P", 4, right=True),
        Column(
            "committed",
            "COMMITTED",
            15,
            right=True,
            least=9,
            measure=Measure.POSITION,
            meaning="the next offset or entry that the group will read",
        ),
        Column(
            "end",
            "END",
            15,
            right=True,
            priority=2,
            least=9,
            measure=Measure.POSITION,
            meaning="where the next message will be stored",
        ),
        Column("lag", "LAG", 9, right=True, meaning="what the group has not read or committed yet"),
        Column(
            "in",
            "IN/s",
            7,
            right=True,
            priority=4,
            measure=Measure.RATE,
            meaning="what arrives in a second, by the polls of half a minute and more",
        ),
        Column(
            "out",
            "OUT/s",
            7,
            right=True,
            priority=4,
            measure=Measure.RATE,
            meaning="what the group reads in a second, by the polls of half a minute and more",
        ),
        Column(
            "lag_time",
            "LAG TIME",
            8,
            right=True,
            priority=3,
            measure=Measure.DURATION,
            meaning="how old the first message is that it has not read, by the polls; ≥: older than the first poll",
        ),
        Column(
            "eta",
            "ETA",
            7,
            right=True,
            priority=5,
            measure=Measure.DURATION,
            meaning="lag divided by how fast it shrank between two polls; never: it does not",
        ),
        Column("member", "MEMBER", 10, priority=2, grows=True, least=6, meaning="who is assigned the partition"),
    )

    def id(self, item: PartitionRow) -> Hashable:
        return (item.part.resource, item.part.partition)

    def cells(self, item: PartitionRow) -> Sequence[Cell]:
        part = item.part
        return (
            (str(part.partition), ""),
            (part.committed or _no_position(part), "muted"),
            (part.end or _no_position(part), "muted"),
            (str(part.lag), "lag" if part.lag.number else "muted"),
            (rate_text(item.movement.rate_in), "muted"),
            (rate_text(item.movement.rate_out), "muted"),
            (duration_text(item.movement.time_lag) if part.lag.number != 0 else "", "muted"),
            (duration_text(item.movement.eta) if part.lag.number != 0 else "", "muted"),
            (item.member or "nobody", "muted" if item.member else "warn"),
        )

    def sign(self, item: PartitionRow) -> Cell:
        """▲ has lag."""
        return ("▲", "warn") if self.severity(item) else (" ", "")

    def severity(self, item: PartitionRow) -> int:
        return int(item.part.lag.number or 0)

    def text(self, item: PartitionRow) -> str:
        return f"{item.part.resource.name} {item.part.partition} {item.member}"

    def value(self, item: PartitionRow, key: str) -> Any:
        part = item.part
        known: dict[str, Any] = {
            "p": part.partition,
            "committed": _position(part.committed),
            "end": _position(part.end),
            "lag": part.lag.number,
            "in": item.movement.rate_in.number,
            "out": item.movement.rate_out.number,
            "lag_time": item.movement.time_lag.number,
            "eta": inf if item.movement.eta is NEVER else item.movement.eta.number,
            "member": item.member or "nobody",
        }
        return known[key]


def _no_position(part: PartitionLag) -> str:
    """What stands where there is no position: a queue has none, elsewhere it is not known."""
    return "" if part.resource.kind is Kind.QUEUE else "?"


def _position(text: str) -> int | EntryId | None:
    """An offset or an entry id, as it is compared; None where it is not known."""
    return int(text) if text.isdecimal() else parse_entry_id(text)


def describe_partition(item: PartitionRow) -> str:
    """What matters about a partition of a group, in one sentence."""
    part = item.part
    who = f"assigned to {item.member}" if item.member else "assigned to nobody"
    if part.resource.kind is Kind.QUEUE:
        return f"{part.resource.name}: {part.lag} behind · {who}"
    stands = f"committed {part.committed or '?'}, end {part.end or '?'}"
    return f"{part.resource.name} {part.partition}: {stands}, {part.lag} behind · {who}"


def part_lines(
    line: GroupRow, history: LagHistory, firsts: FirstUnreads = NOTHING_READ, now: float = 0.0
) -> list[PartitionRow]:
    """The partitions of a group; with the exact age of first unread messages that were read. `now` is in seconds."""
    owners = {place: member.name for member in line.group.members for place in member.assigned}
    if line.lag is None:
        return []
    return [
        PartitionRow(part, owners.get((part.resource.name, part.partition), ""), add_age(movement, part, firsts, now))
        for part, movement in zip(line.lag.parts, history.movements_of(line.lag), strict=True)
    ]
