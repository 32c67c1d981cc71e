"""First a few, then more: the stages of a run, and what is asked between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from mqtui.services.redrive.aftermath import Verdict


@dataclass(frozen=True, slots=True)
class Stages:
    """`first` are the sizes of the stages before the rest (`1, 10`). The run stops by itself where more than `stop_at`
    (0 to 1) of the letters came back within `watch` seconds; 0 seconds: nothing is watched.
    """

    first: tuple[int, ...] = ()
    stop_at: float = 0.05
    watch: float = 0.0

    @property
    def watched(self) -> bool:
        """Whether the letters are looked after."""
        return self.watch > 0


ALL_AT_ONCE = Stages()


@dataclass(frozen=True, slots=True)
class Between:
    """Where a run is between two stages. `left` is None where it is not known."""

    stage: int
    verdict: Verdict | None
    moved: int
    left: int | None
    too_many: bool
    """Whether more came back than the stages allow."""


Gate: TypeAlias = Callable[[Between], Awaitable[bool]]
"""Asked between two stages: whether to go on."""


async def by_itself(between: Between) -> bool:
    """Go on unless too many came back."""
    return not between.too_many
