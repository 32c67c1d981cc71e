"""Groups, partitions, consumers and pending entries as rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from mqtui.brokers.registry import traits_of
from mqtui.domain.figure import Figure, pluralize
from mqtui.domain.message import EntryId
from mqtui.domain.metrics import time_to_clear
from mqtui.domain.problems import find_group_problem
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.times import parse_entry_id
from mqtui.domain.topology import NOT_ASKED, Group, GroupLag, Member, PartitionLag, PendingEntry
from mqtui.services.lag import lag_notes
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.glyphs import BARS
from mqtui.ui.render import figures
from mqtui.ui.render.destinations.destinations import SLICE, is_stalled
from mqtui.ui.render.sparkline import sparkline
from mqtui.ui.render.table_model import Cell, Column, Measure

FATAL = 2**63 - 1
POISON_DELIVERIES = 5
"""Deliveries from which an entry is called poisonous."""


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
    stalled = is_stalled(snapshot, group.ref)
    return GroupRow(broker, group, snapshot.lags.get(group.ref), tuple(series.values(15)), series.rate(), stalled)


class GroupRenderer:
    """How consumer groups are shown in a list."""

    columns = (
        Column("group", "GROUP", 16, grows=True, is_name=True),
        Column("state", "STATE", 12, least=8),
        Column("lag", "LAG", 9, right=True),
        Column("trend", "TREND", 15, priority=2, least=9, trend=True, measure=Measure.RATE),
        Column("eta", "ETA", 7, right=True, priority=3, measure=Measure.DURATION),
        Column("pending", "PENDING", 8, right=True, priority=3),
        Column("members", "MEMBERS", 7, right=True, priority=4),
        Column("reads", "READS", 14, priority=4),
        Column("type", "TYPE", 8, priority=5),
    )

    def __init__(self, bars: str = BARS) -> None:
        self._bars = bars

    def id(self, item: GroupRow) -> Hashable:
        return (item.broker, item.group.ref)

    def cells(self, item: GroupRow) -> Sequence[Cell]:
        group = item.group
        grows = item.gain is not None and item.gain > 0
        return (
            (group.ref.name, ""),
            ("stalled", "warn") if item.stalled else (group.state, "warn" if item.wrong else "muted"),
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


def _reads(item: GroupRow) -> str:
    return ", ".join(ref.name for ref in item.group.reads) or item.group.why


GROUP_VALUES: Mapping[str, Callable[[GroupRow], Any]] = {
    "group": lambda item: item.group.ref.name,
    "state": lambda item: "stalled" if item.stalled else item.group.state,
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
        Column("committed", "COMMITTED", 15, right=True, least=9, measure=Measure.POSITION),
        Column("end", "END", 15, right=True, priority=2, least=9, measure=Measure.POSITION),
        Column("lag", "LAG", 9, right=True),
        Column("member", "MEMBER", 10, priority=3, grows=True, least=6),
    )

    def id(self, item: PartitionRow) -> Hashable:
        return (item.part.resource, item.part.partition)

    def cells(self, item: PartitionRow) -> Sequence[Cell]:
        part = item.part
        return (
            (str(part.partition), ""),
            (part.committed or "?", "muted"),
            (part.end or "?", "muted"),
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


def _position(text: str) -> int | EntryId | None:
    """An offset or an entry id, as it is compared; None where it is not known."""
    return int(text) if text.isdecimal() else parse_entry_id(text)


def part_lines(line: GroupRow) -> list[PartitionRow]:
    """The partitions of a group."""
    owners = {place: member.name for member in line.group.members for place in member.assigned}
    parts = line.lag.parts if line.lag is not None else ()
    return [PartitionRow(part, owners.get((part.resource.name, part.partition), "")) for part in parts]


class ConsumerRenderer:
    """How the consumers of a Redis group are shown in a list, stuck ones first."""

    columns = (
        Column("name", "CONSUMER", 14, grows=True, is_name=True),
        Column("pending", "PENDING", 8, right=True),
        Column("idle", "IDLE", 8, right=True, measure=Measure.DURATION),
        Column("inactive", "INACTIVE", 8, right=True, priority=2, measure=Measure.DURATION),
    )

    def id(self, item: Member) -> Hashable:
        return item.name

    def cells(self, item: Member) -> Sequence[Cell]:
        return (
            (item.name, ""),
            ("?" if item.pending is None else f"{item.pending:,}", "warn" if is_stuck(item) else "muted"),
            (figures.age(None if item.idle is None else item.idle / 1000), "muted"),
            (figures.age(None if item.inactive is None else item.inactive / 1000), "muted"),
        )

    def sign(self, item: Member) -> Cell:
        """▲ stuck: has entries and is inactive."""
        return ("▲", "warn") if is_stuck(item) else (" ", "")

    def severity(self, item: Member) -> int:
        """By pending entries, stuck consumers first."""
        return (item.pending or 0) * (STUCK_WEIGHS if is_stuck(item) else 1)

    def text(self, item: Member) -> str:
        return item.name

    def value(self, item: Member, key: str) -> Any:
        idle, inactive = (None if ms is None else ms / 1000 for ms in (item.idle, item.inactive))
        return {"name": item.name, "pending": item.pending, "idle": idle, "inactive": inactive}[key]


STUCK_WEIGHS = 1_000_000
STOPPED_WEIGHS = STUCK_WEIGHS**3
STUCK_AFTER_MS = 60_000
"""Milliseconds of inactivity after which a consumer with pending entries is called stuck."""


def is_stuck(member: Member) -> bool:
    """Whether it has pending entries and was inactive for a minute."""
    quiet = member.inactive if member.inactive is not None else member.idle
    return bool(member.pending) and quiet is not None and quiet > STUCK_AFTER_MS


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A pending entry and the beginning of its fields; None where it was trimmed or deleted."""

    entry: PendingEntry
    fields: str | None


class PendingRenderer:
    """How pending entries are shown in a list."""

    columns = (
        Column("id", "ID", 17, measure=Measure.POSITION),
        Column("idle", "IDLE", 8, right=True, measure=Measure.DURATION),
        Column("deliveries", "DELIV.", 6, right=True),
        Column("fields", "PAYLOAD", 20, grows=True, priority=2, least=6),
    )

    def id(self, item: PendingRow) -> Hashable:
        return item.entry.id

    def cells(self, item: PendingRow) -> Sequence[Cell]:
        entry = item.entry
        deliveries = "FATAL" if entry.deliveries == FATAL else str(entry.deliveries)
        gone = item.fields is None
        return (
            (str(entry.id), ""),
            (figures.age(entry.idle / 1000, units=2), "muted"),
            (deliveries, "danger" if entry.deliveries >= POISON_DELIVERIES else "muted"),
            ("gone (trimmed): A clears it", "danger") if gone else (item.fields or "", ""),
        )

    def sign(self, item: PendingRow) -> Cell:
        """✗ gone, ▲ delivered many times."""
        if item.fields is None:
            return "✗", "danger"
        return ("▲", "warn") if item.entry.deliveries >= POISON_DELIVERIES else (" ", "")

    def severity(self, item: PendingRow) -> int:
        """Those delivered often, then those that are gone."""
        if item.fields is None:
            return 1
        return 2 if item.entry.deliveries >= POISON_DELIVERIES else 0

    def text(self, item: PendingRow) -> str:
        return f"{item.entry.id} {item.entry.consumer} {item.fields or 'gone'}"

    def value(self, item: PendingRow, key: str) -> Any:
        entry = item.entry
        known: dict[str, Any] = {
            "id": entry.id,
            "idle": entry.idle / 1000,
            "deliveries": entry.deliveries,
            "fields": item.fields,
        }
        return known[key]


def stream_of(line: GroupRow) -> Ref | None:
    """The stream of a Redis group."""
    return line.group.reads[0] if line.group.reads else None
