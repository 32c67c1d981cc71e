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

    hold: str = ""
    """Why a run that nobody is asked about does not go on (C16); "" where it does."""


Gate: TypeAlias = Callable[[Between], Awaitable[bool]]
"""Asked between two stages: whether to go on."""


async def by_itself(between: Between) -> bool:
    """Go on unless something says otherwise."""
    return not between.hold


def hold_of(verdict: Verdict | None, stop_at: float) -> str:
    """Why a stage is not followed by the next one; "" where it is, or where nothing was watched."""
    if verdict is None:
        return ""
    if verdict.share > stop_at:
        return (
            f"{verdict.came_back:,} of {verdict.moved:,} came back ({verdict.share:.0%}), "
            f"more than {stop_at:.0%} are not accepted"
        )
    if not verdict.heard:
        return f"letters that die again can't be heard: {verdict.why.rstrip('.')}"
    if verdict.unread:
        return "nobody reads where they went, so nothing shows whether they pass"
    return ""
