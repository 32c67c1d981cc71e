"""Destinations as rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mqtui.brokers.registry import traits_of
from mqtui.domain.figure import Figure
from mqtui.domain.problems import problems_by_destination
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import BLANK_FIGURES, HOLDS_NOTHING, NOT_ASKED, Destination
from mqtui.services.deadletters import DeadLetterDestination as DeadLetterDestination
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.glyphs import BARS
from mqtui.ui.render import figures
from mqtui.ui.render.sparkline import sparkline
from mqtui.ui.render.table_model import Cell, Column, Measure

LETTERS_WEIGH = 1_000_000
SLICE = 500
"""Rows made in one step; keys are answered between steps."""

STALLED_POLLS = 3
"""Polls over which a lag has to grow before a group is called stalled."""


class DestinationRow(NamedTuple):
    """One destination with its dead letters, readers and problems. Rates are messages a second, None where unknown."""

    broker: BrokerKind
    destination: Destination
    letters: DeadLetterDestination | None
    """Set where it is itself a dead-letter destination."""

    dead: tuple[DeadLetterDestination, ...]
    """The destinations of its own dead letters."""

    readers: int | None
    stuck: tuple[str, ...]
    """Stalled groups, by name."""

    snapshot: BrokerSnapshot
    """The poll it is of: trends are read when they are drawn."""

    stage: str = ""
    """Why it is a retry stage; "" where it is none."""

    wrong: tuple[str, ...] = ()
    """Its problems, in words."""

    @property
    def trend(self) -> list[float | None]:
        """The backlog (or number of letters) over time, the newest last."""
        return self.snapshot.trend(self.destination.ref, "backlog" if self.letters is None else "letters").values(30)

    @property
    def rate_in(self) -> float | None:
        """Incoming messages a second: the broker's own rate, else derived from its counter."""
        reported = self.destination.rate_in
        if reported is not NOT_ASKED:
            return reported.number
        rate = self.snapshot.trend(self.destination.ref, "arrived").rate()
        return None if rate is None else max(0.0, rate)

    @property
    def backlog(self) -> Figure:
        """The number of letters of a dead-letter destination, else the backlog."""
        if self.letters is not None:
            return self.letters.letters
        return self.destination.backlog


class DestinationRenderer:
    """How destinations are shown in a list."""

    columns = (
        Column("name", "NAME", 18, grows=True, is_name=True),
        Column("kind", "KIND", 8, priority=2),
        Column("backlog", "BACKLOG", 10, right=True),
        Column("trend", "TREND", 15, priority=2, least=9, trend=True, measure=Measure.COUNT),
        Column("in", "IN/s", 7, right=True, priority=3, measure=Measure.RATE),
        Column("readers", "READERS", 17, priority=4, measure=Measure.COUNT),
        Column("messages", "MESSAGES", 11, right=True, priority=5),
        Column("dead", "DEAD LETTERS", 26, least=13, measure=Measure.COUNT),
        Column("parts", "PARTS", 5, right=True, priority=6),
        Column("size", "SIZE", 10, right=True, priority=6, measure=Measure.BYTES),
    )

    def __init__(self, bars: str = BARS) -> None:
        self._bars = bars

    def id(self, item: DestinationRow) -> Hashable:
        return (item.broker, item.destination.ref)

    def cells(self, item: DestinationRow) -> Sequence[Cell]:
        row = item.destination
        tone = "muted" if row.internal else ""
        return (
            (row.ref.name, tone),
            (row.type, "muted"),
            (_format_if_asked(item.backlog), "dead" if item.letters else "lag" if item.stuck else ""),
            (sparkline(item.trend, 15, self._bars), "lag" if item.stuck else "muted"),
            (_rate_in(item), "muted"),
            (_readers(item), "warn" if item.stuck or item.wrong else "muted"),
            (_format_if_asked(row.messages), "muted"),
            (_dead(item), "dead"),
            ("" if row.partitions is None else str(row.partitions), "muted"),
            (_size(row.size), "muted"),
        )

    def sign(self, item: DestinationRow) -> Cell:
        """† holds letters, ▲ a group is stalled, or something is stopped, full or losing messages."""
        if item.letters is not None and item.letters.letters.number:
            return "†", "dead"
        if item.stuck or item.wrong:
            return "▲", "warn"
        return " ", ""

    def severity(self, item: DestinationRow) -> int:
        """Dead letters first, then what is stopped, full, losing or stalled."""
        if item.letters is not None and item.letters.letters.number:
            return LETTERS_WEIGH + int(item.letters.letters.number)
        return 1 if item.stuck or item.wrong else 0

    def is_uncertain(self, item: DestinationRow) -> bool:
        """Whether its number of messages, or of letters, is unknown."""
        row = item.destination
        if item.letters is not None:
            return not item.letters.letters.known
        return row.ref.kind is not Kind.EXCHANGE and not row.messages.known

    def text(self, item: DestinationRow) -> str:
        return f"{item.destination.ref.name} {item.destination.type} {item.broker}"

    def value(self, item: DestinationRow, key: str) -> Any:
        return VALUES[key](item)


def _dead_count(item: DestinationRow) -> int | None:
    """The number of its dead letters, as far as it is known; None for a dead-letter destination itself."""
    known = [int(place.letters.number) for place in item.dead if place.letters.number is not None]
    return None if item.letters is not None or (item.dead and not known) else sum(known)


VALUES: Mapping[str, Callable[[DestinationRow], Any]] = {
    "name": lambda item: item.destination.ref.name,
    "kind": lambda item: item.destination.type,
    "backlog": lambda item: item.backlog.number,
    "trend": lambda item: item.trend[-1] if item.trend else None,
    "in": lambda item: item.rate_in,
    "readers": lambda item: None if item.destination.ref.kind is Kind.EXCHANGE else item.readers,
    "messages": lambda item: item.destination.messages.number,
    "dead": _dead_count,
    "parts": lambda item: item.destination.partitions,
    "size": lambda item: item.destination.size.number,
}
"""What rows are ordered and compared by, by column."""


def _format_if_asked(figure: Figure) -> str:
    return "" if figure in BLANK_FIGURES else str(figure)


def _rate_in(item: DestinationRow) -> str:
    rate = item.rate_in
    return "" if rate is None and item.destination.ref.kind is Kind.EXCHANGE else figures.rate(rate)


def _readers(item: DestinationRow) -> str:
    if item.destination.ref.kind is Kind.EXCHANGE:
        return ""
    if item.stuck:
        return f"{item.readers}, {item.stuck[0]} stuck" if item.readers is not None else f"{item.stuck[0]} stuck"
    return "?" if item.readers is None else "none" if item.readers == 0 else str(item.readers)


def _dead(item: DestinationRow) -> str:
    if item.letters is not None:
        return "of " + ", ".join(ref.name for ref in item.letters.origins) if item.letters.origins else ""
    return ", ".join(f"{place.letters} in {place.ref.name}" for place in item.dead if place.letters.number)


def _size(figure: Figure) -> str:
    return "" if figure is NOT_ASKED or figure.number is None else figures.size(int(figure.number))


def describe_destination(item: DestinationRow) -> str:
    """What matters about a row, in one sentence."""
    name = item.destination.ref.name
    if item.letters is not None:
        of = ", ".join(ref.name for ref in item.letters.origins) or "nobody knows where"
        return f"{name}: {item.letters.letters} dead letters of {of}, known by {item.letters.detected_by}"
    if item.wrong:
        return f"{name}: {'; '.join(item.wrong)}"
    if item.stuck:
        return f"{name}: {', '.join(item.stuck)} stands still while {item.backlog} wait"
    if item.stage:
        return f"{name}: a retry stage, {item.stage}"
    if item.dead:
        return f"{name}: {_dead(item)}"
    if item.destination.ref.kind is Kind.EXCHANGE:
        return f"{name}: {HOLDS_NOTHING.why}"
    return f"{name}: {_format_if_asked(item.backlog) or '?'} wait, {_readers(item)} readers"


def lines_of(broker: BrokerKind, snapshot: BrokerSnapshot) -> list[DestinationRow]:
    """A row for each destination of a broker."""
    return [line for part in line_slices(broker, snapshot) for line in part]


def line_slices(broker: BrokerKind, snapshot: BrokerSnapshot) -> Iterator[list[DestinationRow]]:
    """The same rows in slices of `SLICE`."""
    rows, places, stages = (
        snapshot.destinations,
        {place.ref: place for place in snapshot.dead_letters},
        snapshot.retry_stages,
    )
    dead: dict[Ref, list[DeadLetterDestination]] = {}
    for place in snapshot.dead_letters:
        for ref in place.origins:
            dead.setdefault(ref, []).append(place)
    readers: dict[Ref, int] = {}
    stuck: dict[Ref, list[str]] = {}
    for number, group in enumerate(snapshot.groups, 1):
        for ref in group.reads:
            readers[ref] = readers.get(ref, 0) + (1 if group.ref.name != ref.name else group.member_count)
            if is_stalled(snapshot, group.ref):
                stuck.setdefault(ref, []).append(group.ref.name.rpartition("/")[2])
        if number % SLICE == 0:
            yield []
    wrong = problems_by_destination(rows, () if traits_of(broker).lends else snapshot.groups, snapshot.lags)
    unread = 0 if snapshot.groups else None
    yield []
    for start in range(0, len(rows), SLICE):
        yield [
            DestinationRow(
                broker,
                row,
                places.get(ref),
                tuple(dead.get(ref, ())),
                readers.get(ref, unread),
                tuple(stuck.get(ref, ())),
                snapshot,
                stages[ref].why if ref in stages else "",
                wrong.get(ref, ()),
            )
            for row in rows[start : start + SLICE]
            for ref in (row.ref,)
        ]


def is_stalled(snapshot: BrokerSnapshot, group: Ref) -> bool:
    """Whether a group has lag that only grew over at least `STALLED_POLLS` polls."""
    figures_of = snapshot.lags.get(group)
    if figures_of is None or not figures_of.total.number:
        return False
    return snapshot.trend(group, "lag").is_increasing(10, STALLED_POLLS)
