"""Hits of a find as rows, and their way as lines."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mqtui.services.find.coverage import Coverage
from mqtui.services.find.priced import PriceQuestion
from mqtui.services.find.request import FindRequest
from mqtui.services.find.way import Station, StationKind
from mqtui.services.find.way_text import position_of
from mqtui.ui.render import figures
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Cell, Column, Measure

TONES = {"†": "dead", "▲": "warn", "✓": "ok"}
MAX_WAY_LINES = 200
"""Stations of the way that are drawn."""


class HitRenderer:
    """How hits are shown in a list."""

    columns = (
        Column("time", "TIME", 12, priority=2, measure=Measure.TIME, meaning="the time of the message"),
        Column(
            "broker",
            "BROKER",
            8,
            priority=3,
            is_name=True,
            meaning="its broker: its kind, or its target where two are alike",
        ),
        Column("place", "PLACE", 24, is_name=True, least=10, meaning="its destination"),
        Column("position", "POSITION", 15, measure=Measure.POSITION, meaning="its position; of a queue its number"),
        Column("in", "IN", 18, priority=2, least=8, meaning="the parts of it that have the text"),
        Column("read_by", "READ BY", 30, grows=True, least=12, meaning="groups of its place; why a letter died"),
    )

    def id(self, item: Station) -> Hashable:
        return item.hit.session.target, item.hit.message.resource, item.hit.message.position

    def cells(self, item: Station) -> Sequence[Cell]:
        hit = item.hit
        return (
            (figures.clock(item.time), "muted"),
            (item.broker, ""),
            (hit.message.resource.name, ""),
            (position_of(item), ""),
            (", ".join(hit.found_in), "muted"),
            (read_by(item), TONES.get(item.sign, "")),
        )

    def sign(self, item: Station) -> Cell:
        """`†` dead, `▲` not read by all, `✓` passed by all who read there."""
        return item.sign, TONES.get(item.sign, "")

    def severity(self, item: Station) -> int:
        return {"†": 2, "▲": 1}.get(item.sign, 0)

    def text(self, item: Station) -> str:
        value = item.hit.message.value or b""
        return " ".join(text for text, _ in self.cells(item)) + " " + value.decode("utf-8", "replace")

    def value(self, item: Station, key: str) -> Any:
        if key == "time":
            return item.time
        keys = [column.key for column in self.columns]
        return self.cells(item)[keys.index(key)][0]


def read_by(station: Station) -> str:
    """Who has read a hit; of a dead letter why it died."""
    if station.kind is StationKind.DEAD and station.letter is not None and station.letter.text:
        return f"{station.hit.read_by}: {station.letter.text}" if station.hit.readers is not None else station.what
    return station.hit.read_by


def way_styled(way: Sequence[Station], *, with_readers: bool) -> list[StyledLine]:
    """A line for each station: how long after the one before, where, what it is, and who has read it."""
    lines: list[StyledLine] = []
    before: int | None = None
    for station in way[:MAX_WAY_LINES]:
        after = ""
        if before is not None and station.time is not None:
            after = f"+{figures.age(max(0, station.time - before) / 1000)}"
        before = station.time if station.time is not None else before
        where = f"{station.broker} {station.hit.message.resource.name} {position_of(station)}"
        tone = TONES.get(station.sign, "text")
        lines.append(
            [
                (f" {after:>5} ", "muted"),
                (f"{station.sign} ", tone),
                (where, "text"),
                (f"  {station.what}", tone),
                *([(f" · {station.hit.read_by}", "muted")] if with_readers else []),
            ]
        )
    return lines


def price_words(question: PriceQuestion) -> str:
    """The question on the prompt line: the keys first, since little room cuts its end."""
    spending = sum(request.price.spends for _, request in question.requests)
    counts = f" · counts as a delivery in {spending:,} of them" if spending else " · returned once"
    return f"enter reads {question.depth:,} of each of {len(question.requests):,} queues · esc no{counts}"


def title_of(request: FindRequest) -> str:
    """`Find "AB-991"`."""
    return f'Find "{request.needle.text.decode("utf-8", "replace")}"'


def find_facts(coverage: Coverage, depth: int, *, is_running: bool) -> str:
    """`4 hits · 1,228 of 1,231 looked at · newest 10,000 each · 3.2s`."""
    parts = [
        f"{coverage.found:,} hits" if coverage.found != 1 else "1 hit",
        f"{coverage.looked_at:,} of {coverage.places:,} looked at",
        f"newest {depth:,} each",
    ]
    if is_running:
        parts.append(f"{coverage.seconds:.0f}s …")
    return " · ".join(parts)
