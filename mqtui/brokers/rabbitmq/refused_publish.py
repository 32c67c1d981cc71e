"""Find the message over which the broker closed a channel, without storing any (R12).

The broker handles the messages of a channel in order and does not say which one it refused; those behind it were never
looked at. Published again in a transaction that is rolled back, a message passes the same checks of exchange,
permissions, properties and routing, and is stored nowhere [3.10.8 and 4.0.5: the same text for each refusal, and the
queue stays empty].
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.confirms import EncodedPublish
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.domain.errors import MqtuiError

OpenChannel = Callable[[], Awaitable[Channel]]
ChannelError = tuple[int, str]
"""Reply code and text with which the broker closed a channel."""


async def find_refused(
    open_channel: OpenChannel, messages: Sequence[EncodedPublish]
) -> tuple[int, ChannelError] | None:
    """The index of the first message that the broker refuses, and the error; None where it takes them all.

    Raises:
        BrokerTrouble: the connection was lost.
    """
    answer = await try_in_transaction(open_channel, messages)
    if answer is None:
        return None
    first, last = 0, len(messages) - 1
    while first < last:
        middle = (first + last) // 2
        found = await try_in_transaction(open_channel, messages[first : middle + 1])
        if found is None:
            first = middle + 1
        else:
            last, answer = middle, found
    return first, answer


async def try_in_transaction(open_channel: OpenChannel, messages: Sequence[EncodedPublish]) -> ChannelError | None:
    """Publish messages and roll back: the error with which the broker closes the channel; None where it takes them."""
    channel = await open_channel()
    try:
        await channel.call(lambda back: channel.raw.tx_select(callback=back), "Starting a transaction")
        for message in messages:
            channel.publish(message.exchange, message.routing_key, message.properties, message.body)
        await channel.call(lambda back: channel.raw.tx_rollback(callback=back), "Taking messages back")
    except MqtuiError:
        answer = None if channel.close_reason is None else errors.channel_error(channel.close_reason)
        if answer is None:
            raise
        return answer
    await channel.close()
    return None
