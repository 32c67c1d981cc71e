"""Peeked messages of a queue as rows, and the cost of a peek in words."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from textwrap import wrap
from typing import Any

from mqtui.domain.figure import Figure, pluralize
from mqtui.domain.message import Message
from mqtui.domain.read_range import PeekCost
from mqtui.domain.redrive import Handled
from mqtui.domain.topology import Destination
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.render import figures
from mqtui.ui.render.messages.messages import TIMES, MessageRenderer, preview_value, routing
from mqtui.ui.render.messages.payload import clean
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Cell, Column, Measure

MOVED_TO_TAIL = "moved to the tail, confirmed"
DEFAULT_COUNT = 5
"""Messages that `enter` reads."""

COSTS_DELIVERIES = (
    "There is no free look into a queue: messages are delivered and requeued, and that counts against the delivery "
    "limit. How many deliveries a message has left is known when it arrives. One that arrives with none left is copied "
    "to the tail, confirmed, then acknowledged."
)
LABEL = 11
"""Cells of the labels before what a peek costs."""

SENTENCE = 50
"""Cells of a sentence behind its label: with it a line fits into the list of a screen of 80 or 120 columns."""

COSTS_NOTHING = "A look into a queue: messages are delivered and requeued in their place. It uses nothing up."


class PeekedMessageRenderer(MessageRenderer):
    """How peeked messages are shown in a list, with the deliveries they have left."""

    def __init__(self, price: PeekCost, decoder: Callable[[], Decoder] = lambda: PLAIN) -> None:
        self._decoder = decoder
        self.times = TIMES[0]
        self.handled = Handled()
        self.price = price
        self.columns = (
            Column("at", "AT", 4, right=True),
            *((Column("left", "LEFT", 9, priority=1, measure=Measure.COUNT),) if price.spends else ()),
            Column("routing", "ROUTING", 20, priority=2),
            Column("value", "VALUE", 20, grows=True),
            Column("size", "SIZE", 9, right=True, priority=5, measure=Measure.BYTES),
        )

    def widen(self, batch: Sequence[Message]) -> None:
        """Nothing: the columns have fixed widths."""

    def id(self, item: Message) -> Hashable:
        return item.position

    def cells(self, item: Message) -> Sequence[Cell]:
        value, tone = preview_value(item, self._decoder())
        if self.is_moved_to_tail(item):
            value = f"{MOVED_TO_TAIL}   {value}"
        return (
            (number_of(item), ""),
            *((self._left(item),) if self.price.spends else ()),
            routing(item),
            (value, tone),
            (figures.size(item.size), "muted"),
        )

    def _left(self, item: Message) -> Cell:
        left = now_left(item, rescued=self.is_moved_to_tail(item))
        whole = f" of {self.price.limit}" if self.price.limit.known else ""
        return f"{left}{whole}", "price" if self.is_moved_to_tail(item) or left.number in (0, 1) else "muted"

    def is_moved_to_tail(self, item: Message) -> bool:
        """Whether it arrived with no delivery left, and so was copied to the queue's tail (R3)."""
        return self.price.spends and item.envelope is not None and item.envelope.left.number == 0

    def sign(self, item: Message) -> Cell:
        """▲ moved to the tail, `?` not text."""
        return ("▲", "price") if self.is_moved_to_tail(item) else super().sign(item)

    def value(self, item: Message, key: str) -> Any:
        """What a comparison in a filter looks at."""
        if key == "at":
            return int(number_of(item))
        if key == "left":
            return now_left(item, rescued=self.is_moved_to_tail(item)).number
        if key == "routing" and item.envelope is not None:
            return item.envelope.routing_key
        return super().value(item, key)

    def describe_peek(self, item: Message) -> str:
        """What the peek did to it."""
        if item.envelope is None:
            return ""
        arrived = item.envelope.left
        where = f"{number_of(item)}: {item.envelope.exchange or '(default)'} {clean(item.envelope.routing_key)}"
        if self.is_moved_to_tail(item):
            return f"{where} · arrived with none left: {MOVED_TO_TAIL}, all its deliveries are there again"
        if not self.price.spends or not arrived.known:
            return f"{where} · requeued in its place" + (" · redelivered" if item.envelope.redelivered else "")
        return f"{where} · arrived with {arrived} left, requeued: {now_left(item, rescued=False)} left"


def number_of(item: Message) -> str:
    """Its number in the peek, from 1 on."""
    return str(item.position).removeprefix("delivery ")


def now_left(item: Message, *, rescued: bool) -> Figure:
    """Deliveries left after the peek: requeuing took one. For a rescued message, as it arrived."""
    left = item.envelope.left if item.envelope is not None else Figure(None)
    if left.number is None or rescued:
        return left
    return Figure(max(0, left.number - 1), left.sort, left.why)


def price_words(price: PeekCost) -> str:
    """The cost in a few words, for the prompt line."""
    if not price.spends:
        return "PRICE nothing is used up"
    first = price.text.split("; ")[0].partition(":")[0]
    return f"PRICE {first.replace(' of each message', ' each')}"


def price_lines(price: PeekCost, reading: str, answers: str, consumers: object = None) -> list[StyledLine]:
    """What a peek does and costs, in full; then the keys that answer."""
    nobody = " (there are none now)" if consumers == 0 else ""
    parts = [("reading", [reading], ""), ("price", price.text.split("; "), "price" if price.spends else "")]
    if price.spends:
        parts.append(("meanwhile", [f"consumers do not see what is read{nobody}"], ""))
    lines: list[StyledLine] = [[(COSTS_DELIVERIES if price.spends else COSTS_NOTHING, "")], []]
    for label, sentences, tone in parts:
        rows = [row for text in sentences for row in wrap(text, SENTENCE)]
        lines += [[(f"{'' if number else label:<{LABEL}}", "muted"), (row, tone)] for number, row in enumerate(rows)]
    return [*lines, [], [(" " * LABEL, ""), (answers, "accent")]]


def refusal_lines(price: PeekCost, refusal: str) -> list[StyledLine]:
    """Why a peek is refused, and what it would cost."""
    return [[(refusal, "danger")], [], *([(sentence, "price")] for sentence in price.text.split("; ") if sentence)]


def facts(row: Destination, price: PeekCost, snapshot: BrokerSnapshot | None) -> str:
    """The facts in the pane's title: `quorum · 19 ready · no consumer · limit 3 · RabbitMQ 4.0.5`."""
    consumers = row.facts.get("consumers")
    parts = [row.type, f"{row.backlog} ready"]
    if isinstance(consumers, int):
        parts.append("no consumer" if not consumers else pluralize(consumers, "consumer"))
    if price.limit.number:
        parts.append(f"limit {price.limit}")
    if snapshot is not None and snapshot.cluster is not None:
        parts.append(f"RabbitMQ {snapshot.cluster.version}")
    return " · ".join(parts)
