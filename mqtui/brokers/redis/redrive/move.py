"""Moves letters from one source to any of its targets, each by the mover that its target and its size need."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.brokers.redis.connection.hash_slots import key_slot
from mqtui.brokers.redis.connection.resp import Entry, eval_command, parse_entries, parse_entry_id, raise_if_error
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.redrive.acl import commands_to_mark, commands_to_store, require_rights
from mqtui.brokers.redis.redrive.bookkeeping_keys import (
    TTL_S,
    earlier_move_log_key,
    handled_set_key,
    move_log_index_key,
    move_log_key,
    stored_set_key,
)
from mqtui.brokers.redis.redrive.cross_broker_claims import run_signature
from mqtui.brokers.redis.redrive.lua import OPEN_MOVE_LOG
from mqtui.brokers.redis.redrive.move_cross_slot import CrossSlotMover
from mqtui.brokers.redis.redrive.move_large_entry import MAX_SCRIPT_FIELDS, LargeEntryMover
from mqtui.brokers.redis.redrive.move_same_slot import SameSlotMover
from mqtui.brokers.redis.redrive.move_spec import MoveSpec
from mqtui.brokers.redis.redrive.raw_entries import EntryRoute, RawEntryBatch
from mqtui.brokers.redis.redrive.receipts import MovedEntries, refusal_receipt
from mqtui.brokers.redis.redrive.remove import EntryRemover
from mqtui.domain.bulk import BulkResult, EntryReceipts
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.message import EntryId, Message, Position
from mqtui.domain.redrive import LeaseOptions, Receipt, Transfer
from mqtui.domain.resource import Ref


@dataclass(frozen=True, slots=True)
class TargetMovers:
    """The movers to one target: for usual entries that of its slot (one of the two), and that for large entries."""

    same_slot: SameSlotMover | None
    cross_slot: CrossSlotMover | None
    large_entry: LargeEntryMover


class EntryMover:
    """Moves letters of one source. Each target is checked before the first letter goes there (D4)."""

    def __init__(
        self, router: Router, connection: WriteConnection, source: Ref, options: LeaseOptions, remover: EntryRemover
    ) -> None:
        self._router = router
        self._connection = connection
        self._source = source
        self._key = stream_key(source)
        self._options = options
        self._remover = remover
        self._handled_set = handled_set_key(router.address.prefix, self._key)
        self._move_log = move_log_key(router.address.prefix, self._key, options.run)
        self._movers: dict[Ref, TargetMovers] = {}
        self._target_connections: list[WriteConnection] = []

    async def close(self) -> None:
        """Close the connections to targets in other slots."""
        for connection in self._target_connections:
            await connection.close()

    async def check_targets(self, targets: Sequence[Ref]) -> None:
        """Check existence of and rights to the targets, and open their move logs.

        Raises:
            NotFound, NotAuthorised: that is what is wrong with the first target, and none of the others can be used.
        """
        await self._open_move_log(self._move_log)
        errors: list[NotFound | NotAuthorised] = []
        for target in targets:
            try:
                await self._movers_to(target)
            except (NotFound, NotAuthorised) as error:
                errors.append(error)
        if errors and len(errors) == len(targets):
            raise errors[0]

    async def move(self, batch: Sequence[Transfer], largest: int) -> list[Receipt]:
        """One receipt a letter. Letters with the same target and the same changes keep their order.

        A target that can't be used refuses its own letters only. No letter has more than `largest` bytes.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; the rest was not moved.
        """
        by_spec = self._group_by_spec(batch)
        if len(by_spec) == 1:
            spec = next(iter(by_spec))
            return await self._move([transfer.letter for transfer in batch], spec, largest)
        receipts: dict[int, Receipt] = {}
        for spec, indexes in by_spec.items():
            moved = await self._move([batch[index].letter for index in indexes], spec, largest)
            receipts |= dict(zip(indexes, moved, strict=True))
        return [receipts[index] for index in range(len(batch))]

    async def move_raw(self, batch: RawEntryBatch, largest: int) -> BulkResult:
        """`move` for raw entries with targets in the source's slot."""
        entries = batch.positions.entries
        numbers: dict[EntryRoute | None, int] = {route: at for at, route in enumerate(batch.entry_routes)}
        sources, copies, route_indexes = list[bytes](), list[bytes](), array("i")
        others: list[tuple[Position, Ref, Receipt]] = []
        for spec, indexes in batch.indexes_by_spec().items():
            chosen = [entries[index] for index in indexes]
            moved = await self._move_entries(chosen, spec, largest)
            stored = [index for index, copy in zip(indexes, moved.copies, strict=True) if copy]
            sources += [entries[index][0] for index in stored]
            copies += filter(None, moved.copies)
            route_indexes.extend(map(numbers.__getitem__, map(batch.route_of_each.__getitem__, stored)))
            others += [
                (parse_entry_id(chosen[index][0]), spec.target, receipt) for index, receipt in moved.others.items()
            ]
        targets = tuple(route.spec.target.name for route in batch.entry_routes)
        columns = route_indexes.tobytes()
        return BulkResult(EntryReceipts(sources, targets, columns, copies), others, columns)

    async def _move_entries(self, entries: Sequence[Entry], spec: MoveSpec, largest: int) -> MovedEntries:
        try:
            movers = await self._movers_to(spec.target)
        except (NotFound, NotAuthorised) as error:
            return MovedEntries.of([refusal_receipt(error)] * len(entries))
        assert movers.same_slot is not None
        return await movers.same_slot.move_entries(entries, spec, largest)

    def is_in_same_slot(self, target: Ref) -> bool:
        """Whether a script can move entries to this target."""
        return not self._router.is_clustered or key_slot(stream_key(target)) == key_slot(self._key)

    def _group_by_spec(self, batch: Sequence[Transfer]) -> dict[MoveSpec, range | list[int]]:
        """The indexes of the letters of each spec. Usually there is one spec, which is recognised without hashing."""
        if not batch:
            return {}
        first = batch[0]
        target, stripped, added = first.target, first.stripped, first.added
        if all(one.target is target and one.stripped is stripped and one.added is added for one in batch):
            return {MoveSpec(self._source, target, stripped, added): range(len(batch))}
        by_spec: dict[MoveSpec, range | list[int]] = {}
        for index, one in enumerate(batch):
            spec = MoveSpec(self._source, one.target, one.stripped, one.added)
            indexes = by_spec.setdefault(spec, [])
            if isinstance(indexes, list):
                indexes.append(index)
        return by_spec

    async def _move(self, letters: list[Message], spec: MoveSpec, largest: int) -> list[Receipt]:
        """Move letters in order: neighbours together, but each one with very many fields by itself."""
        try:
            movers = await self._movers_to(spec.target)
        except (NotFound, NotAuthorised) as error:
            return [refusal_receipt(error)] * len(letters)
        receipts: list[Receipt] = []
        start = 0
        for index, letter in enumerate(letters):
            if len(letter.fields) > MAX_SCRIPT_FIELDS:
                receipts += await self._move_usual(movers, letters[start:index], spec, largest)
                receipts += await self._move_large(movers, letter, spec)
                start = index + 1
        return receipts + await self._move_usual(movers, letters[start:], spec, largest)

    async def _move_usual(
        self, movers: TargetMovers, letters: list[Message], spec: MoveSpec, largest: int
    ) -> list[Receipt]:
        if not letters:
            return []
        if movers.same_slot is not None:
            return await movers.same_slot.move(letters, spec, largest)
        assert movers.cross_slot is not None
        return await movers.cross_slot.move(letters, spec)

    async def _move_large(self, movers: TargetMovers, letter: Message, spec: MoveSpec) -> list[Receipt]:
        if movers.cross_slot is None:
            return [await movers.large_entry.move(letter, spec)]
        absent = (await self._remover.find_absent([letter]))[0]
        if absent is not None:
            return [absent]
        return await movers.cross_slot.remove_stored([letter], [await movers.large_entry.move(letter, spec)])

    async def _movers_to(self, target: Ref) -> TargetMovers:
        if target not in self._movers:
            self._movers[target] = await self._open_target(target)
        return self._movers[target]

    async def _open_target(self, target: Ref) -> TargetMovers:
        key = stream_key(target)
        key_type, newest = await self._router.execute_pipeline(
            key, [("TYPE", key), ("XREVRANGE", key, "+", "-", "COUNT", 1)]
        )
        try:
            require_stream(key_type, target)
        except NotFound as missing:
            raise NotFound(missing.title, "A move never creates its target.", missing.hint) from missing
        last = parse_entries(raise_if_error(newest, "XREVRANGE", target.name))
        newest_id = parse_entry_id(last[0][0]) if last else EntryId(0, 0)
        if self.is_in_same_slot(target):
            move_log = move_log_key(self._router.address.prefix, self._key, self._options.run, key)
            commands = commands_to_store(key, self._key, self._handled_set, move_log)
            await require_rights(self._connection, commands, target.name)
            await self._open_move_log(move_log)
            same_slot = SameSlotMover(self._router, self._connection, self._handled_set, move_log, newest_id)
            large_entry = LargeEntryMover(self._router, self._connection, self._handled_set, move_log)
            return TargetMovers(same_slot, None, large_entry)
        connection = WriteConnection(self._router, key)
        stored_set = stored_set_key(self._router.address.prefix, key, self._options.run)
        self._target_connections.append(connection)
        await require_rights(
            connection, [*commands_to_store(key, stored_set), *commands_to_mark(stored_set)], target.name
        )
        cross_slot = CrossSlotMover(connection, self._remover, stored_set)
        large_entry = LargeEntryMover(self._router, connection, self._handled_set, self._move_log, stored_set)
        return TargetMovers(None, cross_slot, large_entry)

    async def _open_move_log(self, move_log: bytes) -> None:
        """Begin a move log, and keep that of the run's earlier processes. A missing right does not stop the move."""
        index = move_log_index_key(self._router.address.prefix, self._key)
        keys = (move_log, earlier_move_log_key(move_log), index, self._key)
        await self._connection.execute_pipeline(
            [eval_command(OPEN_MOVE_LOG, keys, TTL_S, run_signature(self._options))]
        )
