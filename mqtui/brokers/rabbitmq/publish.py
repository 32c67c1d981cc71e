"""Publishing with confirms on one channel (R10), which is reopened where the broker closes it over a message (R12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from mqtui.brokers.rabbitmq import errors, refused_publish
from mqtui.brokers.rabbitmq.confirms import NOT_SENT, ConfirmTracker, EncodedPublish, OnOutcome, encode_publish
from mqtui.brokers.rabbitmq.connection import permission_probes
from mqtui.brokers.rabbitmq.connection.channel import Channel, Connection
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.errors import ACCESS_REFUSED, NOT_FOUND
from mqtui.brokers.rabbitmq.refused_publish import ChannelError
from mqtui.domain.errors import BadInput, MqtuiError, NotAuthorised, NotFound
from mqtui.domain.message import Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import name_text

MAX_UNCONFIRMED_BYTES = 16 * 1024 * 1024
"""Size of the messages that may be unconfirmed at once."""

LARGE = 8 * 1024 * 1024
"""Larger messages get a channel of their own: a broker closes the channel over one that is too large."""

YIELD_EVERY = 100
"""Messages published in one go before confirms are read again."""

SENT = Receipt(PublishStatus.STORED)
NOT_CONFIRMED = "the broker closed the channel over a message before it confirmed this one"
Connect = Callable[[], Awaitable[Connection]]
QueuedPublish = tuple[EncodedPublish, OnOutcome]


class ConfirmedPublisher:
    """Publishes batches over a connection of its own, with confirms. Only on the I/O thread.

    Where the broker refuses a message by closing the channel or the connection, only that message is refused (R12).
    """

    def __init__(self, connect: Connect, user: str) -> None:
        self.tracker: ConfirmTracker
        self.dry_run_first = False
        """Whether each batch is first published in a transaction that is rolled back, to find refused messages."""

        self._connect = connect
        self._user = user
        self._connection: Connection | None = None
        self._permissions: dict[bytes, MqtuiError | None] = {}
        self._lost: MqtuiError | None = None

    async def open(self) -> None:
        """Connect and turn on confirms."""
        self.tracker = ConfirmTracker(await self._channel())
        await self.tracker.start()

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    @property
    def failure(self) -> MqtuiError | None:
        """Why nothing can be published any more; None while it can."""
        if self._lost is None and self.tracker.close_reason is not None and self.tracker.channel_error is None:
            self._lost = errors.amqp_error(self.tracker.close_reason, "Publishing")
        return self._lost

    def encode(self, outgoing: Outgoing) -> EncodedPublish:
        """Encode a message for `send`.

        Raises:
            BadInput: a header or property can't be encoded.
        """
        return encode_publish(outgoing, self._user)

    async def check_permission(self, message: EncodedPublish) -> None:
        """Check that the exchange exists and may be published to, once for each exchange.

        Raises:
            NotFound, NotAuthorised: that message would be refused.
        """
        if message.exchange not in self._permissions:
            try:
                exchange, key = name_text(message.exchange), name_text(message.routing_key)
                await permission_probes.require_write(await self._connected(), exchange, key)
                self._permissions[message.exchange] = None
            except (NotFound, NotAuthorised) as error:
                self._permissions[message.exchange] = error
        known = self._permissions[message.exchange]
        if known is not None:
            raise known

    async def send(self, messages: Sequence[EncodedPublish], on_outcomes: Sequence[OnOutcome]) -> None:
        """Publish all and wait until each message has an outcome."""
        waiting: Sequence[QueuedPublish] = list(zip(messages, on_outcomes, strict=True))
        while waiting:
            if self.tracker.channel_error is not None and not await self._reopen():
                for _, on_outcome in waiting:
                    on_outcome(PublishStatus.REFUSED, NOT_SENT)
                return
            if self.dry_run_first:
                waiting = await self._drop_refused(waiting)
            waiting = await self._send_until_refused(waiting)

    async def _send_until_refused(self, items: Sequence[QueuedPublish]) -> Sequence[QueuedPublish]:
        """Publish until the broker refuses one. Returns those that it did not look at, to be published again."""
        unsent: Sequence[QueuedPublish] = ()
        for index, (item, on_outcome) in enumerate(items, 1):
            if _needs_own_channel(item):
                await self.tracker.wait_all()
                if self.tracker.channel_error is not None:
                    unsent = items[index - 1 :]
                    break
                await self._send_on_own_channel(item, on_outcome)
            else:
                self.tracker.send(item, on_outcome)
                if index % YIELD_EVERY:
                    continue
                await asyncio.sleep(0)
                await self.tracker.wait_capacity(MAX_UNCONFIRMED_BYTES)
            if self.tracker.channel_error is not None:
                unsent = items[index:]
                break
        await self.tracker.wait_all()
        if self.tracker.channel_error is None:
            return ()
        return [*await self._find_refused(self.tracker.unresolved, self.tracker.channel_error), *unsent]

    async def _find_refused(self, unresolved: Sequence[QueuedPublish], answer: ChannelError) -> Sequence[QueuedPublish]:
        """Report outcomes after the broker closed the channel. Returns the messages that it did not look at.

        Those before the refused one were routed, and their confirms are lost: unknown. Where an exchange or a
        permission vanished meanwhile, all messages for that exchange are unknown.
        """
        self.dry_run_first = True
        code, text = answer
        if not unresolved:
            return ()
        try:
            found = await refused_publish.find_refused(self._channel, [item for item, _ in unresolved])
        except MqtuiError:
            found = None
        uncertain: Sequence[QueuedPublish] = unresolved
        rest: Sequence[QueuedPublish] = ()
        if found is not None and found[1][0] == code:
            first = last = found[0]
            if code in (NOT_FOUND, ACCESS_REFUSED):
                self._permissions.clear()
                exchange = unresolved[first][0].exchange
                last = max(index for index, (item, _) in enumerate(unresolved) if item.exchange == exchange)
            uncertain, rest = unresolved[: last + 1], unresolved[last + 1 :]
            if first == last:
                unresolved[first][1](PublishStatus.REFUSED, text)
                uncertain = unresolved[:first]
        for _, on_outcome in uncertain:
            on_outcome(PublishStatus.UNKNOWN, f"{NOT_CONFIRMED}: {text}")
        return rest

    async def _drop_refused(self, items: Sequence[QueuedPublish]) -> Sequence[QueuedPublish]:
        """The messages that the broker would take. The others are reported as refused."""
        unchecked = [item for item in items if not _needs_own_channel(item[0])]
        refused: set[int] = set()
        while unchecked:
            try:
                found = await refused_publish.find_refused(self._channel, [item for item, _ in unchecked])
            except MqtuiError:
                break
            if found is None:
                break
            index, (_, text) = found
            unchecked[index][1](PublishStatus.REFUSED, text)
            refused.add(id(unchecked[index]))
            unchecked = unchecked[index + 1 :]
        return [item for item in items if id(item) not in refused]

    async def _send_on_own_channel(self, item: EncodedPublish, on_outcome: OnOutcome) -> None:
        """Publish one message on a channel of its own. The error with which the broker closes it is the reason."""
        try:
            channel = await self._channel()
            tracker = ConfirmTracker(channel)
            await tracker.start()
        except MqtuiError:
            on_outcome(PublishStatus.REFUSED, NOT_SENT)
            return
        tracker.send(item, on_outcome)
        await tracker.wait_all()
        if tracker.channel_error is not None and tracker.unresolved:
            on_outcome(PublishStatus.REFUSED, tracker.channel_error[1])
        await channel.close()

    async def _reopen(self) -> bool:
        """Open a channel after the broker closed the one before; False where that fails."""
        try:
            await self.open()
        except MqtuiError as error:
            self._lost = error
            return False
        return True

    async def _channel(self) -> Channel:
        return await (await self._connected()).channel()

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.is_open:
            self._connection = await self._connect()
        return self._connection


def _needs_own_channel(item: EncodedPublish) -> bool:
    return item.may_close_channel or item.size > LARGE


class RabbitPublisher:
    """The publisher of the port. A message is stored when the broker confirmed it and did not return it."""

    def __init__(self, session: RabbitSession, publisher: ConfirmedPublisher) -> None:
        self._session = session
        self._publisher = publisher

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Publish a batch; one receipt a message, in order.

        Raises:
            BadInput, NotFound, NotAuthorised: none could be sent, all for the same reason.
        """
        return await asyncio.shield(self._session.io.call(self._send(batch)))

    async def _send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        receipts = [SENT] * len(batch)
        messages: list[EncodedPublish] = []
        on_outcomes: list[OnOutcome] = []
        refused: list[MqtuiError] = []
        for index, outgoing in enumerate(batch):
            try:
                message = self._publisher.encode(outgoing)
                await self._publisher.check_permission(message)
            except (BadInput, NotFound, NotAuthorised) as error:
                receipts[index] = Receipt(PublishStatus.REFUSED, None, errors.summarize(error))
                refused.append(error)
                continue
            messages.append(message)
            on_outcomes.append(partial(_set_receipt, receipts, index))
        if refused and not messages and len({str(error) for error in refused}) == 1:
            raise refused[0]
        await self._publisher.send(messages, on_outcomes)
        return receipts


def _set_receipt(receipts: list[Receipt], index: int, state: PublishStatus, reason: str) -> None:
    if state is not PublishStatus.STORED:
        receipts[index] = Receipt(state, None, reason)


@asynccontextmanager
async def open_publisher(session: RabbitSession) -> AsyncIterator[RabbitPublisher]:
    """A publisher with a connection of its own, which is closed at the end."""
    publisher = ConfirmedPublisher(session.connect, session.config.user)
    await session.io.call(publisher.open())
    session.closers.add(publisher.close)
    try:
        yield RabbitPublisher(session, publisher)
    finally:
        if publisher.close in session.closers:
            session.closers.discard(publisher.close)
            await asyncio.shield(session.io.call(publisher.close()))
