"""Destinations as rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from mqtui.brokers.registry import traits_of
from mqtui.domain.figure import Exactness, Figure, about, exact, unknown
from mqtui.domain.problems import problems_by_destination
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import BLANK_FIGURES, HOLDS_NOTHING, NOT_ASKED, Destination
from mqtui.services.deadletters import DeadLetterDestination as DeadLetterDestination
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.glyphs import BARS
from mqtui.ui.render import figures
from mqtui.ui.render.sparkline import sparkline
from mqtui.ui.render.table_model import BROKER_COLUMN, Cell, Column, Measure, keep_last_word

LETTERS_WEIGH = 1_000_000
SLICE = 500
"""Rows made in one step; keys are answered between steps."""


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


COLUMNS = (
    Column("name", "NAME", 18, grows=True, least=15, is_name=True),
    BROKER_COLUMN,
    Column("kind", "KIND", 14, priority=2, least=8, shorter=keep_last_word, meaning="the broker's own word"),
    Column(
        "backlog",
        "BACKLOG",
        10,
        right=True,
        least=7,
        meaning="what waits: lag of the group furthest behind, ready messages, letters of a dead-letter destination",
    ),
    Column(
        "trend",
        "TREND",
        15,
        priority=2,
        least=7,
        trend=True,
        measure=Measure.COUNT,
        meaning="what waits at each poll, the newest on the right",
    ),
    Column("held", "", 8, right=True, priority=3, least=7, meaning="delivered and not acknowledged"),
    Column(
        "in",
        "IN/s",
        7,
        right=True,
        priority=3,
        least=6,
        measure=Measure.RATE,
        meaning="the broker's own rate, else the change of its counter between polls",
    ),
    Column(
        "readers",
        "READERS",
        17,
        priority=3,
        measure=Measure.COUNT,
        is_name=True,
        meaning="groups or consumers that read it",
    ),
    Column("messages", "MESSAGES", 11, right=True, priority=5, meaning="what it holds, read or not"),
    Column(
        "dead",
        "DEAD LETTERS",
        22,
        least=12,
        measure=Measure.COUNT,
        meaning="where its dead letters are, or whose it holds",
    ),
    Column("parts", "PARTS", 5, right=True, priority=6),
    Column(
        "size", "SIZE", 10, right=True, priority=6, measure=Measure.BYTES, meaning="bytes, as the broker counts them"
    ),
)
"""All columns of destinations; those without a title are shown only where a broker has a word for them."""


@cache
def _columns_of(brokers: frozenset[BrokerKind]) -> tuple[Column, ...]:
    titles = traits_of(next(iter(brokers))).column_titles if len(brokers) == 1 else {}
    named = (each._replace(title=titles.get(each.key, each.title)) for each in COLUMNS)
    return tuple(each for each in named if each.title and (len(brokers) > 1 or each.key != "broker"))


class DestinationRenderer:
    """How destinations are shown in a list."""

    def __init__(self, bars: str = BARS) -> None:
        self._bars = bars
        self.fit(())

    def fit(self, brokers: Collection[BrokerKind]) -> None:
        """Have the columns of a list of these brokers: of one, in its own words."""
        self.columns = _columns_of(frozenset(brokers))
        self._has_own_words = any(each.key == "backlog" and each not in COLUMNS for each in self.columns)
        """Whether what waits has the word of one broker, which counts no dead letters."""

    def id(self, item: DestinationRow) -> Hashable:
        return (item.broker, item.destination.ref)

    def cells(self, item: DestinationRow) -> Sequence[Cell]:
        row = item.destination
        muted = {key: (text, "muted") for key, text in _muted_texts(item).items()}
        cells: dict[str, Cell] = {
            **muted,
            "name": (row.ref.name, "muted" if row.internal else ""),
            "backlog": (_format_if_asked(self._backlog(item)), _backlog_tone(item)),
            "trend": (sparkline(item.trend, 15, self._bars), "lag" if item.stuck else "muted"),
            "readers": (_readers(item), "warn" if item.stuck or item.wrong else "muted"),
            "dead": (self._letters(item), "dead"),
        }
        return [cells[column.key] for column in self.columns]

    def _backlog(self, item: DestinationRow) -> Figure:
        if not self._has_own_words:
            return item.backlog
        waits = item.destination.backlog
        return NOT_ASKED if item.letters is not None and waits.number is None else waits

    def _letters(self, item: DestinationRow) -> str:
        """Where its dead letters are, or whose it holds; their number where no other column has it."""
        if item.letters is None or not self._has_own_words:
            return _dead(item)
        return f"{item.letters.letters} {_dead(item)}".rstrip()

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
        if key == "backlog":
            return self._backlog(item).number
        if key == "dead" and item.letters is not None and self._has_own_words:
            return item.letters.letters.number
        return VALUES[key](item)


def _dead_count(item: DestinationRow) -> int | None:
    """The number of its dead letters, as far as it is known; None for a dead-letter destination itself."""
    known = [int(place.letters.number) for place in item.dead if place.letters.number is not None]
    return None if item.letters is not None or (item.dead and not known) else sum(known)


def _backlog_tone(item: DestinationRow) -> str:
    return "dead" if item.letters else "lag" if item.stuck else ""


def _muted_texts(item: DestinationRow) -> dict[str, str]:
    """The texts of columns that are never coloured."""
    row = item.destination
    return {
        "broker": item.broker,
        "kind": row.kind_name,
        "held": _format_if_asked(_held(item)),
        "in": _rate_in(item),
        "messages": _format_if_asked(row.messages),
        "parts": "" if row.partitions is None else str(row.partitions),
        "size": _size(row.size),
    }


def _held(item: DestinationRow) -> Figure:
    """What was delivered and is not acknowledged: of a queue what is not ready, of a stream's groups their entries."""
    row = item.destination
    pending = row.facts.get("pending")
    if isinstance(pending, int):
        return exact(pending)
    if row.ref.kind is not Kind.QUEUE or row.messages in BLANK_FIGURES:
        return NOT_ASKED
    if row.messages.number is None or row.backlog.number is None:
        return unknown(row.messages.why or row.backlog.why)
    held, sorts = max(0, row.messages.number - row.backlog.number), {row.messages.sort, row.backlog.sort}
    return exact(held) if sorts == {Exactness.EXACT} else about(held, row.messages.why or row.backlog.why)


VALUES: Mapping[str, Callable[[DestinationRow], Any]] = {
    "name": lambda item: item.destination.ref.name,
    "broker": lambda item: item.broker,
    "kind": lambda item: item.destination.kind_name,
    "held": lambda item: _held(item).number,
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
    count = "?" if item.readers is None else "none" if item.readers == 0 else str(item.readers)
    return f"{count}, {' '.join([*_named(item.stuck[:1], item), 'stuck'])}" if item.stuck else count


def _named(groups: Sequence[str], item: DestinationRow) -> list[str]:
    """Names of groups; the consumers of a queue, a group of its own name, need none beside it."""
    return [name for name in groups if name != item.destination.ref.name]


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
        others = ", ".join(_named(item.stuck, item))
        who = f"{others} stands still" if others else "its consumers stand still" if item.readers else "nobody reads it"
        return f"{name}: {who} while {item.backlog} wait"
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
            if snapshot.is_stalled(group.ref):
                stuck.setdefault(ref, []).append(group.ref.name.removeprefix(f"{ref.name}/"))
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
