"""Moves across slots (D5), in two steps: store in the target's slot, wait for durability, then remove at the source.

Each run keeps a set of the source ids that it has stored, in the target's slot: so a resume stores no letter twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.redis.connection.resp import Command, eval_command
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S
from mqtui.brokers.redis.redrive.lua import STORE
from mqtui.brokers.redis.redrive.move_spec import MoveSpec, entry_ids, split_chunks
from mqtui.brokers.redis.redrive.receipts import STORED_EARLIER, mark_unknown, parse_outcomes
from mqtui.brokers.redis.redrive.remove import EntryRemover
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import name_bytes


class CrossSlotMover:
    """Moves letters to a target in another slot. `stored_set` is the key of the ids that this run has stored there."""

    def __init__(self, connection: WriteConnection, remover: EntryRemover, stored_set: bytes) -> None:
        self._connection = connection
        self._remover = remover
        self._stored_set = stored_set

    async def move(self, letters: Sequence[Message], spec: MoveSpec) -> list[Receipt]:
        """One receipt a letter. A letter that could not be stored durably stays in the source.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was stored.
            NotAuthorised: a right is missing; nothing was stored.
        """
        absent = await self._remover.find_absent(letters)
        present = [letter for letter, why in zip(letters, absent, strict=True) if why is None]
        stored = iter(await self._store(present, spec))
        receipts = [next(stored) if why is None else why for why in absent]
        return await self.remove_stored(letters, receipts)

    async def remove_stored(self, letters: Sequence[Message], receipts: list[Receipt]) -> list[Receipt]:
        """The second step: remove the letters that are stored. One that can't be removed becomes unknown."""
        stored = [index for index, receipt in enumerate(receipts) if receipt.state is PublishStatus.STORED]
        if not stored:
            return receipts
        try:
            removals = await self._remover.remove([letters[index] for index in stored])
        except MqtuiError as error:
            removals = [Receipt(PublishStatus.UNKNOWN, reason=f"stored, but not removed: {error.title}")] * len(stored)
        for index, removal in zip(stored, removals, strict=True):
            receipt = receipts[index]
            if removal.state is PublishStatus.REFUSED:
                removal = Receipt(PublishStatus.UNKNOWN, reason=f"stored, but not removed: {removal.reason}")
            state = PublishStatus.UNKNOWN if removal.state is PublishStatus.UNKNOWN else PublishStatus.STORED
            reason = removal.reason if removal.state is not PublishStatus.GONE else receipt.reason
            receipts[index] = Receipt(state, receipt.position, reason)
        return receipts

    async def _store(self, letters: Sequence[Message], spec: MoveSpec) -> list[Receipt]:
        chunks = list(split_chunks(letters))
        commands = [self._command(chunk, spec) for chunk in chunks]
        if not commands:
            return []
        try:
            replies, not_durable = await self._connection.execute_and_wait(commands, fsync=True)
        except RepliesLost as lost:
            try:
                await self._connection.reconnect()
                replies, not_durable = await self._connection.execute_and_wait(commands, fsync=True)
            except (RepliesLost, CannotConnect, BrokerTrouble) as error:
                return [Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")] * len(letters)
        receipts: list[Receipt] = []
        for chunk, reply in zip(chunks, replies, strict=True):
            receipts += map(as_stored_earlier, parse_outcomes(reply, len(chunk), spec.target.name))
        return [mark_unknown(receipt, not_durable) for receipt in receipts] if not_durable else receipts

    def _command(self, chunk: Sequence[Message], spec: MoveSpec) -> Command:
        arguments: list[bytes | int] = []
        for raw, letter in zip(entry_ids(chunk), chunk, strict=True):
            parts = spec.target_parts(letter)
            arguments += [raw, len(parts), *parts]
        return eval_command(STORE, (name_bytes(spec.target.name), self._stored_set), TTL_S, *arguments)


def as_stored_earlier(receipt: Receipt) -> Receipt:
    """Across slots the outcome `=` means that this run has stored the letter already: only the removal is left."""
    return Receipt(PublishStatus.STORED, reason=STORED_EARLIER) if receipt.state is PublishStatus.GONE else receipt
