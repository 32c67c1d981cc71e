"""What a peek of a queue costs: deliveries, order, or why it is refused (R3, R4, R5)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection import alarms
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read import peek_budget
from mqtui.brokers.rabbitmq.read.delivery_limit import DeliveryLimit, LimitKind
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo
from mqtui.domain.figure import Figure, about, exact, unknown
from mqtui.domain.read_range import PeekCost, PeekHistory

TO_THE_TAIL = "the peeked messages go to the tail"
UNREAD = unknown("unknown until a message is read")


async def cost_of_peek(session: RabbitSession, queue: QueueInfo) -> PeekCost:
    """The cost of a peek, as known from the limit and from earlier peeks."""
    key = await peek_budget.budget_key(session, queue.name)
    if is_empty(queue) or await peek_budget.is_of_earlier_queue(session, queue, key):
        await session.with_peek_budget(lambda budget: budget.set(key, None))
    looks, fewest = await session.with_peek_budget(lambda budget: (budget.history(key), budget.get(key)))
    left = _least(queue.limit, fewest, looks)
    return PeekCost(
        lends=True,
        spends=queue.type in ("quorum", UNKNOWN),
        limit=_limit(queue.limit),
        left=_left(queue.limit, left),
        text="; ".join(_sentences(queue, left, await alarms.describe_alarms(session))),
        refusal=_refusal(queue, left, looks),
    )


def may_be_last_delivery(limit: DeliveryLimit, met: int) -> bool:
    """Whether a message that was delivered `met` times without being read may be dropped by one more delivery."""
    return limit.counts_deliveries and (limit.number is None or met + 1 >= limit.number)


def _least(limit: DeliveryLimit, left: int | None, looks: PeekHistory) -> int | None:
    """The deliveries left at least; peeks without an answer count as used up."""
    if not limit.counts_deliveries:
        return left
    if looks.unreadable:
        return 0
    if not looks.unanswered:
        return left
    known = left if left is not None else limit.deliveries_left(0) or 0
    return max(0, known - looks.unanswered)


def is_empty(queue: QueueInfo) -> bool:
    """Whether none of the messages that an earlier peek saw can be left."""
    return queue.ready == 0 and not queue.row.get("messages")


def _left(limit: DeliveryLimit, left: int | None) -> Figure:
    if not limit.counts_deliveries:
        return limit.left_figure(None)
    return UNREAD if left is None else about(left, "as of the last peek")


def _limit(limit: DeliveryLimit) -> Figure:
    match limit.kind:
        case LimitKind.KNOWN if limit.number is not None:
            return exact(limit.number)
        case LimitKind.NONE:
            return unknown("the queue has none")
        case LimitKind.NO_REQUEUE:
            return exact(0)
        case _:
            return unknown("arguments and policy can't be read")


def _sentences(queue: QueueInfo, left: int | None, stopped: str) -> list[str]:
    sentences: list[str] = []
    match queue.limit.kind:
        case LimitKind.KNOWN:
            sentences.append(f"spends 1 of at most {queue.limit.number} deliveries of each message")
            sentences.append(
                "what is left is unknown until read" if left is None else f"at the last peek {left} were left"
            )
            sentences.append("messages that were returned before may change places among themselves")
        case LimitKind.UNREADABLE:
            sentences.append(
                "may use up a delivery of each message: the limit can't be read, so 1 is assumed to be left"
            )
            sentences.append(queue.unreadable_reason or "the policy can't be read")
        case LimitKind.NO_REQUEUE:
            sentences.append("the delivery limit is negative: this version drops a message that is requeued")
        case LimitKind.NONE:
            sentences.append("takes the messages for a moment: consumers do not see them meanwhile")
            sentences.append("they are marked as redelivered")
    if not queue.limit.keeps_order:
        sentences.append(TO_THE_TAIL)
    if queue.setting("message-ttl") is not None:
        sentences.append("messages whose TTL has passed expire when they are requeued")
    if stopped:
        sentences.append(f"publishers are stopped by an alarm of {stopped}")
    if queue.setting("delayed-retry-type") in ("all", "returned"):
        sentences.append("requeued messages are delayed")
    return sentences


def why_no_basic_get(queue: QueueInfo) -> str:
    """Why `basic.get` brings nothing from this queue; "" where it does."""
    if queue.type == "quorum" and queue.setting("single-active-consumer"):
        return f"{queue.name} is a quorum queue with a single active consumer: it gives nothing by `basic.get`"
    return ""


def _refusal(queue: QueueInfo, left: int | None, looks: PeekHistory) -> str:
    if refusal := why_no_basic_get(queue):
        return refusal
    if queue.limit.kind is LimitKind.NO_REQUEUE:
        return f"the delivery limit of {queue.name} is negative: a message that is requeued is dropped"
    if looks.unreadable and queue.limit.counts_deliveries:
        return (
            f"{queue.name} holds a message that AMQP 0-9-1 can't carry, and how many deliveries "
            f"it has left can't be read ({looks.unreadable} were used up from here): another peek may remove it "
            "from the queue. Peeks are refused until the queue was seen empty"
        )
    if left is not None and left <= 0 and queue.limit.counts_deliveries:
        return (
            f"a message of {queue.name} has no delivery left: another peek would drop it. "
            "Peeks are refused until the queue was seen empty"
        )
    return ""
