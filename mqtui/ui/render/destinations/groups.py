"""Groups as rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from mqtui.brokers.registry import traits_of
from mqtui.domain.figure import Figure, pluralize
from mqtui.domain.lag_assessment import TROUBLE, LagState
from mqtui.domain.lag_movement import NO_SECOND_LOOK, Movement, duration_text, rate_text
from mqtui.domain.metrics import time_to_clear
from mqtui.domain.problems import find_group_problem
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import NOT_ASKED, Group, GroupLag
from mqtui.services.lag import lag_notes
from mqtui.services.lag_history import LagReport
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.glyphs import BARS
from mqtui.ui.render import figures
from mqtui.ui.render.destinations.destinations import SLICE
from mqtui.ui.render.destinations.pending import STUCK_WEIGHS, is_stuck
from mqtui.ui.render.sparkline import sparkline
from mqtui.ui.render.table_model import Cell, Column, Measure

STOPPED_WEIGHS = STUCK_WEIGHS**3
NO_MOVEMENT = Movement()


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group. `gain` is the change of its lag a second, None where unknown."""

    broker: BrokerKind
    group: Group
    lag: GroupLag | None
    trend: tuple[float | None, ...]
    gain: float | None
    stalled: bool
    report: LagReport | None = None

    @property
    def state(self) -> LagState:
        """How it goes, as far as that is known for sure; without consumers, a queue of dead letters is no trouble."""
        report = self.report
        if report is None or not report.assessment.is_settled:
            return LagState.STALLED if self.stalled else LagState.UNKNOWN
        lends = traits_of(self.broker).lends
        return LagState.UNKNOWN if lends and report.state is LagState.STOPPED else report.state

    @property
    def movement(self) -> Movement:
        """Its rates and the age of what waits, by the polls."""
        return NO_MOVEMENT if self.report is None else self.report.movement

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
    report = snapshot.lag_history.reports.get(group.ref)
    stalled = snapshot.is_stalled(group.ref)
    lends = traits_of(broker).lends
    if report is not None and report.assessment.is_settled and not (lends and report.state is LagState.STOPPED):
        stalled = report.state in (LagState.STALLED, LagState.STUCK)
    lag, values = snapshot.lags.get(group.ref), tuple(series.values(15))
    return GroupRow(broker, group, lag, values, series.rate(), stalled, report)


SEVERAL_BROKERS = (
    Column("group", "GROUP", 16, grows=True, is_name=True),
    Column("broker", "BROKER", 8, priority=2),
    Column("state", "STATE", 15, least=10, meaning="how it goes, as e explains; then the broker's own word"),
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
        6,
        right=True,
        priority=3,
        measure=Measure.DURATION,
        meaning="lag divided by how fast it shrank lately; never: it grows",
    ),
    Column(
        "lag_time",
        "LAG TIME",
        8,
        right=True,
        priority=3,
        measure=Measure.DURATION,
        meaning="how old the oldest message is that it has not read, by the polls; ≥: older than the first poll",
    ),
    Column("pending", "PENDING", 8, right=True, priority=3, meaning="delivered to its consumers and not acknowledged"),
    Column("members", "MEMBERS", 7, right=True, priority=4, meaning="its consumers, as the broker lists them"),
    Column(
        "in",
        "IN/s",
        7,
        right=True,
        priority=4,
        measure=Measure.RATE,
        meaning="what arrives for it in a second, by the polls of half a minute and more",
    ),
    Column(
        "out",
        "OUT/s",
        7,
        right=True,
        priority=4,
        measure=Measure.RATE,
        meaning="what it reads in a second, by the polls of half a minute and more",
    ),
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
            (_state(item), "warn" if item.stalled or item.wrong or item.state in TROUBLE else "muted"),
            ("" if item.total is NOT_ASKED else str(item.total), "lag" if grows or item.stalled else "muted"),
            (sparkline(item.trend, 15, self._bars), "lag" if grows else "muted"),
            _eta(item),
            _lag_time(item),
            ("" if group.pending is NOT_ASKED else str(group.pending), "warn" if group.pending.number else "muted"),
            (str(group.member_count), "muted"),
            (_rate(item.movement.rate_in), "muted"),
            (_rate(item.movement.rate_out), "muted"),
            (_reads(item), "muted"),
            (group.type, "muted"),
        )

    def sign(self, item: GroupRow) -> Cell:
        """▲ stopped, stalled, or with pending entries."""
        return ("▲", "warn") if self.severity(item) else (" ", "")

    def severity(self, item: GroupRow) -> int:
        """Stopped and stalled groups first, then those with most pending entries, stuck consumers before others."""
        if item.stalled or item.wrong or item.state in TROUBLE:
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
    """How it goes, where that is more than ok, and the broker's own word for its state."""
    word = "" if item.state in (LagState.OK, LagState.UNKNOWN) else item.state.value
    return ", ".join(filter(None, (word, item.group.state)))


def _lag_time(item: GroupRow) -> Cell:
    if item.total is NOT_ASKED or item.total.number == 0:
        return "", ""
    return duration_text(item.movement.time_lag), "lag" if item.state in TROUBLE else "muted"


def _rate(figure: Figure) -> str:
    return "" if figure is NO_SECOND_LOOK else rate_text(figure)


def _reads(item: GroupRow) -> str:
    return ", ".join(ref.name for ref in item.group.reads) or item.group.why


GROUP_VALUES: Mapping[str, Callable[[GroupRow], Any]] = {
    "group": lambda item: item.group.ref.name,
    "broker": lambda item: item.broker,
    "state": _state,
    "lag": lambda item: item.total.number,
    "trend": lambda item: item.gain,
    "eta": _eta_seconds,
    "lag_time": lambda item: item.movement.time_lag.number,
    "in": lambda item: item.movement.rate_in.number,
    "out": lambda item: item.movement.rate_out.number,
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
    if item.report is not None and item.state in TROUBLE | {LagState.RECOVERING}:
        return f"{name} {item.report.assessment.words}{beside}"
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


def stream_of(line: GroupRow) -> Ref | None:
    """The stream of a Redis group."""
    return line.group.reads[0] if line.group.reads else None
