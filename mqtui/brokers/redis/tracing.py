"""What a run has moved, as the server itself has it: after a crash, absence alone proves nothing (C13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.catalog import stream_key
from mqtui.brokers.redis.crossing import BEFORE
from mqtui.brokers.redis.marks import LIFE, earlier_record, moved_record, run_mark
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import entry_id, id_bytes, items
from mqtui.brokers.redis.slots import slot
from mqtui.domain.message import EntryId, Position
from mqtui.domain.redrive import Receipt, Source, Stored, Terms

CALLS_TOGETHER = 16
ASKED_TOGETHER = 1000
UNTRACED = Receipt(
    Stored.UNKNOWN,
    reason=f"not in the source, and this run's record ({LIFE}) does not have it: another hand may have removed it",
)


class MoveTracer:
    """Reads the records and marks that the scripts of a run leave. Changes nothing."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def trace(self, source: Source, terms: Terms, positions: Sequence[Position]) -> Sequence[Receipt]:
        """One receipt a letter of the run: stored where a record has it, else unknown.

        Raises:
            CannotConnect, BrokerTrouble: no conversation.
        """
        wanted = {id_bytes(position) for position in positions if isinstance(position, EntryId)}
        found: dict[bytes, Receipt] = {}
        prefix, key = self._nodes.address.prefix, stream_key(source.ref)
        records = [moved_record(prefix, key, terms.run)]
        for target in map(stream_key, terms.targets):
            if self._nodes.clustered and slot(target) != slot(key):
                found |= await self._marked(target, run_mark(prefix, target, terms.run), wanted)
            else:
                records.append(moved_record(prefix, key, terms.run, target))
        for record in records:
            for part in (record, earlier_record(record)):
                async for moved in self._recorded(key, part):
                    found |= {raw: receipt for raw, receipt in moved.items() if raw in wanted}
        return [
            found.get(id_bytes(position), UNTRACED) if isinstance(position, EntryId) else UNTRACED
            for position in positions
        ]

    async def _recorded(self, source: bytes, record: bytes) -> AsyncIterator[Mapping[bytes, Receipt]]:
        """What a record has; nothing where it may not be read."""
        start = 0
        while True:
            asked = ("LRANGE", record, start, start + CALLS_TOGETHER - 1)
            (answer,) = await self._nodes.pipe(source, [asked])
            calls = [] if isinstance(answer, RedisError) else items(answer)
            for call in calls:
                words = call.split() if isinstance(call, bytes) else []
                yield {raw: _stored(place) for raw, place in zip(words[::2], words[1::2], strict=True)}
            if len(calls) < CALLS_TOGETHER:
                return
            start += CALLS_TOGETHER

    async def _marked(self, target: bytes, mark: bytes, wanted: set[bytes]) -> dict[bytes, Receipt]:
        """D5: what the run's mark in the target's slot has."""
        found: dict[bytes, Receipt] = {}
        each = sorted(wanted)
        for start in range(0, len(each), ASKED_TOGETHER):
            some = each[start : start + ASKED_TOGETHER]
            (answer,) = await self._nodes.pipe(target, [("SMISMEMBER", mark, *some)])
            known = [] if isinstance(answer, RedisError) else items(answer)
            found |= {raw: Receipt(Stored.STORED, reason=BEFORE) for raw, yes in zip(some, known, strict=False) if yes}
        return found


def _stored(place: bytes) -> Receipt:
    return Receipt(Stored.STORED, None if place == b"-" else entry_id(place))
