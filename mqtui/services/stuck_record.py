"""The message a group is stuck on: what sets it apart from its neighbours, how old it is, whether a transaction is open
in front of it.

One partition is looked at, on request; nothing is taken and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.optional_port import ListsTransactions
from mqtui.domain.errors import MqtuiError
from mqtui.domain.lag_assessment import Standstill
from mqtui.domain.lag_movement import NO_SECOND_LOOK, duration_text
from mqtui.domain.message import EntryId, Message, Offset, Position
from mqtui.domain.message_shape import MessageShape, describe_differences, field_types
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import At
from mqtui.domain.resource import ParsedName, Ref
from mqtui.domain.topology import GroupLag, PartitionLag
from mqtui.domain.transactions import OpenTransaction
from mqtui.services import browse
from mqtui.services.decoding import Decoder
from mqtui.services.session import Session
from mqtui.services.transactions import describe_state
from mqtui.services.unread_age import FirstUnread, next_position, read_first_unread, retention_words

NEIGHBOURS_BEFORE = 200
NEIGHBOURS_AFTER = 20
MAX_READ_BYTES = 16 << 20
MAX_BYTES = 1 << 20
"""Larger values are not parsed for a comparison."""


@dataclass(frozen=True, slots=True)
class StuckRecord:
    """The message that a group reads next in a partition. `message` is None where none can be read there."""

    part: PartitionLag
    position: Position
    message: Message | None
    differences: str
    """What sets it apart from its neighbours; "" where nothing does."""

    compared: str
    """What it was compared with: `the 200 before it`; "" where there is nothing to compare with."""

    first_unread: FirstUnread | None
    transactions: tuple[OpenTransaction, ...]
    """Those that are open in the partition."""

    notes: tuple[str, ...] = ()
    """What could not be found out."""

    def describe(self, now: float, stands: Standstill | None = None) -> list[str]:
        """The report, a sentence each; `now` is in seconds since the epoch."""
        told = [f"it stands there for {stands}"] if stands is not None else []
        if self.message is None:
            told.append("nothing that is committed can be read there")
        told += [_transaction(each, now) for each in self.transactions]
        if self.differences or self.compared:
            told.append(self.differences or f"in form like {self.compared}")
        if (first := self.first_unread) is not None:
            told.append(f"written {duration_text(first.age(now))} ago")
            soon = retention_words({(self.part.resource, self.part.partition): first}, NO_SECOND_LOOK, now)
            told += [soon] if soon else []
        return [*told, *self.notes]


async def inspect_stuck_record(
    session: Session, decoder: Decoder, lag: GroupLag, part: PartitionLag
) -> StuckRecord | None:
    """Look at the message that a group reads next in a partition; None where its position is not known.

    Raises:
        MqtuiError: the destination can't be read.
    """
    position = next_position(part)
    if position is None:
        return None
    messages = await _read_neighbours(session, part.resource, position)
    before = [each for each in messages if _lies_before(each.position, position)]
    after = messages[len(before) :]
    message = after[0] if after else None
    differences, others, where = "", before or after[1:], "before it" if before else "after it"
    if message is not None:
        differences = await run_in_thread("neighbours", partial(_compare, decoder, message, others, where))
    notes: list[str] = []
    transactions: tuple[OpenTransaction, ...] = ()
    if message is None:
        transactions = await _open_transactions(session, part, notes)
    try:
        one = GroupLag(lag.group, lag.state, (part,), part.lag)
        first = (await read_first_unread(session, one)).get((part.resource, part.partition))
    except MqtuiError as error:
        first = None
        notes.append(f"its age is not known: {error.title}")
    compared = f"the {len(others):,} {where}" if message is not None and others else ""
    return StuckRecord(part, position, message, differences, compared, first, transactions, tuple(notes))


def shape_of(message: Message, decoder: Decoder) -> MessageShape:
    """The form of a message, decoded as the profile says."""
    names = frozenset(name for name, _, _ in message.headers)
    if message.size > MAX_BYTES:
        return MessageShape("not decoded", message.size, message.key is not None, headers=names)
    decoded = decoder.decode(message)
    codec = "without a value" if message.value is None and not message.fields else decoded.codec
    fields = field_types(decoded.value())
    return MessageShape(codec, message.size, message.key is not None, decoded.schema, fields, names)


def _compare(decoder: Decoder, message: Message, others: Sequence[Message], where: str) -> str:
    return describe_differences(shape_of(message, decoder), [shape_of(each, decoder) for each in others], where)


async def _read_neighbours(session: Session, ref: Ref, position: Offset | EntryId) -> list[Message]:
    """Messages in order, of a topic some before the position too; those only as far as they are not too large."""
    if isinstance(position, Offset):
        start = Offset(position.partition, max(0, position.offset - NEIGHBOURS_BEFORE))
        found, is_whole = await _read(session, ref, start, NEIGHBOURS_BEFORE + NEIGHBOURS_AFTER + 1)
        if is_whole or not _lies_before(found[-1].position, position):
            return found
    return (await _read(session, ref, position, NEIGHBOURS_AFTER + 1))[0]


async def _read(session: Session, ref: Ref, start: Offset | EntryId, count: int) -> tuple[list[Message], bool]:
    """Messages from a position on, and whether none was left out for the bytes there are."""
    found: list[Message] = []
    size = 0
    looked = await browse.prepare_peek(session, ParsedName(ref.name, ref.kind), count, At(start), None)
    async with aclosing(browse.peek(session, looked, Consent())) as batches:
        async for batch in batches:
            found += batch
            size += sum(message.size for message in batch)
            if size > MAX_READ_BYTES:
                return found, False
    return found, True


async def _open_transactions(session: Session, part: PartitionLag, notes: list[str]) -> tuple[OpenTransaction, ...]:
    if not isinstance(session.broker, ListsTransactions):
        return ()
    try:
        found = await session.broker.open_transactions(part.resource, part.partition)
    except MqtuiError as error:
        notes.append(f"whether a transaction is open there is not known: {error.title}")
        return ()
    notes += found.missing
    return tuple(found)


def _transaction(transaction: OpenTransaction, now: float) -> str:
    whose = transaction.transactional_id or f"producer {transaction.producer_id}"
    begun: Sequence[str] = [part.place for part in transaction.parts if part.start is not None]
    at = f", first record {begun[0]}" if begun else ""
    return f"a transaction of {whose} is in front of it: {describe_state(transaction, now)}{at}"


def _lies_before(one: Position | None, other: Offset | EntryId) -> bool:
    if isinstance(one, Offset) and isinstance(other, Offset):
        return one.offset < other.offset
    if isinstance(one, EntryId) and isinstance(other, EntryId):
        return (one.ms, one.seq) < (other.ms, other.seq)
    return False
