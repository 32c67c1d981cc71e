"""What a broker has: destinations, consumer groups, lag, pending entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, overload

from mqtui.domain.figure import Figure, exact, total, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import BrokerKind, Kind, Ref

NOT_ASKED = unknown("not asked")
NOTHING_WAITS = unknown("no group reads it, so that nothing waits")
HOLDS_NOTHING = unknown("an exchange holds no messages")
BLANK_FIGURES = (NOT_ASKED, NOTHING_WAITS, HOLDS_NOTHING)
"""Figures that are no unknown ones: they were not asked for, or do not apply. A cell of a table leaves them blank."""

NOTHING_LOST = exact(0)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list. `cursor` is for the next call; None: this was the last page.

    `missing` says why the list may be incomplete, a sentence each (K19).
    """

    items: tuple[Item, ...]
    cursor: bytes | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory(Sequence[Item]):
    """A complete listing. `missing` says why it may be incomplete all the same, a sentence each (K19)."""

    items: tuple[Item, ...] = ()
    missing: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A broker as a whole. `facts` are further (name, value) pairs in the terms of the broker."""

    kind: BrokerKind
    version: str
    name: str = ""
    nodes: int = 1
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """A topic, queue, exchange or stream.

    `type` is the broker's term (`topic`, `quorum`, `classic`, `stream`, `fanout`). `messages` is the number it holds,
    `backlog` the number that wait: the lag of the group that is furthest behind, or the ready messages of a queue.
    `facts` are columns that only this broker has.
    """

    ref: Ref
    type: str
    messages: Figure = NOT_ASKED
    backlog: Figure = NOT_ASKED
    size: Figure = NOT_ASKED
    partitions: int | None = None
    internal: bool = False
    facts: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    arrived: Figure = NOT_ASKED
    """The number of messages that ever arrived: a counter, from whose change a rate is computed."""

    rate_in: Figure = NOT_ASKED
    """Messages that arrive per second, where the broker reports it."""

    dead_letters_to: tuple[Ref, ...] = ()
    """The destinations to which the broker itself dead-letters (RabbitMQ: resolved through exchange and bindings)."""

    @property
    def kind_name(self) -> str:
        """Its type for people: a topic exchange is no topic."""
        return f"{self.type} exchange" if self.ref.kind is Kind.EXCHANGE else self.type


@dataclass(frozen=True, slots=True)
class Property:
    """One line of what a broker says of a destination. `part` is what it is of: `config`, `partition`, `binding`.

    `value` is None where it is not known; `source` then says why, and else where the value comes from.
    """

    part: str
    name: str
    value: str | None
    source: str = ""
    problem: str = ""
    """What is wrong with it, in a few words; "" where nothing is."""


@dataclass(frozen=True, slots=True)
class Member:
    """A consumer of a group. `idle` and `inactive` are milliseconds; None where the broker does not report them."""

    name: str
    client: str = ""
    host: str = ""
    assigned: tuple[tuple[str, int], ...] = ()
    pending: int | None = None
    idle: int | None = None
    inactive: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group (RabbitMQ: the consumers of one queue). `type` and `state` are the broker's terms."""

    ref: Ref
    type: str
    state: str
    members: tuple[Member, ...] = ()
    reads: tuple[Ref, ...] = ()
    pending: Figure = NOT_ASKED
    why: str = ""
    """Why something is missing, such as a permission."""

    size: int | None = None
    """The number of members, where the members themselves were not asked for."""

    @property
    def member_count(self) -> int:
        """The number of members."""
        return len(self.members) if self.size is None else self.size


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The lag of a group in one partition (Redis streams and RabbitMQ queues have one, numbered 0).

    `lag` is the number that the group can still read. `lost` were removed by the broker (retention, trimming) before
    the group read them, and are in no lag. `uncommitted` are beyond the last stable offset, and in `lag` only where
    that is a bound (K8).
    """

    resource: Ref
    partition: int
    committed: str
    end: str
    lag: Figure
    lost: Figure = NOTHING_LOST
    uncommitted: int = 0
    member: str = ""
    """The consumer that alone is assigned the partition; "" where there is none, or several share it."""

    arrived: int | None = None
    """How many messages ever arrived, where positions are no numbers and the broker counts."""

    read: int | None = None
    """How many of them the group has read."""


@dataclass(frozen=True, slots=True)
class GroupLag:
    """The lag of a group: by partition (those it has committed or is assigned), and in total.

    `members` is the number of its consumers, None where that was not asked for.
    """

    group: Ref
    state: str
    parts: tuple[PartitionLag, ...]
    total: Figure
    members: int | None = None

    @property
    def lost(self) -> Figure:
        """The number that the broker removed before the group read them, as far as it is known."""
        return total(part.lost for part in self.parts if part.lost.known)

    @property
    def uncommitted(self) -> int:
        """The number of messages beyond the last stable offsets."""
        return sum(part.uncommitted for part in self.parts)


@dataclass(frozen=True, slots=True)
class Survey:
    """All destinations of a broker with their depths, all groups, and the lag of each group.

    A backlog is `NOT_ASKED` where the listing of destinations has none. Groups may be without their members.
    """

    destinations: Inventory[Destination]
    groups: Inventory[Group]
    lags: tuple[GroupLag, ...]


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """A stream entry that was delivered and not acknowledged. `idle` is milliseconds at `read_at` (server time, ms)."""

    id: EntryId
    consumer: str
    idle: int
    deliveries: int
    read_at: int
