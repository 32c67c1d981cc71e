"""Transactions that are open on a broker: whose, since when, and where they hold readers back."""

from __future__ import annotations

from dataclasses import dataclass

from mqtui.domain.resource import Ref

HANGING_SECONDS = 900.0
"""A transaction that no coordinator knows and that is silent for so long hangs: the longest time-out that Kafka grants
by default."""


@dataclass(frozen=True, slots=True)
class OpenPartition:
    """A partition with records of an open transaction. Times are ms since the epoch."""

    resource: Ref
    partition: int
    start: int | None = None
    """The transaction's first offset there: who reads only what is committed waits before it. None: no record yet."""

    last_record: int | None = None
    coordinator_epoch: int = -1

    @property
    def place(self) -> str:
        """Where it begins, as positions are written."""
        at = "" if self.start is None else f"@{self.start}"
        return f"{self.resource.name}-{self.partition}{at}"


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """An open transaction. `transactional_id` is "" where no coordinator lists it; `why` says what is not known."""

    producer_id: int
    epoch: int
    parts: tuple[OpenPartition, ...] = ()
    transactional_id: str = ""
    state: str = ""
    """The broker's word for its state; "" where no coordinator lists it."""

    since: int | None = None
    """When it began; None where only the time of its last record is known."""

    timeout_ms: int | None = None
    why: str = ""

    @property
    def last_record(self) -> int | None:
        """The time of its last record."""
        return max((part.last_record for part in self.parts if part.last_record is not None), default=None)

    def silent_seconds(self, now: float) -> float | None:
        """How long ago its last record was written; `now` is in seconds since the epoch."""
        return None if self.last_record is None else now - self.last_record / 1000

    def is_hanging(self, now: float) -> bool:
        """Whether nothing will end it: no coordinator lists it, and it is silent for longer than any time-out."""
        silent = self.silent_seconds(now)
        return not self.state and silent is not None and silent > HANGING_SECONDS

    def is_overdue(self, now: float) -> bool:
        """Whether its coordinator should have aborted it by now."""
        if self.since is None or self.timeout_ms is None:
            return False
        return now - self.since / 1000 > self.timeout_ms / 1000

    def word(self, now: float) -> str:
        """Its state in one word: `open`, `overdue`, `ending`, `hanging`, `unlisted`."""
        if not self.state:
            return "hanging" if self.is_hanging(now) else "unlisted"
        if self.state != "Ongoing":
            return "ending"
        return "overdue" if self.is_overdue(now) else "open"
