"""Listen to new dead letters by a private queue that is bound like the dead-letter queue (R9).

The dead-letter queue itself is not read: dead letters are published to an exchange, and every bound queue gets a copy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection.amqp_frames import DeliveryInfo
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.messages import queue_message
from mqtui.brokers.rabbitmq.read.bindings import argument_or_policy
from mqtui.brokers.rabbitmq.read.delivery_limit import NO_LIMIT
from mqtui.brokers.rabbitmq.read.policies import queue_policy
from mqtui.domain.errors import BrokerTrouble, CannotConnect, NotAuthorised, NotFound, Unsupported
from mqtui.domain.message import Message
from mqtui.domain.resource import Ref

MAX_LENGTH = 10_000
"""Messages that the private queue holds; the oldest are dropped."""

EXPIRES_MS = 60_000
"""Milliseconds after which the broker deletes the private queue where this process has died."""

CREDIT = 500
COPYING_TYPES = ("direct", "topic", "fanout", "headers")
"""Exchange types that copy a message to every bound queue; others may pick one queue."""


async def shareable_bindings(session: RabbitSession, ref: Ref) -> list[Row]:
    """The bindings of a queue that another queue can have as well; the default exchange's is left out.

    Raises:
        Unsupported: letters come to the queue in a way that another queue can't share, or that can't be read.
    """
    try:
        rows = [row for row in await session.management.queue_bindings(ref.name) if row["source"]]
        direct = await _default_exchange_sources(session, ref)
        kinds = {row["source"]: str((await session.management.exchange(row["source"]))["type"]) for row in rows}
    except (CannotConnect, NotAuthorised, NotFound, BrokerTrouble) as error:
        raise _cannot_listen(ref, f"its bindings can't be read ({errors.summarize(error)})", error.hint) from error
    except Unsupported as error:
        raise _cannot_listen(ref, "its bindings can't be read without the management API", HINT) from error
    if not rows or direct:
        who = f"of {', '.join(direct)} " if direct else ""
        raise _cannot_listen(
            ref, f"dead letters {who}come to it by the default exchange, which routes to one queue only"
        )
    if odd := [f"{name} ({kind})" for name, kind in kinds.items() if kind not in COPYING_TYPES]:
        raise _cannot_listen(
            ref, f"{', '.join(odd)} may route a letter to one queue only: another queue would take it away"
        )
    return rows


def _cannot_listen(ref: Ref, why: str, hint: str = "") -> Unsupported:
    return Unsupported(f"New letters of {ref.name} can't be observed", why, hint)


async def _default_exchange_sources(session: RabbitSession, ref: Ref) -> list[str]:
    """Queues whose dead letters come through the default exchange."""
    found: list[str] = []
    async for page in session.management.list_all("queues"):
        for row in page:
            policy = await queue_policy(session.management, row)
            if argument_or_policy(row, policy, "dead-letter-exchange") == "":
                key = argument_or_policy(row, policy, "dead-letter-routing-key")
                if key == ref.name:
                    found.append(str(row["name"]))
    return found


async def listen(session: RabbitSession, ref: Ref, rows: list[Row]) -> AsyncGenerator[list[Message], None]:
    """Copies of letters that come to the queue from now on; the first batch is empty. Runs on the I/O thread.

    Raises:
        Unsupported: a permission to declare or to bind the private queue is missing.
    """
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(session.connection())
        channel = await connection.channel()
        stack.push_async_callback(channel.close)
        try:
            name = await _declare_private_queue(channel, session.config.prefix)
            for row in rows:
                await _bind(channel, name, row)
        except (NotAuthorised, NotFound) as error:
            raise _cannot_listen(ref, errors.summarize(error), error.hint) from error
        buffer = DeliveryBuffer(channel, ref)
        await channel.consume(name, CREDIT, buffer.on_delivery)
        yield []
        while True:
            yield await buffer.next_batch()


async def _declare_private_queue(channel: Channel, prefix: str) -> str:
    arguments = {"x-max-length": MAX_LENGTH, "x-expires": EXPIRES_MS}
    frame = await channel.call(
        lambda back: channel.raw.queue_declare(
            f"{prefix}.watch.{id(channel):x}", exclusive=True, auto_delete=True, arguments=arguments, callback=back
        ),
        "Declaring a private queue",
        f"configure on queues that begin with {prefix}.",
    )
    return str(frame.method.queue)


async def _bind(channel: Channel, name: str, row: Row) -> None:
    await channel.call(
        lambda back: channel.raw.queue_bind(
            name, row["source"], row["routing_key"], arguments=row.get("arguments") or None, callback=back
        ),
        f"Binding a private queue to exchange {row['source']}",
        f"read on exchange {row['source']}",
    )


class DeliveryBuffer:
    """Messages that were delivered and not yet read, in order. They are acknowledged at once."""

    def __init__(self, channel: Channel, ref: Ref) -> None:
        self._channel = channel
        self._ref = ref
        self._messages: deque[Message] = deque()
        self._changed = asyncio.Event()
        channel.on_close.append(lambda _: self._changed.set())

    def on_delivery(self, info: DeliveryInfo, properties: bytes, body: bytes) -> None:
        """Add a delivery."""
        self._messages.append(queue_message(self._ref, info, properties, body, NO_LIMIT))
        self._channel.ack(info.delivery_tag, multiple=False)
        self._changed.set()

    async def next_batch(self) -> list[Message]:
        """All messages since the last batch; waits for one.

        Raises:
            BrokerTrouble: the channel was lost.
        """
        while not self._messages:
            if self._channel.close_reason is not None:
                raise errors.amqp_error(self._channel.close_reason, f"Listening at {self._ref.name}")
            self._changed.clear()
            await self._changed.wait()
        found = list(self._messages)
        self._messages.clear()
        return found
