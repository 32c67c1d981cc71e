"""Where the copies lie that a run made, so that readers' positions can be compared with them: 16 bytes a copy."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TypeAlias

from mqtui.brokers.port import Load
from mqtui.domain.convention import Conventions
from mqtui.domain.convoy import NOWHERE, Carried
from mqtui.domain.message import EntryId, Offset, Position
from mqtui.domain.redrive import Receipt, Stored, Transfer
from mqtui.domain.resource import Ref

Place: TypeAlias = tuple[int, int]
"""An order within a partition: offset and 0, or the two numbers of an entry's id."""

WHOLE_STREAM = 0
"""The partition of a stream that has none."""


class PartitionCopies:
    """Copies in one partition, ordered by place."""

    def __init__(self) -> None:
        self._high = array("Q")
        self._low = array("Q")

    def __len__(self) -> int:
        return len(self._high)

    def __contains__(self, place: Place) -> bool:
        at = self.before(place)
        return at < len(self) and self[at] == place

    def __getitem__(self, at: int) -> Place:
        return self._high[at], self._low[at]

    def add(self, place: Place) -> None:
        """Take one more, which is nearly always the last."""
        at = len(self) if not self or self[-1] <= place else self.before(place)
        self._high.insert(at, place[0])
        self._low.insert(at, place[1])

    def add_offsets(self, offsets: Sequence[int]) -> None:
        """Take many more at once, nearly always behind the others or in one gap between them."""
        in_order = sorted(offsets)
        if not in_order:
            return
        first, last = (in_order[0], 0), (in_order[-1], 0)
        at = self.before(first)
        if at < len(self) and self[at] < last:
            for offset in in_order:
                self.add((offset, 0))
            return
        self._high[at:at] = array("Q", in_order)
        self._low[at:at] = array("Q", bytes(8 * len(in_order)))

    def before(self, place: Place) -> int:
        """How many lie before a place."""
        return bisect_left(range(len(self)), place, key=self.__getitem__)

    def first_from(self, place: Place) -> Place | None:
        """The first one at a place or behind it."""
        at = self.before(place)
        return self[at] if at < len(self) else None

    @property
    def last(self) -> Place:
        """The place of the last one."""
        return self[-1]


class PlacedCopies:
    """Copies in one target of letters that failed in one group ("" where they do not tell)."""

    def __init__(self) -> None:
        self.partitions: dict[int, PartitionCopies] = {}
        self.unplaced = 0
        """Copies of which the broker did not tell where they lie; in a queue none has a place."""

    def __len__(self) -> int:
        return self.unplaced + sum(map(len, self.partitions.values()))

    def __contains__(self, position: Position) -> bool:
        found = place_of(position)
        return found is not None and found[0] in self.partitions and found[1] in self.partitions[found[0]]

    def add(self, position: Position | None) -> None:
        """Take one more."""
        found = None if position is None else place_of(position)
        if found is None:
            self.unplaced += 1
        else:
            self._partition(found[0]).add(found[1])

    def add_offsets(self, partition: int, offsets: Sequence[int]) -> None:
        """Take more of one partition, from the columns of a load."""
        if partition == NOWHERE:
            self.unplaced += len(offsets)
        else:
            self._partition(partition).add_offsets(offsets)

    def before(self, ends: Mapping[int, Place]) -> int:
        """How many lie before these places, by partition; none in a partition that is not among them."""
        parts = self.partitions
        return sum(parts[number].before(end) for number, end in ends.items() if number in parts)

    def _partition(self, number: int) -> PartitionCopies:
        found = self.partitions.get(number)
        if found is None:
            found = self.partitions[number] = PartitionCopies()
        return found


class Copies:
    """What a run stored, by target and by the group that the letters say they failed in."""

    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions
        self.by_reader: dict[tuple[Ref, str], PlacedCopies] = {}
        self.stored = 0
        self.last = 0.0
        """When the newest one was stored."""

    @property
    def targets(self) -> Sequence[Ref]:
        """Where copies went."""
        return tuple(dict.fromkeys(target for target, _ in self.by_reader))

    def of(self, target: Ref) -> Iterator[tuple[str, PlacedCopies]]:
        """The copies of one target, by the group their letters failed in."""
        for (ref, group), copies in self.by_reader.items():
            if ref == target:
                yield group, copies

    def count(self, target: Ref) -> int:
        """How many went to a target."""
        return sum(len(copies) for _, copies in self.of(target))

    def holds(self, target: Ref, position: Position) -> bool:
        """Whether a copy lies there."""
        return any(position in copies for _, copies in self.of(target))

    def note(self, transfers: Sequence[Transfer], receipts: Sequence[Receipt]) -> None:
        """Take the receipts of a batch."""
        for transfer, receipt in zip(transfers, receipts, strict=True):
            if receipt.state is Stored.STORED:
                group = self._conventions.layout(transfer.letter).read_last(transfer.letter, "group")
                position = receipt.position
                placed = position is not None and place_of(position) is not None
                self._at(transfer.target, group if placed and isinstance(group, str) else "").add(position)
                self._count(1)

    def note_sent(self, target: Ref, positions: Iterable[Position | None]) -> None:
        """Take messages that were sent, and are no letters."""
        for position in positions:
            self._at(target, "").add(position)
            self._count(1)

    def note_load(self, load: Load, carried: Carried) -> None:
        """Take what became of a load."""
        moved = carried.moved
        columns = (array("i", carried.lanes), array("i", moved.partitions), array("q", moved.offsets))
        grouped: dict[tuple[int, int], list[int]] = {}
        for lane, partition, offset in zip(*columns, strict=True):
            grouped.setdefault((lane, partition), []).append(offset)
        for (lane, partition), offsets in grouped.items():
            way = load.lanes[lane]
            self._at(way.target, "" if partition == NOWHERE else way.group).add_offsets(partition, offsets)
        self._count(len(moved))

    def _at(self, target: Ref, group: str) -> PlacedCopies:
        found = self.by_reader.get((target, group))
        if found is None:
            found = self.by_reader[target, group] = PlacedCopies()
        return found

    def _count(self, number: int) -> None:
        self.stored += number
        self.last = monotonic()


def place_of(position: Position) -> tuple[int, Place] | None:
    """Partition and place of a position that stays; None of one that a queue only lends."""
    if isinstance(position, Offset):
        return position.partition, (position.offset, 0)
    if isinstance(position, EntryId):
        return WHOLE_STREAM, (position.ms, position.seq)
    return None
