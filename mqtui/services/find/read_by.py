"""Who has read a message already: committed offsets, delivered ids and pending entries of the groups of its place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag
from mqtui.services.find.hit import Hit, MessageReader, ReadState
from mqtui.services.session import Session

PLACES_AT_ONCE = 8
PLACES_ONE_BY_ONE = 2
"""Places up to which the groups of each are asked for; else all groups of the broker at once."""

MAX_ASKED = 500
"""Pending entries that are asked for, at most."""

NOT_TOLD = "the broker does not tell who reads it"


async def add_readers(hits: Sequence[Hit]) -> list[Hit]:
    """The hits with their readers; each broker is asked once for the groups of all places that have hits."""
    by_session: dict[int, list[Hit]] = {}
    for hit in hits:
        by_session.setdefault(id(hit.session), []).append(hit)
    answered = await asyncio.gather(*map(_with_readers, by_session.values()))
    found = {
        id(hit): answer
        for some, answers in zip(by_session.values(), answered, strict=True)
        for hit, answer in zip(some, answers, strict=True)
    }
    return [found[id(hit)] for hit in hits]


async def _with_readers(hits: Sequence[Hit]) -> list[Hit]:
    """The hits of one broker with their readers. A place whose groups can't be asked costs only its own."""
    session = hits[0].session
    refs = list(dict.fromkeys(hit.message.resource for hit in hits if hit.message.resource.kind is not Kind.QUEUE))
    groups = await _groups_of(session, refs)
    try:
        asked = list(dict.fromkeys(group for names in groups.values() if not isinstance(names, str) for group in names))
        lags = {lag.group: lag async for lag in session.broker.groups.lag(asked)} if asked else {}
    except MqtuiError as error:
        groups = dict.fromkeys(groups, error.title)
        lags = {}
    asks = MAX_ASKED
    found: list[Hit] = []
    for hit in hits:
        names = groups.get(hit.message.resource, ())
        if isinstance(names, str):
            found.append(replace(hit, why=names))
            continue
        try:
            known = [lags[name] for name in names if name in lags]
            found.append(replace(hit, readers=await _readers_of(session, known, hit.message, asks=asks > 0)))
            asks -= len(known)
        except MqtuiError as error:
            found.append(replace(hit, why=error.title))
    return found


async def _groups_of(session: Session, refs: Sequence[Ref]) -> dict[Ref, Sequence[Ref] | str]:
    """The groups of each place, or why they are not known."""
    groups = session.broker.groups
    if any(ref.kind is Kind.STREAM for ref in refs) and session.broker.pending is None:
        return dict.fromkeys(refs, NOT_TOLD)
    if len(refs) > PLACES_ONE_BY_ONE and session.broker.pending is None:
        try:
            there = await groups.list_groups()
        except MqtuiError as error:
            return dict.fromkeys(refs, error.title)
        return {ref: [group.ref for group in there if ref in group.reads] for ref in refs}
    gate = asyncio.Semaphore(PLACES_AT_ONCE)

    async def ask(ref: Ref) -> Sequence[Ref] | str:
        async with gate:
            try:
                return [group.ref for group in await groups.list_groups(ref)]
            except MqtuiError as error:
                return error.title

    return dict(zip(refs, await asyncio.gather(*map(ask, refs)), strict=True))


async def _readers_of(
    session: Session, lags: Sequence[GroupLag], message: Message, *, asks: bool
) -> tuple[MessageReader, ...]:
    found: list[MessageReader] = []
    for lag in lags:
        name = lag.group.name.rpartition("/")[2] if message.resource.kind is Kind.STREAM else lag.group.name
        behind, at = _standing(lag, message)
        if behind is None:
            found.append(MessageReader(name, ReadState.UNKNOWN))
        elif behind:
            found.append(MessageReader(name, ReadState.WAITING, at))
        else:
            pending = await _pending(session, message, name) if asks else None
            found.append(pending or MessageReader(name, ReadState.PASSED))
    return tuple(found)


def _standing(lag: GroupLag, message: Message) -> tuple[bool | None, str]:
    """Whether a group has still to read the message, and where it stands."""
    partition = message.position.partition if isinstance(message.position, Offset) else 0
    for part in lag.parts:
        if part.resource == message.resource and part.partition == max(0, partition):
            return is_behind(part.committed, message), part.committed
    return None, ""


def is_behind(committed: str, message: Message) -> bool | None:
    """Whether a group with that committed position has still to read a message; None where that is unknown."""
    if isinstance(message.position, Offset):
        return message.position.offset >= int(committed) if committed.isdecimal() else None
    ms, _, seq = committed.partition("-")
    if isinstance(message.position, EntryId) and ms.isdecimal() and seq.isdecimal():
        return message.position > EntryId(int(ms), int(seq))
    return None


async def _pending(session: Session, message: Message, group: str) -> MessageReader | None:
    """The consumer that has an entry pending; None where none has, or the broker has no such list."""
    pending, position = session.broker.pending, message.position
    if pending is None or not isinstance(position, EntryId):
        return None
    page = await pending.list_entries(message.resource, group, cursor=f"{position}".encode(), limit=1)
    entry = next((each for each in page.items if each.id == position), None)
    return None if entry is None else MessageReader(group, ReadState.PENDING, "", entry.consumer, entry.idle)
