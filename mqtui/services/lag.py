"""Consumer groups and how far they are behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mqtui.domain.errors import NotFound
from mqtui.domain.figure import Figure, Sort, total
from mqtui.domain.resource import Ref
from mqtui.domain.topology import NOT_ASKED, Destination, Group, GroupLag
from mqtui.services.session import Session


async def groups(session: Session, resource: Ref | None = None) -> list[Group]:
    """All groups, or those that read one destination, by name."""
    return sorted(await session.broker.groups.groups(resource), key=lambda group: group.ref)


async def lag(session: Session, name: str = "") -> list[GroupLag]:
    """Lag of one group, or of all.

    Raises:
        NotFound: there is no group of that name.
    """
    refs = [group.ref for group in await groups(session)]
    if name:
        refs = [ref for ref in refs if ref.name == name or ref.name.endswith(f"/{name}")]
        if not refs:
            raise NotFound(f"No consumer group {name!r}", "", f"mqtui groups {session.target} lists them.")
    return [row async for row in session.broker.groups.lag(refs)]


async def with_backlog(session: Session, rows: Sequence[Destination]) -> list[Destination]:
    """The rows with what waits in each, where the broker's own list does not tell."""
    if all(row.backlog is not NOT_ASKED for row in rows):
        return list(rows)
    return backlogs(rows, await lag(session))


def backlogs(rows: Sequence[Destination], lags: Iterable[GroupLag]) -> list[Destination]:
    """The rows, each with the lag of its worst group where nothing else tells what waits."""
    worst: dict[Ref, Figure] = {}
    for group in lags:
        by_resource: dict[Ref, list[Figure]] = {}
        for part in group.parts:
            by_resource.setdefault(part.resource, []).append(part.lag)
        for ref, figures in by_resource.items():
            figure = total(figures)
            known = worst.get(ref)
            if known is None or (figure.number or 0) > (known.number or 0):
                worst[ref] = figure
    return [
        replace(row, backlog=worst[row.ref]) if row.backlog is NOT_ASKED and row.ref in worst else row for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a check passes, and the sentences that say why not."""

    failed: tuple[str, ...]
    warned: tuple[str, ...]


def judge(rows: Sequence[GroupLag], *, warn: int | None, fail: int | None) -> Verdict:
    """Compare with limits. Unknown lag, in whole or in part, fails a `fail` check: it is never taken for zero (K14)."""
    failed: list[str] = []
    warned: list[str] = []
    for row in rows:
        number = row.total.number
        if number is None:
            (failed if fail is not None else warned).append(f"{row.group.name}: lag unknown: {row.total.why}")
        elif fail is not None and number >= fail:
            failed.append(f"{row.group.name}: lag {row.total} is {fail} or more")
        elif row.total.sort is Sort.AT_LEAST:
            (failed if fail is not None else warned).append(f"{row.group.name}: lag unknown in part: {row.total.why}")
        elif warn is not None and number >= warn:
            warned.append(f"{row.group.name}: lag {row.total} is {warn} or more")
    limited = warn is not None or fail is not None
    return Verdict(tuple(failed), tuple(warned) if limited else ())
