"""What earlier looks saw of the lag of groups, so that a later look tells how each goes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from mqtui.domain.lag_assessment import LagAssessment, assess
from mqtui.domain.topology import GroupLag

Key = TypeVar("Key", bound=Hashable)

COMPARED_SECONDS = 30.0
"""The least age of the look that is compared with, once there is one: Java's consumers commit every 5 s."""


class LagLooks(Generic[Key]):
    """The last look and at most two before it, by a key for each group. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, Mapping[Key, GroupLag]]] = []

    def add(self, time: float, seen: Mapping[Key, GroupLag]) -> None:
        """Keep a look. Figures that were kept before, and those of a poll that goes on, are none of their own."""
        if self._looks and (time <= self._looks[-1][0] or seen is self._looks[-1][1]):
            return
        looks = self._looks
        if len(looks) == 3:
            looks = looks[1:] if time - looks[1][0] >= COMPARED_SECONDS else looks[:2]
        self._looks = [*looks, (time, seen)]

    @property
    def tells_movement(self) -> bool:
        """Whether there is more than one look."""
        return len(self._looks) > 1

    def assess(self, key: Key, row: GroupLag) -> LagAssessment:
        """How a group of the last look goes, compared with the oldest look that has it."""
        now = self._looks[-1][0] if self._looks else 0.0
        for time, seen in self._looks[:-1]:
            if (before := seen.get(key)) is not None:
                return assess(row, before, now - time)
        return assess(row)
