"""Finding the original message of a dead letter, where reading is free (not on queues)."""

from __future__ import annotations

from contextlib import aclosing

from mqtui.brokers.registry import traits_of
from mqtui.domain.deadletter import Origin
from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.message import EntryId, Message, Offset, Position
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import At
from mqtui.domain.resource import ParsedName
from mqtui.services import browse
from mqtui.services.poller import BrokerSnapshot
from mqtui.services.session import Session
from mqtui.ui.render.dead_letters.letter import NewerRecord, Original
from mqtui.ui.render.messages.messages import describe_readers

MAX_RECORDS = 1_000
MAX_BYTES = 16 << 20
"""How far after an original its key is searched for: records, and bytes."""


async def find_original(session: Session, origin: Origin | None, snapshot: BrokerSnapshot | None) -> Original:
    """The original with its neighbours, or why it is not there."""
    if origin is None:
        return Original(None, why="nothing tells where it came from")
    if traits_of(session.broker.kind).lends:
        return Original(origin, why="gone: a queue keeps no copy")
    position = _place(origin)
    if position is None:
        return Original(origin, why="the letter does not say at which place it was")
    try:
        return await _read(session, origin, position, snapshot)
    except NotFound:
        return Original(origin, why=f"gone: there is no {origin.ref}")
    except MqtuiError as error:
        return Original(origin, why=f"✗ {error.title}. {error.detail}")


def _place(origin: Origin) -> Offset | EntryId | None:
    if origin.id is not None:
        return origin.id
    if origin.partition is None or origin.offset is None:
        return None
    return Offset(origin.partition, origin.offset)


async def _read(
    session: Session, origin: Origin, position: Offset | EntryId, snapshot: BrokerSnapshot | None
) -> Original:
    partition = position.partition if isinstance(position, Offset) else 0
    extent = await session.broker.reader.extent(origin.ref, partition if isinstance(position, Offset) else None)
    first = extent.first.get(partition)
    if _lies_before(position, first):
        return Original(origin, why=f"gone (retention): {origin.ref.name} begins at {first}")
    start: Position = Offset(partition, max(0, position.offset - 1)) if isinstance(position, Offset) else position
    looked = await browse.prepare_peek(session, ParsedName(origin.ref.name, origin.ref.kind), 3, At(start), None)
    found: dict[Position, Message] = {}
    async with aclosing(browse.peek(session, looked, Consent())) as batches:
        async for batch in batches:
            found |= {message.position: message for message in batch}
    message = found.pop(position, None)
    if message is None:
        return Original(origin, why=f"gone: nothing is left at {position} (compacted, trimmed or deleted)")
    before = next((each for each in found.values() if _lies_before(each.position, position)), None)
    after = next((each for each in found.values() if _lies_before(position, each.position)), None)
    return Original(origin, message, "", before, after, describe_readers(snapshot, origin.ref, message))


async def same_key_later(session: Session, found: Original, snapshot: BrokerSnapshot | None) -> NewerRecord | None:
    """The first record after the original that has its key; None where there is no original, or no key."""
    original = found.message
    if found.origin is None or original is None or original.key is None or not isinstance(original.position, Offset):
        return None
    ref, position = found.origin.ref, original.position
    number, size = 0, 0
    looked = await browse.prepare_peek(
        session, ParsedName(ref.name, ref.kind), MAX_RECORDS, At(Offset(position.partition, position.offset + 1)), None
    )
    async with aclosing(browse.peek(session, looked, Consent())) as batches:
        async for batch in batches:
            number += len(batch)
            same = next((each for each in batch if each.key == original.key), None)
            if same is not None:
                return NewerRecord(same, number, to_the_end=False, groups=describe_readers(snapshot, ref, same))
            size += sum(each.size for each in batch)
            if size > MAX_BYTES:
                return NewerRecord(None, number, to_the_end=False)
    return NewerRecord(None, number, to_the_end=number < MAX_RECORDS)


def _lies_before(position: Position, other: Position | None) -> bool:
    if isinstance(position, Offset) and isinstance(other, Offset):
        return position.offset < other.offset
    if isinstance(position, EntryId) and isinstance(other, EntryId):
        return (position.ms, position.seq) < (other.ms, other.seq)
    return False
