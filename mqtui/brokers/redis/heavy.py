"""Letters of more than 1,900 fields, one by one: Lua can't hand them to XADD, so a transaction does (D4).

MULTI does not roll back either. Its last command is a script that looks whether the letter is the target's newest
entry, and only then removes it from the source (same slot) or notes it in the run's mark (across slots).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.crossing import marked
from mqtui.brokers.redis.doubt import found_in
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.marks import LIFE_S
from mqtui.brokers.redis.moving import GONE, HANDLED, STAYS, Way, doubted, ids
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import entries, entry_id, items, sure
from mqtui.brokers.redis.scripts import FINISH, MARK, PRESENT, call
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.message import EntryId, Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import name_bytes

MOST_FIELDS = 1900
TRIES = 50
UNSETTLED = Receipt(PublishStatus.REFUSED, reason=f"the streams changed meanwhile, {TRIES} times")


class HeavyMover:
    """Moves one letter at a time. `mark` is the run's mark where the target lies in another slot."""

    def __init__(self, nodes: Nodes, line: Line, stays: bytes, record: bytes, mark: bytes | None = None) -> None:
        self._nodes = nodes
        self._line = line
        self._stays = stays
        self._record = record
        self._mark = mark

    async def move(self, letter: Message, way: Way) -> Receipt:
        """The receipt of one letter: moved within a slot, or stored across slots (the caller removes it then).

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing was moved.
            NotAuthorised: a right is missing; nothing was moved.
        """
        target = name_bytes(way.target.name)
        newest = entries(await self._nodes.ask(target, "XREVRANGE", target, "+", "-", "COUNT", 1))
        since = entry_id(newest[0][0]) if newest else EntryId(0, 0)
        try:
            return await self._tried(letter, way)
        except RepliesLost as lost:
            return await self._again(letter, way, since, lost)

    async def _again(self, letter: Message, way: Way, since: EntryId, lost: RepliesLost) -> Receipt:
        """A reply is missing. Trying again ends whatever the lost transaction watches; what it did shows then."""
        try:
            await self._line.mend()
            receipt = await self._tried(letter, way)
            if receipt is not GONE:
                return receipt
            places, _ = await found_in(self._nodes, name_bytes(way.target.name), since, [way.parts(letter)])
        except (RepliesLost, CannotConnect, BrokerTrouble) as error:
            return Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
        if places[0] is None:
            return Receipt(PublishStatus.UNKNOWN, reason="gone from the source and not found in the target")
        return Receipt(PublishStatus.STORED, places[0])

    async def _tried(self, letter: Message, way: Way) -> Receipt:
        raw = ids([letter])[0]
        for _ in range(TRIES):
            state = await self._state(raw, way)
            if state is not None:
                await self._line.pipe([("UNWATCH",)])
                return state
            answers, doubt = await self._line.stored(self._transaction(raw, letter, way), synced=self._mark is not None)
            done = answers[-1]
            if isinstance(done, RedisError):
                refused = next(answer for answer in answers if isinstance(answer, RedisError))
                return Receipt(PublishStatus.REFUSED, reason=str(refused))
            if done is not None:
                return doubted(_receipt(items(done), way), doubt)
        return UNSETTLED

    async def _state(self, raw: bytes, way: Way) -> Receipt | None:
        """Watch what decides, then look: why the letter can't be moved, or None."""
        source = name_bytes(way.source.name)
        if self._mark is not None:
            watched, known = await self._line.pipe([("WATCH", self._mark), ("SISMEMBER", self._mark, raw)])
            sure(watched, "WATCH", way.target.name)
            return marked(HANDLED) if sure(known, "SISMEMBER", way.target.name) else None
        watched, there = await self._line.pipe(
            [("WATCH", source, self._stays), call(PRESENT, (source, self._stays), raw)]
        )
        sure(watched, "WATCH", way.source.name)
        return {0: GONE, 2: HANDLED}.get(_first(sure(there, "EVAL", way.source.name)))

    def _transaction(self, raw: bytes, letter: Message, way: Way) -> list[Command]:
        source, target = name_bytes(way.source.name), name_bytes(way.target.name)
        parts = way.parts(letter)
        digest = hashlib.sha1(b"\0".join(parts), usedforsecurity=False).hexdigest().encode()
        if self._mark is None:
            last = call(FINISH, (source, self._stays, self._record, target), LIFE_S, raw, digest)
        else:
            last = call(MARK, (target, self._mark), LIFE_S, raw, digest)
        return [("MULTI",), ("XADD", target, "NOMKSTREAM", "*", *parts), last, ("EXEC",)]


def _first(reply: object) -> int:
    return reply[0] if isinstance(reply, list) and isinstance(reply[0], int) else 0


def _receipt(done: Sequence[object], way: Way) -> Receipt:
    added, ended = done[0], _first(done[1])
    if ended == -1 or not isinstance(added, bytes):
        why = str(added) if isinstance(added, RedisError) else f"there is no stream {way.target.name}"
        return Receipt(PublishStatus.REFUSED, reason=why)
    return Receipt(PublishStatus.STORED, entry_id(added), STAYS if ended == 2 else "")
