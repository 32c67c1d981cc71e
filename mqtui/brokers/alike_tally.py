"""Counts letters with the same headers together (`optional_port.CountsAlike`): what the adapters share.

Each adapter has a loop of its own over its records, which adds size and time to the lists of their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeAlias

from mqtui.domain.bulk import AlikeLetters, Alikeness, CountedLetters
from mqtui.domain.message import Message

MAX_SHAPES = 2_000
"""Sequences of header names that are remembered."""

HeaderNames: TypeAlias = tuple[str, ...] | tuple[bytes, ...]
HeaderValues: TypeAlias = Sequence[bytes | None]


@dataclass(slots=True)
class AlikeRecords:
    """Sizes and times of records that are alike. `first` is None until the first of them is counted."""

    is_sampled: bool
    first: Message | None = None
    sizes: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    keyless: int = 0

    def count(self, first: Message) -> AlikeLetters:
        """The counts as a domain value."""
        sizes, times = self.sizes, self.times
        oldest, newest = min(times, default=None), max(times, default=None)
        return AlikeLetters(first, len(sizes), sum(sizes), max(sizes), self.keyless, oldest, newest)


@dataclass(slots=True)
class AlikeShape:
    """Records with the same header names; `deciding` picks the values that have to be the same (None: one by one)."""

    deciding: Callable[[HeaderValues], Hashable] | None
    name_size: int
    """The bytes of the header names."""

    alike: dict[Hashable, AlikeRecords] = field(default_factory=dict)


class AlikeTally:
    """The counts until `take` gives them. Used by one thread, or by the event loop."""

    def __init__(self, alikeness: Alikeness) -> None:
        self.alikeness = alikeness
        self.shapes: dict[HeaderNames, AlikeShape] = {}
        self.letters: list[Message] = []
        """Letters that are looked at one by one."""

        self._open: list[tuple[AlikeShape, AlikeRecords]] = []

    def learn(self, names: HeaderNames, letter: Message) -> AlikeShape:
        """The shape of letters with the header names of this one."""
        if len(self.shapes) >= MAX_SHAPES:
            self.shapes.clear()
        indexes = self.alikeness.deciding_headers(letter)
        size = sum(
            [len(name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")) for name in names]
        )
        deciding = None if indexes is None else itemgetter(*indexes) if indexes else len
        found = self.shapes[names] = AlikeShape(deciding, size)
        return found

    def open(self, shape: AlikeShape, deciding: Hashable, letter: Message) -> AlikeRecords:
        """Begin to count letters that are alike to this one, which is not counted yet."""
        found = shape.alike[deciding] = AlikeRecords(self.alikeness.samples_from(letter))
        self._open.append((shape, found))
        return found

    def takes_sample(self, letter: Message) -> bool:
        """Keep the letter among those looked at one by one, if it is wanted as a sample."""
        if not self.alikeness.takes_sample(letter):
            return False
        self.letters.append(letter)
        return True

    def take(self) -> CountedLetters:
        """What was counted since the last time. Memory holds no more than that, whatever the headers say."""
        counted, self._open = self._open, []
        letters, self.letters = self.letters, []
        for shape, _ in counted:
            shape.alike.clear()
        return CountedLetters([each.count(each.first) for _, each in counted if each.first is not None], letters)
