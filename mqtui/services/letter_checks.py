"""Checks of dead letters for cron: how many there are, and how old the oldest is. Unknown is never zero (K14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mqtui.domain.cause import Cause
from mqtui.domain.figure import Exactness, Figure, exact, pluralize
from mqtui.domain.times import format_age
from mqtui.services.lag import is_below


def check_counts(counts: Iterable[tuple[str, Figure]], fail: int | None) -> list[str]:
    """Why a check of the letters of destinations fails: those that are not certainly fewer than `fail`."""
    if fail is None:
        return []
    return [_not_fewer(name, figure, fail) for name, figure in counts if not is_below(figure, fail)]


def check_causes(name: str, causes: Sequence[Cause], fail: int | None, oldest_ms: int | None, now_ms: int) -> list[str]:
    """Why a check of the letters of one destination fails: too many, or one that died longer ago than `oldest_ms`."""
    failed = check_counts([(name, exact(sum(cause.count for cause in causes)))], fail)
    for cause in causes if oldest_ms is not None else ():
        if cause.first is None:
            failed.append(f"{name}: it is not known when the letters of {cause.id} died")
        elif now_ms - cause.first > (oldest_ms or 0):
            age, limit = (format_age(ms / 1000, units=2) for ms in (now_ms - cause.first, oldest_ms or 0))
            failed.append(f"{name}: the oldest letter of {cause.id} died {age} ago, more than {limit}")
    return failed


def _not_fewer(name: str, figure: Figure, fail: int) -> str:
    if figure.number is None:
        return f"{name}: the number of dead letters is unknown: {figure.why}"
    certain = figure.number >= fail and figure.sort in (Exactness.EXACT, Exactness.AT_LEAST)
    return f"{name}: {pluralize(figure, 'dead letter')}, {'' if certain else 'may be '}{fail:,} or more"
