"""What a broker holds: destinations, consumer groups, pending entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, overload

from mqtui.domain.figure import Figure, exact, total, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import BrokerKind, Ref

NOT_ASKED = unknown("not asked")
NOTHING_WAITS = unknown("no group reads it, so that nothing waits")
NOTHING_LOST = exact(0)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of many. `cursor` goes into the next call; None: this was the last page.

    `missing` says why the list as a whole may lack some, a sentence each.
    """

    items: tuple[Item, ...]
    cursor: bytes | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory(Sequence[Item]):
    """Everything of one kind that a broker tells of. `missing` says why there may be more, a sentence each (K19)."""

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
    """The broker as a whole. `facts` are further lines (name, value) in the broker's own words."""

    kind: BrokerKind
    version: str
    name: str = ""
    nodes: int = 1
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """A topic, queue, exchange or stream in a list.

    `sort` is the broker's word for what it is (`topic`, `quorum`, `classic`, `stream`, `fanout`). `messages` is what it
    holds; `backlog` what waits: lag of the worst group, ready in a queue. `facts` are columns of this broker alone.
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
    """How many messages ever came: a counter, of which the change is the rate."""

    rate_in: Figure = NOT_ASKED
    """Messages that come a second, where the broker counts them itself."""

    dead_letters_to: tuple[Ref, ...] = ()
    """Where the broker itself sends its dead letters (RabbitMQ: resolved over exchange and bindings)."""


@dataclass(frozen=True, slots=True)
class Member:
    """A consumer in a group. `idle` and `inactive` are milliseconds; None where the broker does not tell."""

    name: str
    client: str = ""
    host: str = ""
    assigned: tuple[tuple[str, int], ...] = ()
    pending: int | None = None
    idle: int | None = None
    inactive: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group (RabbitMQ: the consumers of one queue). `state` is the broker's own word."""

    ref: Ref
    type: str
    state: str
    members: tuple[Member, ...] = ()
    reads: tuple[Ref, ...] = ()
    pending: Figure = NOT_ASKED
    why: str = ""
    """Why something is missing, such as a right."""

    size: int | None = None
    """How many members there are where they were not asked for one by one."""

    @property
    def member_count(self) -> int:
        """How many members it has."""
        return len(self.members) if self.size is None else self.size


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """Lag of a group in one partition (Redis streams and RabbitMQ queues have one, numbered 0).

    `lag` is what the group can still read. `lost` was removed by the broker (retention, trimming) before the group read
    it, so it is in no lag. `uncommitted` lies behind an open transaction: in `lag` only as far as that is a bound (K8).
    """

    resource: Ref
    partition: int
    committed: str
    end: str
    lag: Figure
    lost: Figure = NOTHING_LOST
    uncommitted: int = 0


@dataclass(frozen=True, slots=True)
class GroupLag:
    """Lag of a group: a part for each partition it has committed or is assigned, and the total."""

    group: Ref
    state: str
    parts: tuple[PartitionLag, ...]
    total: Figure

    @property
    def lost(self) -> Figure:
        """What the broker removed before the group read it, as far as known."""
        return total(part.lost for part in self.parts if part.lost.known)

    @property
    def uncommitted(self) -> int:
        """Messages behind open transactions."""
        return sum(part.uncommitted for part in self.parts)


@dataclass(frozen=True, slots=True)
class Survey:
    """A broker at one look: every destination with its depth, every group, and the lag of each.

    Where the destinations' own listing tells no backlog it is `NOT_ASKED`. Groups may be without their members.
    """

    destinations: Inventory[Destination]
    groups: Inventory[Group]
    lags: tuple[GroupLag, ...]


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An entry delivered and not acknowledged. `idle` is milliseconds as of `read_at` (server time, ms)."""

    id: EntryId
    consumer: str
    idle: int
    deliveries: int
    read_at: int
