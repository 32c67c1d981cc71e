"""The letters of a run that can be put back, as the journal has them.

There may be a million. Python's own calls over so many (copying a dictionary, making a set, freeing one) stop the event
loop for up to 0.1 s each, in whatever thread they run; here everything is done a letter at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass

from mqtui.domain.bulk import OffsetRanges
from mqtui.domain.redrive import Outcome
from mqtui.domain.times import parse_offset
from mqtui.services.redrive.putback.passed_copies import group_by_topic
from mqtui.services.redrive.run.stored_copies import TargetCopies
from mqtui.state.journal import Journal


@dataclass(slots=True)
class ReturnableLetters:
    """Where each letter went that was moved, by its name ("": not known); and those whose outcome is unknown."""

    positions: dict[str, str]
    unknown: set[str]

    @classmethod
    def read(cls, run: str, journal: Journal, put_back: Collection[str], *, with_unknown: bool) -> ReturnableLetters:
        """Those that were not put back already; `with_unknown`, also those whose outcome is unknown. Blocks."""
        found = cls({}, set())
        for name, outcome, position, _ in journal.read_recorded(run):
            if name in put_back:
                continue
            found.unknown.discard(name)
            if outcome == Outcome.MOVED:
                found.positions[name] = position
            elif outcome == Outcome.UNKNOWN and with_unknown:
                found.positions[name] = position
                found.unknown.add(name)
            else:
                found.positions.pop(name, None)
        return found

    def keep(self, names: Set[str]) -> None:
        """Drop all others. Blocks."""
        if len(names) < len(self.positions):
            self.positions = {name: position for name, position in self.positions.items() if name in names}
            self.unknown &= names

    def names(self) -> set[str]:
        """Their names. Blocks."""
        return {name for name in self.positions}  # noqa: C416 - a call of set() would stop the loop

    def copies(self) -> Mapping[str, TargetCopies]:
        """The copies by the topic that they went to. Blocks."""
        return group_by_topic(self.positions.values())

    def offsets(self) -> OffsetRanges:
        """The offsets that are their names, in order. Blocks."""
        return sort_into_ranges(self.positions)

    def free(self) -> None:
        """Give the memory back. Blocks."""
        while self.positions:
            self.positions.popitem()


def sort_into_ranges(names: Iterable[str]) -> OffsetRanges:
    """The ranges of offsets, by partition and in order."""
    by_partition: dict[int, array[int]] = {}
    unsorted: set[int] = set()
    for name in names:
        at = parse_offset(name)
        offsets = by_partition.setdefault(at.partition, array("q"))
        if offsets and offsets[-1] > at.offset:
            unsorted.add(at.partition)
        offsets.append(at.offset)
    for partition in unsorted:
        by_partition[partition] = array("q", sorted(by_partition[partition]))
    pairs = [(partition, by_partition[partition]) for partition in sorted(by_partition)]
    return OffsetRanges(
        tuple(one for partition, offsets in pairs for one in OffsetRanges.of_partition(partition, offsets).ranges)
    )
