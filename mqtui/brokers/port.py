"""The port: what every adapter offers.

Reads and writes are two objects. A service holds a `Broker`, which can't change anything; a `Writer` exists only
inside `async with guard.writing(plan, consent)`. Errors leave as `domain.errors.MqtuiError`, never as the client
library's own. A batch from a reader holds at most 1,000 messages or 1 MiB (one message may be larger); `Lease.move`
splits what it is given as the broker wants it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from mqtui.brokers.address import Address as Address
from mqtui.domain.capability import Support, Verb
from mqtui.domain.figure import Figure
from mqtui.domain.message import EntryId, Message, Outgoing, Position
from mqtui.domain.read_range import Extent, PeekCost, PeekHistory, ReadRange
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import Cluster, Destination, Group, GroupLag, Inventory, Page, PendingEntry, Survey

if TYPE_CHECKING:
    from mqtui.domain.bulk import BulkResult, OffsetRanges, RouteTemplate, RouteTemplates
    from mqtui.domain.plan import Plan, Step, StepResult
    from mqtui.domain.redrive import Guarantee, LeaseOptions, LetterClaim, Receipt, Source, Transfer

Batch: TypeAlias = Sequence[Message]


class Catalog(Protocol):
    """What there is."""

    async def describe_cluster(self) -> Cluster:
        """The broker as a whole."""

    def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """All destinations: names, perhaps an empty page before depths are asked for, then the same rows with those."""

    async def locate(self, ref: Ref) -> Destination:
        """One destination as it is found: its kind and partitions, without figures that must be asked for (C14).

        Raises:
            NotFound: there is no such thing.
        """

    async def describe(self, ref: Ref) -> Destination:
        """One destination with depths and facts, never creating it.

        Raises:
            NotFound: there is no such thing.
        """


class Reader(Protocol):
    """Looking at messages. Nothing here changes the broker."""

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """First and end by partition, and the count."""

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """What reading `count` messages costs."""

    def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Messages in order of position, up to the end as of now (K8: the last stable offset), at most `limit` in all.

        With `span.start` newest: the last `limit` messages, oldest first.

        Raises:
            NotFound: there is no such thing.
            Refused: the destination lends its messages; that look is `Writer.borrow`.
        """

    def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Messages that arrive from now on, until the iterator is closed.

        Raises:
            Unsupported: a queue can't be followed (C10).
        """


@runtime_checkable
class ReadsNewest(Protocol):
    """A reader that reads the newest message of many destinations with as few requests as of one, at no price."""

    async def newest(self, refs: Sequence[Ref]) -> Mapping[Ref, Message | None]:
        """By destination; None where there is none. A destination that can't be read is left out.

        Raises:
            CannotConnect: no conversation.
        """


class Groups(Protocol):
    """Consumer groups."""

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All groups, or those that read one destination, and why some may be missing (K19)."""

    async def list_names(self) -> Inventory[Ref]:
        """The names of all groups, as the broker lists them: what each reads or has in hand is not asked."""

    async def exists(self, ref: Ref) -> bool:
        """Whether there is a group of exactly that name, or may be: where it can't be asked, its lag tells why (C14).

        Raises:
            CannotConnect, BrokerTrouble: no conversation.
        """

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """The groups of a survey with their members."""

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """The names of those that read each destination, none where the broker does not tell."""

    def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """Lag of each group as it becomes known; what is committed is asked before the ends (K14)."""


@runtime_checkable
class CountsLag(Protocol):
    """Groups whose lag may be a bound, such as a difference of offsets, and can be counted instead."""

    async def count_lag(self, row: GroupLag) -> GroupLag:
        """The lag of one group, counted within a budget; what lies beyond it stays a bound. It may read messages."""


class Pending(Protocol):
    """Redis: the pending entries list."""

    async def list_entries(
        self,
        stream: Ref,
        group: str,
        *,
        min_idle: int = 0,
        consumer: str = "",
        cursor: bytes | None = None,
        limit: int = 100,
    ) -> Page[PendingEntry]:
        """Pending entries by id; `min_idle` is milliseconds, `cursor` the id to begin with."""

    async def count_by_consumer(self, stream: Ref, group: str) -> Mapping[str, int]:
        """How many entries each consumer has, the fullest first, in one question; one without any is left out.

        Raises:
            NotFound: no such stream or group.
        """

    async def read_entries(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[Message | None]:
        """The entries themselves; None where one was trimmed or deleted."""

    async def are_in_stream(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[bool]:
        """Whether the stream still has each entry: one that was trimmed or deleted may be pending all the same."""


class Broker(Protocol):
    """One broker, to look at."""

    kind: BrokerKind
    catalog: Catalog
    reader: Reader
    groups: Groups
    pending: Pending | None

    async def identity(self) -> str:
        """The name of the broker itself, the same by whatever address and user it is reached; "" where nobody says it.

        Kafka: the cluster id. RabbitMQ: `<cluster name>/<vhost>`. Redis: `<replication id>/<database>`; of a cluster,
        the least node id. A Redis that was restarted, or is the new primary after a failover, has another one, and
        RabbitMQ's cluster name may be given twice: so a difference proves two brokers with Kafka only, and equality
        proves one broker with Kafka and Redis.

        Raises:
            MqtuiError: no conversation.
        """

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether kind, version, plugin and rights allow the verb."""

    async def survey(self) -> Survey:
        """All destinations, groups and lags from one listing of each kind; what is committed is asked before the ends.

        A right or a part of the broker that is missing costs only what it hides, and is said in `missing`.

        Raises:
            CannotConnect, BrokerTrouble, Unsupported: there is no listing at all.
        """

    async def survey_depths(self) -> Survey:
        """The same as far as depth and backlog of destinations need it. Raises as `survey`."""

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """How many letters nobody has handled lie in each of these rows of a listing. A light question, for every poll.

        A place of which it can't be known has an unknown figure with the reason.

        Raises:
            CannotConnect: no conversation.
        """

    async def snapshot(self, source: Ref) -> Source:
        """The bounds of a move as of now, what earlier runs handled, and who holds the source. Opens no transaction."""

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with this broker's word on it: guarantee, risks (room, rights, routes, readers), further steps."""

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """What a move within this broker promises."""


@runtime_checkable
class TracesMoves(Protocol):
    """A broker that keeps for some days which letters a run has moved, apart from the source (C13)."""

    async def trace(self, source: Source, terms: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """What became of letters that were in hand when a process of `terms.run` died and are not in the source now.

        One receipt a letter, in order: stored (with its place in the target where that is known) where the broker's own
        record proves it, for the targets in `terms.targets`, or removed by the run where there are none; else unknown,
        with the reason.

        Raises:
            CannotConnect, BrokerTrouble: no conversation.
        """


@runtime_checkable
class ChecksListening(Protocol):
    """A broker that can't always be listened to (`Writer.listen`), and says so before (R16)."""

    async def can_listen(self, source: Ref) -> Support:
        """Whether letters that come to a source can be heard without taking them, or why not."""


class Publisher(Protocol):
    """Sends messages and waits for the broker's word."""

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order."""


class Lease(Protocol):
    """Letters taken from one source and not yet given up."""

    def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters nobody has handled, in order, at most `size` a batch, up to the snapshot; then it ends."""

    async def drain(self) -> None:
        """Take no more: `batches` gives what is already in hand and ends."""

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store each and remove it from the source (transaction, script, or confirm then ack). One receipt a letter."""

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Remove letters from the source; they are stored elsewhere or are discarded. One receipt a letter."""

    async def release(self, letters: Batch) -> None:
        """Not selected, or refused: they stay in the source."""


@runtime_checkable
class EndsEarly(Protocol):
    """A lease that may have to end before the snapshot does."""

    @property
    def end_reason(self) -> str:
        """Why `batches` ended although letters of the snapshot may be there still, in words; "" where it did not."""


@runtime_checkable
class ClaimsLetters(Protocol):
    """A lease whose letters other runs can see too: each is claimed before it is stored at another broker (C13)."""

    async def claim(self, letters: Batch) -> Sequence[LetterClaim]:
        """Claim letters for this run until they are settled or kept, or the lease ends. One answer a letter, in order.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing may be stored elsewhere.
        """


@runtime_checkable
class StoresFirst(Protocol):
    """A lease that can store letters without removing them, so that a journal is written in between (C8)."""

    async def store(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store each; it stays in hand, and `Lease.settle` removes it. What was refused stays in the source.

        One receipt a letter, in order.
        """


@runtime_checkable
class RawBatch(Protocol):
    """Letters in hand that nobody looked at. `whole`: all of them have a lane, so that the load can be carried."""

    is_routed: bool
    ranges: OffsetRanges
    routes: Sequence[RouteTemplate]
    """Each that one of them takes, once."""

    def __len__(self) -> int:
        """How many."""

    def letters(self) -> Batch:
        """The letters themselves, to be moved one by one."""


@runtime_checkable
class BulkLease(Protocol):
    """A lease that can move letters without showing them. It is walked through by `loads` or by `batches`."""

    def raw_batches(self, size: int, lanes: RouteTemplates) -> AsyncIterator[RawBatch]:
        """As `Lease.batches`, unseen."""

    async def move_raw(self, load: RawBatch) -> BulkResult:
        """As `Lease.move`, for a load that is whole."""


class Writer(Protocol):
    """The changes a plan names, and no others."""

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        """Publishing with confirmation."""

    def lease(self, source: Source, terms: LeaseOptions) -> AbstractAsyncContextManager[Lease]:
        """Take letters from a source. Leaving finishes or returns what is in hand, and ends the hold."""

    def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """The paid look at a queue (R3): read one by one, returned in one go, rescued where none is left."""

    def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Letters that come to a source from its snapshot on, until the iterator is closed; none of them is taken.

        The first batch, which may be empty, says that it listens. RabbitMQ: a private, bounded, expiring queue with the
        source's bindings (R9).

        Raises:
            Unsupported: they can't be heard without taking them, with the reason.
        """

    async def apply(self, step: Step) -> StepResult:
        """Claim, acknowledge, unmark, create the state topic."""


class Adapter(Protocol):
    """One connected broker. Only `registry.py`, `guard.py`, `services/session.py` and the adapters name it."""

    broker: Broker

    def open_writer(self, permit: Permit) -> Writer:
        """A writer for one permit."""

    async def close(self) -> None:
        """Give everything back and close all connections."""


class PeekBudget(Protocol):
    """What earlier looks at RabbitMQ queues found and spent. `queue` is cluster, vhost and name, joined by `/`."""

    def get(self, queue: str) -> int | None:
        """The least deliveries left of a message after it was given back; None where nothing is remembered."""

    def set(self, queue: str, left: int | None) -> None:
        """Remember; None forgets everything of that queue: it was seen empty, or is another one."""

    def history(self, queue: str) -> PeekHistory:
        """What looks at that queue left behind."""

    def begin(self, queue: str, mark: str) -> None:
        """Write down that deliveries are about to be asked for. `mark` tells this queue from a later one of its name.

        Raises:
            StorageFailed: it could not be kept, so nothing may be asked for.
        """

    def end(self, queue: str, *, unreadable: int = 0) -> None:
        """What was asked for was answered, with that many errors instead of messages."""


@runtime_checkable
class HasPeekBudget(Protocol):
    """An adapter whose looks have a price (R3). The session sets `state.peek_budget`, else a process forgets."""

    peek_budget: PeekBudget


@runtime_checkable
class Permit(Protocol):
    """Leave to write, made in `guard.py` only."""

    @property
    def plan(self) -> Plan:
        """The plan it was given for."""


Connect: TypeAlias = Callable[[Address], Adapter]
"""Every adapter's `connect`: no I/O; the first call connects."""
