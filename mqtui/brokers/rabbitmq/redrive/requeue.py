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

HELD_WAIT = 20.0
"""Seconds, where the management API says that messages are held: its figures are late on a loaded broker."""

CHECK_INTERVAL = 0.5


async def wait_for_requeue(session: RabbitSession, source: Ref, ready: int) -> Figure:
    """Wait until more than `ready` messages are ready; how many other connections hold unacknowledged.

    It waits `REQUEUE_WAIT`, and up to `HELD_WAIT` while some are held.

    Raises:
        CannotConnect, NotFound, BrokerTrouble: the queue can't be asked.
    """
    began_at = monotonic()
    while (await session.queue_counts(source.name))[0] <= ready:
        waited = monotonic() - began_at
        if waited > REQUEUE_WAIT:
            held = await _count_held(session, source)
            if not held.number or waited > HELD_WAIT:
                return held
        await asyncio.sleep(CHECK_INTERVAL)
    return await _count_held(session, source)


async def _count_held(session: RabbitSession, source: Ref) -> Figure:
    queue = await describe_queue(session, source.name)
    held = queue.row.get("messages_unacknowledged")
    return exact(held) if isinstance(held, int) else unknown(queue.unreadable_reason or "not told")
