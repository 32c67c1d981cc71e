"""Groups and their partitions as rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from mqtui.brokers.registry import traits_of
from mqtui.domain.figure import Figure, pluralize
from mqtui.domain.message import EntryId
from mqtui.domain.metrics import time_to_clear
from mqtui.domain.problems import find_group_problem
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.times import parse_entry_id
from mqtui.domain.topology import NOT_ASKED, Group, GroupLag, PartitionLag
from mqtui.services.lag import lag_notes
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.glyphs import BARS
from mqtui.ui.render import figures
from mqtui.ui.render.destinations.destinations import SLICE
from mqtui.ui.render.destinations.pending import STUCK_WEIGHS, is_stuck
from mqtui.ui.render.sparkline import sparkline
from mqtui.ui.render.table_model import Cell, Column, Measure

STOPPED_WEIGHS = STUCK_WEIGHS**3


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group. `gain` is the change of its lag a second, None where unknown."""

    broker: BrokerKind
    group: Group
    lag: GroupLag | None
    trend: tuple[float | None, ...]
    gain: float | None
    stalled: bool

    @property
    def wrong(self) -> str:
        """Its problem in words; "" where it has none."""
        return "" if traits_of(self.broker).lends else find_group_problem(self.group, self.lag)

    @property
    def total(self) -> Figure:
        """The lag of all its partitions."""
        return NOT_ASKED if self.lag is None else self.lag.total

    @property
    def eta(self) -> float | None:
        """Seconds until the lag is gone; None where it does not shrink, or nobody knows."""
        if self.gain is None or self.total.number is None:
            return None
        return time_to_clear(self.total.number, max(0.0, -self.gain), max(0.0, self.gain))


def group_lines(broker: BrokerKind, snapshot: BrokerSnapshot, reading: Ref | None = None) -> list[GroupRow]:
    """A row for each group of a broker, or for those that read a destination."""
    return [line for part in group_slices(broker, snapshot, reading) for line in part]


def group_slices(broker: BrokerKind, snapshot: BrokerSnapshot, reading: Ref | None = None) -> Iterator[list[GroupRow]]:
    """The same rows in slices."""
    groups = snapshot.groups if reading is None else [each for each in snapshot.groups if reading in each.reads]
    for start in range(0, len(groups), SLICE):
        yield [_line(broker, snapshot, group) for group in groups[start : start + SLICE]]


def _line(broker: BrokerKind, snapshot: BrokerSnapshot, group: Group) -> GroupRow:
    series = snapshot.trend(group.ref, "lag")
    stalled = snapshot.is_stalled(group.ref)
    return GroupRow(broker, group, snapshot.lags.get(group.ref), tuple(series.values(15)), series.rate(), stalled)


SEVERAL_BROKERS = (
    Column("group", "GROUP", 16, grows=True, is_name=True),
    Column("broker", "BROKER", 8, priority=2),
    Column("state", "STATE", 15, least=8, meaning="the broker's own word; stalled: the lag only grew over some polls"),
    Column("lag", "LAG", 9, right=True, meaning="what the group has not read or committed yet"),
    Column(
        "trend",
        "TREND",
        15,
        priority=2,
        least=9,
        trend=True,
        measure=Measure.RATE,
        meaning="its lag at each poll, the newest on the right",
    ),
    Column(
        "eta",
        "ETA",
        7,
        right=True,
        priority=3,
        measure=Measure.DURATION,
        meaning="lag divided by how fast it shrank lately; never: it grows",
    ),
    Column("pending", "PENDING", 8, right=True, priority=3, meaning="delivered to its consumers and not acknowledged"),
    Column("members", "MEMBERS", 7, right=True, priority=4, meaning="its consumers, as the broker lists them"),
    Column(
        "reads", "READS", 14, priority=4, meaning="the destinations it has offsets, assignments or a subscription of"
    ),
    Column("type", "TYPE", 8, priority=5, meaning="the broker's own word"),
)
ONE_BROKER = tuple(column for column in SEVERAL_BROKERS if column.key != "broker")


class GroupRenderer:
    """How consumer groups are shown in a list."""

    def __init__(self, bars: str = BARS) -> None:
        self._bars = bars
        self.columns = ONE_BROKER

    def fit(self, brokers: Collection[BrokerKind]) -> None:
        """Have the columns of a list of these brokers."""
        self.columns = SEVERAL_BROKERS if len(set(brokers)) > 1 else ONE_BROKER

    def id(self, item: GroupRow) -> Hashable:
        return (item.broker, item.group.ref)

    def cells(self, item: GroupRow) -> Sequence[Cell]:
        group = item.group
        grows = item.gain is not None and item.gain > 0
        broker: list[Cell] = [(item.broker, "muted")] if self.columns is SEVERAL_BROKERS else []
        return (
            (group.ref.name, ""),
            *broker,
            (_state(item), "warn" if item.stalled or item.wrong else "muted"),
            ("" if item.total is NOT_ASKED else str(item.total), "lag" if grows or item.stalled else "muted"),
            (sparkline(item.trend, 15, self._bars), "lag" if grows else "muted"),
            _eta(item),
            ("" if group.pending is NOT_ASKED else str(group.pending), "warn" if group.pending.number else "muted"),
            (str(group.member_count), "muted"),
            (_reads(item), "muted"),
            (group.type, "muted"),
        )

    def sign(self, item: GroupRow) -> Cell:
        """▲ stopped, stalled, or with pending entries."""
        return ("▲", "warn") if self.severity(item) else (" ", "")

    def severity(self, item: GroupRow) -> int:
        """Stopped and stalled groups first, then those with most pending entries, stuck consumers before others."""
        if item.stalled or item.wrong:
            return STOPPED_WEIGHS
        if not traits_of(item.broker).groups.have_pending:
            return 0
        return int(item.group.pending.number or 0) * (STUCK_WEIGHS if any(map(is_stuck, item.group.members)) else 1)

    def is_uncertain(self, item: GroupRow) -> bool:
        """Whether its lag is not known."""
        return not item.total.known

    def text(self, item: GroupRow) -> str:
        group = item.group
        return f"{group.ref.name} {group.state} {group.type} {item.broker} {' '.join(ref.name for ref in group.reads)}"

    def value(self, item: GroupRow, key: str) -> Any:
        return GROUP_VALUES[key](item)


def _eta_seconds(item: GroupRow) -> float | None:
    """Seconds until its lag is gone, without end where it grows; None where there is none, or nobody knows."""
    if item.total.number == 0:
        return None
    return inf if item.eta is None and item.gain is not None and item.gain > 0 else item.eta


def _state(item: GroupRow) -> str:
    """The broker's own word for its state, and whether it is stalled all the same."""
    return ", ".join(filter(None, ("stalled" if item.stalled else "", item.group.state)))


def _reads(item: GroupRow) -> str:
    return ", ".join(ref.name for ref in item.group.reads) or item.group.why


GROUP_VALUES: Mapping[str, Callable[[GroupRow], Any]] = {
    "group": lambda item: item.group.ref.name,
    "broker": lambda item: item.broker,
    "state": _state,
    "lag": lambda item: item.total.number,
    "trend": lambda item: item.gain,
    "eta": _eta_seconds,
    "pending": lambda item: item.group.pending.number,
    "members": lambda item: item.group.member_count,
    "reads": _reads,
    "type": lambda item: item.group.type,
}
"""What groups are ordered and compared by, by column."""


def _eta(item: GroupRow) -> Cell:
    if item.total.number == 0:
        return "", ""
    if item.eta is not None:
        return figures.age(item.eta), "muted"
    return ("never", "warn") if item.gain is not None and item.gain > 0 else ("?", "muted")


def describe_group(item: GroupRow) -> str:
    """What matters about a group, in one sentence."""
    name, lag = item.group.ref.name, item.total
    if item.group.why:
        return f"{name}: {item.group.why}"
    if lag is not NOT_ASKED and lag.number is None:
        return f"{name}: lag unknown: {lag.why}"
    beside = "".join(f" · {note}" for note in beside_lag(item.lag))
    if item.wrong and not item.stalled:
        return f"{name} {item.wrong}{beside}"
    if item.stalled:
        who = "no members: stopped" if not item.group.member_count else "a member is assigned: stalled, not stopped"
        return f"{name} stands still with {lag} waiting · {who}{beside}"
    if item.gain is not None and item.gain > 0:
        return f"{name} falls behind by {figures.rate(item.gain)}{beside}"
    behind = "" if lag is NOT_ASKED else lag
    return f"{name}: {behind} behind, {pluralize(item.group.member_count, 'member')}{beside}"


def beside_lag(lag: GroupLag | None) -> list[str]:
    """Notes on messages lost before they were read, and on ones not committed yet."""
    return [] if lag is None or not (lag.lost.number or lag.uncommitted) else lag_notes(lag)


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """One partition of a group, and the member it is assigned to."""

    part: PartitionLag
    member: str


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
        Column("member", "MEMBER", 10, priority=3, grows=True, least=6, meaning="who is assigned the partition"),
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


def part_lines(line: GroupRow) -> list[PartitionRow]:
    """The partitions of a group."""
    owners = {place: member.name for member in line.group.members for place in member.assigned}
    parts = line.lag.parts if line.lag is not None else ()
    return [PartitionRow(part, owners.get((part.resource.name, part.partition), "")) for part in parts]


def stream_of(line: GroupRow) -> Ref | None:
    """The stream of a Redis group."""
    return line.group.reads[0] if line.group.reads else None
