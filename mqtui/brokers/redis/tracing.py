"""What a run has moved, as the server itself has it: after a crash, absence alone proves nothing (C13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from mqtui.brokers.redis.catalog import stream_key
from mqtui.brokers.redis.claims import named_run
from mqtui.brokers.redis.crossing import BEFORE
from mqtui.brokers.redis.marks import LIFE, earlier_record, moved_record, record_table, run_mark
from mqtui.brokers.redis.moving import GONE
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import entry_id, id_bytes, items, text
from mqtui.brokers.redis.slots import slot
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId, Message, Position
from mqtui.domain.redrive import LeaseOptions, PublishStatus, Receipt, Source
from mqtui.domain.resource import Ref, name_bytes

CALLS_TOGETHER = 16
ASKED_TOGETHER = 1000
UNTRACED = Receipt(
    PublishStatus.UNKNOWN,
    reason=f"not in the source, and this run's record ({LIFE}) does not have it: another hand may have removed it",
)


class MoveTracer:
    """Reads the records and marks that the scripts of a run leave. Changes nothing."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    async def trace(self, source: Source, terms: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
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
                async for moved in recorded(self._nodes, key, part):
                    found |= {raw: receipt for raw, receipt in moved.items() if raw in wanted}
        return [
            found.get(id_bytes(position), UNTRACED) if isinstance(position, EntryId) else UNTRACED
            for position in positions
        ]

    async def _marked(self, target: bytes, mark: bytes, wanted: set[bytes]) -> dict[bytes, Receipt]:
        """D5: what the run's mark in the target's slot has."""
        found: dict[bytes, Receipt] = {}
        each = sorted(wanted)
        for start in range(0, len(each), ASKED_TOGETHER):
            some = each[start : start + ASKED_TOGETHER]
            (answer,) = await self._nodes.pipe(target, [("SMISMEMBER", mark, *some)])
            known = [] if isinstance(answer, RedisError) else items(answer)
            found |= {
                raw: Receipt(PublishStatus.STORED, reason=BEFORE) for raw, yes in zip(some, known, strict=False) if yes
            }
        return found


class OtherRuns:
    """Which other run of mqtui handled letters that are not in the source any more, as far as its record tells."""

    def __init__(self, nodes: Nodes, source: Ref, run: str) -> None:
        self._nodes = nodes
        self._key = name_bytes(source.name)
        self._run = run

    async def named(self, letters: Sequence[Message], receipts: Sequence[Receipt]) -> list[Receipt]:
        """The receipts, with the run that handled a letter in the reason of each that is gone."""
        told = list(receipts)
        gone = {
            id_bytes(letter.position): place
            for place, (letter, receipt) in enumerate(zip(letters, receipts, strict=True))
            if receipt is GONE and isinstance(letter.position, EntryId)
        }
        if not gone:
            return told
        with suppress(MqtuiError):
            async for raw, about in self._handled(frozenset(gone)):
                told[gone[raw]] = Receipt(PublishStatus.GONE, reason=f"handled by {about}")
        return told

    async def _handled(self, wanted: frozenset[bytes]) -> AsyncIterator[tuple[bytes, str]]:
        """Letters that another run has a record of, with the run in words."""
        missing = set(wanted)
        table = record_table(self._nodes.address.prefix, self._key)
        (answer,) = await self._nodes.pipe(self._key, [("HGETALL", table)])
        flat = [] if isinstance(answer, RedisError) else items(answer)
        for record, about in zip(flat[::2], flat[1::2], strict=True):
            if not missing or not isinstance(record, bytes) or text(about).startswith(self._run):
                continue
            for part in (record, earlier_record(record)):
                async for moved in recorded(self._nodes, self._key, part):
                    for raw in missing & moved.keys():
                        yield raw, named_run(text(about))
                    missing -= moved.keys()


async def recorded(nodes: Nodes, source: bytes, record: bytes) -> AsyncIterator[Mapping[bytes, Receipt]]:
    """What a record has, by the id in the source, the newest first; nothing where it may not be read."""
    start = 0
    while True:
        (answer,) = await nodes.pipe(source, [("LRANGE", record, start, start + CALLS_TOGETHER - 1)])
        calls = [] if isinstance(answer, RedisError) else items(answer)
        for call in calls:
            words = call.split() if isinstance(call, bytes) else []
            yield {raw: _stored(place) for raw, place in zip(words[::2], words[1::2], strict=True)}
        if len(calls) < CALLS_TOGETHER:
            return
        start += CALLS_TOGETHER


def _stored(place: bytes) -> Receipt:
    return Receipt(PublishStatus.STORED, None if place == b"-" else entry_id(place))
