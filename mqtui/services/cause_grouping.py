"""Dead letters grouped by cause, in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from mqtui.brokers.port import Batch
from mqtui.domain.cause import OTHERS, Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import DeadLetterInfo, cause_id_of, dead_letter_time, describe
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.message import Message

if TYPE_CHECKING:
    from mqtui.services.decoding import Decoder

MAX_CAUSES = 1_000
MAX_SAMPLE_LENGTH = 2_000
MIN_PREFIX = 4
MAX_FIRST_BYTES = 16 * 1024 * 1024
"""Bytes of first letters that are kept in all."""


class _CauseCount:
    __slots__ = ("count", "death", "first", "last", "sample")

    def __init__(self, death: DeadLetterInfo) -> None:
        self.death = death
        self.sample = death.message[:MAX_SAMPLE_LENGTH]
        self.count = 0
        self.first: int | None = None
        self.last: int | None = None

    def add(self, time: int | None) -> None:
        self.count += 1
        if time is not None:
            self.first = time if self.first is None or time < self.first else self.first
            self.last = time if self.last is None or time > self.last else self.last


class FirstLetters:
    """The first letter of each cause that was read, in bounded memory."""

    def __init__(self) -> None:
        self.by_cause: dict[str, Message] = {}
        self._room = MAX_FIRST_BYTES

    def add(self, cause: str, letter: Message) -> None:
        """Keep a letter, where there is room."""
        if letter.size <= self._room:
            self.by_cause[cause] = letter
            self._room -= letter.size


class CauseGrouping:
    """Counts letters by cause. Past 1,000 causes new ones go into one last group, `others`."""

    def __init__(self, conventions: Conventions, first_letters: FirstLetters | None = None) -> None:
        """`first_letters` gets the first letter of each cause."""
        self._conventions = conventions
        self._first_letters = first_letters
        self._tallies: dict[str, _CauseCount] = {}
        self._others: _CauseCount | None = None

    def add(self, letter: Message, decoded: Message | None = None) -> None:
        """Count one letter; `decoded` is the same with its decoded value, in which a convention may find the cause."""
        read = decoded or letter
        name = cause_id_of(read, self._conventions)
        tally = self._tallies.get(name)
        if tally is None:
            if len(self._tallies) < MAX_CAUSES:
                tally = self._tallies[name] = _CauseCount(describe(read, self._conventions))
                if self._first_letters is not None:
                    self._first_letters.add(name, letter)
            else:
                tally = self._others = self._others or _CauseCount(describe(read, self._conventions))
        tally.add(dead_letter_time(read, self._conventions.layout(read)))

    def causes(self) -> list[Cause]:
        """The groups so far, the largest first, `others` last."""
        found = [
            Cause(
                name,
                tally.death.exception,
                tally.death.normal,
                tally.sample,
                str(tally.death.origin.ref) if tally.death.origin else "",
                tally.count,
                tally.first,
                tally.last,
            )
            for name, tally in self._tallies.items()
        ]
        found.sort(key=lambda one: (-one.count, one.id))
        if rest := self._others:
            words = f"more than {MAX_CAUSES} causes"
            found.append(Cause(OTHERS, "", words, rest.sample, "", rest.count, rest.first, rest.last))
        return found


async def group_by_cause(
    batches: AsyncIterator[Batch],
    conventions: Conventions,
    first_letters: FirstLetters | None = None,
    decoder: Decoder | None = None,
) -> list[Cause]:
    """Read all letters and group them by cause, the largest group first."""
    from mqtui.services.decode_batch import with_decoded_values
    from mqtui.services.decoding import PLAIN

    grouping, decoder = CauseGrouping(conventions, first_letters), decoder or PLAIN
    async for batch in batches:
        for letter, decoded in zip(batch, await with_decoded_values(decoder, batch, conventions), strict=True):
            grouping.add(letter, decoded)
    return grouping.causes()


def complete_cause_id(prefix: str, causes: Sequence[Cause]) -> str:
    """The full cause id for its first characters.

    Raises:
        NotFound: no cause begins so.
        BadInput: several do, or the prefix is shorter than 4 characters.
    """
    if len(prefix) < MIN_PREFIX:
        raise BadInput(f"The cause {prefix!r} is too short", "", f"Give at least {MIN_PREFIX} of its characters.")
    found = [one.id for one in causes if one.id.startswith(prefix.lower())]
    if not found:
        raise NotFound(f"No letter has the cause {prefix}", "", "mqtui dlq TARGET RESOURCE lists the causes.")
    if len(found) > 1:
        raise BadInput(f"Several causes begin with {prefix}", ", ".join(found), "Give more of its characters.")
    return found[0]
