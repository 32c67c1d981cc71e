"""Waits for messages that a dead connection still holds: the broker requeues them when it notices that it is gone."""

from __future__ import annotations

import asyncio
from time import monotonic

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.domain.figure import Figure, exact, unknown
from mqtui.domain.resource import Ref

REQUEUE_WAIT = 6.0
"""Seconds: longer than a queue takes to tell the management API its figures (`collect_statistics_interval`, 5 s)."""

REQUEUE_CHECK_INTERVAL = 0.25


async def wait_for_requeue(session: RabbitSession, source: Ref, ready: int) -> Figure:
    """Wait until more than `ready` messages are ready, `REQUEUE_WAIT` at most; how many others hold unacknowledged.

    Raises:
        CannotConnect, NotFound, BrokerTrouble: the queue can't be asked.
    """
    give_up_at = monotonic() + REQUEUE_WAIT
    while (await session.queue_counts(source.name))[0] <= ready:
        if monotonic() > give_up_at:
            break
        await asyncio.sleep(REQUEUE_CHECK_INTERVAL)
    queue = await describe_queue(session, source.name)
    held = queue.row.get("messages_unacknowledged")
    return exact(held) if isinstance(held, int) else unknown(queue.unreadable_reason or "not told")
