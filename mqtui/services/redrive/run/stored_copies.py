"""Positions of the copies that a run stored, to be compared with consumers' positions: 16 bytes a copy."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import TypeAlias

from mqtui.brokers.loop_yield import CLOCK_INTERVAL, TimeSlices
from mqtui.brokers.optional_port import RawBatch
from mqtui.domain.bulk import UNKNOWN_POSITION, BulkResult, EntryReceipts
from mqtui.domain.convention import Conventions
from mqtui.domain.message import EntryId, Offset, Position
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer
from mqtui.domain.resource import Ref

PositionKey: TypeAlias = tuple[int, int]
"""Sorts positions within a partition: offset and 0, or the two numbers of an entry id."""

STREAM_PARTITION = 0
"""The partition under which a Redis stream, which has none, is kept."""


class PartitionCopies:
    """Copies in one partition, ordered by position."""

    def __init__(self) -> None:
        self._high = array("Q")
        self._low = array("Q")

    def __len__(self) -> int:
        return len(self._high)

    def __contains__(self, key: PositionKey) -> bool:
        at = self.count_before(key)
        return at < len(self) and self[at] == key

    def __getitem__(self, at: int) -> PositionKey:
        return self._high[at], self._low[at]

    def add(self, key: PositionKey) -> None:
        """Add one more, which is nearly always the last."""
        at = len(self) if not self or self[-1] <= key else self.count_before(key)
        self._high.insert(at, key[0])
        self._low.insert(at, key[1])

    def add_offsets(self, offsets: Sequence[int]) -> None:
        """Add many at once, nearly always after the others or in one gap between them."""
        in_order = sorted(offsets)
        self._add_columns(array("Q", in_order), array("Q", bytes(8 * len(in_order))))

    def add_entries(self, ids: Iterable[bytes]) -> None:
        """The same for entries of a stream, by their ids."""
        in_order = sorted([(entry.ms, entry.seq) for entry in map(EntryId.parse, ids)])
        self._add_columns(array("Q", [ms for ms, _ in in_order]), array("Q", [seq for _, seq in in_order]))

    def _add_columns(self, high: array[int], low: array[int]) -> None:
        """Add positions in ascending order."""
        if not high:
            return
        at = self.count_before((high[0], low[0]))
        if at < len(self) and self[at] < (high[-1], low[-1]):
            for key in zip(high, low, strict=True):
                self.add(key)
            return
        self._high[at:at] = high
        self._low[at:at] = low

    def count_before(self, key: PositionKey) -> int:
        """How many lie before a position."""
        return bisect_left(range(len(self)), key, key=self.__getitem__)

    def first_from(self, key: PositionKey) -> PositionKey | None:
        """The first one at a position or after it."""
        at = self.count_before(key)
        return self[at] if at < len(self) else None

    @property
    def last(self) -> PositionKey:
        """The position of the last one."""
        return self[-1]


class TargetCopies:
    """Copies in one target of letters that failed in one group ("" where they do not tell)."""

    def __init__(self) -> None:
        self.partitions: dict[int, PartitionCopies] = {}
        self.without_position = 0
        """Copies whose position the broker did not tell; in a queue none has one."""

    def __len__(self) -> int:
        return self.without_position + sum(map(len, self.partitions.values()))

    def __contains__(self, position: Position) -> bool:
        found = position_key(position)
        return found is not None and found[0] in self.partitions and found[1] in self.partitions[found[0]]

    def add(self, position: Position | None) -> None:
        """Add one more."""
        found = None if position is None else position_key(position)
        if found is None:
            self.without_position += 1
        else:
            self._partition(found[0]).add(found[1])

    def add_offsets(self, partition: int, offsets: Sequence[int]) -> None:
        """Add more of one partition, from the columns of a bulk receipt."""
        if partition == UNKNOWN_POSITION:
            self.without_position += len(offsets)
        else:
            self._partition(partition).add_offsets(offsets)

    def add_entries(self, ids: Iterable[bytes]) -> None:
        """Add more entries of a stream, from the column of a bulk receipt."""
        self._partition(STREAM_PARTITION).add_entries(ids)

    def count_before(self, ends: Mapping[int, PositionKey]) -> int:
        """How many lie before these positions, by partition; none in a partition that is not among them."""
        parts = self.partitions
        return sum(parts[number].count_before(end) for number, end in ends.items() if number in parts)

    def _partition(self, number: int) -> PartitionCopies:
        found = self.partitions.get(number)
        if found is None:
            found = self.partitions[number] = PartitionCopies()
        return found


class StoredCopies:
    """What a run stored, by target and by the consumer group that the letters failed in."""

    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions
        self.by_group: dict[tuple[Ref, str], TargetCopies] = {}
        self.stored = 0
        self.last_stored_at = 0.0
        """When the newest one was stored (`time.monotonic`)."""

    @property
    def targets(self) -> Sequence[Ref]:
        """Where copies were stored."""
        return tuple(dict.fromkeys(target for target, _ in self.by_group))

    def in_target(self, target: Ref) -> Iterator[tuple[str, TargetCopies]]:
        """The copies of one target, by the group their letters failed in."""
        for (ref, group), copies in self.by_group.items():
            if ref == target:
                yield group, copies

    def count(self, target: Ref) -> int:
        """How many were stored in a target."""
        return sum(len(copies) for _, copies in self.in_target(target))

    def contains(self, target: Ref, position: Position) -> bool:
        """Whether a copy lies at a position."""
        return any(position in copies for _, copies in self.in_target(target))

    async def add_batch(self, transfers: Sequence[Transfer], receipts: Sequence[Receipt]) -> None:
        """Add what a batch stored."""
        slices = TimeSlices()
        for index, (transfer, receipt) in enumerate(zip(transfers, receipts, strict=True)):
            if not index % CLOCK_INTERVAL and slices.is_over:
                await slices.yield_to_loop()
            if receipt.state is PublishStatus.STORED:
                group = self._conventions.layout(transfer.letter).read_last(transfer.letter, "group")
                position = receipt.position
                has_key = position is not None and position_key(position) is not None
                self._at(transfer.target, group if has_key and isinstance(group, str) else "").add(position)
                self._count(1)

    def add_published(self, target: Ref, positions: Iterable[Position | None]) -> None:
        """Add messages that were published, not redriven."""
        for position in positions:
            self._at(target, "").add(position)
            self._count(1)

    def add_raw_batch(self, batch: RawBatch, result: BulkResult) -> None:
        """Add what a batch of raw records stored."""
        moved, routes = result.moved, array("i", result.routes)
        self._count(len(moved))
        if isinstance(moved, EntryReceipts):
            ids: dict[int, list[bytes]] = {}
            for route_index, copy in zip(routes, moved.copies, strict=True):
                ids.setdefault(route_index, []).append(copy)
            for route_index, copies in ids.items():
                route = batch.routes[route_index]
                self._at(route.target, route.group).add_entries(copies)
            return
        columns = (routes, array("i", moved.partitions), array("q", moved.offsets))
        grouped: dict[tuple[int, int], list[int]] = {}
        for route_index, partition, offset in zip(*columns, strict=True):
            grouped.setdefault((route_index, partition), []).append(offset)
        for (route_index, partition), offsets in grouped.items():
            route = batch.routes[route_index]
            self._at(route.target, "" if partition == UNKNOWN_POSITION else route.group).add_offsets(partition, offsets)

    def _at(self, target: Ref, group: str) -> TargetCopies:
        found = self.by_group.get((target, group))
        if found is None:
            found = self.by_group[target, group] = TargetCopies()
        return found

    def _count(self, number: int) -> None:
        self.stored += number
        self.last_stored_at = monotonic()


def position_key(position: Position) -> tuple[int, PositionKey] | None:
    """Partition and sort key of a position; None of a delivery from a queue, which has no position."""
    if isinstance(position, Offset):
        return position.partition, (position.offset, 0)
    if isinstance(position, EntryId):
        return STREAM_PARTITION, (position.ms, position.seq)
    return None
