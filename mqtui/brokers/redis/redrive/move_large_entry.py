"""Moves of letters with more than 1,900 fields, one by one: Lua can't pass them to XADD, so a transaction does (D4).

MULTI does not roll back either. Its last command is a script that checks whether the letter is the target's newest
entry, and only then removes it from the source (same slot) or adds it to the run's set of stored ids (across slots).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import (
    Command,
    as_list,
    eval_command,
    parse_entries,
    parse_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S
from mqtui.brokers.redis.redrive.lost_replies import find_entries
from mqtui.brokers.redis.redrive.lua import FINISH_MOVE, FINISH_STORE, PRESENT
from mqtui.brokers.redis.redrive.move_cross_slot import as_stored_earlier
from mqtui.brokers.redis.redrive.move_spec import MoveSpec, entry_ids
from mqtui.brokers.redis.redrive.receipts import GONE, HANDLED, KEPT_FOR_OTHER_GROUP, mark_unknown
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.message import EntryId, Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import name_bytes

MAX_SCRIPT_FIELDS = 1900
MAX_TRIES = 50
UNSETTLED = Receipt(PublishStatus.REFUSED, reason=f"the streams changed meanwhile, {MAX_TRIES} times")


class LargeEntryMover:
    """Moves one letter at a time. `stored_set` is that of `CrossSlotMover`, where the target lies in another slot."""

    def __init__(
        self,
        router: Router,
        connection: WriteConnection,
        handled_set: bytes,
        move_log: bytes,
        stored_set: bytes | None = None,
    ) -> None:
        self._router = router
        self._connection = connection
        self._handled_set = handled_set
        self._move_log = move_log
        self._stored_set = stored_set

    async def move(self, letter: Message, spec: MoveSpec) -> Receipt:
        """The receipt of one letter: moved within a slot, or stored across slots (the caller removes it then).

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was moved.
            NotAuthorised: a right is missing; nothing was moved.
        """
        target = name_bytes(spec.target.name)
        newest = parse_entries(await self._router.execute(target, "XREVRANGE", target, "+", "-", "COUNT", 1))
        since = parse_entry_id(newest[0][0]) if newest else EntryId(0, 0)
        try:
            return await self._move(letter, spec)
        except RepliesLost as lost:
            return await self._repeat(letter, spec, since, lost)

    async def _repeat(self, letter: Message, spec: MoveSpec, since: EntryId, lost: RepliesLost) -> Receipt:
        """Try again after a lost reply: the new WATCH sees what the lost transaction has done."""
        try:
            await self._connection.reconnect()
            receipt = await self._move(letter, spec)
            if receipt is not GONE:
                return receipt
            positions, _ = await find_entries(
                self._router, name_bytes(spec.target.name), since, [spec.target_parts(letter)]
            )
        except (RepliesLost, CannotConnect, BrokerTrouble) as error:
            return Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
        if positions[0] is None:
            return Receipt(PublishStatus.UNKNOWN, reason="gone from the source and not found in the target")
        return Receipt(PublishStatus.STORED, positions[0])

    async def _move(self, letter: Message, spec: MoveSpec) -> Receipt:
        raw = entry_ids([letter])[0]
        for _ in range(MAX_TRIES):
            obstacle = await self._watch(raw, spec)
            if obstacle is not None:
                await self._connection.execute_pipeline([("UNWATCH",)])
                return obstacle
            replies, not_durable = await self._connection.execute_and_wait(
                self._transaction(raw, letter, spec), fsync=self._stored_set is not None
            )
            exec_reply = replies[-1]
            if isinstance(exec_reply, RedisError):
                error = next(reply for reply in replies if isinstance(reply, RedisError))
                return Receipt(PublishStatus.REFUSED, reason=str(error))
            if exec_reply is not None:  # nil: a watched key was changed
                return mark_unknown(_receipt(as_list(exec_reply), spec), not_durable)
        return UNSETTLED

    async def _watch(self, raw: bytes, spec: MoveSpec) -> Receipt | None:
        """WATCH the keys that decide, then check them: why the letter can't be moved, or None."""
        source = name_bytes(spec.source.name)
        if self._stored_set is not None:
            watched, is_stored = await self._connection.execute_pipeline(
                [("WATCH", self._stored_set), ("SISMEMBER", self._stored_set, raw)]
            )
            raise_if_error(watched, "WATCH", spec.target.name)
            return as_stored_earlier(HANDLED) if raise_if_error(is_stored, "SISMEMBER", spec.target.name) else None
        watched, present = await self._connection.execute_pipeline(
            [("WATCH", source, self._handled_set), eval_command(PRESENT, (source, self._handled_set), raw)]
        )
        raise_if_error(watched, "WATCH", spec.source.name)
        return {0: GONE, 2: HANDLED}.get(_first(raise_if_error(present, "EVAL", spec.source.name)))

    def _transaction(self, raw: bytes, letter: Message, spec: MoveSpec) -> list[Command]:
        source, target = name_bytes(spec.source.name), name_bytes(spec.target.name)
        parts = spec.target_parts(letter)
        digest = hashlib.sha1(b"\0".join(parts), usedforsecurity=False).hexdigest().encode()
        if self._stored_set is None:
            last = eval_command(FINISH_MOVE, (source, self._handled_set, self._move_log, target), TTL_S, raw, digest)
        else:
            last = eval_command(FINISH_STORE, (target, self._stored_set), TTL_S, raw, digest)
        return [("MULTI",), ("XADD", target, "NOMKSTREAM", "*", *parts), last, ("EXEC",)]


def _first(reply: object) -> int:
    return reply[0] if isinstance(reply, list) and isinstance(reply[0], int) else 0


def _receipt(replies: Sequence[object], spec: MoveSpec) -> Receipt:
    """The receipt by the replies of EXEC: to XADD, and to the script `FINISH_MOVE` or `FINISH_STORE`."""
    added, finished = replies[0], _first(replies[1])
    if finished == -1 or not isinstance(added, bytes):
        why = str(added) if isinstance(added, RedisError) else f"there is no stream {spec.target.name}"
        return Receipt(PublishStatus.REFUSED, reason=why)
    return Receipt(PublishStatus.STORED, parse_entry_id(added), KEPT_FOR_OTHER_GROUP if finished == 2 else "")
