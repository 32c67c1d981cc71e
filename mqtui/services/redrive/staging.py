"""First a few, then more: the stages of a run, and what is asked between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from mqtui.services.redrive.aftermath import Verdict


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
