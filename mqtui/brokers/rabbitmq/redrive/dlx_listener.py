"""Hearing what dies again: a private queue with the dead-letter queue's own bindings (R9).

The dead-letter queue is not touched: what dies is published to an exchange, and every queue bound there gets a copy.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection.amqp_frames import Given
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.messages import letter
from mqtui.brokers.rabbitmq.read.bindings import setting
from mqtui.brokers.rabbitmq.read.delivery_limit import FREE
from mqtui.brokers.rabbitmq.read.policies import queue_policy
from mqtui.domain.errors import BrokerTrouble, CannotConnect, NotAuthorised, NotFound, Unsupported
from mqtui.domain.message import Message
from mqtui.domain.resource import Ref

MOST = 10_000
"""Messages the private queue holds; the oldest give way."""

EXPIRES = 60_000
"""Milliseconds after which the broker removes the queue where this process is gone without a word."""

CREDIT = 500
COPYING = ("direct", "topic", "fanout", "headers")
"""Types of exchanges that send to every queue that is bound; others share letters out."""


async def bindings(access: Access, ref: Ref) -> list[Row]:
    """The bindings of a queue, without the default exchange's.

    Raises:
        Unsupported: letters come to it in a way that another queue can't share, or that can't be read.
    """
    try:
        rows = [row for row in await access.management.queue_bindings(ref.name) if row["source"]]
        direct = await _by_the_default_exchange(access, ref)
        kinds = {row["source"]: str((await access.management.exchange(row["source"]))["type"]) for row in rows}
    except (CannotConnect, NotAuthorised, NotFound, BrokerTrouble) as error:
        raise _deaf(ref, f"its bindings can't be read ({errors.one_line(error)})", error.hint) from error
    except Unsupported as error:
        raise _deaf(ref, "its bindings can't be read without the management API", HINT) from error
    if not rows or direct:
        who = f"of {', '.join(direct)} " if direct else ""
        raise _deaf(ref, f"dead letters {who}come to it by the default exchange, which sends to one queue only")
    if odd := [f"{name} ({kind})" for name, kind in kinds.items() if kind not in COPYING]:
        raise _deaf(ref, f"{', '.join(odd)} may give a letter to one queue only: another queue would take it away")
    return rows


def _deaf(ref: Ref, why: str, hint: str = "") -> Unsupported:
    return Unsupported(f"Nobody can listen at {ref.name}", why, hint)


async def _by_the_default_exchange(access: Access, ref: Ref) -> list[str]:
    """Queues whose dead letters the default exchange brings."""
    found: list[str] = []
    async for page in access.management.pages("queues/{vhost}", "list of queues"):
        for row in page:
            policy = await queue_policy(access.management, row)
            if setting(row, policy, "dead-letter-exchange") == "":
                key = setting(row, policy, "dead-letter-routing-key")
                if key == ref.name:
                    found.append(str(row["name"]))
    return found


async def listening(access: Access, ref: Ref, rows: list[Row]) -> AsyncGenerator[list[Message], None]:
    """Copies of what comes to the queue from now on; the first batch is empty. Runs on the I/O thread.

    Raises:
        Unsupported: a right to declare or to bind a private queue is missing.
    """
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(access.link())
        channel = await link.channel()
        stack.push_async_callback(channel.close)
        try:
            name = await _private(channel, access.options.prefix)
            for row in rows:
                await _bind(channel, name, row)
        except (NotAuthorised, NotFound) as error:
            raise _deaf(ref, errors.one_line(error), error.hint) from error
        ears = Ears(channel, ref)
        await channel.consume(name, CREDIT, ears.heard)
        yield []
        while True:
            yield await ears.next()


async def _private(channel: Channel, prefix: str) -> str:
    arguments = {"x-max-length": MOST, "x-expires": EXPIRES}
    frame = await channel.ask(
        lambda back: channel.lane.queue_declare(
            f"{prefix}.watch.{id(channel):x}", exclusive=True, auto_delete=True, arguments=arguments, callback=back
        ),
        "Declaring a private queue",
        f"configure on queues that begin with {prefix}.",
    )
    return str(frame.method.queue)


async def _bind(channel: Channel, name: str, row: Row) -> None:
    await channel.ask(
        lambda back: channel.lane.queue_bind(
            name, row["source"], row["routing_key"], arguments=row.get("arguments") or None, callback=back
        ),
        f"Binding a private queue to exchange {row['source']}",
        f"read on exchange {row['source']}",
    )


class Ears:
    """What was heard, in order."""

    def __init__(self, channel: Channel, ref: Ref) -> None:
        self._channel = channel
        self._ref = ref
        self._heard: deque[Message] = deque()
        self._news = asyncio.Event()
        channel.on_lost.append(lambda _: self._news.set())

    def heard(self, given: Given, properties: bytes, body: bytes) -> None:
        """One message came."""
        self._heard.append(letter(self._ref, given, properties, body, FREE))
        self._channel.ack(given.delivery_tag, multiple=False)
        self._news.set()

    async def next(self) -> list[Message]:
        """What came since.

        Raises:
            BrokerTrouble: the channel was lost.
        """
        while not self._heard:
            if self._channel.failure is not None:
                raise errors.talking(self._channel.failure, f"Listening at {self._ref.name}")
            self._news.clear()
            await self._news.wait()
        found = list(self._heard)
        self._heard.clear()
        return found
