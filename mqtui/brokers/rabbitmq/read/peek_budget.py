"""The peek budget: deliveries that peeks have used up, kept on disk for each queue (R3, R13)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read import queue_fingerprint
from mqtui.brokers.rabbitmq.read.delivery_limit import DeliveryLimit
from mqtui.brokers.rabbitmq.read.queue_fingerprint import QueueFingerprint
from mqtui.brokers.rabbitmq.read.queue_info import QueueInfo, describe_queue
from mqtui.domain.message import Message

COUNTER_CHECKS, CHECK_INTERVAL = 12, 0.5
"""How often the queue's counters are read, which are up to 5 s old, and the seconds in between."""


async def budget_key(session: RabbitSession, name: str) -> str:
    """The key of a queue in the budget: `<cluster>/<vhost>/<name>`."""
    return f"{await session.identity()}/{name}"


async def is_of_earlier_queue(session: RabbitSession, queue: QueueInfo, key: str) -> bool:
    """Whether the budget is proved to belong to an earlier queue of that name."""
    before = queue_fingerprint.decode((await session.with_peek_budget(lambda budget: budget.history(key))).mark)
    if before is None:
        return False
    now = await queue_fingerprint.take_fingerprint(session, queue)
    return now is not None and queue_fingerprint.is_different_queue(before, now)


async def record_start(session: RabbitSession, queue: QueueInfo, key: str) -> None:
    """Record that a peek is about to ask for deliveries, with a fingerprint of the queue (R13)."""
    if queue.limit.counts_deliveries:
        known = await queue_fingerprint.take_fingerprint(session, queue)
        await record_start_of(session, key, known)


async def record_start_of(session: RabbitSession, key: str, known: QueueFingerprint | None) -> None:
    """The same with a fingerprint that was already taken; None where there is none."""
    mark = "" if known is None else known.encode()
    await session.with_peek_budget(lambda budget: budget.begin(key, mark))


async def record_deliveries_left(
    session: RabbitSession, key: str, limit: DeliveryLimit, batch: Sequence[Message]
) -> None:
    """Record the fewest deliveries that the messages of a peek have left once they are requeued."""
    left = [limit.deliveries_left(message.envelope.deliveries if message.envelope else None) for message in batch]
    least = min((number - 1 for number in left if number), default=None)
    if least is not None:
        await session.with_peek_budget(lambda budget: budget.set(key, _fewer(budget.get(key), least)))


def _fewer(known: int | None, least: int) -> int:
    return least if known is None else min(known, least)


async def wait_for_counters(session: RabbitSession, queue: QueueInfo, key: str) -> None:
    """After a peek that used up the last delivery: wait for counters that tell this queue from a later one."""
    if not queue.limit.counts_deliveries or not session.management.is_configured:
        return
    if await session.with_peek_budget(lambda budget: budget.get(key)) != 0:
        return
    for _ in range(COUNTER_CHECKS):
        known = await queue_fingerprint.take_fingerprint(session, await describe_queue(session, queue.name))
        if known is not None and known.has_counters:
            await record_start_of(session, key, known)
            await session.with_peek_budget(lambda budget: budget.end(key))
            return
        await asyncio.sleep(CHECK_INTERVAL)
