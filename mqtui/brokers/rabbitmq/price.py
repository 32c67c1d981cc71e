"""What a look at a queue costs (R3, R4, R5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mqtui.brokers.rabbitmq import alarms, creation
from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.creation import Creation
from mqtui.brokers.rabbitmq.facts import UNKNOWN, Queue, queue_facts
from mqtui.brokers.rabbitmq.limits import Limit, Sort
from mqtui.domain.figure import Figure, about, exact, unknown
from mqtui.domain.message import Message
from mqtui.domain.read_range import PeekCost, PeekHistory

SAMPLES, SAMPLE = 12, 0.5
"""Looks at a queue's counters, which are up to 5 s old, and the seconds between them."""

TO_THE_TAIL = "the peeked messages go to the tail"
UNREAD = unknown("unknown until a message is read")


async def identity(access: Access, name: str) -> str:
    """What names a queue on this machine: cluster, vhost and name."""
    return "/".join(((await access.server()).cluster, access.vhost, name))


async def of(access: Access, facts: Queue) -> PeekCost:
    """The price of a look."""
    key = await identity(access, facts.name)
    if seen_empty(facts) or await is_another(access, facts, key):
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


async def is_another(access: Access, facts: Queue, key: str) -> bool:
    """Whether what is remembered is proved to be of an earlier queue of that name."""
    before = creation.decoded((await access.remembered(lambda counts: counts.history(key))).mark)
    if before is None:
        return False
    now = await creation.creation_of(access, facts)
    return now is not None and creation.is_another(before, now)


def is_last_chance(limit: Limit, met: int) -> bool:
    """Whether a message that was met so often without being read may not survive to be met again."""
    return limit.costs and (limit.number is None or met + 1 >= limit.number)


async def begin(access: Access, facts: Queue, key: str) -> None:
    """Write down that deliveries are about to be asked for, and of which queue (R13)."""
    if facts.limit.costs:
        known = await creation.creation_of(access, facts)
        await begin_as(access, key, known)


async def begin_as(access: Access, key: str, known: Creation | None) -> None:
    """Write down that deliveries of a queue that is known by its creation are about to be asked for."""
    mark = "" if known is None else known.encoded()
    await access.remembered(lambda counts: counts.begin(key, mark))


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


async def remember(access: Access, key: str, limit: Limit, batch: Sequence[Message]) -> None:
    """Keep the least that is left of the messages of a look, now that they were given back."""
    spare = [limit.spare(message.envelope.deliveries if message.envelope else None) for message in batch]
    least = min((number - 1 for number in spare if number), default=None)
    if least is not None:
        await access.remembered(lambda counts: counts.set(key, _fewer(counts.get(key), least)))


def _fewer(known: int | None, least: int) -> int:
    return least if known is None else min(known, least)


async def settle(access: Access, facts: Queue, key: str) -> None:
    """After a look that left nothing: wait until the broker counts it, so that a later queue can be told from this."""
    if not facts.limit.costs or not access.management.given:
        return
    if await access.remembered(lambda counts: counts.get(key)) != 0:
        return
    for _ in range(SAMPLES):
        known = await creation.creation_of(access, await queue_facts(access, facts.name))
        if known is not None and known.counted:
            await begin_as(access, key, known)
            await access.remembered(lambda counts: counts.end(key))
            return
        await asyncio.sleep(SAMPLE)


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
