"""Dead letters of one destination by cause, with samples and what all letters of a cause have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from mqtui.brokers.header_values import untyped_value
from mqtui.brokers.loop_yield import CLOCK_INTERVAL, TimeSlices
from mqtui.brokers.port import Batch
from mqtui.domain.cause import Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import DeadLetterInfo, describe
from mqtui.domain.figure import pluralize
from mqtui.domain.message import Message
from mqtui.services.cause_grouping import CauseGrouping
from mqtui.services.decode_batch import with_decoded_values
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.services.origins import RouteCounter

MAX_SAMPLES = 50
"""Letters of a cause that are kept as samples."""

MAX_COMMON_HEADERS = 5
"""How many header values that all letters of a cause share are shown."""

MAX_VALUE_LENGTH = 60


@dataclass(slots=True)
class CauseSamples:
    """Samples and statistics of one cause. `common_headers` are header values that every letter has had so far."""

    letters: list[Message] = field(default_factory=list)
    deaths: list[DeadLetterInfo] = field(default_factory=list)
    partitions: Counter[int] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    common_headers: dict[str, tuple[bytes, str]] | None = None
    """Value and type by name."""

    per_minute: Counter[int] = field(default_factory=Counter)
    """Letters by minute since the epoch."""

    def add(self, letter: Message, death: DeadLetterInfo) -> None:
        """Add one letter."""
        if len(self.letters) < MAX_SAMPLES:
            self.letters.append(letter)
            self.deaths.append(death)
        if death.origin is not None and death.origin.partition is not None:
            self.partitions[death.origin.partition] += 1
        if death.attempts is not None:
            self.attempts[death.attempts] += 1
        if death.time is not None:
            self.per_minute[death.time // 60_000] += 1
        kept = {
            name: (value, kind)
            for name, value, kind in letter.headers
            if value is not None and len(value) <= MAX_VALUE_LENGTH
        }
        if self.common_headers is None:
            self.common_headers = kept
        elif self.common_headers:
            self.common_headers = {
                name: value for name, value in self.common_headers.items() if kept.get(name) == value
            }


class CauseReport:
    """Letters counted by cause, with samples, in bounded memory."""

    def __init__(self, conventions: Conventions) -> None:
        self.samples: dict[str, CauseSamples] = {}
        self.letters = 0
        self.conventions = conventions
        self.routes = RouteCounter(conventions)
        """Where the letters would be redriven to."""

        self._grouping = CauseGrouping(conventions)

    def add(self, letter: Message, decoded: Message | None = None) -> None:
        """Count one letter; `decoded` is the same with its decoded value, in which a convention may find the cause."""
        self.letters += 1
        self._grouping.add(letter, decoded)
        self.routes.add(letter)
        death = describe(decoded or letter, self.conventions)
        case = self.samples.get(death.cause)
        if case is None:
            case = self.samples[death.cause] = CauseSamples()
        case.add(letter, death)

    def causes(self) -> list[Cause]:
        """The causes so far, the largest first."""
        return self._grouping.causes()

    def describe_common(self, cause: str) -> str:
        """What all letters of a cause have in common, in one line."""
        case = self.samples.get(cause)
        if case is None:
            return ""
        parts = [f"P{number} {count:,}" for number, count in case.partitions.most_common(4)]
        if len(case.attempts) == 1:
            parts.append(pluralize(next(iter(case.attempts)), "attempt"))
        plain = {name: value for name, value in (case.common_headers or {}).items() if name not in self._stripped(case)}
        for name, (value, kind) in list(plain.items())[:MAX_COMMON_HEADERS]:
            try:
                parts.append(f"{name} {(untyped_value(value, kind) or b'').decode()}")
            except UnicodeDecodeError:
                continue
        return " · ".join(parts)

    def _stripped(self, case: CauseSamples) -> frozenset[str]:
        return self.conventions.layout(case.letters[0]).stripped if case.letters else frozenset()


async def read_letters(
    batches: AsyncIterator[Batch],
    book: CauseReport,
    progress: Callable[[CauseReport], None],
    decoder: Decoder = PLAIN,
) -> None:
    """Read letters into a report, calling `progress` between two slices of time and after each batch."""
    slices = TimeSlices()
    async for batch in batches:
        decoded = await with_decoded_values(decoder, batch, book.conventions)
        for index, letter in enumerate(batch):
            if not index % CLOCK_INTERVAL and slices.is_over:
                progress(book)
                await slices.yield_to_loop()
            book.add(letter, decoded[index])
        progress(book)
