"""Dead letters in numbers: grouped by cause in bounded memory, and chosen by what was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Self

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.port import Batch
from mqtui.codecs.decode import NO_KEYS
from mqtui.codecs.decoded import Keys
from mqtui.domain.cause import OTHERS, Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import DeadLetterInfo, cause_id_of, dead_letter_time, describe
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.message import Message, Offset
from mqtui.domain.redrive import Selection
from mqtui.services.selection import JqTest

MOST_CAUSES = 1_000
LONGEST_SAMPLE = 2_000
SHORTEST_PREFIX = 4


class _Tally:
    __slots__ = ("count", "death", "first", "last", "sample")

    def __init__(self, death: DeadLetterInfo) -> None:
        self.death = death
        self.sample = death.message[:LONGEST_SAMPLE]
        self.count = 0
        self.first: int | None = None
        self.last: int | None = None

    def add(self, time: int | None) -> None:
        self.count += 1
        if time is not None:
            self.first = time if self.first is None or time < self.first else self.first
            self.last = time if self.last is None or time > self.last else self.last


class Grouping:
    """Letters counted by cause as they come. Past 1,000 causes new ones go into one last group, `others`."""

    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions
        self._tallies: dict[str, _Tally] = {}
        self._others: _Tally | None = None

    def add(self, letter: Message) -> None:
        """Count one letter."""
        name = cause_id_of(letter, self._conventions)
        tally = self._tallies.get(name)
        if tally is None:
            if len(self._tallies) < MOST_CAUSES:
                tally = self._tallies[name] = _Tally(describe(letter, self._conventions))
            else:
                tally = self._others = self._others or _Tally(describe(letter, self._conventions))
        tally.add(dead_letter_time(letter, self._conventions.layout(letter)))

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
            words = f"more than {MOST_CAUSES} causes"
            found.append(Cause(OTHERS, "", words, rest.sample, "", rest.count, rest.first, rest.last))
        return found


async def group(batches: AsyncIterator[Batch], conventions: Conventions) -> list[Cause]:
    """All letters by cause, the largest group first."""
    grouping = Grouping(conventions)
    async for batch in batches:
        for letter in batch:
            grouping.add(letter)
    return grouping.causes()


def whole_id(prefix: str, causes: Sequence[Cause]) -> str:
    """The cause id that begins so.

    Raises:
        NotFound: none does.
        BadInput: several do, or the prefix is shorter than 4 characters.
    """
    if len(prefix) < SHORTEST_PREFIX:
        raise BadInput(f"The cause {prefix!r} is too short", "", f"Give at least {SHORTEST_PREFIX} of its characters.")
    found = [one.id for one in causes if one.id.startswith(prefix.lower())]
    if not found:
        raise NotFound(f"No letter died of the cause {prefix}", "", "mqtui dlq TARGET RESOURCE lists the causes.")
    if len(found) > 1:
        raise BadInput(f"Several causes begin with {prefix}", ", ".join(found), "Give more of its characters.")
    return found[0]


class Selector:
    """Says of a letter whether it was asked for. A cause may be given by its beginning. The limit is the caller's."""

    def __init__(self, selection: Selection, conventions: Conventions, keys: Keys = NO_KEYS) -> None:
        """Read the selection.

        Raises:
            BadInput: the cause is shorter than 4 characters.
        """
        if selection.cause and len(selection.cause) < SHORTEST_PREFIX:
            raise BadInput(f"The cause {selection.cause!r} is too short", "", "Give at least 4 of its characters.")
        self._conventions = conventions
        self._partition = selection.partition
        self._since, self._until = selection.since, selection.until
        self._timed = selection.since is not None or selection.until is not None
        self._cause = selection.cause.lower()
        self._everything = selection.everything
        self.where: JqTest | None = JqTest(selection.where, keys) if selection.where else None
        """The jq program, with its count of failures."""

    async def __aenter__(self) -> Self:
        """Compile the jq program.

        Raises:
            BadInput: it can't be compiled.
            OverBudget: compiling it takes too long or too much memory.
        """
        if self.where is not None:
            await self.where.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the jq program."""
        if self.where is not None:
            await self.where.close()

    async def select(self, letters: Sequence[Message], most: int | None = None) -> list[bool]:
        """Whether each letter is wanted, at most `most` of them: those after the last one wanted are not tested.

        Raises:
            OverBudget: the jq program uses up its budget on too many letters.
        """
        fitting = list(range(len(letters))) if self._everything else await self._fitting(letters)
        wanted = [False] * len(letters)
        if self.where is None or most == 0:
            for place in fitting[:most]:
                wanted[place] = True
            return wanted
        chosen = 0
        async with aclosing(self.where.chooses([letters[place] for place in fitting])) as answers:
            places = iter(fitting)
            async for answer in answers:
                wanted[next(places)] = answer
                chosen += answer
                if chosen == most:
                    break
        return wanted

    async def _fitting(self, letters: Sequence[Message]) -> list[int]:
        """Places of letters that are wanted but for the jq program."""
        found, slices = list[int](), TimeSlices()
        for place, letter in enumerate(letters):
            if slices.is_over:
                await slices.yield_to_loop()
            if self._fits(letter):
                found.append(place)
        return found

    def _fits(self, letter: Message) -> bool:
        """Whether it is wanted but for the jq program; the cheap questions come first."""
        if self._partition is not None:
            place = letter.position
            if not isinstance(place, Offset) or place.partition != self._partition:
                return False
        if self._timed and not self._in_time(letter):
            return False
        return not self._cause or cause_id_of(letter, self._conventions).startswith(self._cause)

    def _in_time(self, letter: Message) -> bool:
        """By the time of death, else the letter's own; a letter without any time is not in a bounded time."""
        time = dead_letter_time(letter, self._conventions.layout(letter))
        if time is None:
            return False
        return (self._since is None or time >= self._since) and (self._until is None or time < self._until)
