"""A paid look from its first written word to its last (R3, R13)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mqtui.brokers.port import Batch
from mqtui.brokers.rabbitmq import alarms, borrow, price
from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.borrow import Unreadable
from mqtui.brokers.rabbitmq.facts import Queue
from mqtui.domain.errors import BrokerTrouble, MqtuiError, Refused


async def look(access: Access, facts: Queue, count: int) -> AsyncIterator[Batch]:
    """Messages from the head, lent. What is spent is written down before it is asked for.

    A look that was broken off by this side, or by a lost connection, stays written as one that spent a delivery.

    Raises:
        Refused: publishers are stopped by an alarm, and a message without a delivery left could not be saved.
        NotAuthorised: no right to read, or to save such a message.
        Unreadable: the broker answered with an error instead of a message; those before it were given.
        StorageFailed: it could not be written down, so nothing was asked for.
    """
    if facts.limit.costs:
        await _prepare(access, facts)
    key = await price.identity(access, facts.name)
    await price.begin(access, facts, key)
    try:
        async for batch in access.io.iterate(lambda: borrow.borrow(access, facts, count)):
            await price.remember(access, key, facts.limit, batch)
            yield batch
    except Unreadable:
        await access.remembered(lambda counts: counts.end(key, unreadable=1))
        raise
    except BrokerTrouble:
        raise
    except (MqtuiError, GeneratorExit):
        await access.remembered(lambda counts: counts.end(key))
        raise
    await access.remembered(lambda counts: counts.end(key))
    await price.settle(access, facts, key)


async def _prepare(access: Access, facts: Queue) -> None:
    """Be able to save a message that has no delivery left."""
    stopped = await alarms.told(access)
    if not stopped:
        await access.io.call(borrow.check_right(access, facts))
    elif _may_be_spent(facts):
        raise Refused(
            f"{facts.ref} can't be looked at now",
            f"publishers are stopped by an alarm of {stopped}: a message without a delivery left could not be saved",
            "Try again when the alarm is over.",
        )


def _may_be_spent(facts: Queue) -> bool:
    """Whether one of its messages may have no delivery left: it takes as many returns as the limit says."""
    stats = facts.row.get("message_stats") or {}
    return facts.limit.number is None or int(stats.get("redeliver", 0)) + 1 >= facts.limit.number
