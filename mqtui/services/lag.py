"""Consumer groups and their lag."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mqtui.brokers.port import CountsLag
from mqtui.domain.errors import NotFound
from mqtui.domain.figure import Exactness, Figure, at_least_of, total, unknown
from mqtui.domain.resource import Kind, ParsedName, Ref
from mqtui.domain.topology import NOT_ASKED, Destination, Group, GroupLag, Inventory, PartitionLag
from mqtui.services.browse import sort_destinations
from mqtui.services.group_lookup import find_exact_group, find_groups
from mqtui.services.session import Session


async def list_groups(session: Session, resource: Ref | None = None) -> Inventory[Group]:
    """All groups, or those that read one destination, sorted by name."""
    found = await session.broker.groups.list_groups(resource)
    return Inventory(tuple(sorted(found, key=lambda group: group.ref)), found.missing)


async def read_lag(session: Session, named: ParsedName | None = None) -> Inventory[GroupLag]:
    """Lag of one group, or of all. On Redis `STREAM/GROUP`, or `GROUP` for those of that name on all streams.

    A group that may be among those that could not be asked about is unknown.

    Raises:
        NotFound: there is no group of that name.
        Refused: what was typed is the name of two groups.
    """
    there = session.broker.groups
    if named is not None and (known := await find_exact_group(there, named)) is not None:
        return Inventory(tuple([row async for row in there.lag(known)]))
    found = await there.list_names()
    refs = list(dict.fromkeys(found))
    if named is not None:
        try:
            refs = find_groups(refs, named, session.target)
        except NotFound:
            if not found.missing:
                raise
            return Inventory((GroupLag(Ref(Kind.GROUP, named.name), "", (), unknown(found.missing[0])),))
    rows = tuple([row async for row in there.lag(sorted(refs))])
    return Inventory(rows, found.missing if named is None else ())


async def count_near_limits(session: Session, rows: Sequence[GroupLag], limits: Collection[int]) -> list[GroupLag]:
    """The rows; a lag that may be above or below a limit is counted exactly, as far as the broker's budget goes."""
    counts = session.broker.groups
    if not isinstance(counts, CountsLag):
        return list(rows)
    return [
        await counts.count_lag(row) if any(_straddles(row.total, limit) for limit in limits) else row for row in rows
    ]


def _straddles(figure: Figure, limit: int) -> bool:
    if figure.number is None or figure.sort is Exactness.EXACT:
        return False
    return not (is_below(figure, limit) or (figure.sort is Exactness.AT_LEAST and figure.number >= limit))


def is_below(figure: Figure, limit: int) -> bool:
    """Whether it is certainly below a limit."""
    return figure.number is not None and figure.sort in (Exactness.EXACT, Exactness.AT_MOST) and figure.number < limit


def lag_notes(row: PartitionLag | GroupLag) -> list[str]:
    """Notes to a lag: messages that were lost, that are not committed yet, and why it is not known."""
    kind = row.resource.kind if isinstance(row, PartitionLag) else row.parts[0].resource.kind if row.parts else None
    figure = row.lag if isinstance(row, PartitionLag) else row.total
    notes = [f"{row.lost} {LOST_WORDS.get(kind, 'lost')}"] if row.lost.number else []
    if row.uncommitted:
        notes.append(f"{row.uncommitted:,} not yet committed by their writer")
    if figure.sort not in (Exactness.EXACT, Exactness.AT_MOST) and figure.why:
        notes.append(figure.why)
    return notes


LOST_WORDS: Mapping[Kind | None, str] = {Kind.TOPIC: "deleted by retention", Kind.STREAM: "lost to trimming"}
"""What became of messages that were deleted before a group read them."""


async def list_depths(session: Session) -> Inventory[Destination]:
    """All destinations sorted by name, each with its depth and backlog."""
    there = await session.broker.survey_depths()
    rows, missing = sort_destinations(there.destinations), there.destinations.missing
    if any(row.backlog is NOT_ASKED for row in rows):
        missing = tuple(dict.fromkeys((*missing, *there.groups.missing)))
    return Inventory(tuple(add_backlogs(rows, there.lags, there.groups.missing)), missing)


def add_backlogs(
    rows: Sequence[Destination], lags: Iterable[GroupLag], missing: Sequence[str] = ()
) -> list[Destination]:
    """The rows, each with the largest lag of its groups as backlog, where the broker gives no other.

    Where groups are missing it is a lower bound, and unknown where none of the known ones reads it.
    """
    asked = {row.ref for row in rows if row.backlog is NOT_ASKED}
    if not asked:
        return list(rows)
    worst: dict[Ref, Figure] = {}
    for group in lags:
        by_resource: dict[Ref, list[Figure]] = {}
        figures: list[Figure] | None = None
        last: Ref | None = None
        for part in group.parts:
            if part.resource is not last:
                last = part.resource
                figures = by_resource.setdefault(last, []) if last in asked else None
            if figures is not None:
                figures.append(part.lag)
        for ref, lags_there in by_resource.items():
            figure = total(lags_there)
            known = worst.get(ref)
            if known is None or (figure.number or 0) > (known.number or 0):
                worst[ref] = figure
    if missing:
        worst = {ref: at_least_of(figure, missing[0]) for ref, figure in worst.items()}
    other = unknown(missing[0]) if missing else NOT_ASKED
    return [replace(row, backlog=worst.get(row.ref, other)) if row.backlog is NOT_ASKED else row for row in rows]


@dataclass(frozen=True, slots=True)
class LagCheck:
    """The result of a lag check: the sentences that say why it fails or warns."""

    failed: tuple[str, ...]
    warned: tuple[str, ...]


def check_lag(rows: Sequence[GroupLag], missing: Sequence[str] = (), *, warn: int | None, fail: int | None) -> LagCheck:
    """Compare with limits. A `fail` check passes only on lag that is certainly below: unknown is never zero (K14).

    No group at all fails it too, and so do groups that are missing from the rows.
    """
    failed = [f"lag unknown in part: {sentence}" for sentence in missing] if fail is not None else []
    warned: list[str] = []
    if not rows and not missing:
        (failed if fail is not None else warned).append("no group: there is none that could be behind")
    for row in rows:
        name, figure = row.group.name, row.total
        if fail is not None and not is_below(figure, fail):
            failed.append(_not_below(name, figure, fail))
        elif warn is not None and not is_below(figure, warn):
            warned.append(_not_below(name, figure, warn))
    limited = warn is not None or fail is not None
    return LagCheck(tuple(failed), tuple(warned) if limited else ())


def _not_below(name: str, figure: Figure, limit: int) -> str:
    if figure.number is None:
        return f"{name}: lag unknown: {figure.why}"
    if figure.number >= limit and figure.sort in (Exactness.EXACT, Exactness.AT_LEAST):
        return f"{name}: lag {figure} is {limit} or more"
    if figure.number >= limit:
        return f"{name}: lag {figure} may be {limit} or more: {figure.why}"
    return f"{name}: lag unknown in part: {figure.why}"
