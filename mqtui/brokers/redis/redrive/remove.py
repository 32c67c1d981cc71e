"""Removes entries from the source by XDEL; those that another group still needs are marked as handled instead (D1)."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import Command, ReplyOrError, eval_command, raise_if_error
from mqtui.brokers.redis.connection.routing import Router, is_retryable, retry_for
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import RepliesLost, translate
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S
from mqtui.brokers.redis.redrive.lua import PRESENT, REMOVE
from mqtui.brokers.redis.redrive.move_spec import entry_ids, split_chunks
from mqtui.brokers.redis.redrive.receipts import GONE, HANDLED, KEPT_FOR_OTHER_GROUP, refusal_receipt
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.message import Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref, name_bytes

REMOVED = Receipt(PublishStatus.STORED)
KEPT = Receipt(PublishStatus.STORED, reason=KEPT_FOR_OTHER_GROUP)
NOT_MARKED = Receipt(
    PublishStatus.REFUSED, reason="another group still needs the entry, and it could not be marked as handled: it stays"
)
RECEIPTS = {1: REMOVED, 0: GONE, 2: KEPT, -1: NOT_MARKED}
"""By what the script `REMOVE` returns for an id."""


class EntryRemover:
    """Removes letters from one source, which are stored elsewhere or discarded."""

    def __init__(
        self, router: Router, connection: WriteConnection, source: Ref, handled_set: bytes, move_log: bytes
    ) -> None:
        self._router = router
        self._connection = connection
        self._source = source
        self._handled_set = handled_set
        self._move_log = move_log

    @property
    def _keys(self) -> tuple[bytes, bytes]:
        return name_bytes(self._source.name), self._handled_set

    async def find_absent(self, letters: Sequence[Message]) -> list[Receipt | None]:
        """The receipt of each letter that is gone or was handled before; None for one that is in the source."""
        absent: list[Receipt | None] = []
        commands = [eval_command(PRESENT, self._keys, *entry_ids(chunk)) for chunk in split_chunks(letters)]
        for reply in await self._execute_when_served(commands) if commands else []:
            raise_if_error(reply, "EVAL", self._source.name)
            absent += [{0: GONE, 2: HANDLED}.get(number) for number in _numbers(reply)]
        return absent

    async def _execute_when_served(self, commands: Sequence[Command]) -> list[ReplyOrError]:
        """The replies to read commands, repeated until a server serves the slot."""

        async def execute() -> list[ReplyOrError]:
            replies = await self._router.execute_pipeline(self._keys[0], commands)
            for reply in filter(is_retryable, replies):
                raise_if_error(reply, "EVAL", self._source.name)
            return replies

        return await retry_for(execute, self._router.config.reconnect_timeout)

    async def remove(self, letters: Sequence[Message]) -> list[Receipt]:
        """One receipt a letter: removed, kept and marked as handled, gone before, or refused by Redis.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was removed.
        """
        chunks = list(split_chunks(letters))
        commands: list[Command] = [
            eval_command(REMOVE, (*self._keys, self._move_log), TTL_S, *entry_ids(chunk)) for chunk in chunks
        ]
        try:
            replies, not_durable = await self._connection.execute_and_wait(commands)
            receipts = self._receipts(chunks, replies)
        except RepliesLost as lost:
            receipts, not_durable = await self._repeat(chunks, commands, lost)
        if not not_durable:
            return receipts
        unknown = Receipt(PublishStatus.UNKNOWN, reason=not_durable)
        return [unknown if receipt.state is PublishStatus.STORED else receipt for receipt in receipts]

    def _receipts(self, chunks: Sequence[Sequence[Message]], replies: Sequence[ReplyOrError]) -> list[Receipt]:
        receipts: list[Receipt] = []
        for chunk, reply in zip(chunks, replies, strict=True):
            if isinstance(reply, RedisError):
                receipts += [refusal_receipt(translate(reply, "EVAL", self._source.name))] * len(chunk)
            else:
                receipts += [RECEIPTS[number] for number in _numbers(reply)]
        return receipts

    async def _repeat(
        self, chunks: Sequence[Sequence[Message]], commands: Sequence[Command], lost: RepliesLost
    ) -> tuple[list[Receipt], str]:
        """Run the calls whose replies were lost once more: what is gone now was removed by the lost call."""
        answered = min(len(lost.replies), len(commands))
        receipts = self._receipts(chunks[:answered], lost.replies[:answered])
        try:
            await self._connection.reconnect()
            replies, not_durable = await self._connection.execute_and_wait(commands[answered:])
            repeated = self._receipts(chunks[answered:], replies)
        except (RepliesLost, CannotConnect, BrokerTrouble) as error:
            unknown = Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
            return receipts + [unknown] * sum(map(len, chunks[answered:])), ""
        return receipts + [REMOVED if receipt is GONE else receipt for receipt in repeated], not_durable


def _numbers(reply: ReplyOrError) -> list[int]:
    return [number for number in reply if isinstance(number, int)] if isinstance(reply, list) else []
