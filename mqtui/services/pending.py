"""Redis pending entries: list, claim and acknowledge them."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial

from mqtui.brokers.port import Pending
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotAuthorised, NotFound, Unsupported
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Acknowledge, Claim, Plan, Risk, Step, StepResult
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Ref
from mqtui.domain.topology import PendingEntry
from mqtui.services.session import Session

PAGE_SIZE = 500
MAX_SINGLE_LOOKUPS = 100
"""Up to so many ids are looked up one by one; for more the whole list is read."""


async def require_pending(session: Session, verb: Verb) -> Pending:
    """The pending entries list of this broker.

    Raises:
        Unsupported: it has none, with the reason.
    """
    support = await session.broker.can(verb)
    if session.broker.pending is None or not support:
        raise Unsupported(f"{verb} is not offered here", support.reason, support.hint)
    return session.broker.pending


async def read_pages(
    session: Session, stream: Ref, group: str, *, min_idle: int = 0, consumer: str = "", most: int | None = None
) -> AsyncGenerator[Sequence[PendingEntry]]:
    """Pending entries that match, by id, a page at a time, at most `most` in all. `min_idle` is milliseconds."""
    listed = await require_pending(session, Verb.PENDING)
    cursor: bytes | None = None
    left = most
    while left is None or left > 0:
        limit = PAGE_SIZE if left is None else min(PAGE_SIZE, left)
        page = await listed.list_entries(
            stream, group, min_idle=min_idle, consumer=consumer, cursor=cursor, limit=limit
        )
        yield page.items
        cursor = page.cursor
        if cursor is None:
            return
        left = None if left is None else left - len(page.items)


async def read_entries(
    session: Session, stream: Ref, group: str, *, min_idle: int = 0, consumer: str = ""
) -> AsyncGenerator[PendingEntry]:
    """All pending entries that match, by id. `min_idle` is milliseconds."""
    async for page in read_pages(session, stream, group, min_idle=min_idle, consumer=consumer):
        for entry in page:
            yield entry


async def select_entries(
    session: Session, stream: Ref, group: str, ids: Sequence[EntryId], *, min_idle: int = 0, consumer: str = ""
) -> list[PendingEntry]:
    """The pending entries of those ids, or all that match when no id is given. A few ids are asked for one by one.

    Raises:
        NotFound: an id is not pending, or nothing matches.
    """
    await session.guard.identify_broker()
    if 0 < len(ids) <= MAX_SINGLE_LOOKUPS:
        listed = await require_pending(session, Verb.PENDING)
        first = partial(listed.list_entries, stream, group, min_idle=min_idle, consumer=consumer, limit=1)
        found = [entry for one in ids for entry in (await first(cursor=str(one).encode())).items]
    else:
        found = [entry async for entry in read_entries(session, stream, group, min_idle=min_idle, consumer=consumer)]
    if ids:
        wanted = set(ids)
        found = [entry for entry in found if entry.id in wanted]
        missing = wanted - {entry.id for entry in found}
        if missing:
            named = ", ".join(map(str, sorted(missing)))
            raise NotFound(f"Not pending in {group}: {named}", "Acknowledged, younger than --min-idle, or never there.")
    if not found:
        raise NotFound(f"Nothing pending matches in {group}")
    return found


async def plan_claim(
    session: Session, stream: Ref, group: str, to: str, min_idle: int, found: Sequence[PendingEntry]
) -> Plan:
    """Plan to reassign these entries to a consumer, unless another consumer touches them meanwhile (D6).

    Entries that are gone from the stream are counted separately and left alone: no consumer could process them.

    Raises:
        NotFound: all of them are gone from the stream.
    """
    there, gone = await _split_missing(session, stream, found)
    if not there:
        words = f"{len(gone):,} gone from the stream"
        raise NotFound(f"Nothing to claim in {group}: {words}", "Trimmed or deleted.", "mqtui ack takes them off.")
    seen = tuple((entry.id, entry.idle, entry.read_at) for entry in there)
    owners = Counter(entry.consumer for entry in there)
    owners_text = next(iter(owners))
    if len(owners) > 1:
        owners_text = ", ".join(f"{owner} {number:,}" for owner, number in sorted(owners.items()))
    facts = [
        ("from", f"{owners_text} in group {group} of {stream.name}"),
        ("to", to),
        ("lock", "an entry that somebody touches before us stays where it is; delivery counts are not raised"),
        ("idle", "starts at 0 again for each, so that others wait as long as if it were just delivered"),
        ("note", f"{to} must read its own history (XREADGROUP with id 0) to get them"),
    ]
    if gone:
        facts.append(("gone", f"{len(there):,}, and {len(gone):,} are gone from the stream: acknowledge them"))
    risks: list[Risk] = []
    if not await _is_member(session, stream, group, to):
        risks.append(Risk("new-consumer", f"consumer {to!r} of {group} does not exist: it will be created"))
    if len(owners) > 1:
        text = f"they are taken from {len(owners)} consumers, of which some may be at work; --consumer names one"
        risks.append(Risk("everybody", text))
    plan = _plan(session, Verb.CLAIM, Claim(stream, group, to, min_idle, seen), len(there), tuple(facts))
    return replace(plan, risks=tuple(risks))


async def plan_ack(session: Session, stream: Ref, group: str, found: Sequence[PendingEntry]) -> Plan:
    """Plan to acknowledge these entries: the group will not get them again, the stream keeps those it still has."""
    there, gone = await _split_missing(session, stream, found)
    ids = tuple(entry.id for entry in found)
    stay = "the entries stay in the stream"
    if gone:
        stay = f"{len(there):,} stay in the stream, {len(gone):,} are gone from it already"
    facts = (
        ("group", f"{group} of {stream.name}"),
        ("effect", f"no consumer of this group gets these entries again; {stay}"),
    )
    return _plan(session, Verb.ACK, Acknowledge(stream, group, ids), len(found), facts)


async def _split_missing(
    session: Session, stream: Ref, found: Sequence[PendingEntry]
) -> tuple[list[PendingEntry], list[PendingEntry]]:
    """Entries that the stream still has, and those that were trimmed or deleted."""
    listed = await require_pending(session, Verb.PENDING)
    present = await listed.are_in_stream(stream, [entry.id for entry in found])
    pairs = list(zip(found, present, strict=True))
    return [entry for entry, yes in pairs if yes], [entry for entry, yes in pairs if not yes]


async def _is_member(session: Session, stream: Ref, group: str, consumer: str) -> bool:
    """Whether the group has that consumer; assumed where this user may not ask."""
    try:
        groups = await session.broker.groups.list_groups(stream)
    except NotAuthorised:
        return True
    known = [one for one in groups if one.ref.name in (group, f"{stream.name}/{group}") and not one.why]
    return not known or any(member.name == consumer for one in known for member in one.members)


def _plan(session: Session, verb: Verb, step: Step, count: int, facts: tuple[tuple[str, str], ...]) -> Plan:
    return Plan(
        id=secrets.token_hex(16),
        verb=verb,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(step,),
        count=exact(count),
        facts=facts,
    )


async def run_step(session: Session, planned: Plan, consent: Consent) -> StepResult:
    """Carry out the plan's one step.

    Raises:
        Refused, NeedsConsent: from the write gate.
    """
    async with session.guard.writing(planned, consent) as writer:
        return await writer.apply(planned.steps[0])
