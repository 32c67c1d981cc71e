"""Finding the one message over which the broker closed a channel, without storing any (R12).

A channel's messages are handled in order, so those behind it were never looked at. Which one it was the broker does not
say. Sent again in a transaction that is rolled back, a message is judged by the same code and stored nowhere: exchange,
rights, properties and routing [3.10.8 and 4.0.5: the same words for each refusal, and the queue stays empty].
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.confirms import Parcel
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.domain.errors import MqtuiError

OpenChannel = Callable[[], Awaitable[Channel]]
Answer = tuple[int, str]
"""Code and words with which the broker closed a channel."""


async def find_refused(open_channel: OpenChannel, parcels: Sequence[Parcel]) -> tuple[int, Answer] | None:
    """The place of the first message that the broker refuses, and its answer; None where it takes them all.

    Raises:
        BrokerTrouble: the connection was lost.
    """
    answer = await judge(open_channel, parcels)
    if answer is None:
        return None
    first, last = 0, len(parcels) - 1
    while first < last:
        middle = (first + last) // 2
        found = await judge(open_channel, parcels[first : middle + 1])
        if found is None:
            first = middle + 1
        else:
            last, answer = middle, found
    return first, answer


async def judge(open_channel: OpenChannel, parcels: Sequence[Parcel]) -> Answer | None:
    """What the broker answers to messages that are sent and taken back; None where it takes them."""
    channel = await open_channel()
    try:
        await channel.ask(lambda back: channel.lane.tx_select(callback=back), "Starting a transaction")
        for parcel in parcels:
            channel.publish(parcel.exchange, parcel.routing_key, parcel.properties, parcel.body)
        await channel.ask(lambda back: channel.lane.tx_rollback(callback=back), "Taking messages back")
    except MqtuiError:
        answer = None if channel.failure is None else errors.answered_with(channel.failure)
        if answer is None:
            raise
        return answer
    await channel.close()
    return None
