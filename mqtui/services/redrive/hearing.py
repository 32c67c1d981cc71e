"""What a watch will not be able to tell, known before anything moves (C16, R16)."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.port import Broker, TellsHearing
from mqtui.domain.capability import Verb
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import MqtuiError
from mqtui.domain.plan import Risk
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.redrive.order import Order
from mqtui.services.redrive.readers import is_alive, readers_of
from mqtui.services.session import Session

NOT_HEARD = "not-heard"
"""The risk that letters die again and nobody hears it; let through by name, a run goes on after its first stage."""

UNREAD = "unread"
"""The risk that nobody reads where letters go, or that nobody can be asked; let through by name likewise."""


async def why_deaf(
    session: Session, order: Order, conventions: Conventions, remote: Session | None, homes: frozenset[Ref]
) -> str:
    """Why letters that die again are not heard at their source, or not all of them; "" where they are, or where nothing
    is watched.

    `homes` are places that letters name as the one they came from: what dies there comes to the source.
    """
    if not order.stages.watched or order.verb is Verb.DISCARD:
        return ""
    name = order.source.name
    if remote is not None and await remote.broker.identity() != await session.broker.identity():
        return f"they go to another broker, whose dead letters do not come to {name}"
    if isinstance(session.broker, TellsHearing) and not (support := await session.broker.can_hear(order.source)):
        return support.reason
    if order.to is None or order.to in homes:
        return ""
    if session.broker.kind is not BrokerKind.RABBITMQ:
        named = conventions.by_name(session.broker.kind, name)
        if named is not None and order.to.name in named.candidates:
            return ""
        return f"nothing tells that what dies in {order.to.name} comes to {name}"
    if order.to.kind is Kind.EXCHANGE:
        return f"{order.to.name} is an exchange: where letters of the queues behind it die is not known"
    ways = (await session.broker.catalog.detail(order.to)).dead_letters_to
    if order.source in ways:
        return ""
    where = ", ".join(ref.name for ref in ways)
    return f"dead letters of {order.to.name} " + (f"go to {where}, not to {name}" if ways else "are not kept")


async def watch_risks(order: Order, targets: Sequence[Ref], broker: Broker, deaf: str) -> list[Risk]:
    """What keeps a watched run from going on by itself. `broker` is that of the targets."""
    if not order.stages.watched or order.verb is Verb.DISCARD:
        return []
    risks: list[Risk] = []
    holds = "the run holds after its first stage, --allow {} goes on"
    if deaf:
        text = holds.format(NOT_HEARD) if order.stages.first else "how many came back stays unknown"
        risks.append(Risk(NOT_HEARD, f"letters that die again can't be heard: {deaf}; {text}"))
    for target in targets:
        if why := await why_unread(broker, target):
            text = holds.format(UNREAD) if order.stages.first else "how many passed stays unknown"
            risks.append(Risk(UNREAD, f"{why}; {text}"))
    return risks


async def why_unread(broker: Broker, target: Ref) -> str:
    """Why nothing will be seen to pass in a target; "" where somebody reads it."""
    if target.kind is Kind.EXCHANGE:
        return f"who reads the queues behind the exchange {target.name} is not asked"
    try:
        groups, missing = await readers_of(broker, target)
    except MqtuiError as error:
        return f"who reads {target.name} can't be asked: {error.title}"
    if any(is_alive(group, target, broker.kind) is not False for group in groups):
        return ""
    if missing:
        return f"who reads {target.name} is not known: {missing[0]}"
    states = ", ".join(f"{group.ref.name} is {group.state}" for group in groups) or "no group"
    return f"nobody reads {target.name} ({states}): nothing will pass"
