"""Hits of a search as rows, and its words: its title, its figures, its bar, and the price of a queue."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from mqtui.domain.figure import total
from mqtui.domain.message import Message
from mqtui.domain.resource import BrokerKind
from mqtui.services.decoding import Decoder
from mqtui.services.search.match_places import places_of_query
from mqtui.services.search.places import SearchPlace
from mqtui.services.search.progress import MB, SearchProgress, short
from mqtui.services.search.query import SearchQuery
from mqtui.ui.render.figures import age
from mqtui.ui.render.messages.messages import MAX_DECODED_BYTES, MessageRenderer
from mqtui.ui.render.table_model import Cell, Column

PLACE = Column("place", "PLACE", 16, is_name=True, least=10, priority=1, meaning="its destination")
WHERE = Column("where", "WHERE", 12, priority=1, least=8, meaning="the part of it that matches")
BAR = 40
"""Cells of the bar."""


class FoundMessageRenderer(MessageRenderer):
    """How hits are shown in a list: with the part of each that matches, and its destination where there are several."""

    def __init__(
        self, broker: BrokerKind, decoder: Callable[[], Decoder], query: SearchQuery, *, with_places: bool
    ) -> None:
        self._query, self._with_places = query, with_places
        super().__init__(broker, decoder)

    def _laid_out(self) -> tuple[Column, ...]:
        *before, value, size = super()._laid_out()
        place = (PLACE,) if self._with_places else ()
        return (*place, *before, WHERE, value, size)

    def id(self, item: Message) -> Hashable:
        return item.resource, item.position

    def cells(self, item: Message) -> Sequence[Cell]:
        *before, value, size = super().cells(item)
        place = ((item.resource.name, ""),) if self._with_places else ()
        return (*place, *before, (self.where(item), "mark"), value, size)

    def where(self, item: Message) -> str:
        """The parts that match: `.total`, `key`, `header trace-id`."""
        if item.size > MAX_DECODED_BYTES:
            return ""
        return ", ".join(places_of_query(self._query, item, self._decoder().decode(item)))

    def text(self, item: Message) -> str:
        return f"{item.resource.name} {self.where(item)} {super().text(item)}"

    def value(self, item: Message, key: str) -> Any:
        if key == "place":
            return item.resource.name
        return self.where(item) if key == "where" else super().value(item, key)


def title_of(found: int, names: Sequence[str]) -> str:
    """`Found 7 in orders`, `Found 7 in 3 places`."""
    return f"Found {found:,} in {names[0] if len(names) == 1 else f'{len(names):,} places'}"


def search_facts(progress: SearchProgress, *, is_running: bool) -> list[str]:
    """`scanned 3.1M of 8.0M`, `41 MB/s`, `0 undecodable`, `2m left`."""
    whole = progress.whole
    of = "?" if whole.number is None else short(int(whole.number))
    parts = [f"scanned {short(progress.scanned)} of {of}"]
    if is_running and progress.size:
        parts.append(f"{progress.rate / MB:.0f} MB/s" if progress.rate >= MB else f"{progress.rate / 1000:.0f} kB/s")
    parts.append(f"{progress.undecodable:,} undecodable")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.not_looked_at:
        parts.append(f"{short(progress.not_looked_at)} not looked at")
    left = progress.time_left() if is_running else None
    if left is not None:
        parts.append(f"{age(left)} left")
    return parts


def bar_line(progress: SearchProgress) -> str:
    """`████░░░░  39 %`; without a bar where it is not known how much there is."""
    whole = progress.whole.number
    if not whole:
        return progress.describe()
    share = min(1.0, progress.scanned / whole)
    full = int(BAR * share)
    return f"{'█' * full}{'░' * (BAR - full)}  {share:.0%} · esc stops, hits stay"


def price_question(places: Sequence[SearchPlace]) -> tuple[str, ...]:
    """What a look into some queues costs, for all of them together, and the keys that answer."""
    prices = [place.peek.price for place in places if place.peek is not None]
    count = total(place.whole for place in places)
    price = next((each for each in prices if each.spends), prices[0])
    if len(prices) > 1:
        spending = sum(each.spends for each in prices)
        queues = f"{len(prices):,} queues"
        return (
            f"Searching {queues} takes {count} messages out one by one, and returns them once at the end of each.",
            f"It counts as a delivery of each message in {spending:,} of them: it {price.text}." if spending else "",
            f"price: {queues}, {count} messages · enter reads them · esc no",
        )
    return (
        f"Searching a queue takes {count} messages out one by one, and returns them once at the end.",
        f"It {price.text}." if price.spends else f"Its price: {price.text}.",
        f"price: {price.text} · enter reads {count} · esc no",
    )
