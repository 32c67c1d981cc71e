"""What a broker says of one destination as rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from mqtui.domain.topology import Property
from mqtui.ui.render import figures
from mqtui.ui.render.table_model import Cell, Column

UNITS: Mapping[str, Callable[[int], str]] = {
    "ms": lambda number: figures.age(number / 1000, units=2),
    "bytes": figures.size,
}
"""How settings whose names end so are shown beside their numbers."""

LONGEST_SOURCE = 60
"""Cells that the last column takes at most."""

LARGEST = 2**63 - 1
"""What Kafka writes for no limit."""


class PropertyRenderer:
    """How properties are shown in a list: those with a problem first, else as the broker groups them."""

    def __init__(self) -> None:
        self.columns = lay_out_columns(())

    def fit(self, items: Sequence[Property]) -> None:
        """Give the columns the widths of what they hold."""
        self.columns = lay_out_columns(items)

    def id(self, item: Property) -> Hashable:
        return item.part, item.name, item.value, item.source

    def cells(self, item: Property) -> Sequence[Cell]:
        known = item.value is not None
        return (
            (item.part, "muted"),
            (item.name, ""),
            (shown_value(item), "warn" if item.problem else "" if known else "muted"),
            (item.problem or item.source, "warn" if item.problem else "muted"),
        )

    def sign(self, item: Property) -> Cell:
        """▲ something is wrong with it."""
        return ("▲", "warn") if item.problem else (" ", "")

    def severity(self, item: Property) -> int:
        return int(bool(item.problem))

    def text(self, item: Property) -> str:
        return f"{item.part} {item.name} {shown_value(item)} {item.source} {item.problem}"

    def value(self, item: Property, key: str) -> Any:
        known: dict[str, Any] = {
            "part": item.part,
            "name": item.name,
            "value": None if item.value is None else shown_value(item),
            "source": item.problem or item.source,
        }
        return known[key]


def lay_out_columns(items: Sequence[Property]) -> tuple[Column, ...]:
    """The columns of properties, as wide as what they hold; long values give way first."""

    def longest(texts: Iterable[str], least: int, most: int) -> int:
        return max(least, min(most, max(map(cell_len, texts), default=most)))

    value = longest(map(shown_value, items), 8, 20)
    source = longest((item.problem or item.source for item in items), 8, LONGEST_SOURCE)
    return (
        Column("part", "OF", 9),
        Column("name", "NAME", longest((item.name for item in items), 12, 38), least=12),
        Column("value", "VALUE", value, grows=True, least=min(value, 16)),
        Column("source", "FROM", source, priority=2, least=min(source, 20)),
    )


def shown_value(item: Property) -> str:
    """A value with its meaning: `604800000 = 7d`; `?` where it is not known."""
    if item.value is None:
        return "?"
    unit = UNITS.get(item.name.rpartition(".")[2]) if item.value.isascii() and item.value.isdecimal() else None
    number = int(item.value) if unit is not None and len(item.value) < 20 else 0
    if unit is None or number < 1_000:
        return item.value
    return f"{item.value} = {'no limit' if number == LARGEST else unit(number)}"


def describe_property(item: Property) -> str:
    """A property in one sentence, uncut."""
    why = " · ".join(filter(None, (item.problem, item.source)))
    return f"{item.part} {item.name}: {shown_value(item)}{f' · {why}' if why else ''}"
