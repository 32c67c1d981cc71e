"""Canary stages: whether a run continues after the first few letters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from mqtui.domain.reader_progress import ReaderProgress
from mqtui.services.redrive.planning.monitor_risks import NO_CONSUMER_RISK, NOT_OBSERVABLE_RISK, RETURNS_NOT_OBSERVABLE
from mqtui.services.redrive.run.monitor_result import MAX_NAMED, MonitorResult

HELD_AFTER = "held after stage "


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a run has done when a stage ends. `left` is None where it is not known."""

    stage: int
    result: MonitorResult | None
    moved: int
    left: int | None
    is_failing: bool
    """Whether more letters came back than the stages allow."""

    hold: str = ""
    """Why a run without an operator holds here (C16); "" where it continues."""


StageGate: TypeAlias = Callable[[StageReport], Awaitable[bool]]
"""Decides between two stages whether to continue."""


async def continue_unless_failing(report: StageReport) -> bool:
    """The gate of a run without an operator: continue unless there is a reason to hold."""
    return not report.hold


def hold_reason(result: MonitorResult | None, stop_at: float, allowed: Collection[str] = ()) -> str:
    """Why the next stage does not follow; "" where it does, or where nothing was monitored.

    `allowed` are the risks that were accepted by name.
    """
    if result is None:
        return ""
    if too_many := too_many_returned(result, stop_at):
        return too_many
    if result.not_observable and NOT_OBSERVABLE_RISK not in allowed:
        return f"{RETURNS_NOT_OBSERVABLE}: {result.not_observable.rstrip('.')}"
    if NO_CONSUMER_RISK in allowed and (result.without_consumer or result.passed is None):
        return ""
    if result.without_consumer:
        return f"no consumer reads {', '.join(result.without_consumer)}, so whether they pass can't be seen"
    if result.passed is None:
        return f"whether they pass can't be seen: {result.why.rstrip('.')}"
    if not result.waiting:
        return ""
    lagging = (
        "; ".join(_describe_lag(reader) for reader in result.lagging_groups) or "the positions of some are not known"
    )
    return f"{result.waiting:,} of {result.moved:,} did not pass in {result.seconds:.0f} s: {lagging}"


def early_end_reason(stage: int, hold: str, *, failing: bool, by_operator: bool) -> str:
    """Why a run ends after a stage (from 0): it stopped by itself, was held, or the operator ended it; "" for none."""
    if not hold:
        return ""
    if failing:
        return f"stopped after stage {stage + 1}: {hold}"
    held = f"{HELD_AFTER}{stage + 1}: {hold}"
    return f"stopped by the operator; {held}" if by_operator else held


def was_held(why: str) -> bool:
    """Whether a run ended because nobody was there to go on after a stage, by its `early_end_reason`."""
    return why.startswith(HELD_AFTER)


def too_many_returned(result: MonitorResult, stop_at: float) -> str:
    """That more came back than is accepted, with the first of them and their errors; "" where it is not so."""
    if result.returned_share <= stop_at:
        return ""
    named = "; ".join(result.returned_letters[:MAX_NAMED]) + ("; …" if len(result.returned_letters) > MAX_NAMED else "")
    return (
        f"{result.came_back:,} of {result.moved:,} came back ({result.returned_share:.0%}), "
        f"more than {stop_at:.0%} are not accepted: {named}"
    )


def _describe_lag(reader: ReaderProgress) -> str:
    empty = ", without members" if reader.alive is False else ""
    return f"{reader.group} is {reader.state}{empty}, {reader.waiting:,} of {reader.target} wait for it"
