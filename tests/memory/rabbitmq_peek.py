"""The paid look at a queue (R3): one by one, returned in one go, rescued where none is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from mqtui.brokers.port import Batch
from mqtui.domain.errors import Refused
from mqtui.domain.resource import Ref

if TYPE_CHECKING:
    from tests.memory.rabbitmq import Item, MemoryRabbitMQ, Queue


async def look(server: MemoryRabbitMQ, ref: Ref, count: int) -> AsyncGenerator[Batch, None]:
    """Give the messages as they come and return them at the end."""
    queue = server.queue(ref)
    price = server.peek_cost(ref, count)
    if price.refusal:
        raise Refused(f"{ref} is not read again", price.refusal, "Move or purge its messages first.")
    held: list[Item] = []
    try:
        for tag in range(1, min(count, len(queue.items)) + 1):
            item = server.take(queue)
            if item is None:
                return
            message = server.delivered(ref, queue, item, tag)
            if queue.limit is not None and item.deliveries >= queue.limit:
                rescue(server, queue, item)
            else:
                held.append(item)
                queue.last_look = queue.limit is not None and item.deliveries == queue.limit - 1
            yield [message]
            if queue.last_look:
                return
    finally:
        for item in held:
            server.give_back(queue, item)


def rescue(server: MemoryRabbitMQ, queue: Queue, item: Item) -> None:
    """Copy it to the tail with a count of 0, then forget it."""
    server.put(item.sent)
    server.ack(queue, item)
