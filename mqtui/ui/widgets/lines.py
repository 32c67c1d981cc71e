"""The rows of a list as they are shown: filtered, ordered, trouble first, places by id. No widget in here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mqtui.ui.render.rows import Renderer, TellsDoubt

Item = TypeVar("Item")


class Parting:
    """A rule between rows, with what it says."""

    def __init__(self, text: str) -> None:
        self.text = text


BELOW_TROUBLE = Parting(" nothing wrong below ")
BELOW_UNKNOWN = Parting(" nothing else known to be wrong ")
BELOW_PINNED = Parting(" pinned above ")


@dataclass(slots=True)
class Order:
    """`column` is "" for trouble first, then name."""

    column: str = ""
    descending: bool = False


@dataclass(slots=True)
class Lines(Generic[Item]):
    """What stands on each line of a list."""

    renderer: Renderer[Item]
    parted: bool = True
    wanted: Callable[[Item], bool] | None = None
    order: Order = field(default_factory=Order)
    marks: set[Hashable] = field(default_factory=set)
    pinned: set[Hashable] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    shown: list[Item | Parting] = field(default_factory=list)
    places: dict[Hashable, int] = field(default_factory=dict)

    def take(self, items: Sequence[Item]) -> None:
        """New items; the same id is the same row."""
        self.items = list(items)
        self.arrange()

    def arrange(self) -> None:
        """Filter and order again."""
        renderer = self.renderer
        chosen = self.items if self.wanted is None else [item for item in self.items if self.wanted(item)]
        pinned = [item for item in chosen if renderer.id(item) in self.pinned] if self.pinned else []
        if pinned:
            chosen = [item for item in chosen if renderer.id(item) not in self.pinned]
        if self.order.column:
            chosen = self._by_column(chosen, self.order.column)
            self.shown = list(chosen)
        elif self.order.descending:
            self.shown = list(chosen)
        else:
            ranked = [(renderer.trouble(item), item) for item in chosen]
            wrong = sorted((pair for pair in ranked if pair[0] > 0), key=lambda pair: -pair[0])
            well = [item for rank, item in ranked if rank <= 0]
            self.shown = [item for _, item in wrong]
            if self.parted and wrong and well:
                self.shown.append(BELOW_UNKNOWN if self._in_doubt(well) else BELOW_TROUBLE)
            self.shown += well
        if pinned:
            self.shown = [*pinned, BELOW_PINNED, *self.shown]
        self.places = {
            renderer.id(item): place for place, item in enumerate(self.shown) if not isinstance(item, Parting)
        }

    def _in_doubt(self, items: Sequence[Item]) -> bool:
        renderer = self.renderer
        return isinstance(renderer, TellsDoubt) and any(map(renderer.doubtful, items))

    def _by_column(self, items: Sequence[Item], column: str) -> list[Item]:
        """Known values in order, unknown ones last whatever the direction."""
        value = self.renderer.value
        known: list[tuple[Any, Item]] = []
        unknown: list[Item] = []
        for item in items:
            found = value(item, column)
            if found is None:
                unknown.append(item)
            else:
                known.append((found, item))
        known.sort(key=lambda pair: pair[0], reverse=self.order.descending)
        return [item for _, item in known] + unknown

    def at(self, line: int) -> Item | None:
        """The item on a line; None on the parting or outside."""
        if not 0 <= line < len(self.shown):
            return None
        item = self.shown[line]
        return None if isinstance(item, Parting) else item

    def nearest(self, line: int, step: int) -> int:
        """The line of an item at or after `line` in the direction of `step`; -1 where there is none."""
        for start, way in ((line, step), (line, -step)):
            place = min(max(start, 0), len(self.shown) - 1)
            while 0 <= place < len(self.shown):
                if not isinstance(self.shown[place], Parting):
                    return place
                place += way
        return -1

    def chosen(self, line: int) -> list[Item]:
        """The marked items, else the one on the line."""
        if self.marks:
            return [item for item in self.items if self.renderer.id(item) in self.marks]
        item = self.at(line)
        return [] if item is None else [item]

    @property
    def rows(self) -> list[Item]:
        """The items shown, in their order."""
        return [item for item in self.shown if not isinstance(item, Parting)]

    @property
    def count(self) -> int:
        """How many items are shown."""
        return len(self.places)
