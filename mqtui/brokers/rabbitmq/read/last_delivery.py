"""Republish a message that was delivered with no delivery left (R3).

The broker would drop it on a requeue. It is published to its own queue (default exchange, mandatory, confirmed) and
then acknowledged, so that it is at the tail with a delivery count of zero. Where its queue refuses it, it is parked in
a queue that mqtui declares for it.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from mqtui.brokers.rabbitmq.confirms import DIRECT_REPLY_TO, EncodedPublish
from mqtui.brokers.rabbitmq.connection.basic_properties import decode_properties, encode_properties
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.messages import DELIVERY_COUNT
from mqtui.brokers.rabbitmq.publish import ConfirmedPublisher
from mqtui.domain.cc_headers import rename_cc_headers
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.field_table import string
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import name_bytes

FULL_QUEUE_TIMEOUT = 5.0
"""Seconds for which a full queue is tried again."""

RETRY_INTERVAL = 0.2
DELIVERY_COUNTERS = frozenset({DELIVERY_COUNT, "x-acquired-count"})
KEPT_PROPERTIES = {"user_id": "x-mqtui-user-id", "reply_to": "x-mqtui-reply-to"}
"""Properties that the broker may refuse from another user, and the headers that keep their values."""


class LastDeliveryRepublisher:
    """Publishes messages again, over a connection of its own that opens when it is first needed."""

    def __init__(self, session: RabbitSession, queue: str) -> None:
        self._queue = queue
        self._parking_queue = f"{session.config.prefix}.rescue.{queue}"
        self._publisher = ConfirmedPublisher(session.connect, session.config.user)
        self._session = session
        self._opened = False

    async def check_permission(self) -> None:
        """Check the permission to publish, before the first message is taken.

        Raises:
            NotAuthorised: the user may not publish to the default exchange.
        """
        await self._open()
        await self._publisher.check_permission(EncodedPublish(b"", name_bytes(self._queue), b"", b""))

    async def close(self) -> None:
        """Close the connection."""
        await self._publisher.close()

    async def republish(self, holder: Channel, tag: int, properties: bytes, body: bytes) -> None:
        """Publish the message again, then acknowledge it on `holder`, the channel that delivered it.

        Raises:
            BrokerTrouble: its queue refused it. It is then in the parking queue that the error names.
        """
        encoded = copy_properties(properties)
        deadline = monotonic() + FULL_QUEUE_TIMEOUT
        while True:
            state, reason = await self._publish(self._queue, encoded, body)
            if state is PublishStatus.STORED:
                holder.ack(tag, multiple=False)
                return
            if state is PublishStatus.UNKNOWN or monotonic() > deadline:
                break
            await asyncio.sleep(RETRY_INTERVAL)
        await self._park(holder, tag, encoded, body, reason)

    async def _park(self, holder: Channel, tag: int, encoded: bytes, body: bytes, reason: str) -> None:
        title = f"A message of {self._queue} has no delivery left, and its queue refuses it"
        async with self._session.connection() as connection:
            channel = await connection.channel()
            await channel.call(
                lambda back: channel.raw.queue_declare(self._parking_queue, durable=True, callback=back),
                f"{title}; declaring {self._parking_queue}",
                f"configure on queue {self._parking_queue}",
            )
        state, trouble = await self._publish(self._parking_queue, encoded, body)
        if state is not PublishStatus.STORED:
            raise BrokerTrouble(title, f"{reason}; {self._parking_queue} refuses it too: {trouble}")
        holder.ack(tag, multiple=False)
        await holder.sync()
        raise BrokerTrouble(title, f"{reason}. It is now in {self._parking_queue}.", "Move it back by a redrive.")

    async def _publish(self, queue: str, encoded: bytes, body: bytes) -> tuple[PublishStatus, str]:
        await self._open()
        outcomes: list[tuple[PublishStatus, str]] = []
        message = EncodedPublish(b"", name_bytes(queue), encoded, body)
        await self._publisher.send([message], [lambda state, reason: outcomes.append((state, reason))])
        return outcomes[0]

    async def _open(self) -> None:
        if not self._opened:
            await self._publisher.open()
            self._opened = True


def copy_properties(properties: bytes) -> bytes:
    """The properties of the copy: those received, without delivery counters and CC or BCC."""
    headers, named = decode_properties(properties)
    kept = [header for header in rename_cc_headers(headers) if header[0] not in DELIVERY_COUNTERS]
    bound = [pair for pair in named if pair[0] == "user_id" or pair == ("reply_to", DIRECT_REPLY_TO)]
    kept += [(KEPT_PROPERTIES[name], string(str(value)), "string") for name, value in bound]
    return encode_properties(kept, [pair for pair in named if pair not in bound])
