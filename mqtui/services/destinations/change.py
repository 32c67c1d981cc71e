"""Plans changes of destinations, and carries them out through the write gate."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from mqtui.brokers.optional_port import ChangesDestinations
from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import (
    Alteration,
    Creation,
    CreationWords,
    Deletion,
    DestinationChange,
    PurgeRequest,
)
from mqtui.domain.errors import Unsupported
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Kind, ParsedName, Ref, parse_name
from mqtui.services.browse import find_destination, require_verb
from mqtui.services.destinations.losses import Losses, describe_losses
from mqtui.services.session import Session

VERBS = {Creation: Verb.CREATE, Alteration: Verb.ALTER, Deletion: Verb.DELETE, PurgeRequest: Verb.PURGE}
AsksForChange: TypeAlias = Callable[[Session], Awaitable[DestinationChange]]
"""What says which change is wanted; it may look things up first."""

DELETING = frozenset({Verb.DELETE, Verb.PURGE})


async def plan_change(session: Session, change: DestinationChange) -> Plan:
    """Plan a change; without steps where it would change nothing.

    Raises:
        NotFound, BadInput, Unsupported: as `ChangesDestinations.preview_change`.
    """
    verb = VERBS[type(change)]
    await session.guard.identify_broker()
    await require_verb(session.broker, verb, None if isinstance(change, Creation) else change.ref)
    if not isinstance(session.broker, ChangesDestinations):
        raise Unsupported(f"{verb} is not offered here", f"{session.broker.kind} has no such way.")
    preview = await session.broker.preview_change(change)
    losses = Losses((), ())
    if preview.steps and verb in DELETING:
        losses = await describe_losses(session, change.ref, all_of_it=verb is Verb.DELETE)
    deleted = (("deletes", pluralize(preview.count, "message")),) if verb is Verb.DELETE else ()
    return Plan(
        id=secrets.token_hex(16),
        verb=verb,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=preview.steps,
        count=preview.count if verb in DELETING else exact(len(preview.steps)),
        facts=(("on", str(change.ref)), *deleted, *preview.facts, *losses.facts),
        risks=(*preview.risks, *losses.risks),
        deletes=change.ref.name if preview.steps and verb in DELETING else "",
    )


async def run_change(session: Session, plan: Plan, consent: Consent) -> StepResult:
    """Carry out the plan's steps, one after the other.

    Raises:
        Refused, NeedsConsent: from the write gate, or since the destination is another one now.
        MqtuiError: a step failed; the audit has how many were done before it.
    """
    results: list[StepResult] = []
    async with session.guard.writing(plan, consent) as writer:
        for step in plan.steps:
            results.append(await writer.apply(step))
            if len(plan.steps) > 1:
                writer.result = f"{len(results)} of {len(plan.steps)} steps"
        notes = tuple(note for result in results for note in result.notes)
        if notes:
            writer.result = f"{writer.result}; {'; '.join(notes)}"
    return StepResult(sum(each.asked for each in results), sum(each.done for each in results), notes)


def new_ref(session: Session, named: ParsedName, kind_of_thing: str = "") -> Ref:
    """What a new destination of that name is, where its kind was not given."""
    kind = named.kind or traits_of(session.broker.kind).destinations[0]
    is_stream = kind_of_thing == Kind.STREAM.value
    return Ref(Kind.STREAM if is_stream else kind, named.name)


async def creation_of(session: Session, words: CreationWords, kind: Kind | None = None) -> Creation:
    """What is asked for by words; what is to be copied is looked up.

    Raises:
        NotFound: there is nothing to be copied of that name.
    """
    named = ParsedName(words.name, kind) if kind is not None else parse_name(words.name)
    like = (await find_destination(session.broker, parse_name(words.like))).ref if words.like else None
    ref = new_ref(session, named, words.type)
    return Creation(ref, words.type, words.partitions, words.replicas, words.settings, like)
