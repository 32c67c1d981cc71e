"""What a look at a queue costs (R3, R4, R5)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection import alarms
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read import peek_budget
from mqtui.brokers.rabbitmq.read.delivery_limit import Limit, Sort
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue
from mqtui.domain.figure import Figure, about, exact, unknown
from mqtui.domain.read_range import PeekCost, PeekHistory

TO_THE_TAIL = "the peeked messages go to the tail"
UNREAD = unknown("unknown until a message is read")


async def of(access: Access, facts: Queue) -> PeekCost:
    """The price of a look."""
    key = await peek_budget.budget_key(access, facts.name)
    if seen_empty(facts) or await peek_budget.is_of_earlier_queue(access, facts, key):
        await access.remembered(lambda counts: counts.set(key, None))
    looks, fewest = await access.remembered(lambda counts: (counts.history(key), counts.get(key)))
    seen = _least(facts.limit, fewest, looks)
    return PeekCost(
        lends=True,
        spends=facts.sort in ("quorum", UNKNOWN),
        limit=_limit(facts.limit),
        left=_left(facts.limit, seen),
        text="; ".join(_sentences(facts, seen, await alarms.told(access))),
        refusal=_refusal(facts, seen, looks),
    )


def is_last_chance(limit: Limit, met: int) -> bool:
    """Whether a message that was met so often without being read may not survive to be met again."""
    return limit.costs and (limit.number is None or met + 1 >= limit.number)


def _least(limit: Limit, seen: int | None, looks: PeekHistory) -> int | None:
    """The deliveries left at least: looks without an answer count as spent."""
    if not limit.costs:
        return seen
    if looks.unreadable:
        return 0
    if not looks.unanswered:
        return seen
    known = seen if seen is not None else limit.spare(0) or 0
    return max(0, known - looks.unanswered)


def seen_empty(facts: Queue) -> bool:
    """Whether nothing is left of the messages an earlier look saw."""
    return facts.ready == 0 and not facts.row.get("messages")


def _left(limit: Limit, seen: int | None) -> Figure:
    if not limit.costs:
        return limit.left(None)
    return UNREAD if seen is None else about(seen, "as of the last look")


def _limit(limit: Limit) -> Figure:
    match limit.sort:
        case Sort.KNOWN if limit.number is not None:
            return exact(limit.number)
        case Sort.NONE:
            return unknown("the queue has none")
        case Sort.NEVER:
            return exact(0)
        case _:
            return unknown("arguments and policy can't be read")


def _sentences(facts: Queue, seen: int | None, stopped: str) -> list[str]:
    told: list[str] = []
    match facts.limit.sort:
        case Sort.KNOWN:
            told.append(f"spends 1 of at most {facts.limit.number} deliveries of each message")
            told.append("what is left is unknown until read" if seen is None else f"at the last look {seen} were left")
            told.append("messages that were returned before may change places among themselves")
        case Sort.UNTOLD:
            told.append("may spend a delivery of each message: the limit can't be read, so 1 is taken as left")
            told.append(facts.why or "the policy can't be read")
        case Sort.NEVER:
            told.append("the delivery limit is negative: this version removes a message that is returned")
        case Sort.NONE:
            told.append("lends the messages for a moment: consumers do not see them meanwhile")
            told.append("they are marked as redelivered")
    if not facts.limit.orders:
        told.append(TO_THE_TAIL)
    if facts.setting("message-ttl") is not None:
        told.append("messages whose time has come expire when they are returned")
    if stopped:
        told.append(f"publishers are stopped by an alarm of {stopped}")
    if facts.setting("delayed-retry-type") in ("all", "returned"):
        told.append("returned messages are hidden for a while")
    return told


def no_single_get(facts: Queue) -> str:
    """Why single messages can't be taken from a queue at all; "" where they can."""
    if facts.sort == "quorum" and facts.setting("single-active-consumer"):
        return f"{facts.name} is a quorum queue with a single active consumer: it gives nothing by `basic.get`"
    return ""


def _refusal(facts: Queue, seen: int | None, looks: PeekHistory) -> str:
    if refusal := no_single_get(facts):
        return refusal
    if facts.limit.sort is Sort.NEVER:
        return f"the delivery limit of {facts.name} is negative: no message survives being returned"
    if looks.unreadable and facts.limit.costs:
        return (
            f"{facts.name} holds a message that the broker can't hand to an AMQP 0-9-1 reader, and how many deliveries "
            f"it has left can't be read ({looks.unreadable} were spent on it from here): another look may remove it "
            "from the queue. Looks are refused until the queue was seen empty"
        )
    if seen is not None and seen <= 0 and facts.limit.costs:
        return (
            f"a message of {facts.name} has no delivery left: another look would remove it from the queue. "
            "Looks are refused until the queue was seen empty"
        )
    return ""
