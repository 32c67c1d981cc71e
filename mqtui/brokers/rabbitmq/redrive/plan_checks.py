"""Checks of a redrive before it starts: alarms, permissions, source, targets, routes (R5, R7, R8, R11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection import alarms, permission_probes
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.brokers.rabbitmq.redrive import source_checks, target_checks
from mqtui.domain.errors import NotAuthorised, NotFound, TimedOut
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.redrive import Guarantee, Source
from mqtui.domain.resource import Kind, Ref

REFUSE = Severity.REFUSE
TOPIC_PERMISSION = "access to topic"
"""In the broker's text where a routing key is refused: https://www.rabbitmq.com/docs/access-control#topic-authorisation"""

COPIES = ("copies", "CC and BCC are renamed x-mqtui-cc and x-mqtui-bcc: else the broker would send further copies")


async def check_plan(session: RabbitSession, source: Source, plan: Plan, guarantee: Guarantee) -> Plan:
    """The plan with guarantee and risks. A plan without a `Take` gets its letters from another broker."""
    takes = any(isinstance(step, Take) for step in plan.steps)
    targets = [step.target for step in plan.steps if isinstance(step, Deliver | Send)]
    risks = await _check_alarms(session, publishes=bool(targets))
    if takes:
        queue = await describe_queue(session, source.ref.name)
        risks += source_checks.check_source(source, queue, plan) + await source_checks.check_unreadable(session, queue)
        risks += await source_checks.check_amqp_1_0_senders(session)
    inspection = target_checks.TargetInspection(session, source.ref, plan)
    for target in dict.fromkeys(targets):
        risks += await inspection.check(target)
    stopped = any(risk.name == "alarm" for risk in risks)
    if stopped and targets:
        risks.append(
            target_checks.unchecked_risk("the right to publish", "The probe is a message, which the alarm would stop.")
        )
    risks += await _check_permissions(session, source.ref.name if takes else None, () if stopped else targets)
    facts = (*plan.facts, COPIES) if targets else plan.facts
    return replace(plan, guarantee=guarantee, facts=facts, risks=plan.risks + tuple(dict.fromkeys(risks)))


async def check_publish(session: RabbitSession, targets: Sequence[Ref]) -> Sequence[Risk]:
    """The risks of publishing: an alarm, a missing permission. One for single routing keys is left unchecked."""
    risks = await _check_alarms(session, publishes=True) if session.management.is_configured else []
    if any(risk.severity is REFUSE for risk in risks):
        return risks
    try:
        found = await _check_permissions(session, None, targets)
    except TimedOut as error:
        return [*risks, target_checks.unchecked_risk("the right to publish", error.title)]
    return risks + [
        target_checks.unchecked_risk("the right to publish with each routing key", risk.text)
        if TOPIC_PERMISSION in risk.text
        else risk
        for risk in found
    ]


async def _check_alarms(session: RabbitSession, *, publishes: bool) -> list[Risk]:
    """An alarm blocks a run that publishes. One that only removes letters goes on, but can't republish any (R3)."""
    if not session.management.is_configured:
        return [target_checks.unchecked_risk("whether an alarm stops publishers", HINT)] if publishes else []
    raised = await alarms.describe_alarms(session)
    if not raised:
        return []
    text = f"publishers are stopped by an alarm of {raised}"
    if publishes:
        return [Risk("alarm", f"{text}: the run would wait until it ends", REFUSE)]
    return [
        Risk("alarm", f"{text}: a letter that is not selected and has no delivery left could not be published again")
    ]


async def _check_permissions(session: RabbitSession, source: str | None, targets: Sequence[Ref]) -> list[Risk]:
    exchanges = {target.name if target.kind is Kind.EXCHANGE else "" for target in targets}

    async def run_probes() -> list[Risk]:
        risks: list[Risk] = []
        async with session.connection() as connection:
            probes = [permission_probes.require_write(connection, name, "") for name in sorted(exchanges)]
            if source is not None:
                probes.insert(0, permission_probes.require_read(connection, source))
            for probe in probes:
                try:
                    await probe
                except NotAuthorised as error:
                    risks.append(Risk("rights", f"{error.title}. {error.hint}", REFUSE, final=True))
                except NotFound:
                    continue
        return risks

    return await session.io.call(run_probes())
