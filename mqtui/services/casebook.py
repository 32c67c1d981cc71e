"""Dead letters of one destination, for a reader: causes, samples, and what all letters of a cause have in common."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from mqtui.brokers.port import Batch
from mqtui.domain.cause import Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import DeadLetterInfo, describe
from mqtui.domain.figure import pluralize
from mqtui.domain.message import Message
from mqtui.services.letters import Grouping
from mqtui.services.origins import RouteCounter

SAMPLES = 50
"""Letters of a cause that are kept to look at."""

ALIKE = 5
"""Header values that all letters of a cause share, at most."""

LONGEST = 60


@dataclass(slots=True)
class Case:
    """What is kept of one cause beside its figures. `shared` are header values that every letter has had so far."""

    samples: list[Message] = field(default_factory=list)
    deaths: list[DeadLetterInfo] = field(default_factory=list)
    partitions: Counter[int] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    shared: dict[str, bytes] | None = None
    trend: Counter[int] = field(default_factory=Counter)
    """Letters by minute since the epoch."""

    def add(self, letter: Message, death: DeadLetterInfo) -> None:
        """Take one more letter."""
        if len(self.samples) < SAMPLES:
            self.samples.append(letter)
            self.deaths.append(death)
        if death.origin is not None and death.origin.partition is not None:
            self.partitions[death.origin.partition] += 1
        if death.attempts is not None:
            self.attempts[death.attempts] += 1
        if death.time is not None:
            self.trend[death.time // 60_000] += 1
        kept = {name: value for name, value, _ in letter.headers if value is not None and len(value) <= LONGEST}
        if self.shared is None:
            self.shared = kept
        elif self.shared:
            self.shared = {name: value for name, value in self.shared.items() if kept.get(name) == value}


class Casebook:
    """Letters counted by cause, with samples, in bounded memory."""

    def __init__(self, conventions: Conventions) -> None:
        self.cases: dict[str, Case] = {}
        self.letters = 0
        self.conventions = conventions
        self.routes = RouteCounter(conventions)
        """Where the letters go home to."""

        self._grouping = Grouping(conventions)

    def add(self, letter: Message) -> None:
        """Count one letter."""
        self.letters += 1
        self._grouping.add(letter)
        self.routes.add(letter)
        death = describe(letter, self.conventions)
        case = self.cases.get(death.cause)
        if case is None:
            case = self.cases[death.cause] = Case()
        case.add(letter, death)

    def causes(self) -> list[Cause]:
        """The causes so far, the largest first."""
        return self._grouping.causes()

    def alike(self, cause: str) -> str:
        """What all letters of a cause have in common, in one line."""
        case = self.cases.get(cause)
        if case is None:
            return ""
        parts = [f"P{number} {count:,}" for number, count in case.partitions.most_common(4)]
        if len(case.attempts) == 1:
            parts.append(pluralize(next(iter(case.attempts)), "attempt"))
        plain = {name: value for name, value in (case.shared or {}).items() if name not in self._stripped(case)}
        for name, value in list(plain.items())[:ALIKE]:
            try:
                parts.append(f"{name} {value.decode()}")
            except UnicodeDecodeError:
                continue
        return " · ".join(parts)

    def _stripped(self, case: Case) -> frozenset[str]:
        return self.conventions.layout(case.samples[0]).stripped if case.samples else frozenset()


async def read(
    batches: AsyncIterator[Batch], book: Casebook, progress: Callable[[Casebook], None], slice_of: int = 200
) -> None:
    """Read letters into a casebook, telling of progress after each slice."""
    async for batch in batches:
        for start in range(0, len(batch), slice_of):
            for letter in batch[start : start + slice_of]:
                book.add(letter)
            progress(book)
            await asyncio.sleep(0)
