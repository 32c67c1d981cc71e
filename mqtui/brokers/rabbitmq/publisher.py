"""Publishing with confirmation on one channel (R10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mqtui.brokers.rabbitmq import probes
from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.channel import Channel, Link
from mqtui.brokers.rabbitmq.outbox import Outbox, Parcel, Word, parcel
from mqtui.domain.errors import MqtuiError, NotAuthorised, NotFound
from mqtui.domain.message import Outgoing
from mqtui.domain.redrive import Receipt, Stored
from mqtui.domain.resource import name_text

WINDOW = 16 * 1024 * 1024
"""Bytes on their way at once."""

BIG = 8 * 1024 * 1024
"""Larger messages go on a channel of their own: a broker closes the channel over one it finds too large."""

TURN = 100
"""Messages sent before the broker's answers are listened to again."""

SENT = Receipt(Stored.STORED)


class Post:
    """Sends batches over one connection; only on the I/O thread."""

    def __init__(self, link: Link, channel: Channel) -> None:
        self._link = link
        self.channel = channel
        self.outbox = Outbox(channel)
        self._allowed: dict[bytes, MqtuiError | None] = {}

    async def open(self) -> None:
        """Turn on confirms."""
        await self.outbox.start()

    async def allow(self, item: Parcel) -> None:
        """Check exchange and right before the first message to an exchange: a refused publish closes the channel.

        Raises:
            NotFound, NotAuthorised: that message must not be sent on this channel.
        """
        if item.exchange not in self._allowed:
            try:
                await probes.may_write(self._link, name_text(item.exchange), name_text(item.routing_key))
                self._allowed[item.exchange] = None
            except (NotFound, NotAuthorised) as error:
                self._allowed[item.exchange] = error
        known = self._allowed[item.exchange]
        if known is not None:
            raise known

    async def send(self, parcels: Sequence[Parcel], words: Sequence[Word]) -> None:
        """Send all, and wait until each has the broker's word."""
        for place, (item, word) in enumerate(zip(parcels, words, strict=True), 1):
            if item.size > BIG:
                await self.outbox.quiet()
                await self._alone(item, word)
                continue
            self.outbox.send(item, word)
            if place % TURN == 0:
                await asyncio.sleep(0)
                await self.outbox.room(WINDOW)
        await self.outbox.quiet()

    async def _alone(self, item: Parcel, word: Word) -> None:
        """Send one message on a channel of its own; what the broker says when it closes that is the reason."""
        channel = await self._link.channel()
        box = Outbox(channel)
        await box.start()
        heard: list[tuple[Stored, str]] = []
        box.send(item, lambda state, reason: heard.append((state, reason)))
        await box.quiet()
        state, reason = heard[0]
        if channel.failure is not None and self.channel.failure is None:
            state, reason = Stored.REFUSED, str(channel.failure)
        word(state, reason)
        await channel.close()


class RabbitPublisher:
    """One channel with confirms; a message is stored when the broker confirmed it and did not return it."""

    def __init__(self, access: Access, post: Post) -> None:
        self._access = access
        self._post = post

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order.

        Raises:
            BadInput: a header or property can't be written; nothing was sent.
            NotFound, NotAuthorised: an exchange is missing, or a right on it; nothing was sent.
        """
        parcels = [parcel(outgoing) for outgoing in batch]
        return await asyncio.shield(self._access.io.call(self._send(parcels)))

    async def _send(self, parcels: Sequence[Parcel]) -> Sequence[Receipt]:
        for item in parcels:
            await self._post.allow(item)
        receipts = [SENT] * len(parcels)

        def noted(place: int) -> Word:
            def word(state: Stored, reason: str) -> None:
                if state is not Stored.STORED:
                    receipts[place] = Receipt(state, None, reason)

            return word

        await self._post.send(parcels, [noted(place) for place in range(len(parcels))])
        return receipts


@asynccontextmanager
async def publishing(access: Access) -> AsyncIterator[RabbitPublisher]:
    """A publisher with a connection of its own."""
    link, post = await access.io.call(_opened(access))
    access.endings.add(link.close)
    try:
        yield RabbitPublisher(access, post)
    finally:
        if link.close in access.endings:
            access.endings.discard(link.close)
            await asyncio.shield(access.io.call(link.close()))


async def _opened(access: Access) -> tuple[Link, Post]:
    link = await access.connect()
    post = Post(link, await link.channel())
    await post.open()
    return link, post
