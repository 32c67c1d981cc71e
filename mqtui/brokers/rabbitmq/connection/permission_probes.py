"""Checking permissions without any effect on the broker, on throw-away channels.

Each probe carries an argument that the broker rejects after it has checked the permission and before it acts: 403 means
that the permission is missing, 406 that it is there [measured on 3.10.8].
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pika
from pika import exceptions as pika_errors

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.connection.channel import REPLY_TIMEOUT, Channel, Connection


async def require_write(connection: Connection, exchange: str, routing_key: str) -> None:
    """Check that this user may publish to an exchange: an expiration that is no number is never routed.

    Raises:
        NotAuthorised: it may not.
        NotFound: there is no such exchange.
    """
    properties = pika.BasicProperties(expiration="mqtui asks")
    shown = f"exchange {exchange}" if exchange else "the default exchange"
    await _provoke(
        await connection.channel(),
        lambda channel: channel.raw.basic_publish(exchange, routing_key, b"", properties, mandatory=True),
        f"Publishing to {shown}",
        f"write on {shown}",
    )


async def require_read(connection: Connection, queue: str) -> None:
    """Check that this user may consume from a queue: a priority that is no number starts no consumer.

    Raises:
        NotAuthorised: it may not.
        NotFound: there is no such queue.
    """
    await _provoke(
        await connection.channel(),
        lambda channel: channel.raw.basic_consume(queue, lambda *_: None, arguments={"x-priority": "mqtui asks"}),
        f"Reading queue {queue}",
        f"read on queue {queue}",
    )


async def _provoke(channel: Channel, ask: Callable[[Channel], object], doing: str, right: str) -> None:
    closed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    channel.on_close.append(lambda reason: None if closed.done() else closed.set_result(reason))
    ask(channel)
    try:
        async with asyncio.timeout(REPLY_TIMEOUT):
            reason = await closed
    except TimeoutError as error:
        raise errors.amqp_error(error, doing) from error
    if isinstance(reason, pika_errors.ChannelClosedByBroker) and reason.reply_code == errors.PRECONDITION_FAILED:
        return
    raise errors.amqp_error(reason, doing, right)
