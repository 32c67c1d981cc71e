"""Keeping account of deliveries that peeks have spent, on disk, by queue (R3, R13)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read import queue_fingerprint
from mqtui.brokers.rabbitmq.read.delivery_limit import Limit
from mqtui.brokers.rabbitmq.read.queue_fingerprint import Creation
from mqtui.brokers.rabbitmq.read.queue_info import Queue, queue_facts
from mqtui.domain.message import Message

SAMPLES, SAMPLE = 12, 0.5
"""PeekHistory at a queue's counters, which are up to 5 s old, and the seconds between them."""


async def budget_key(access: Access, name: str) -> str:
    """What names a queue on this machine: cluster, vhost and name."""
    return f"{await access.identity()}/{name}"


async def is_of_earlier_queue(access: Access, facts: Queue, key: str) -> bool:
    """Whether what is remembered is proved to be of an earlier queue of that name."""
    before = queue_fingerprint.decoded((await access.remembered(lambda counts: counts.history(key))).mark)
    if before is None:
        return False
    now = await queue_fingerprint.creation_of(access, facts)
    return now is not None and queue_fingerprint.is_another(before, now)


async def record_start(access: Access, facts: Queue, key: str) -> None:
    """Write down that deliveries are about to be asked for, and of which queue (R13)."""
    if facts.limit.costs:
        known = await queue_fingerprint.creation_of(access, facts)
        await record_start_of(access, key, known)


async def record_start_of(access: Access, key: str, known: Creation | None) -> None:
    """Write down that deliveries of a queue that is known by its creation are about to be asked for."""
    mark = "" if known is None else known.encoded()
    await access.remembered(lambda counts: counts.begin(key, mark))


async def record_left(access: Access, key: str, limit: Limit, batch: Sequence[Message]) -> None:
    """Keep the least that is left of the messages of a look, now that they were given back."""
    spare = [limit.spare(message.envelope.deliveries if message.envelope else None) for message in batch]
    least = min((number - 1 for number in spare if number), default=None)
    if least is not None:
        await access.remembered(lambda counts: counts.set(key, _fewer(counts.get(key), least)))


def _fewer(known: int | None, least: int) -> int:
    return least if known is None else min(known, least)


async def wait_for_counters(access: Access, facts: Queue, key: str) -> None:
    """After a look that left nothing: wait until the broker counts it, so that a later queue can be told from this."""
    if not facts.limit.costs or not access.management.given:
        return
    if await access.remembered(lambda counts: counts.get(key)) != 0:
        return
    for _ in range(SAMPLES):
        known = await queue_fingerprint.creation_of(access, await queue_facts(access, facts.name))
        if known is not None and known.counted:
            await record_start_of(access, key, known)
            await access.remembered(lambda counts: counts.end(key))
            return
        await asyncio.sleep(SAMPLE)
