"""Letters in hand: taken from one queue, moved or removed, the rest given back; all on the I/O thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.confirms import Parcel, Word
from mqtui.brokers.rabbitmq.connection.channel import Channel, Link
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.publish import Post
from mqtui.brokers.rabbitmq.read.last_delivery import Rescuer
from mqtui.brokers.rabbitmq.read.queue_info import Queue
from mqtui.brokers.rabbitmq.redrive.queue_consumer import Bounds, Taking
from mqtui.domain.cc_headers import rename_cc_headers
from mqtui.domain.errors import BrokerTrouble, MqtuiError
from mqtui.domain.message import Delivery, Message, Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer

SENT = Receipt(PublishStatus.STORED)
NOT_IN_HAND = Receipt(PublishStatus.GONE, None, "not in hand")
CAME_BACK = Receipt(
    PublishStatus.REFUSED, None, "not sent: the broker has taken it back, since the connection was lost"
)
NOT_REMOVED = "stored; whether it was removed from the source is not known"
LAST_WORDS = 30.0
"""Seconds that confirms of what was sent are waited for at the end."""


class Hand:
    """One channel that takes and acknowledges, and one on another connection that publishes.

    A channel that the broker closes over a refused message holds no letters (R12), and an alarm that stops publishers
    does not stop acknowledgements and returns.
    """

    def __init__(self, access: Access, facts: Queue, link: Link, channel: Channel, bounds: Bounds) -> None:
        self.taking = Taking(channel, facts, bounds)
        self._link = link
        self._channel = channel
        self.post = Post(access.connect, access.options.user)
        self._rescuer = Rescuer(access, facts.name)
        self._costs = facts.limit.costs
        self.left = False
        """Whether everything was given back and the connection closed."""

    async def open(self) -> None:
        """Turn on confirms; where letters may have to be saved, check the right to do so.

        Raises:
            NotAuthorised: the user may not publish to the default exchange.
        """
        await self.post.open()
        if self._costs:
            await self._rescuer.ready()

    async def move(self, transfers: Sequence[Transfer]) -> list[Receipt]:
        """Publish each letter and acknowledge those that were confirmed and not returned (R6)."""
        return await self._removed(await self._published(transfers, self._stored))

    async def store(self, transfers: Sequence[Transfer]) -> list[Receipt]:
        """Publish each letter; those that were confirmed stay in hand until they are settled."""
        return await self._published(transfers, lambda _: None)

    async def _published(self, transfers: Sequence[Transfer], confirmed: Callable[[int], None]) -> list[Receipt]:
        """Publish letters, call `confirmed` with the tag of each that is stored, and hold those that were refused."""
        if self._channel.failure is not None:
            return [CAME_BACK] * len(transfers)
        receipts = [SENT] * len(transfers)
        parcels: list[Parcel] = []
        words: list[Word] = []
        for place, transfer in enumerate(transfers):
            tag = tag_of(transfer.letter)
            if tag not in self.taking.open:
                receipts[place] = NOT_IN_HAND
                continue
            try:
                made = self.post.parcel(_alone(transfer.outgoing()))
                await self.post.allow(made)
            except MqtuiError as error:
                receipts[place] = self._refuse(tag, PublishStatus.REFUSED, errors.one_line(error))
                continue
            parcels.append(made)
            words.append(partial(self._word, receipts, place, tag, confirmed))
        await self.post.send(parcels, words)
        if self.post.failure is not None:
            self.taking.fail(self.post.failure)
        if self.taking.last:
            await self._save([tag_of(transfer.letter) for transfer in transfers])
        return receipts

    async def settle(self, letters: Sequence[Message]) -> list[Receipt]:
        """Acknowledge letters that are stored elsewhere."""
        if self._channel.failure is not None:
            return [Receipt(PublishStatus.UNKNOWN, None, NOT_REMOVED)] * len(letters)
        receipts = [SENT] * len(letters)
        for place, message in enumerate(letters):
            tag = tag_of(message)
            if tag in self.taking.open:
                self._stored(tag)
            else:
                receipts[place] = NOT_IN_HAND
        return await self._removed(receipts)

    async def release(self, letters: Sequence[Message]) -> None:
        """Hold letters back until the end; those with no delivery left are saved now."""
        tags = [tag for tag in map(tag_of, letters) if tag in self.taking.open]
        for tag in tags:
            self.taking.hold(tag)
        await self._save(tags)

    async def leave(self) -> None:
        """Finish what was sent, give the rest back in one go, in order, and close.

        Raises:
            BrokerTrouble: a letter with no delivery left could not be saved.
        """
        if self.left:
            return
        self.left = True
        try:
            await self._give_back()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connections; whatever is in hand goes back, and that counts."""
        await self._rescuer.close()
        await self.post.close()
        await self._link.close()

    async def _give_back(self) -> None:
        trouble: MqtuiError | None = None
        await self.taking.end()
        try:
            await asyncio.wait_for(self.post.outbox.quiet(), LAST_WORDS)
        except TimeoutError:
            trouble = BrokerTrouble("The broker did not confirm what was sent last")
        if self._channel.failure is not None:
            return
        await self.taking.acks.rest()
        for tag in list(self.taking.last):
            self.taking.open.discard(tag)
            try:
                await self._save((tag,))
            except MqtuiError as error:
                trouble = error
        await self.taking.acks.give_back()
        await self._channel.barrier()
        await self._channel.close()
        if trouble is not None:
            raise trouble

    def _word(
        self,
        receipts: list[Receipt],
        place: int,
        tag: int,
        confirmed: Callable[[int], None],
        state: PublishStatus,
        reason: str,
    ) -> None:
        if state is PublishStatus.STORED:
            confirmed(tag)
        elif state is PublishStatus.UNKNOWN:
            receipts[place] = Receipt(state, None, reason)
            self.taking.resolved(tag)
        else:
            receipts[place] = self._refuse(tag, state, reason)

    def _stored(self, tag: int) -> None:
        self.taking.acks.stored(tag)
        self.taking.last.pop(tag, None)
        self.taking.resolved(tag)

    def _refuse(self, tag: int, state: PublishStatus, reason: str) -> Receipt:
        self.taking.hold(tag)
        return Receipt(state, None, reason)

    async def _removed(self, receipts: list[Receipt]) -> list[Receipt]:
        """Wait until the broker took note of the acknowledgements; lost before: what was stored may come again."""
        try:
            await self.taking.acks.rest()
        except MqtuiError:
            return [Receipt(PublishStatus.UNKNOWN, None, NOT_REMOVED) if each is SENT else each for each in receipts]
        return receipts

    async def _save(self, tags: Iterable[int]) -> None:
        """Copy held letters with no delivery left to the tail of their queue; returned they would be gone."""
        for tag in tags:
            found = self.taking.last.get(tag)
            if found is not None and tag not in self.taking.open and self._channel.failure is None:
                del self.taking.last[tag]
                properties, body = found
                await self._rescuer.save(self._channel, tag, properties, body)
                self.taking.acks.forget(tag)


def _alone(outgoing: Outgoing) -> Outgoing:
    """The message without what would send copies of it elsewhere (R14)."""
    return replace(outgoing, headers=rename_cc_headers(outgoing.headers))


def tag_of(message: Message) -> int:
    """The delivery tag of a letter."""
    return message.position.tag if isinstance(message.position, Delivery) else 0
