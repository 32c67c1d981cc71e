"""Destinations with dead letters as rows."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.resource import BrokerKind
from mqtui.services.deadletters import DeadLetterDestination as DeadLetterDestination
from mqtui.ui.glyphs import BARS
from mqtui.ui.render.sparkline import sparkline
from mqtui.ui.render.table_model import BROKER_COLUMN, Cell, Column, Measure


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """One destination. `arrived` is the number of letters that came since the console has polled it."""

    target: str
    broker: BrokerKind
    destination: DeadLetterDestination
    trend: tuple[float | None, ...]
    arrived: float | None
    lends: bool
    """Whether reading it costs deliveries."""


SEVERAL_BROKERS = (
    Column("where", "WHERE", 20, grows=True, is_name=True),
    Column("profile", "PROFILE", 10, priority=3, is_name=True),
    BROKER_COLUMN,
    Column("letters", "LETTERS", 8, right=True, meaning="what lies there less what runs of mqtui handled"),
    Column("new", "NEW", 6, right=True, priority=2, meaning="letters that came since this console began to poll"),
    Column(
        "trend",
        "TREND",
        15,
        priority=3,
        trend=True,
        measure=Measure.COUNT,
        meaning="letters at each poll, the newest on the right",
    ),
    Column("of", "OF", 16, priority=2, meaning="whose dead letters they are, by settings, names or headers"),
    Column("by", "KNOWN BY", 18, priority=4, meaning="how it is known that these are dead letters"),
    Column("readers", "READ BY", 12, priority=5, meaning="groups or consumers that read them"),
)
ONE_BROKER = tuple(column for column in SEVERAL_BROKERS if column.key != "broker")


class DeadLetterRenderer:
    """How dead-letter destinations are shown in a list."""

    def __init__(self, bars: str = BARS) -> None:
        self._bars = bars
        self.columns = ONE_BROKER

    def fit(self, brokers: Collection[BrokerKind]) -> None:
        """Have the columns of a list of these brokers."""
        self.columns = SEVERAL_BROKERS if len(set(brokers)) > 1 else ONE_BROKER

    def id(self, item: DeadLetterRow) -> Hashable:
        return (item.target, item.broker, item.destination.ref)

    def cells(self, item: DeadLetterRow) -> Sequence[Cell]:
        destination = item.destination
        broker: list[Cell] = [(item.broker, "muted")] if self.columns is SEVERAL_BROKERS else []
        return (
            (destination.ref.name, ""),
            (item.target, "muted"),
            *broker,
            (str(destination.letters), "dead" if destination.letters.number else "muted"),
            ("?" if item.arrived is None else f"+{item.arrived:.0f}" if item.arrived > 0 else "0", "lag"),
            (sparkline(item.trend, 15, self._bars), "dead"),
            (", ".join(ref.name for ref in destination.origins) or "?", "muted"),
            (destination.detected_by, "muted"),
            (_readers(destination), "warn" if destination.readers else "muted"),
        )

    def sign(self, item: DeadLetterRow) -> Cell:
        """† holds letters."""
        return ("†", "dead") if item.destination.letters.number else (" ", "")

    def severity(self, item: DeadLetterRow) -> int:
        arrived = int(item.arrived or 0)
        return arrived * 1_000_000 + int(item.destination.letters.number or 0)

    def text(self, item: DeadLetterRow) -> str:
        origins = " ".join(ref.name for ref in item.destination.origins)
        return f"{item.destination.ref.name} {item.target} {item.broker} {origins} {item.destination.detected_by}"

    def value(self, item: DeadLetterRow, key: str) -> Any:
        known: dict[str, Any] = {
            "where": item.destination.ref.name,
            "profile": item.target,
            "broker": item.broker,
            "letters": item.destination.letters.number,
            "new": item.arrived,
            "trend": item.trend[-1] if item.trend else None,
            "of": ", ".join(ref.name for ref in item.destination.origins),
            "by": item.destination.detected_by,
            "readers": None if item.destination.readers is None else _readers(item.destination),
        }
        return known[key]


def _readers(destination: DeadLetterDestination) -> str:
    if destination.readers is None:
        return "?"
    return ", ".join(destination.readers) or "nobody"


def describe_dead_letters(item: DeadLetterRow) -> str:
    """What matters about a destination, in one sentence."""
    destination = item.destination
    of = ", ".join(ref.name for ref in destination.origins) or "nobody knows where"
    price = " · its causes cost a delivery to read" if item.lends else ""
    return f"{destination.ref.name}: {destination.letters} dead letters of {of}{price}"
