"""Move letters out of a queue: consume, publish with confirms, acknowledge, requeue the rest. On the I/O thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from msgspec import structs

from mqtui.brokers.rabbitmq import errors
from mqtui.brokers.rabbitmq.confirms import EncodedPublish, OnOutcome
from mqtui.brokers.rabbitmq.connection.channel import Channel, Connection
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.publish import ConfirmedPublisher
from mqtui.brokers.rabbitmq.read.last_delivery import LastDeliveryRepublisher
from mqtui.brokers.rabbitmq.read.queue_info import QueueInfo
from mqtui.brokers.rabbitmq.redrive.queue_consumer import BoundedQueueConsumer, ConsumeLimits
from mqtui.domain.cc_headers import rename_cc_headers
from mqtui.domain.errors import BrokerTrouble, MqtuiError
from mqtui.domain.message import Delivery, Message, Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer

SENT = Receipt(PublishStatus.STORED)
NOT_HELD = Receipt(PublishStatus.GONE, None, "no longer held by this run")
ALREADY_REQUEUED = Receipt(
    PublishStatus.REFUSED, None, "not sent: the connection was lost, and the broker has requeued it"
)
NOT_REMOVED = "stored; whether it was removed from the source is not known"
FINAL_CONFIRM_TIMEOUT = 30.0
"""Seconds to wait at the end for confirms of what was published."""


class MoveSession:
    """Consumes and acknowledges on one channel, and publishes on another connection.

    So no unacknowledged letters are lost to a channel that the broker closes over a refused message (R12), and an alarm
    that blocks publishers does not block acknowledgements and requeues.
    """

    def __init__(
        self, session: RabbitSession, queue: QueueInfo, connection: Connection, channel: Channel, limits: ConsumeLimits
    ) -> None:
        self.consumer = BoundedQueueConsumer(channel, queue, limits)
        self._connection = connection
        self._channel = channel
        self.publisher = ConfirmedPublisher(session.connect, session.config.user)
        self._republisher = LastDeliveryRepublisher(session, queue.name)
        self._counts_deliveries = queue.limit.counts_deliveries
        self.finished = False
        """Whether the rest was requeued and the connections were closed."""

    async def open(self) -> None:
        """Turn on confirms; where letters may have to be published again, check the permission.

        Raises:
            NotAuthorised: the user may not publish to the default exchange.
        """
        await self.publisher.open()
        if self._counts_deliveries:
            await self._republisher.check_permission()

    async def move(self, transfers: Sequence[Transfer]) -> list[Receipt]:
        """Publish each letter and acknowledge those that were confirmed and not returned (R6)."""
        return await self._flush_acks(await self._publish(transfers, self._mark_stored))

    async def store(self, transfers: Sequence[Transfer]) -> list[Receipt]:
        """Publish each letter; those that were confirmed stay unacknowledged until they are settled."""
        return await self._publish(transfers, lambda _: None)

    async def _publish(self, transfers: Sequence[Transfer], on_stored: Callable[[int], None]) -> list[Receipt]:
        """Publish letters, call `on_stored` with the tag of each that was stored, and hold those that were refused."""
        if self._channel.close_reason is not None:
            return [ALREADY_REQUEUED] * len(transfers)
        receipts = [SENT] * len(transfers)
        messages: list[EncodedPublish] = []
        on_outcomes: list[OnOutcome] = []
        for index, transfer in enumerate(transfers):
            tag = tag_of(transfer.letter)
            if tag not in self.consumer.in_flight:
                receipts[index] = NOT_HELD
                continue
            try:
                message = self.publisher.encode(_without_copies(transfer.outgoing()))
                await self.publisher.check_permission(message)
            except MqtuiError as error:
                receipts[index] = self._refuse(tag, PublishStatus.REFUSED, errors.summarize(error))
                continue
            messages.append(message)
            on_outcomes.append(partial(self._on_outcome, receipts, index, tag, on_stored))
        await self.publisher.send(messages, on_outcomes)
        if self.publisher.failure is not None:
            self.consumer.fail(self.publisher.failure)
        if self.consumer.no_delivery_left:
            await self._republish_last([tag_of(transfer.letter) for transfer in transfers])
        return receipts

    async def settle(self, letters: Sequence[Message]) -> list[Receipt]:
        """Acknowledge letters that are stored elsewhere or discarded."""
        if self._channel.close_reason is not None:
            return [Receipt(PublishStatus.UNKNOWN, None, NOT_REMOVED)] * len(letters)
        receipts = [SENT] * len(letters)
        for index, message in enumerate(letters):
            tag = tag_of(message)
            if tag in self.consumer.in_flight:
                self._mark_stored(tag)
            else:
                receipts[index] = NOT_HELD
        return await self._flush_acks(receipts)

    async def release(self, letters: Sequence[Message]) -> None:
        """Hold letters until the end; those with no delivery left are published again now."""
        tags = [tag for tag in map(tag_of, letters) if tag in self.consumer.in_flight]
        for tag in tags:
            self.consumer.hold(tag)
        await self._republish_last(tags)

    async def finish(self) -> None:
        """Wait for confirms, requeue the rest in order, and close.

        Raises:
            BrokerTrouble: a letter with no delivery left could not be published again.
        """
        if self.finished:
            return
        self.finished = True
        try:
            await self._requeue_rest()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connections. The broker requeues what is unacknowledged, which counts as a delivery."""
        await self._republisher.close()
        await self.publisher.close()
        await self._connection.close()

    async def _requeue_rest(self) -> None:
        trouble: MqtuiError | None = None
        await self.consumer.stop()
        try:
            async with asyncio.timeout(FINAL_CONFIRM_TIMEOUT):
                await self.publisher.tracker.wait_all()
        except TimeoutError:
            trouble = BrokerTrouble("The broker did not confirm the last messages")
        if self._channel.close_reason is not None:
            return
        await self.consumer.acks.flush()
        for tag in list(self.consumer.no_delivery_left):
            self.consumer.in_flight.discard(tag)
            try:
                await self._republish_last((tag,))
            except MqtuiError as error:
                trouble = error
        await self.consumer.acks.requeue_all()
        await self._channel.sync()
        await self._channel.close()
        if trouble is not None:
            raise trouble

    def _on_outcome(
        self,
        receipts: list[Receipt],
        index: int,
        tag: int,
        on_stored: Callable[[int], None],
        state: PublishStatus,
        reason: str,
    ) -> None:
        if state is PublishStatus.STORED:
            on_stored(tag)
        elif state is PublishStatus.UNKNOWN:
            receipts[index] = Receipt(state, None, reason)
            self.consumer.mark_resolved(tag)
        else:
            receipts[index] = self._refuse(tag, state, reason)

    def _mark_stored(self, tag: int) -> None:
        self.consumer.acks.mark_stored(tag)
        self.consumer.no_delivery_left.pop(tag, None)
        self.consumer.mark_resolved(tag)

    def _refuse(self, tag: int, state: PublishStatus, reason: str) -> Receipt:
        self.consumer.hold(tag)
        return Receipt(state, None, reason)

    async def _flush_acks(self, receipts: list[Receipt]) -> list[Receipt]:
        """Wait until the acks are applied. Where the connection is lost first, they are unknown."""
        try:
            await self.consumer.acks.flush()
        except MqtuiError:
            return [Receipt(PublishStatus.UNKNOWN, None, NOT_REMOVED) if each is SENT else each for each in receipts]
        return receipts

    async def _republish_last(self, tags: Iterable[int]) -> None:
        """Publish held letters with no delivery left to their own queue: a requeue would drop them."""
        for tag in tags:
            found = self.consumer.no_delivery_left.get(tag)
            if found is not None and tag not in self.consumer.in_flight and self._channel.close_reason is None:
                del self.consumer.no_delivery_left[tag]
                properties, body = found
                await self._republisher.republish(self._channel, tag, properties, body)
                self.consumer.acks.mark_acked(tag)


def _without_copies(outgoing: Outgoing) -> Outgoing:
    """The message without CC and BCC headers, which would route copies elsewhere (R14)."""
    headers = rename_cc_headers(outgoing.headers)
    return outgoing if headers is outgoing.headers else structs.replace(outgoing, headers=headers)


def tag_of(message: Message) -> int:
    """The delivery tag of a letter."""
    return message.position.tag if isinstance(message.position, Delivery) else 0
