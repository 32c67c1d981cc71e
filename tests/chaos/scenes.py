"""What a kill test needs of each broker: letters put in and found again by its own client library, not by mqtui."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mqtui.domain.message import Message


@dataclass(frozen=True, slots=True)
class Scene:
    """A dead-letter destination with letters 0 to `letters` - 1, and the place all of them came from.

    Letters with higher numbers came later: no plan has them. The broker refuses to store the `poisoned` at home.
    """

    dlq: str
    home: str
    letters: int
    poisoned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Truth:
    """How often each letter is where, by its number."""

    home: Counter[int]
    source: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the truth says of one killed and resumed run (C6), in letters.

    `doubled` counts further copies, `among_suspects` those of letters that were named; `strangers` are letters at home
    that no plan had; `left` those that are still in the source only.
    """

    lost: int
    doubled: int
    among_suspects: int
    strangers: int
    left: int


class Side(Protocol):
    """One broker, seen by its own client."""

    name: str
    url: str
    letters: int
    """How many a full run has."""

    source_counts: bool
    """Whether a letter in the source is safe and one in both places a double: not where handled ones stay (Kafka)."""

    mortal: bool
    """Whether letters have no delivery left: the broker drops the one just lent to a process that dies (R3)."""

    poison: int
    """One letter in so many is one that the broker refuses to store at home; 0 for none."""

    refusal: str
    """What the broker says of such a letter; "" where this side makes none."""

    def fill(self, count: int) -> Scene:
        """Make a new dead-letter destination with letters that tell where they came from."""

    def add(self, scene: Scene, numbers: Iterable[int]) -> None:
        """Further letters at the end."""

    def moved(self, scene: Scene) -> int:
        """How many letters are at home."""

    def truth(self, scene: Scene) -> Truth:
        """Read both places to their ends; what was read may be gone after it."""

    def drop(self, scene: Scene) -> None:
        """Delete both."""

    def close(self) -> None:
        """Let go of the broker."""

    def suspect(self, words: str) -> int | None:
        """The number of the letter that a line of suspicion names, or None where that can't be told."""


def new_name() -> str:
    """A prefix nobody else has."""
    return f"mqtui-kill-{secrets.token_hex(4)}"


def label(number: int) -> bytes:
    """A letter's number as it stands in the letter."""
    return b"%08d" % number


def poisoned(count: int, every: int) -> frozenset[int]:
    """The numbers of one letter in `every` of `count`, 0 for none."""
    return frozenset(range(every // 2, count, every)) if every else frozenset()


def judge(side: Side, scene: Scene, truth: Truth, named: Iterable[int], kept: frozenset[int]) -> Verdict:
    """Compare what is there with what was planned. `kept` are letters that the bundle holds.

    A poisoned letter stays in the source: one at home is a stranger there.
    """
    planned = range(scene.letters)
    movable = [number for number in planned if number not in scene.poisoned]
    owed = planned if side.source_counts else movable
    suspects = frozenset(named)
    held = truth.home + truth.source if side.source_counts else truth.home
    doubles = {number: held[number] - 1 for number in planned if held[number] > 1}
    return Verdict(
        lost=sum(held[number] == 0 and number not in kept for number in owed),
        doubled=sum(doubles.values()),
        among_suspects=sum(more for number, more in doubles.items() if number in suspects),
        strangers=sum(
            count for number, count in truth.home.items() if number >= scene.letters or number in scene.poisoned
        ),
        left=sum(truth.home[number] == 0 and truth.source[number] > 0 for number in movable),
    )


def numbers_in(values: Iterable[bytes]) -> Counter[int]:
    """Letters by number, of values that begin with it."""
    return Counter(int(value[:8]) for value in values)


def bundled_messages(bundles: Sequence[Path], key: bytes) -> Iterator[Message]:
    """Every letter in the bundles of a state folder."""
    from mqtui.state import bundles as kept

    for path in bundles:
        yield from (letter for _, letter in kept.read(path.stem, key, path.parent))


def bundled(bundles: Sequence[Path], key: bytes) -> frozenset[int]:
    """The letters in the bundles of a state folder, by the number their value begins with."""
    from mqtui.state import bundles as kept

    found: set[int] = set()
    for path in bundles:
        for _, letter in kept.read(path.stem, key, path.parent):
            value = letter.value if letter.value is not None else letter.fields[0][1]
            found.add(int(value[:8]))
    return frozenset(found)
