"""Checks of the source queue of a redrive: consumers, limits, expiry, unreadable letters (R5, R8, R13, R16)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read import peek_budget, peek_cost
from mqtui.brokers.rabbitmq.read.delivery_limit import LimitKind
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo
from mqtui.brokers.rabbitmq.redrive.queue_consumer import LOW_DELIVERIES
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, Remove, Risk, Severity
from mqtui.domain.redrive import Source

REFUSE = Severity.REFUSE
NATIVE_SINCE = (4, 0)
"""From this version on the broker stores AMQP 1.0 messages as they are; before, it converted them at once."""

AMQP_1_0 = "AMQP 1-0"
LOST_OVER_0_9_1 = (
    "AMQP 0-9-1 can't carry all of an AMQP 1.0 message: subject, group sequence, absolute expiry, footer, the kinds of "
    "ids and of application properties, and times below a second are lost on the way"
)


def check_source(source: Source, queue: QueueInfo, plan: Plan) -> list[Risk]:
    """Risks of its consumers, and of taking and requeueing letters there."""
    name, risks = source.ref.name, []
    if source.readers or queue.consumers:
        who = ", ".join(source.readers) or pluralize(queue.consumers, "consumer")
        risks.append(Risk("consumers", f"{name} is read by {who}: they take letters from this run", REFUSE))
    if refusal := peek_cost.why_no_basic_get(queue):
        risks.append(Risk("single-active-consumer", refusal, REFUSE, final=True))
    elif queue.setting("single-active-consumer"):
        risks.append(Risk("single-active-consumer", f"{name} lets one consumer at a time read", REFUSE))
    risks += _check_expiry(queue)
    if queue.unreadable_reason:
        risks.append(Risk("unchecked", f"arguments and policy of {name} can't be read: {queue.unreadable_reason}"))
    limit = queue.limit
    if limit.kind is LimitKind.NO_REQUEUE:
        risks.append(Risk("delivery-limit", f"{name} drops every letter that is requeued: each is taken alone"))
    elif limit.kind is LimitKind.KNOWN and (limit.number or 0) < LOW_DELIVERIES:
        risks.append(Risk("delivery-limit", f"{name} allows {limit.number} deliveries: letters are taken one by one"))
    elif limit.kind is LimitKind.KNOWN and any(not isinstance(step, Remove) for step in plan.steps):
        risks.append(
            Risk(
                "spends",
                f"a letter of {name} that is requeued has used up 1 of {limit.number} deliveries; one found with none "
                "left is published again at the tail",
            )
        )
    if not limit.keeps_order and queue.type != UNKNOWN:
        risks.append(Risk("order", f"letters of {name} that are requeued go to its tail"))
    return risks


async def check_unreadable(session: RabbitSession, queue: QueueInfo) -> list[Risk]:
    """Whether an earlier peek met a letter that AMQP 0-9-1 can't carry (R13)."""
    cost = await peek_cost.cost_of_peek(session, queue)
    key = await peek_budget.budget_key(session, queue.name)
    met = (await session.with_peek_budget(lambda budget: budget.history(key))).unreadable
    if not met:
        return []
    if peek_cost.may_be_last_delivery(queue.limit, met):
        return [Risk("unreadable", cost.refusal, REFUSE, final=True)]
    text = f"{queue.name} holds a letter that AMQP 0-9-1 can't carry; it and those behind it stay"
    return [Risk("unreadable", f"{text}, those before it are taken one by one")]


def _check_expiry(queue: QueueInfo) -> list[Risk]:
    """What may remove letters while the run goes on."""
    ttl, expires = queue.setting("message-ttl"), queue.setting("expires")
    risks = []
    if ttl is not None:
        risks.append(Risk("source-ttl", f"letters of {queue.name} expire after {ttl} ms, also while the run goes on"))
    if expires is not None:
        text = f"{queue.name} itself vanishes with its letters after {expires} ms without a reader"
        risks.append(Risk("source-expires", text))
    return risks


async def check_amqp_1_0_senders(session: RabbitSession) -> list[Risk]:
    """What letters of AMQP 1.0 senders lose. When read over 0-9-1 they do not show that they were AMQP 1.0."""
    if (await session.server_info()).version_numbers < NATIVE_SINCE:
        return []
    try:
        rows = await session.management.get(
            "vhosts/{vhost}/connections", "list of connections", {"columns": "name,protocol"}
        )
    except MqtuiError:
        rows = []
    named = sorted(str(row.get("name", "?")) for row in rows if row.get("protocol") == AMQP_1_0)
    if named:
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        who = ", ".join(named[:3]) + more
        return [Risk("poorer", f"AMQP 1.0 is spoken here ({who}). {LOST_OVER_0_9_1}", REFUSE)]
    return [Risk("poorer", f"if AMQP 1.0 senders wrote these letters: {LOST_OVER_0_9_1}")]
