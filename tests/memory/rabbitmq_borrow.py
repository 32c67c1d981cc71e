"""The paid look at a queue (R3): one by one, returned in one go, rescued where none is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from mqtui.brokers.port import Batch
from mqtui.domain.errors import Refused
from mqtui.domain.resource import Ref

if TYPE_CHECKING:
    from tests.memory.rabbitmq_shelf import Item, Queue, RabbitMQShelf


async def look(shelf: RabbitMQShelf, ref: Ref, count: int) -> AsyncGenerator[Batch, None]:
    """Give the messages as they come and return them at the end."""
    queue = shelf.queue(ref)
    price = shelf.peek_cost(ref, count)
    if price.refusal:
        raise Refused(f"{ref} is not read again", price.refusal, "Move or purge its messages first.")
    held: list[Item] = []
    try:
        for tag in range(1, min(count, len(queue.items)) + 1):
            item = shelf.take(queue)
            if item is None:
                return
            message = shelf.lent(ref, queue, item, tag)
            if queue.limit is not None and item.deliveries >= queue.limit:
                rescue(shelf, queue, item)
            else:
                held.append(item)
                queue.last_look = queue.limit is not None and item.deliveries == queue.limit - 1
            yield [message]
            if queue.last_look:
                return
    finally:
        for item in held:
            shelf.give_back(queue, item)


def rescue(shelf: RabbitMQShelf, queue: Queue, item: Item) -> None:
    """Copy it to the tail with a count of 0, then forget it."""
    shelf.put(item.sent)
    shelf.ack(queue, item)
