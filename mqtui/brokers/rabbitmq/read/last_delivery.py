"""Saving a message that arrived with no delivery left (R3).

Returned it would be gone. It is copied to its own queue (default exchange, mandatory, confirmed) and then
acknowledged: it stands at the tail and starts counting anew. Where its queue does not take it, it goes to a queue of
ours, which is made for it.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from mqtui.brokers.rabbitmq.confirms import FAST_REPLY, Parcel
from mqtui.brokers.rabbitmq.connection.basic_properties import closed, opened
from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.messages import DELIVERY_COUNT
from mqtui.brokers.rabbitmq.publish import Post
from mqtui.domain.cc_headers import rename_cc_headers
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.field_table import string
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import name_bytes

PATIENCE = 5.0
"""Seconds a full queue is given."""

PAUSE = 0.2
COUNTS = frozenset({DELIVERY_COUNT, "x-acquired-count"})
KEPT_PROPERTIES = {"user_id": "x-mqtui-user-id", "reply_to": "x-mqtui-reply-to"}
"""Properties that the broker may refuse from anybody but their owner, and the headers that keep them."""


class Rescuer:
    """Copies messages on another connection than the one that holds them; it opens when it is first needed."""

    def __init__(self, access: Access, queue: str) -> None:
        self._queue = queue
        self._shelter = f"{access.options.prefix}.rescue.{queue}"
        self._post = Post(access.connect, access.options.user)
        self._access = access
        self._opened = False

    async def ready(self) -> None:
        """Check the right to publish before the first message is taken.

        Raises:
            NotAuthorised: the user may not publish to the default exchange.
        """
        await self._open()
        await self._post.allow(Parcel(b"", name_bytes(self._queue), b"", b""))

    async def close(self) -> None:
        """Close the connection."""
        await self._post.close()

    async def save(self, holder: Channel, tag: int, properties: bytes, body: bytes) -> None:
        """Copy the message, then acknowledge it on `holder`.

        Raises:
            BrokerTrouble: its queue did not take it; it is then in a queue of ours, which the error names.
        """
        encoded = copied(properties)
        deadline = monotonic() + PATIENCE
        while True:
            state, reason = await self._sent(self._queue, encoded, body)
            if state is PublishStatus.STORED:
                holder.ack(tag, multiple=False)
                return
            if state is PublishStatus.UNKNOWN or monotonic() > deadline:
                break
            await asyncio.sleep(PAUSE)
        await self._shelter_it(holder, tag, encoded, body, reason)

    async def _shelter_it(self, holder: Channel, tag: int, encoded: bytes, body: bytes, reason: str) -> None:
        title = f"A message of {self._queue} has no delivery left and its queue does not take it back"
        async with self._access.link() as link:
            channel = await link.channel()
            await channel.ask(
                lambda back: channel.lane.queue_declare(self._shelter, durable=True, callback=back),
                f"{title}; making {self._shelter}",
                f"configure on queue {self._shelter}",
            )
        state, trouble = await self._sent(self._shelter, encoded, body)
        if state is not PublishStatus.STORED:
            raise BrokerTrouble(title, f"{reason}; {self._shelter} does not take it either: {trouble}")
        holder.ack(tag, multiple=False)
        await holder.barrier()
        raise BrokerTrouble(title, f"{reason}. It is now in {self._shelter}.", "Move it home with redrive.")

    async def _sent(self, queue: str, encoded: bytes, body: bytes) -> tuple[PublishStatus, str]:
        await self._open()
        heard: list[tuple[PublishStatus, str]] = []
        parcel = Parcel(b"", name_bytes(queue), encoded, body)
        await self._post.send([parcel], [lambda state, reason: heard.append((state, reason))])
        return heard[0]

    async def _open(self) -> None:
        if not self._opened:
            await self._post.open()
            self._opened = True


def copied(properties: bytes) -> bytes:
    """The properties of the copy: all that came, but for counts and for what would send it elsewhere."""
    headers, named = opened(properties)
    kept = [header for header in rename_cc_headers(headers) if header[0] not in COUNTS]
    bound = [pair for pair in named if pair[0] == "user_id" or pair == ("reply_to", FAST_REPLY)]
    kept += [(KEPT_PROPERTIES[name], string(str(value)), "string") for name, value in bound]
    return closed(kept, [pair for pair in named if pair not in bound])
