"""What the monitor of a run will not be able to observe, known before anything moves (C16, R16)."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.optional_port import ChecksListening
from mqtui.brokers.port import Broker
from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import MqtuiError
from mqtui.domain.plan import Risk
from mqtui.domain.resource import Kind, Ref
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.run.group_progress import find_reading_groups, has_live_consumer
from mqtui.services.session import Session

NOT_OBSERVABLE_RISK = "not-heard"
"""The risk that letters are dead-lettered again unobserved. Where it is accepted, a run continues after stage 1."""

RETURNS_NOT_OBSERVABLE = "letters that are dead-lettered again can't be observed"

NO_CONSUMER_RISK = "unread"
"""The risk that a target has no consumer, or that consumers can't be listed. Accepted by name likewise."""


async def why_not_observable(
    session: Session,
    request: RedriveRequest,
    conventions: Conventions,
    remote: Session | None,
    original_targets: frozenset[Ref],
) -> str:
    """Why letters that are dead-lettered again would not be seen in the source, or not all of them.

    "" where they would, or where the run is not monitored. `original_targets` are the destinations that letters name as
    their origin: dead letters of those arrive in the source.
    """
    if not request.stages.is_watched or request.verb is Verb.DISCARD:
        return ""
    name = request.source.name
    if remote is not None and await remote.broker.identity() != await session.broker.identity():
        return f"they go to another broker, whose dead letters do not come to {name}"
    if isinstance(session.broker, ChecksListening) and not (support := await session.broker.can_listen(request.source)):
        return support.reason
    if request.to is None or request.to in original_targets:
        return ""
    if not traits_of(session.broker.kind).routes_dead_letters:
        named = conventions.by_name(session.broker.kind, name)
        if named is not None and request.to.name in named.candidates:
            return ""
        return f"it is not known whether dead letters of {request.to.name} go to {name}"
    if request.to.kind is Kind.EXCHANGE:
        return f"{request.to.name} is an exchange: where letters of the queues behind it die is not known"
    dead_letters_to = (await session.broker.catalog.describe(request.to)).dead_letters_to
    if request.source in dead_letters_to:
        return ""
    where = ", ".join(ref.name for ref in dead_letters_to)
    return f"dead letters of {request.to.name} " + (
        f"go to {where}, not to {name}" if dead_letters_to else "are not kept"
    )


async def monitor_risks(
    request: RedriveRequest, targets: Sequence[Ref], broker: Broker, not_observable: str
) -> list[Risk]:
    """What keeps a monitored run from continuing by itself. `broker` is that of the targets."""
    if not request.stages.is_watched or request.verb is Verb.DISCARD:
        return []
    risks: list[Risk] = []
    holds = "the run holds after its first stage unless --allow {} is given"
    if not_observable:
        text = holds.format(NOT_OBSERVABLE_RISK) if request.stages.first else "how many came back stays unknown"
        risks.append(Risk(NOT_OBSERVABLE_RISK, f"{RETURNS_NOT_OBSERVABLE}: {not_observable}; {text}"))
    for target in targets:
        if why := await why_no_consumer(broker, target):
            text = holds.format(NO_CONSUMER_RISK) if request.stages.first else "how many passed stays unknown"
            risks.append(Risk(NO_CONSUMER_RISK, f"{why}; {text}"))
    return risks


async def why_no_consumer(broker: Broker, target: Ref) -> str:
    """Why no consumer will be seen to pass the copies in a target; "" where there is one."""
    if target.kind is Kind.EXCHANGE:
        return f"consumers of the queues behind the exchange {target.name} are not monitored"
    try:
        groups, missing = await find_reading_groups(broker, target)
    except MqtuiError as error:
        return f"the consumers of {target.name} can't be listed: {error.title}"
    if any(has_live_consumer(group, target, traits_of(broker.kind).groups) is not False for group in groups):
        return ""
    if missing:
        return f"the consumers of {target.name} are not known: {missing[0]}"
    states = ", ".join(f"{group.ref.name} is {group.state}" for group in groups) or "no group"
    return f"no consumer reads {target.name} ({states}): nothing will pass"
