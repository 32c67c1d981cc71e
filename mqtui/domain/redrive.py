"""Letters on their way home: what is moved, what became of each one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from mqtui.domain.body_envelope import EnvelopeContent
from mqtui.domain.figure import Figure
from mqtui.domain.message import EntryId, Header, Message, Outgoing, Position
from mqtui.domain.resource import Ref


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters: all that match everything given. Times are ms since the epoch, `until` is exclusive."""

    cause: str = ""
    where: str = ""
    partition: int | None = None
    since: int | None = None
    until: int | None = None
    limit: int | None = None

    @property
    def everything(self) -> bool:
        """Whether no letter is passed over before the limit."""
        return self == Selection(limit=self.limit)


@dataclass(frozen=True, slots=True)
class OffsetBounds:
    """Kafka: first offset wanted and last stable end (exclusive) by partition."""

    first: Mapping[int, int]
    end: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class IdBounds:
    """Redis: first and last id, both included; None for an empty stream."""

    first: EntryId | None
    last: EntryId | None
    newest: EntryId | None = None
    """The last id the stream has ever given, None where the server does not tell."""

    added: int | None = None
    """Entries ever added to it; None before Redis 7.0."""

    def recreated_since(self, planned: IdBounds) -> bool:
        """Whether the stream can't be the one of earlier bounds: its last id, or what was ever added, went back.

        A failover that lost the stream's end looks the same, so this is a doubt and no proof. Source:
        https://redis.io/docs/latest/commands/xinfo-stream/
        """
        if self.newest is not None and planned.last is not None and self.newest < planned.last:
            return True
        return self.added is not None and planned.added is not None and self.added < planned.added


@dataclass(frozen=True, slots=True)
class CountBound:
    """RabbitMQ: ready messages at that time (ms since the epoch, the broker's clock; None where nobody says it).

    `mark` tells the queue from a later one of the same name, in the adapter's own words.
    """

    ready: int
    at: int | None
    mark: str = ""


SnapshotBounds: TypeAlias = OffsetBounds | IdBounds | CountBound


@dataclass(frozen=True, slots=True)
class LockOwner:
    """A run that holds the source, or one that ended without saying so (`stale`). `since` is ms since the epoch."""

    run: str
    operator: str
    host: str
    since: int
    age: float
    """Seconds since it was renewed."""

    stale: bool
    process: tuple[int, int] | None = None
    """Process id and start time on `host`."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What earlier runs handled (Kafka): watermark by partition (exclusive) and single offsets above it."""

    watermark: Mapping[int, int] = field(default_factory=dict)
    above: Mapping[int, frozenset[int]] = field(default_factory=dict)

    def has(self, partition: int, offset: int) -> bool:
        """Whether that letter was handled."""
        return offset < self.watermark.get(partition, 0) or offset in self.above.get(partition, frozenset())


@dataclass(frozen=True, slots=True)
class Source:
    """One dead-letter destination at one instant. `identity` names it for good (Kafka: the topic id)."""

    ref: Ref
    identity: str
    bounds: SnapshotBounds
    count: Figure
    handled: Handled = field(default_factory=Handled)
    lock_owner: LockOwner | None = None
    readers: tuple[str, ...] = ()
    """Groups or consumers that read the source themselves."""


class Strength(StrEnum):
    """How strong a promise is."""

    EXACTLY_ONCE = "exactly once"
    AT_LEAST_ONCE = "at least once"


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The promise of a run and the sentence that says what it means."""

    strength: Strength
    text: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """A letter and where it goes. What `stripped` and `added` do not name keeps every byte."""

    letter: Message
    target: Ref
    routing_key: str = ""
    partition: int | None = None
    timestamp: int | None = None
    stripped: frozenset[str] = frozenset()
    """Names of headers (Redis: fields) that stay behind."""

    added: tuple[Header, ...] = ()
    dropped: frozenset[str] = frozenset()
    """Names of AMQP properties that stay behind."""

    content: EnvelopeContent | None = None
    """The message in the letter's body, which goes instead of the letter; None: the letter itself goes."""

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
    """What the broker said of one message."""

    STORED = "stored"
    RETURNED = "returned"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The broker's word on one message: where it is now, or why not."""

    state: PublishStatus
    position: Position | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LetterClaim:
    """Whether a letter may be stored elsewhere by this run.

    `refused` is None where it may, else its receipt. `doubt` is empty, or names a run that claimed it before and ended
    without removing it: that one may have stored it too.
    """

    refused: Receipt | None = None
    doubt: str = ""


HANDLED_BY = "handled by"
"""How the reason of a GONE letter begins that another run of mqtui handled; else nobody knows who took it."""


class Outcome(StrEnum):
    """What became of one letter. Planned is the sum of them all."""

    MOVED = "moved"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    LEFT = "left"


OUTCOMES = {
    PublishStatus.STORED: Outcome.MOVED,
    PublishStatus.RETURNED: Outcome.REFUSED,
    PublishStatus.REFUSED: Outcome.REFUSED,
    PublishStatus.UNKNOWN: Outcome.UNKNOWN,
    PublishStatus.GONE: Outcome.SKIPPED,
}


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """On what terms letters are taken from a source.

    `hand` is how many may be held at once, `want` how many are wanted at most (None: all of the snapshot). `run` is 32
    hex digits. `resumed` says that the run's own journal is on this machine and its process is gone (K3). `targets` are
    the destinations the plan names.
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
    """Whether other consumers of the source were agreed to (`--yes-shared`)."""
