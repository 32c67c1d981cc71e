"""Publishes one message and monitors it: which consumers pass it, or where it is dead-lettered (C16)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from msgspec import structs

from mqtui.brokers.optional_port import ChecksListening
from mqtui.brokers.registry import traits_of
from mqtui.domain.convention import Conventions
from mqtui.domain.message import MessageFormat, Outgoing
from mqtui.domain.plan import Listen, Plan, Risk
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import PublishStatus, Receipt, Source
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.redrive.planning.monitor_risks import NO_CONSUMER_RISK, NOT_OBSERVABLE_RISK, why_no_consumer
from mqtui.services.redrive.run.monitor import ConsumptionMonitor
from mqtui.services.redrive.run.monitor_result import MonitorResult
from mqtui.services.session import Session

MESSAGE_ID = "message_id"
NO_RETURN_ACCEPTED = 0.0
"""The share that may come back before the monitor ends: the one message came back, or it did not."""


@dataclass(frozen=True, slots=True)
class DeadLetterSource:
    """A snapshot of where dead letters of a target arrive; None where they can't be observed, and why."""

    source: Source | None
    not_observable: str = ""


async def find_dead_letter_source(session: Session, conventions: Conventions, target: Ref) -> DeadLetterSource:
    """Find where dead letters of a target arrive: by the broker's own settings, else by naming convention."""
    if target.kind is Kind.EXCHANGE:
        return DeadLetterSource(
            None, f"{target.name} is an exchange: where letters of the queues behind it die is not known"
        )
    found = await _dead_letters_of(session, conventions, target)
    if not found:
        kept = "are not kept" if target.kind is Kind.QUEUE else "have no destination of a known name"
        return DeadLetterSource(None, f"dead letters of {target.name} {kept}")
    broker = session.broker
    if isinstance(broker, ChecksListening) and not (support := await broker.can_listen(found[0])):
        return DeadLetterSource(None, support.reason)
    others = ", ".join(ref.name for ref in found[1:])
    unheard = f"{others} may get it too, and is not listened to" if others else ""
    return DeadLetterSource(await broker.snapshot(found[0]), unheard)


async def _dead_letters_of(session: Session, conventions: Conventions, target: Ref) -> list[Ref]:
    catalog, kind = session.broker.catalog, session.broker.kind
    if traits_of(kind).routes_dead_letters:
        return [ref for ref in (await catalog.describe(target)).dead_letters_to if ref.kind is Kind.QUEUE]
    found: dict[Ref, None] = {}
    async for page in catalog.list_destinations():
        for row in page.items:
            named = conventions.by_name(kind, row.ref.name)
            if named is not None and row.ref != target and target.name in named.candidates:
                found[row.ref] = None
    return list(found)


def with_message_id(message: Outgoing, kind: BrokerKind) -> Outgoing:
    """The message with a `message_id` where it is an AMQP one: by that its dead letter is recognised."""
    if traits_of(kind).message_format is not MessageFormat.AMQP or MESSAGE_ID in dict(message.properties):
        return message
    return structs.replace(message, properties=(*message.properties, (MESSAGE_ID, secrets.token_hex(16))))


async def plan_monitored(session: Session, planned: Plan, target: Ref, dead_letter_source: DeadLetterSource) -> Plan:
    """The plan with the step that listens for dead letters, and the risks of what can't be observed."""
    risks = list(planned.risks)
    if dead_letter_source.not_observable:
        risks.append(Risk(NOT_OBSERVABLE_RISK, f"it may die unheard: {dead_letter_source.not_observable}"))
    if why := await why_no_consumer(session.broker, target):
        risks.append(Risk(NO_CONSUMER_RISK, why))
    listening = (Listen(dead_letter_source.source),) if dead_letter_source.source is not None else ()
    return replace(planned, steps=(*listening, *planned.steps), risks=tuple(risks))


async def publish_monitored(
    session: Session,
    planned: Plan,
    consent: Consent,
    message: Outgoing,
    dead_letter_source: DeadLetterSource,
    conventions: Conventions,
    seconds: float,
    tell: Callable[[Receipt], None],
    stop: asyncio.Event,
) -> MonitorResult | None:
    """Publish the message, `tell` its receipt, and monitor it for at most `seconds`; None where it was not stored.

    Raises:
        Refused, NeedsConsent: from the write gate.
        MqtuiError: the connection broke.
    """
    monitor = ConsumptionMonitor(
        session.broker, dead_letter_source.source, planned.id, conventions, dead_letter_source.not_observable
    )
    monitor.noun = "message"
    monitor.message_ids = [str(value) for name, value in message.properties if name == MESSAGE_ID]
    async with session.guard.writing(planned, consent) as writer:
        await monitor.start(writer)
        try:
            async with writer.publisher() as publisher:
                (receipt,) = await publisher.send([message])
            writer.result = f"1 {receipt.state}"
            tell(receipt)
            if receipt.state is not PublishStatus.STORED:
                return None
            monitor.copies.add_published(message.target, [receipt.position])
            return await monitor.watch(seconds, NO_RETURN_ACCEPTED, lambda _: None, stop)
        finally:
            await monitor.close()
