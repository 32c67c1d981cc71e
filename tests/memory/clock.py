"""A clock that only moves when it is told to."""

from __future__ import annotations

from dataclasses import dataclass

START = 1_800_000_000_000


@dataclass(slots=True)
class Clock:
    """`now` is milliseconds since the epoch."""

    now: int = START

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now += milliseconds
