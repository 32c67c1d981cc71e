"""Publishing with confirmation on one channel (R10), opened anew when the broker closes it (R12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from mqtui.brokers.rabbitmq import errors, refused_publish
from mqtui.brokers.rabbitmq.confirms import NOT_SENT, Outbox, Parcel, Word, parcel
from mqtui.brokers.rabbitmq.connection import permission_probes
from mqtui.brokers.rabbitmq.connection.channel import Channel, Link
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.errors import ACCESS_REFUSED, NOT_FOUND
from mqtui.brokers.rabbitmq.refused_publish import Answer
from mqtui.domain.errors import BadInput, MqtuiError, NotAuthorised, NotFound
from mqtui.domain.message import Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import name_text

WINDOW = 16 * 1024 * 1024
"""Bytes on their way at once."""

BIG = 8 * 1024 * 1024
"""Larger messages go on a channel of their own, as risky ones do: a broker closes the channel over one too large."""

TURN = 100
"""Messages sent before the broker's answers are listened to again."""

SENT = Receipt(PublishStatus.STORED)
NOT_CONFIRMED = "the broker closed the channel over a message before it confirmed this one"
Connect = Callable[[], Awaitable[Link]]
Item = tuple[Parcel, Word]


class Post:
    """Sends batches over a connection of its own; only on the I/O thread.

    A message that the broker refuses by closing the channel, or the connection, is refused alone (R12).
    """

    def __init__(self, connect: Connect, user: str) -> None:
        self.outbox: Outbox
        self.careful = False
        """Whether the broker is asked whether it takes a batch before the batch is sent."""

        self._connect = connect
        self._user = user
        self._link: Link | None = None
        self._allowed: dict[bytes, MqtuiError | None] = {}
        self._lost: MqtuiError | None = None

    async def open(self) -> None:
        """Connect, and turn on confirms."""
        self.outbox = Outbox(await self._channel())
        await self.outbox.start()

    async def close(self) -> None:
        """Close the connection."""
        if self._link is not None:
            await self._link.close()

    @property
    def failure(self) -> MqtuiError | None:
        """Why nothing can be sent any more; None while it can."""
        if self._lost is None and self.outbox.failure is not None and self.outbox.refusal is None:
            self._lost = errors.talking(self.outbox.failure, "Publishing")
        return self._lost

    def parcel(self, outgoing: Outgoing) -> Parcel:
        """The message ready to be sent.

        Raises:
            BadInput: a header or property can't be written.
        """
        return parcel(outgoing, self._user)

    async def allow(self, item: Parcel) -> None:
        """Check exchange and right before the first message to an exchange.

        Raises:
            NotFound, NotAuthorised: that message would be refused.
        """
        if item.exchange not in self._allowed:
            try:
                await permission_probes.may_write(
                    await self._connected(), name_text(item.exchange), name_text(item.routing_key)
                )
                self._allowed[item.exchange] = None
            except (NotFound, NotAuthorised) as error:
                self._allowed[item.exchange] = error
        known = self._allowed[item.exchange]
        if known is not None:
            raise known

    async def send(self, parcels: Sequence[Parcel], words: Sequence[Word]) -> None:
        """Send all, and wait until each has the broker's word."""
        waiting: Sequence[Item] = list(zip(parcels, words, strict=True))
        while waiting:
            if self.outbox.refusal is not None and not await self._reopened():
                for _, word in waiting:
                    word(PublishStatus.REFUSED, NOT_SENT)
                return
            if self.careful:
                waiting = await self._acceptable(waiting)
            waiting = await self._send(waiting)

    async def _send(self, items: Sequence[Item]) -> Sequence[Item]:
        """Send until the broker refuses one; what it did not look at is given back, to be sent again."""
        unsent: Sequence[Item] = ()
        for place, (item, word) in enumerate(items, 1):
            if _goes_alone(item):
                await self.outbox.quiet()
                if self.outbox.refusal is not None:
                    unsent = items[place - 1 :]
                    break
                await self._alone(item, word)
            else:
                self.outbox.send(item, word)
                if place % TURN:
                    continue
                await asyncio.sleep(0)
                await self.outbox.room(WINDOW)
            if self.outbox.refusal is not None:
                unsent = items[place:]
                break
        await self.outbox.quiet()
        if self.outbox.refusal is None:
            return ()
        return [*await self._find_refused(self.outbox.unsettled, self.outbox.refusal), *unsent]

    async def _find_refused(self, unsettled: Sequence[Item], answer: Answer) -> Sequence[Item]:
        """Tell what became of messages after the broker closed the channel; those it did not look at are given back.

        Those before the refused one were routed, and their confirms are lost. What an exchange or a right that vanished
        does to which message can't be found out afterwards: all for that exchange are in doubt.
        """
        self.careful = True
        code, text = answer
        if not unsettled:
            return ()
        try:
            found = await refused_publish.find_refused(self._channel, [item for item, _ in unsettled])
        except MqtuiError:
            found = None
        doubted: Sequence[Item] = unsettled
        rest: Sequence[Item] = ()
        if found is not None and found[1][0] == code:
            first = last = found[0]
            if code in (NOT_FOUND, ACCESS_REFUSED):
                self._allowed.clear()
                exchange = unsettled[first][0].exchange
                last = max(place for place, (item, _) in enumerate(unsettled) if item.exchange == exchange)
            doubted, rest = unsettled[: last + 1], unsettled[last + 1 :]
            if first == last:
                unsettled[first][1](PublishStatus.REFUSED, text)
                doubted = unsettled[:first]
        for _, word in doubted:
            word(PublishStatus.UNKNOWN, f"{NOT_CONFIRMED}: {text}")
        return rest

    async def _acceptable(self, items: Sequence[Item]) -> Sequence[Item]:
        """Those that the broker would take; the others are told its words."""
        asked = [item for item in items if not _goes_alone(item[0])]
        refused: set[int] = set()
        while asked:
            try:
                found = await refused_publish.find_refused(self._channel, [item for item, _ in asked])
            except MqtuiError:
                break
            if found is None:
                break
            place, (_, text) = found
            asked[place][1](PublishStatus.REFUSED, text)
            refused.add(id(asked[place]))
            asked = asked[place + 1 :]
        return [item for item in items if id(item) not in refused]

    async def _alone(self, item: Parcel, word: Word) -> None:
        """Send one message on a channel of its own; what the broker says when it closes that is the reason."""
        try:
            channel = await self._channel()
            box = Outbox(channel)
            await box.start()
        except MqtuiError:
            word(PublishStatus.REFUSED, NOT_SENT)
            return
        box.send(item, word)
        await box.quiet()
        if box.refusal is not None and box.unsettled:
            word(PublishStatus.REFUSED, box.refusal[1])
        await channel.close()

    async def _reopened(self) -> bool:
        """Whether there is a channel again after the broker closed the one before."""
        try:
            await self.open()
        except MqtuiError as error:
            self._lost = error
            return False
        return True

    async def _channel(self) -> Channel:
        return await (await self._connected()).channel()

    async def _connected(self) -> Link:
        if self._link is None or not self._link.is_open:
            self._link = await self._connect()
        return self._link


def _goes_alone(item: Parcel) -> bool:
    return item.risky or item.size > BIG


class RabbitPublisher:
    """One channel with confirms; a message is stored when the broker confirmed it and did not return it."""

    def __init__(self, access: Access, post: Post) -> None:
        self._access = access
        self._post = post

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order.

        Raises:
            BadInput, NotFound, NotAuthorised: the only reason why none of them could be sent.
        """
        return await asyncio.shield(self._access.io.call(self._send(batch)))

    async def _send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        receipts = [SENT] * len(batch)
        parcels: list[Parcel] = []
        words: list[Word] = []
        refused: list[MqtuiError] = []
        for place, outgoing in enumerate(batch):
            try:
                made = self._post.parcel(outgoing)
                await self._post.allow(made)
            except (BadInput, NotFound, NotAuthorised) as error:
                receipts[place] = Receipt(PublishStatus.REFUSED, None, errors.one_line(error))
                refused.append(error)
                continue
            parcels.append(made)
            words.append(partial(_note, receipts, place))
        if refused and not parcels and len({str(error) for error in refused}) == 1:
            raise refused[0]
        await self._post.send(parcels, words)
        return receipts


def _note(receipts: list[Receipt], place: int, state: PublishStatus, reason: str) -> None:
    if state is not PublishStatus.STORED:
        receipts[place] = Receipt(state, None, reason)


@asynccontextmanager
async def publishing(access: Access) -> AsyncIterator[RabbitPublisher]:
    """A publisher with a connection of its own."""
    post = Post(access.connect, access.options.user)
    await access.io.call(post.open())
    access.endings.add(post.close)
    try:
        yield RabbitPublisher(access, post)
    finally:
        if post.close in access.endings:
            access.endings.discard(post.close)
            await asyncio.shield(access.io.call(post.close()))
