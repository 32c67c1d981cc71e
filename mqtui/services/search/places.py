"""Where a search looks: destinations by name or glob, with what each holds and what of it can't be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NotFound, Unsupported
from mqtui.domain.figure import Figure, about, at_most
from mqtui.domain.message import MessageFormat
from mqtui.domain.resource import Kind, ParsedName, Ref
from mqtui.domain.scan import ScanRange, count_offsets
from mqtui.services.browse import (
    PeekRequest,
    extent_notes,
    filter_destinations,
    find_destination,
    list_destinations,
    prepare_peek,
)
from mqtui.services.search.port_scan import find_ranges
from mqtui.services.search.query import SearchQuery
from mqtui.services.session import Session

GLOB_SIGNS = "*?["
NONE = about(0)
DEPTH = 1_000
"""Messages of a queue that a search reads where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class SearchPlace:
    """One destination. `peek` is the request of a queue, which lends its messages; else `ranges` are scanned."""

    ref: Ref
    ranges: tuple[ScanRange, ...] = ()
    whole: Figure = NONE
    not_looked_at: int = 0
    notes: tuple[str, ...] = ()
    """What will not be looked at, and why."""

    peek: PeekRequest | None = None


async def find_places(
    session: Session, names: Sequence[ParsedName], query: SearchQuery, depth: int
) -> tuple[list[SearchPlace], list[str]]:
    """The destinations of names and globs, each once, and why some that a glob names are left out.

    Raises:
        NotFound: a name is that of no destination, or a glob fits none.
        Unsupported: a destination that was named can't be read.
    """
    refs: dict[Ref, ParsedName] = {}
    left_out: list[str] = []
    for name in names:
        found, skipped = await _find(session, name)
        refs |= dict.fromkeys(found, name)
        left_out += skipped
    return [await _place(session, ref, query, depth) for ref in refs], left_out


async def _find(session: Session, name: ParsedName) -> tuple[Sequence[Ref], Sequence[str]]:
    is_glob = any(sign in name.name for sign in GLOB_SIGNS)
    try:
        return [(await find_destination(session.broker, name)).ref], ()
    except NotFound:
        if not is_glob:
            raise
    rows = filter_destinations(await list_destinations(session.broker), name.kind, name.name)
    free: list[Ref] = []
    lending: list[str] = []
    for row in rows:
        if row.internal or row.ref.kind is Kind.EXCHANGE:
            continue
        if (await session.broker.reader.peek_cost(row.ref, 1)).lends:
            lending.append(f"{row.ref}: a look takes messages out and returns them; name it to search it")
        else:
            free.append(row.ref)
    if not free and not lending:
        raise NotFound(f"Nothing is called like {name.name!r}", "", "mqtui ls lists what is there.")
    return free, lending


async def _place(session: Session, ref: Ref, query: SearchQuery, depth: int) -> SearchPlace:
    if query.partition is not None and not traits_of(session.broker.kind).has_partitions:
        raise BadInput(f"--partition means nothing on {session.broker.kind}")
    support = await session.broker.can(Verb.PEEK, ref)
    if not support:
        raise Unsupported(f"{ref} can't be read", support.reason, support.hint)
    name = ParsedName(ref.name, ref.kind)
    extent = await session.broker.reader.extent(ref, query.partition)
    if (await session.broker.reader.peek_cost(ref, 1)).lends:
        peek = await prepare_peek(session, name, depth, None, None)
        beyond = max(0, int(extent.count.number or 0) - depth)
        behind = (f"{ref}: {beyond:,} behind the first {depth:,}, --depth reads more",) if beyond else ()
        return SearchPlace(ref, (), _at_most(extent.count, depth), beyond, behind, peek)
    ranges = tuple(await find_ranges(session.broker, ref, query.since, query.partition))
    whole = extent.count if query.since is None else _counted(session, ranges, extent.count)
    notes = tuple(f"{ref}: {note}" for note in extent_notes(extent))
    return SearchPlace(ref, ranges, whole, extent.uncommitted, notes)


def _at_most(count: Figure, depth: int) -> Figure:
    return count if count.number is None or count.number <= depth else replace(count, number=depth)


def _counted(session: Session, ranges: Sequence[ScanRange], whole: Figure) -> Figure:
    """How many messages lie in some stretches: where they are stretches of ids, not more than there are in all."""
    if traits_of(session.broker.kind).message_format is MessageFormat.ENTRY:
        return whole if whole.number is None else at_most(whole.number, "those from a time on are not counted")
    return about(count_offsets(ranges), "offsets may have gaps")
