"""What speaks against taking letters from a queue (R8, R5, R13, R16)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read import peek_budget, peek_cost
from mqtui.brokers.rabbitmq.read.delivery_limit import Sort
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue
from mqtui.brokers.rabbitmq.redrive.queue_consumer import FEW
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, Remove, Risk, Severity
from mqtui.domain.redrive import Source

REFUSE = Severity.REFUSE
NATIVE_SINCE = (4, 0)
"""From then on the broker stores AMQP 1.0 messages as they are; before it, they were 0-9-1 messages at once."""

AMQP_1_0 = "AMQP 1-0"
LOST = (
    "AMQP 0-9-1 can't carry all of an AMQP 1.0 message: subject, group sequence, absolute expiry, footer, the kinds of "
    "ids and of application properties, and times below a second are lost on the way"
)


def of_source(source: Source, facts: Queue, plan: Plan) -> list[Risk]:
    """Its readers, and what taking and returning letters does there."""
    name, risks = source.ref.name, []
    if source.readers or facts.consumers:
        who = ", ".join(source.readers) or pluralize(facts.consumers, "consumer")
        risks.append(Risk("consumers", f"{name} is read by {who}: they take letters from this run", REFUSE))
    if refusal := peek_cost.no_single_get(facts):
        risks.append(Risk("single-active-consumer", refusal, REFUSE, final=True))
    elif facts.setting("single-active-consumer"):
        risks.append(Risk("single-active-consumer", f"{name} lets one consumer at a time read", REFUSE))
    risks += _expiring(facts)
    if facts.why:
        risks.append(Risk("unchecked", f"arguments and policy of {name} can't be read: {facts.why}"))
    limit = facts.limit
    if limit.sort is Sort.NEVER:
        risks.append(Risk("delivery-limit", f"{name} removes every letter that is returned: each is taken alone"))
    elif limit.sort is Sort.KNOWN and (limit.number or 0) < FEW:
        risks.append(Risk("delivery-limit", f"{name} allows {limit.number} deliveries: letters are taken one by one"))
    elif limit.sort is Sort.KNOWN and any(not isinstance(step, Remove) for step in plan.steps):
        risks.append(
            Risk(
                "spends",
                f"a letter of {name} that is returned has spent 1 of {limit.number} deliveries; one found with none "
                "left is saved to the tail",
            )
        )
    if not limit.orders and facts.sort != UNKNOWN:
        risks.append(Risk("order", f"letters of {name} that are returned go to its tail"))
    return risks


async def of_unreadable(access: Access, facts: Queue) -> list[Risk]:
    """Whether there is a letter that the broker could not hand over when it was met before (R13)."""
    cost = await peek_cost.of(access, facts)
    key = await peek_budget.budget_key(access, facts.name)
    met = (await access.remembered(lambda counts: counts.history(key))).unreadable
    if not met:
        return []
    if peek_cost.is_last_chance(facts.limit, met):
        return [Risk("unreadable", cost.refusal, REFUSE, final=True)]
    text = f"{facts.name} holds a letter that the broker can't hand over; it and those behind it stay"
    return [Risk("unreadable", f"{text}, those before it are taken one by one")]


def _expiring(facts: Queue) -> list[Risk]:
    """What may take letters away while the run goes on."""
    ttl, expires = facts.setting("message-ttl"), facts.setting("expires")
    risks = []
    if ttl is not None:
        risks.append(Risk("source-ttl", f"letters of {facts.name} expire after {ttl} ms, also while the run goes on"))
    if expires is not None:
        text = f"{facts.name} itself vanishes with its letters after {expires} ms without a reader"
        risks.append(Risk("source-expires", text))
    return risks


async def of_amqp_1_0(access: Access) -> list[Risk]:
    """What letters of AMQP 1.0 senders lose. Read over 0-9-1 they do not show what they were."""
    if (await access.server()).numbers < NATIVE_SINCE:
        return []
    try:
        rows = await access.management.get(
            "vhosts/{vhost}/connections", "list of connections", {"columns": "name,protocol"}
        )
    except MqtuiError:
        rows = []
    named = sorted(str(row.get("name", "?")) for row in rows if row.get("protocol") == AMQP_1_0)
    if named:
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        who = ", ".join(named[:3]) + more
        return [Risk("poorer", f"AMQP 1.0 is spoken here ({who}). {LOST}", REFUSE)]
    return [Risk("poorer", f"if AMQP 1.0 senders wrote these letters: {LOST}")]
