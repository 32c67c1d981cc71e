"""First a few, then more: the stages of a run, and what is asked between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from mqtui.domain.watching import ReaderProgress
from mqtui.services.redrive.hearing import NOT_HEARD, UNREAD
from mqtui.services.redrive.verdict import NAMED, Verdict


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


def hold_of(verdict: Verdict | None, stop_at: float, allowed: Collection[str] = ()) -> str:
    """Why a stage is not followed by the next one; "" where it is, or where nothing was watched.

    `allowed` are the risks that were let through by name.
    """
    if verdict is None:
        return ""
    if too_many := why_too_many(verdict, stop_at):
        return too_many
    if verdict.deaf and NOT_HEARD not in allowed:
        return f"letters that die again can't be heard: {verdict.deaf.rstrip('.')}"
    if UNREAD in allowed and (verdict.unread or verdict.passed is None):
        return ""
    if verdict.unread:
        return f"nobody reads {', '.join(verdict.unread)}, so nothing shows whether they pass"
    if verdict.passed is None:
        return f"whether they pass can't be seen: {verdict.why.rstrip('.')}"
    if not verdict.waiting:
        return ""
    late = "; ".join(_late(reader) for reader in verdict.laggards) or "where some of them lie is not known"
    return f"{verdict.waiting:,} of {verdict.moved:,} did not pass in {verdict.seconds:.0f} s: {late}"


def why_too_many(verdict: Verdict, stop_at: float) -> str:
    """That more came back than is accepted, with the first of them and what they died of; "" where it is not so."""
    if verdict.share <= stop_at:
        return ""
    named = "; ".join(verdict.back[:NAMED]) + ("; …" if len(verdict.back) > NAMED else "")
    return (
        f"{verdict.came_back:,} of {verdict.moved:,} came back ({verdict.share:.0%}), "
        f"more than {stop_at:.0%} are not accepted: {named}"
    )


def _late(reader: ReaderProgress) -> str:
    nobody = ", nobody is in it" if reader.alive is False else ""
    return f"{reader.group} is {reader.state}{nobody}, {reader.waiting:,} of {reader.target} wait for it"
