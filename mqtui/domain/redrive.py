"""Values of a redrive: selection, source and bounds, guarantee, transfers, receipts, outcomes, lease options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import msgspec

from mqtui.domain.body_envelope import EnvelopeContent
from mqtui.domain.figure import Figure
from mqtui.domain.message import EntryId, Header, Message, Outgoing, Position
from mqtui.domain.offset_spans import NO_OFFSETS, OffsetSpans
from mqtui.domain.resource import Ref


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are chosen: those that match all of it. Times are ms since the epoch; `until` is exclusive."""

    cause: str = ""
    where: str = ""
    partition: int | None = None
    since: int | None = None
    until: int | None = None
    limit: int | None = None

    @property
    def everything(self) -> bool:
        """Whether all letters are chosen, up to the limit."""
        return self == Selection(limit=self.limit)


@dataclass(frozen=True, slots=True)
class OffsetBounds:
    """Kafka: the first wanted offset and the last stable offset (exclusive) of each partition."""

    first: Mapping[int, int]
    end: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class IdBounds:
    """Redis: first and last entry id, both included; None for an empty stream."""

    first: EntryId | None
    last: EntryId | None
    newest: EntryId | None = None
    """The last id that the stream has generated (XINFO last-generated-id); None where the server does not say."""

    added: int | None = None
    """Entries that were ever added (XINFO entries-added); None before Redis 7.0."""

    def recreated_since(self, planned: IdBounds) -> bool:
        """Whether the stream seems to be another one than planned: its last id or count of added entries is lower.

        A failover that lost the end of the stream looks the same. Source:
        https://redis.io/docs/latest/commands/xinfo-stream/
        """
        if self.newest is not None and planned.last is not None and self.newest < planned.last:
            return True
        return self.added is not None and planned.added is not None and self.added < planned.added


@dataclass(frozen=True, slots=True)
class CountBound:
    """RabbitMQ: the ready messages at a time of the broker's clock (ms since the epoch; None: not known).

    `mark` is text of the adapter that tells the queue from a later one of the same name.
    """

    ready: int
    at: int | None
    mark: str = ""


SnapshotBounds: TypeAlias = OffsetBounds | IdBounds | CountBound


@dataclass(frozen=True, slots=True)
class LockOwner:
    """The run that holds the lock of a source. `stale`: it was not renewed in time. `since` is ms since the epoch."""

    run: str
    operator: str
    host: str
    since: int
    age: float
    """Seconds since the lock was renewed."""

    stale: bool
    process: tuple[int, int] | None = None
    """Process id and start time on `host`."""


@dataclass(frozen=True, slots=True)
class Handled:
    """Kafka: offsets that earlier runs handled: by partition a watermark (exclusive) and the offsets above it.

    What can never be read, such as a gap of compaction, counts as handled.
    """

    watermark: Mapping[int, int] = field(default_factory=dict)
    above: Mapping[int, OffsetSpans] = field(default_factory=dict)

    def has(self, partition: int, offset: int) -> bool:
        """Whether the letter at that offset was handled."""
        return offset < self.watermark.get(partition, 0) or offset in self.above.get(partition, NO_OFFSETS)


@dataclass(frozen=True, slots=True)
class Source:
    """A dead-letter destination at one instant. `identity` tells it from a later one of that name (Kafka: topic id)."""

    ref: Ref
    identity: str
    bounds: SnapshotBounds
    count: Figure
    handled: Handled = field(default_factory=Handled)
    lock_owner: LockOwner | None = None
    readers: tuple[str, ...] = ()
    """Consumer groups or consumers that read the source."""


class Strength(StrEnum):
    """The kinds of delivery guarantee."""

    EXACTLY_ONCE = "exactly once"
    AT_LEAST_ONCE = "at least once"


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The delivery guarantee of a run, and a sentence that says what it means there (K5, C6)."""

    strength: Strength
    text: str


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """A letter and its target. Everything that `stripped`, `dropped` and `added` do not name keeps every byte."""

    letter: Message
    target: Ref
    routing_key: str = ""
    partition: int | None = None
    timestamp: int | None = None
    stripped: frozenset[str] = frozenset()
    """Names of headers (Redis: fields) that are not sent."""

    added: tuple[Header, ...] = ()
    dropped: frozenset[str] = frozenset()
    """Names of AMQP properties that are not sent."""

    content: EnvelopeContent | None = None
    """The message in the envelope of the letter's body, which is sent instead; None: the letter itself is sent."""

    def outgoing(self) -> Outgoing:
        """The message to send."""
        letter, stripped = self.letter, self.stripped
        message = self.content or letter
        headers = message.headers
        if stripped:
            headers = tuple(header for header in headers if header[0] not in stripped)
        properties = letter.envelope.properties if letter.envelope else ()
        if self.content is not None:
            properties = self.content.properties
        if self.dropped:
            properties = tuple(pair for pair in properties if pair[0] not in self.dropped)
        fields = letter.fields
        if stripped and fields:
            names = {name.encode("utf-8", "surrogateescape") for name in stripped}
            fields = tuple(pair for pair in fields if pair[0] not in names)
        return Outgoing(
            self.target,
            message.value,
            message.key,
            headers + self.added,
            fields,
            self.partition,
            self.timestamp,
            self.routing_key,
            properties,
        )


class PublishStatus(StrEnum):
    """The broker's answer for one message (C8)."""

    STORED = "stored"
    RETURNED = "returned"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    GONE = "gone"

    __hash__ = str.__hash__


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The broker's answer for one message, with its position where it was stored, or the reason why it was not."""

    state: PublishStatus
    position: Position | None = None
    reason: str = ""


class LetterClaim(msgspec.Struct, frozen=True, gc=False):
    """Whether this run may store a letter at another broker.

    `refused` is None where it may, else the receipt. `doubt` is "", or names a run that claimed the letter before and
    ended without removing it: it may have stored the letter too.
    """

    refused: Receipt | None = None
    doubt: str = ""


HANDLED_BY = "handled by"
"""Begins the reason of a GONE receipt where another run of mqtui handled the letter; else it is unknown who took it."""


class Outcome(StrEnum):
    """The fate of one letter. The planned letters are the sum of all outcomes (C8)."""

    MOVED = "moved"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    LEFT = "left"

    __hash__ = str.__hash__


OUTCOMES = {
    PublishStatus.STORED: Outcome.MOVED,
    PublishStatus.RETURNED: Outcome.REFUSED,
    PublishStatus.REFUSED: Outcome.REFUSED,
    PublishStatus.UNKNOWN: Outcome.UNKNOWN,
    PublishStatus.GONE: Outcome.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """How letters are taken from a source.

    `max_in_flight` bounds the letters that are taken and neither moved nor released, `limit` all that are taken (None:
    those of the snapshot). `run` is 32 hex digits. `resumed`: the journal of the run is on this machine and its process
    has ended (K3). `targets` are those of the plan.
    """

    run: str
    operator: str
    plan_hash: str
    max_in_flight: int
    limit: int | None = None
    targets: tuple[Ref, ...] = ()
    take_over: bool = False
    resumed: bool = False
    shared: bool = False
    """Whether it was confirmed that the source has other consumers (`--yes-shared`)."""
