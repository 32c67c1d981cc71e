"""Moves within one slot: a script stores each letter in the target and removes it from the source, exactly once."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from mqtui.brokers.redis.connection.resp import Command, Entry, ReplyOrError, eval_command, parse_entry_id
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S
from mqtui.brokers.redis.redrive.lost_replies import find_entries
from mqtui.brokers.redis.redrive.lua import MOVE
from mqtui.brokers.redis.redrive.move_spec import MoveSpec, entry_ids, is_in_order, split_chunks, split_entries
from mqtui.brokers.redis.redrive.receipts import GONE, MovedEntries, mark_unknown, only_new_ids, parse_outcomes
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.message import EntryId, Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import name_bytes


class SameSlotMover:
    """Moves letters to a target in the source's slot. `newest` is the target's newest id before the first move."""

    def __init__(
        self, router: Router, connection: WriteConnection, handled_set: bytes, move_log: bytes, newest: EntryId
    ) -> None:
        self._router = router
        self._connection = connection
        self._handled_set = handled_set
        self._move_log = move_log
        self._newest = newest

    async def move(self, letters: Sequence[Message], spec: MoveSpec, largest: int) -> list[Receipt]:
        """One receipt a letter. Letters have at most 1,900 fields and `largest` bytes each.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was moved.
            NotAuthorised: a right is missing; nothing was moved.
        """
        if not is_in_order(letters):
            return await self._move_sorted(letters, spec, largest)
        chunks = list(split_chunks(letters, largest))
        commands = [self._command(entry_ids(chunk), spec) for chunk in chunks]
        try:
            replies, not_durable = await self._connection.execute_and_wait(commands)
        except RepliesLost as lost:
            return await self._repeat(chunks, commands, spec, lost)
        receipts = self._receipts(chunks, replies, spec)
        return [mark_unknown(receipt, not_durable) for receipt in receipts] if not_durable else receipts

    async def _move_sorted(self, letters: Sequence[Message], spec: MoveSpec, largest: int) -> list[Receipt]:
        """Move the letters by id, each once, and return the receipts in the given order."""
        by_id = {letter.position: letter for letter in letters if isinstance(letter.position, EntryId)}
        in_order = [by_id[position] for position in sorted(by_id)]
        receipts = dict(zip(sorted(by_id), await self.move(in_order, spec, largest), strict=True))
        return [receipts[letter.position] for letter in letters if isinstance(letter.position, EntryId)]

    async def move_entries(self, entries: Sequence[Entry], spec: MoveSpec, largest: int) -> MovedEntries:
        """`move` for raw entries in ascending order."""
        chunks = list(split_entries(entries, largest))
        commands = [self._command([raw for raw, _ in chunk], spec) for chunk in chunks]
        try:
            replies, not_durable = await self._connection.execute_and_wait(commands)
        except RepliesLost as lost:
            letters = [to_messages(spec.source, chunk) for chunk in chunks]
            return MovedEntries.of(await self._repeat(letters, commands, spec, lost))
        if not not_durable and (copies := only_new_ids(replies)):
            self._newest = parse_entry_id(copies[-1])
            return MovedEntries(copies)
        return MovedEntries.of(
            [mark_unknown(receipt, not_durable) for receipt in self._receipts(chunks, replies, spec)]
        )

    def _command(self, ids: Sequence[bytes], spec: MoveSpec) -> Command:
        keys = (name_bytes(spec.source.name), name_bytes(spec.target.name), self._handled_set, self._move_log)
        stripped, added = [name_bytes(name) for name in spec.stripped], spec.added_parts()
        return eval_command(MOVE, keys, TTL_S, len(stripped), len(added), *stripped, *added, *ids)

    def _receipts(self, chunks: Sequence[Sized], replies: Sequence[ReplyOrError], spec: MoveSpec) -> list[Receipt]:
        receipts: list[Receipt] = []
        for chunk, reply in zip(chunks, replies, strict=True):
            receipts += parse_outcomes(reply, len(chunk), spec.target.name)
        newest = next((receipt.position for receipt in reversed(receipts) if receipt.position is not None), None)
        if isinstance(newest, EntryId):
            self._newest = newest
        return receipts

    async def _repeat(
        self, chunks: Sequence[Sequence[Message]], commands: Sequence[Command], spec: MoveSpec, lost: RepliesLost
    ) -> list[Receipt]:
        """Run the calls whose replies were lost once more: the script moves only what is still in the source.

        A letter that is gone now was moved by the lost call, if it is found in the target.
        """
        answered = min(len(lost.replies), len(chunks))
        receipts = self._receipts(chunks[:answered], lost.replies[:answered], spec)
        rest = [letter for chunk in chunks[answered:] for letter in chunk]
        since = self._newest
        try:
            await self._connection.reconnect()
            replies, not_durable = await self._connection.execute_and_wait(commands[answered:])
            repeated = self._receipts(chunks[answered:], replies, spec)
            repeated = await self._look_up_gone(rest, repeated, spec, since)
        except (RepliesLost, CannotConnect, BrokerTrouble) as error:
            unknown = Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
            return receipts + [unknown] * len(rest)
        receipts += repeated
        return [mark_unknown(receipt, not_durable) for receipt in receipts] if not_durable else receipts

    async def _look_up_gone(
        self, letters: Sequence[Message], receipts: list[Receipt], spec: MoveSpec, since: EntryId
    ) -> list[Receipt]:
        """The receipts, with the place in the target of each letter that is gone from the source."""
        gone = [index for index, receipt in enumerate(receipts) if receipt is GONE]
        if not gone:
            return receipts
        wanted = [spec.target_parts(letters[index]) for index in gone]
        positions, _ = await find_entries(self._router, name_bytes(spec.target.name), since, wanted)
        for index, position in zip(gone, positions, strict=True):
            receipts[index] = (
                Receipt(PublishStatus.STORED, position)
                if position is not None
                else Receipt(PublishStatus.UNKNOWN, reason="gone from the source and not found in the target")
            )
        return receipts
