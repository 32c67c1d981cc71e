"""The rows of a list as they are shown: filtered, ordered, the most severe first. No widget."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Column, HasUncertainty, Measure, RowRenderer
from mqtui.ui.widgets.row_sort import SLICE, slices, sort_in_slices

Item = TypeVar("Item")


class Divider:
    """A line between rows, with a text."""

    def __init__(self, text: str) -> None:
        self.text = text


class Notice(Divider):
    """A row that is about none of the items, with a text in tones."""

    def __init__(self, line: StyledLine) -> None:
        super().__init__("")
        self.line = line


BELOW_TROUBLE = Divider(" nothing wrong below ")
BELOW_UNKNOWN = Divider(" nothing else known to be wrong ")
BELOW_PINNED = Divider(" pinned above ")


@dataclass(slots=True)
class SortOrder:
    """The sort order. `column` is "" for the most severe first."""

    column: str = ""
    descending: bool = False

    @property
    def arrow(self) -> str:
        """Its direction as a sign."""
        return "↓" if self.descending else "↑"

    def would_descend(self, column: Column) -> bool:
        """Whether choosing a column begins with its largest value."""
        return not self.descending if column.key == self.column else column.measures is not Measure.TEXT

    def choose(self, column: Column | None) -> None:
        """Order by a column, figures from the largest on; the same one again reverses. None: the most severe first."""
        self.descending = column is not None and self.would_descend(column)
        self.column = "" if column is None else column.key


class ArrangedRows(NamedTuple, Generic[Item]):
    """Items, the item or divider on each line, and the line of each item by id."""

    items: list[Item]
    shown: list[Item | Divider]
    positions: dict[Hashable, int]


@dataclass(slots=True)
class RowModel(Generic[Item]):
    """The items of a list, and the item or divider on each of its lines."""

    renderer: RowRenderer[Item]
    with_divider: bool = True
    wanted: Callable[[Item], bool] | None = None
    order: SortOrder = field(default_factory=SortOrder)
    marks: set[Hashable] = field(default_factory=set)
    pinned: set[Hashable] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    shown: list[Item | Divider] = field(default_factory=list)
    positions: dict[Hashable, int] = field(default_factory=dict)
    turn: int = 0
    """Counts changes of filter and order, and arrangements shown: one made before the last of them is out of date."""

    notices: Sequence[Notice] = ()
    """The rows on top that are about none of the items."""

    gone: Item | None = None
    """A row that vanished under the cursor and is still shown, until the user moves."""

    gone_line: int = -1
    """Its line; -1 where there is none."""

    def take(self, items: Sequence[Item]) -> None:
        """Replace the items; the same id is the same row."""
        self.items = list(items)
        self.arrange()

    def arrange(self) -> None:
        """Apply filter and order again."""
        for arranged in self.arrange_in_slices(self.items):
            if arranged is not None:
                self.put(arranged)

    def put(self, arranged: ArrangedRows[Item]) -> None:
        self.turn += 1
        self.items, self.shown, self.positions = arranged
        self.shown[:0] = self.notices
        self.gone, self.gone_line = None, -1

    def put_notices(self, notices: Sequence[Notice]) -> None:
        """Show other rows on top."""
        self.shown[: len(self.notices)] = notices
        self.gone_line += (len(notices) - len(self.notices)) * (self.gone is not None)
        self.notices = notices

    def line_of(self, name: Hashable) -> int | None:
        """The line of an item by id; None where it is not shown."""
        line = self._row_number(name)
        if line is None:
            return self.gone_line if self.gone is not None and self.renderer.id(self.gone) == name else None
        return line + (0 <= self.gone_line <= line)

    def _row_number(self, name: Hashable) -> int | None:
        """The line of an item that is one of the items."""
        number = self.positions.get(name)
        return None if number is None else number + len(self.notices)

    def keep_gone(self, item: Item, line: int, before: Sequence[Item | Divider]) -> None:
        """Go on showing an item that is none of the items any more, beside the neighbours it had on a line `before`."""
        above = (self._line_in(each) for each in reversed(before[:line]))
        below = (self._line_in(each) for each in before[line + 1 :])
        last = next((at for at in above if at is not None), None)
        first = len(self.notices)
        self.put_gone(item, last + 1 if last is not None else next((at for at in below if at is not None), first))

    def put_gone(self, item: Item, line: int) -> None:
        """Go on showing an item that is none of the items any more, on a line."""
        self.shown.insert(line, item)
        self.gone, self.gone_line = item, line

    def _line_in(self, each: Item | Divider) -> int | None:
        return None if isinstance(each, Divider) else self.line_of(self.renderer.id(each))

    def drop_gone(self) -> None:
        """Show the vanished row no longer."""
        if self.gone_line >= 0:
            del self.shown[self.gone_line]
            self.gone, self.gone_line = None, -1

    def arrange_in_slices(self, items: list[Item]) -> Iterator[ArrangedRows[Item] | None]:
        """Filter and order items in steps: None after each, at last the arrangement, to be shown by `put`."""
        renderer = self.renderer
        chosen = items if self.wanted is None else []
        for part in slices(items) if self.wanted is not None else ():
            chosen += filter(self.wanted, part)
            yield None
        pinned = [item for item in chosen if renderer.id(item) in self.pinned] if self.pinned else []
        if pinned:
            chosen = [item for item in chosen if renderer.id(item) not in self.pinned]
        shown: list[Item | Divider] = []
        if self.order.column:
            value = partial(self._value, self.order.column)
            shown += yield from sort_in_slices(chosen, value, descending=self.order.descending)
        else:
            ranked: list[tuple[int, Item]] = []
            for part in slices(chosen):
                ranked += [(renderer.severity(item), item) for item in part]
                yield None
            shown += self._trouble_first(ranked)
        if pinned:
            shown = [*pinned, BELOW_PINNED, *shown]
        places: dict[Hashable, int] = {}
        for start in range(0, len(shown), SLICE):
            numbered = enumerate(shown[start : start + SLICE], start)
            places |= {renderer.id(item): index for index, item in numbered if not isinstance(item, Divider)}
            yield None
        yield ArrangedRows(items, shown, places)

    def _trouble_first(self, ranked: Sequence[tuple[int, Item]]) -> list[Item | Divider]:
        """The most severe first, then a divider, then the rest in its order."""
        wrong = sorted((pair for pair in ranked if pair[0] > 0), key=lambda pair: -pair[0])
        well = [item for rank, item in ranked if rank <= 0]
        shown: list[Item | Divider] = [item for _, item in wrong]
        if self.with_divider and wrong and well:
            shown.append(BELOW_UNKNOWN if self._any_uncertain(well) else BELOW_TROUBLE)
        return shown + well

    def _any_uncertain(self, items: Sequence[Item]) -> bool:
        renderer = self.renderer
        return isinstance(renderer, HasUncertainty) and any(map(renderer.is_uncertain, items))

    def _value(self, column: str, item: Item) -> object:
        return self.renderer.value(item, column)

    @property
    def order_column(self) -> Column | None:
        """The column that the rows are ordered by; None: the most severe first."""
        return next((column for column in self.renderer.columns if column.key == self.order.column), None)

    def at(self, line: int) -> Item | None:
        """The item on a line; None on a divider or outside."""
        if not 0 <= line < len(self.shown):
            return None
        item = self.shown[line]
        return None if isinstance(item, Divider) else item

    def nearest(self, line: int, step: int) -> int:
        """The line of an item at or after `line` in the direction of `step`; -1 where there is none."""
        for start, way in ((line, step), (line, -step)):
            index = min(max(start, 0), len(self.shown) - 1)
            while 0 <= index < len(self.shown):
                if not isinstance(self.shown[index], Divider):
                    return index
                index += way
        return -1

    def next_trouble(self, line: int, step: int) -> int:
        """The next line in a direction whose item has a problem; -1 where there is none."""
        places = range(len(self.shown))
        for index in places[line + 1 :] if step > 0 else reversed(places[: max(line, 0)]):
            item = self.at(index)
            if item is not None and self.renderer.severity(item):
                return index
        return -1

    def mark_between(self, one: int, other: int) -> None:
        """Mark the items from one line to the other."""
        first, last = sorted((one, other))
        between = [self.at(line) for line in range(first, last + 1) if line != self.gone_line]
        self.marks |= {self.renderer.id(item) for item in between if item is not None}

    def mark_all(self) -> None:
        """Mark all items shown; where all are marked already, unmark them."""
        shown = set(self.positions)
        self.marks = self.marks - shown if shown <= self.marks else self.marks | shown

    def chosen(self, line: int) -> list[Item]:
        """The marked items, else the one on the line."""
        if self.marks:
            return [item for item in self.items if self.renderer.id(item) in self.marks]
        item = self.at(line)
        return [] if item is None else [item]

    @property
    def rows(self) -> list[Item]:
        """The items shown, in their order."""
        lines = enumerate(self.shown)
        return [item for line, item in lines if not isinstance(item, Divider) and line != self.gone_line]

    @property
    def count(self) -> int:
        """How many items are shown."""
        return len(self.positions)
