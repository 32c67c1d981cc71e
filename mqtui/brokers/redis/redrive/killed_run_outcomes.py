"""What a run has moved, by its move logs in Redis: after a crash, absence from the source proves nothing (C13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.hash_slots import key_slot
from mqtui.brokers.redis.connection.resp import as_list, as_text, encode_entry_id, parse_entry_id
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.redrive.bookkeeping_keys import (
    TTL_TEXT,
    earlier_move_log_key,
    move_log_index_key,
    move_log_key,
    stored_set_key,
)
from mqtui.brokers.redis.redrive.cross_broker_claims import describe_run
from mqtui.brokers.redis.redrive.receipts import GONE, STORED_EARLIER
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId, Position
from mqtui.domain.redrive import LeaseOptions, PublishStatus, Receipt, Source
from mqtui.domain.resource import Ref, name_bytes

LOG_LINES_PER_ROUND_TRIP = 16
IDS_PER_COMMAND = 1000
UNTRACED = Receipt(
    PublishStatus.UNKNOWN,
    reason=f"not in the source, and this run's record ({TTL_TEXT}) does not have it: somebody else may have removed it",
)


async def trace(
    router: Router, source: Source, options: LeaseOptions, positions: Sequence[Position]
) -> Sequence[Receipt]:
    """One receipt a letter of the run: stored if a move log or stored set has it, else unknown.

    Raises:
        CannotConnect, BrokerTrouble: the server can't be reached.
    """
    wanted = {encode_entry_id(position) for position in positions if isinstance(position, EntryId)}
    found: dict[bytes, Receipt] = {}
    prefix, key = router.address.prefix, stream_key(source.ref)
    move_logs = [move_log_key(prefix, key, options.run)]
    for target in map(stream_key, options.targets):
        if router.is_clustered and key_slot(target) != key_slot(key):
            found |= await _read_stored_set(router, target, stored_set_key(prefix, target, options.run), wanted)
        else:
            move_logs.append(move_log_key(prefix, key, options.run, target))
    for move_log in move_logs:
        for log in (move_log, earlier_move_log_key(move_log)):
            async for moved in read_move_log(router, key, log):
                found |= {raw: receipt for raw, receipt in moved.items() if raw in wanted}
    return [
        found.get(encode_entry_id(position), UNTRACED) if isinstance(position, EntryId) else UNTRACED
        for position in positions
    ]


async def _read_stored_set(
    router: Router, target: bytes, stored_set: bytes, wanted: set[bytes]
) -> dict[bytes, Receipt]:
    """The receipts of the ids that are in the run's stored set, in the target's slot (D5)."""
    found: dict[bytes, Receipt] = {}
    receipt = Receipt(PublishStatus.STORED, reason=STORED_EARLIER)
    ids = sorted(wanted)
    for start in range(0, len(ids), IDS_PER_COMMAND):
        some = ids[start : start + IDS_PER_COMMAND]
        (reply,) = await router.execute_pipeline(target, [("SMISMEMBER", stored_set, *some)])
        members = [] if isinstance(reply, RedisError) else as_list(reply)
        found |= {raw: receipt for raw, is_member in zip(some, members, strict=False) if is_member}
    return found


class OtherRunLookup:
    """Finds the run of mqtui that handled letters which are gone from the source, by the move logs of other runs."""

    def __init__(self, router: Router, source: Ref, run: str) -> None:
        self._router = router
        self._key = name_bytes(source.name)
        self._run = run

    async def name_runs(self, positions: Iterable[Position], receipts: Sequence[Receipt]) -> list[Receipt]:
        """The receipts; the reason of each that is gone names the run that handled the letter, if one is found."""
        named = list(receipts)
        gone = {
            encode_entry_id(position): index
            for index, (position, receipt) in enumerate(zip(positions, receipts, strict=True))
            if receipt is GONE and isinstance(position, EntryId)
        }
        if not gone:
            return named
        with suppress(MqtuiError):
            async for raw, run in self._find_runs(frozenset(gone)):
                named[gone[raw]] = Receipt(PublishStatus.GONE, reason=f"handled by {run}")
        return named

    async def _find_runs(self, wanted: frozenset[bytes]) -> AsyncIterator[tuple[bytes, str]]:
        """Ids that are in the move log of another run, each with a description of that run."""
        missing = set(wanted)
        index = move_log_index_key(self._router.address.prefix, self._key)
        (reply,) = await self._router.execute_pipeline(self._key, [("HGETALL", index)])
        flat = [] if isinstance(reply, RedisError) else as_list(reply)
        for move_log, signature in zip(flat[::2], flat[1::2], strict=True):
            if not missing or not isinstance(move_log, bytes) or as_text(signature).startswith(self._run):
                continue
            for log in (move_log, earlier_move_log_key(move_log)):
                async for moved in read_move_log(self._router, self._key, log):
                    for raw in missing & moved.keys():
                        yield raw, describe_run(as_text(signature))
                    missing -= moved.keys()


async def read_move_log(router: Router, source: bytes, move_log: bytes) -> AsyncIterator[Mapping[bytes, Receipt]]:
    """The receipts in a move log by the id in the source, the newest first; none where it may not be read."""
    start = 0
    while True:
        end = start + LOG_LINES_PER_ROUND_TRIP - 1
        (reply,) = await router.execute_pipeline(source, [("LRANGE", move_log, start, end)])
        lines = [] if isinstance(reply, RedisError) else as_list(reply)
        for line in lines:
            ids = line.split() if isinstance(line, bytes) else []
            yield {raw: _stored_receipt(stored_id) for raw, stored_id in zip(ids[::2], ids[1::2], strict=True)}
        if len(lines) < LOG_LINES_PER_ROUND_TRIP:
            return
        start += LOG_LINES_PER_ROUND_TRIP


def _stored_receipt(stored_id: bytes) -> Receipt:
    """The receipt by the id in the target; `-` stands for an id that the log does not know."""
    return Receipt(PublishStatus.STORED, None if stored_id == b"-" else parse_entry_id(stored_id))
