"""Redis pending entries: see them, reassign them, acknowledge them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence

from mqtui.brokers.port import Pending
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotFound, Unsupported
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Acknowledge, Claim, Plan, Step, StepResult
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Ref
from mqtui.domain.topology import PendingEntry
from mqtui.services.session import Session

PAGE = 500


async def role(session: Session, verb: Verb) -> Pending:
    """The pending entries list of this broker.

    Raises:
        Unsupported: it has none, with the reason.
    """
    support = await session.broker.can(verb)
    if session.broker.pending is None or not support:
        raise Unsupported(f"{verb} is not offered here", support.reason, support.hint)
    return session.broker.pending


async def entries(
    session: Session, stream: Ref, group: str, *, min_idle: int = 0, consumer: str = ""
) -> AsyncIterator[PendingEntry]:
    """All pending entries that match, by id. `min_idle` is milliseconds."""
    listed = await role(session, Verb.PENDING)
    cursor: bytes | None = None
    while True:
        page = await listed.entries(stream, group, min_idle=min_idle, consumer=consumer, cursor=cursor, limit=PAGE)
        for entry in page.items:
            yield entry
        cursor = page.cursor
        if cursor is None:
            return


async def chosen(
    session: Session, stream: Ref, group: str, ids: Sequence[EntryId], *, min_idle: int = 0, consumer: str = ""
) -> list[PendingEntry]:
    """The pending entries of those ids, or all that match when no id is given.

    Raises:
        NotFound: an id is not pending, or nothing matches.
    """
    await session.guard.recognise()
    found = [entry async for entry in entries(session, stream, group, min_idle=min_idle, consumer=consumer)]
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


def claim_plan(
    session: Session, stream: Ref, group: str, to: str, min_idle: int, found: Sequence[PendingEntry]
) -> Plan:
    """Reassign these entries to a consumer, as long as nobody touches them meanwhile (D6)."""
    seen = tuple((entry.id, entry.idle, entry.read_at) for entry in found)
    owners = ", ".join(sorted({entry.consumer for entry in found}))
    facts = (
        ("from", f"{owners} in group {group} of {stream.name}"),
        ("to", to),
        ("lock", "an entry that somebody touches before us stays where it is; delivery counts are not raised"),
        ("note", f"{to} must read its own history (XREADGROUP with id 0) to get them"),
    )
    return _plan(session, Verb.CLAIM, Claim(stream, group, to, min_idle, seen), len(found), facts)


def ack_plan(session: Session, stream: Ref, group: str, found: Sequence[PendingEntry]) -> Plan:
    """Acknowledge these entries: the group will not see them again, the stream keeps them."""
    ids = tuple(entry.id for entry in found)
    facts = (
        ("group", f"{group} of {stream.name}"),
        ("effect", "no consumer of this group gets these entries again; the entries stay in the stream"),
    )
    return _plan(session, Verb.ACK, Acknowledge(stream, group, ids), len(found), facts)


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


async def run(session: Session, planned: Plan, consent: Consent) -> StepResult:
    """Do the plan's one step.

    Raises:
        Refused, NeedsConsent: as the guard says.
    """
    async with session.guard.writing(planned, consent) as writer:
        return await writer.apply(planned.steps[0])
