"""The port: the protocols that every broker adapter implements.

Reading and writing are two objects. Services hold a `Broker`, which can't change anything; a `Writer` exists only
inside `async with guard.writing(plan, consent)`. Errors leave an adapter as `domain.errors.MqtuiError`, never as those
of the client library. A batch from a reader holds at most 1,000 messages or 1 MiB (a single message may be larger);
`Lease.move` splits its batch as the broker needs it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from mqtui.brokers.address import Address as Address
from mqtui.domain.capability import Support, Verb
from mqtui.domain.figure import Figure
from mqtui.domain.message import EntryId, Message, Outgoing
from mqtui.domain.read_range import Extent, PeekCost, PeekHistory, ReadRange
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.topology import Cluster, Destination, Group, GroupLag, Inventory, Page, PendingEntry, Property, Survey

if TYPE_CHECKING:
    from mqtui.domain.plan import Plan, Risk, Step, StepResult
    from mqtui.domain.redrive import Guarantee, LeaseOptions, LetterClaim, Receipt, Source, Transfer
    from mqtui.domain.schema import RegisteredSchema

Batch: TypeAlias = Sequence[Message]


class Catalog(Protocol):
    """The destinations of a broker: topics, queues, exchanges, streams."""

    async def describe_cluster(self) -> Cluster:
        """Kind, version, name and number of nodes."""

    def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """All destinations. An adapter may give names first, without depths, and then the same rows with depths."""

    async def locate(self, ref: Ref) -> Destination:
        """One destination with its type and partitions, but without figures that cost further requests (C14).

        Raises:
            NotFound: it does not exist.
        """

    async def describe(self, ref: Ref) -> Destination:
        """One destination with depths and settings. It is never created by asking (K9).

        Raises:
            NotFound: it does not exist.
        """

    async def list_properties(self, ref: Ref) -> Sequence[Property]:
        """All that the broker says of one destination, in its own terms, part by part; nothing else is asked for.

        A right that is missing costs only what it hides. Secrets have no value.

        Raises:
            NotFound: it does not exist.
        """


class Reader(Protocol):
    """Reads messages. Nothing here changes the broker."""

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """First position and end by partition, and the number of messages."""

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """What reading `count` messages costs: free, except on queues (R3)."""

    def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Messages in order of position, up to the end as of now (K8: the last stable offset), at most `limit` in all.

        With `span.start` newest: the last `limit` messages, oldest first.

        Raises:
            NotFound: the destination does not exist.
            Refused: it is a queue, which lends its messages; use `Writer.peek_unacked`.
        """

    def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Messages that arrive from now on, until the iterator is closed.

        Raises:
            Unsupported: a queue can't be followed (C10).
        """


@runtime_checkable
class ReadsNewest(Protocol):
    """A reader that can read the newest message of many destinations in as few requests as of one, free of cost."""

    async def newest(self, refs: Sequence[Ref]) -> Mapping[Ref, Message | None]:
        """The newest message of each; None where there is none. A destination that can't be read is left out.

        Raises:
            CannotConnect: the broker can't be reached.
        """


class Groups(Protocol):
    """Consumer groups."""

    async def list_groups(self, ref: Ref | None = None) -> Inventory[Group]:
        """All groups, or those that read one destination. `missing` says why some may not be listed (K19)."""

    async def list_names(self) -> Inventory[Ref]:
        """The names of all groups, without what each reads or has pending."""

    async def exists(self, ref: Ref) -> bool:
        """Whether a group of exactly that name exists; true where that can't be asked, and its lag says why (C14).

        Raises:
            CannotConnect, BrokerTrouble: the broker can't be asked.
        """

    async def with_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """The same groups with their members."""

    async def readers_of(self, refs: Sequence[Ref]) -> Mapping[Ref, tuple[str, ...]]:
        """The names of the groups that read each destination; empty where the broker does not say."""

    def lag(self, groups: Sequence[Ref]) -> AsyncIterator[GroupLag]:
        """The lag of each group as it becomes known. Committed offsets are read before the ends (K14)."""


@runtime_checkable
class CountsLag(Protocol):
    """Groups whose lag may be only a bound, such as a difference of offsets, and can be counted exactly instead."""

    async def count_lag(self, row: GroupLag) -> GroupLag:
        """The lag of one group, counted within a budget; what lies beyond stays a bound. It may read messages."""


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
        """Pending entries in order of id. `min_idle` is milliseconds, `cursor` the id to begin with."""

    async def count_by_consumer(self, stream: Ref, group: str) -> Mapping[str, int]:
        """The number of pending entries of each consumer that has any, the highest first, in one request.

        Raises:
            NotFound: no such stream or group.
        """

    async def read_entries(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[Message | None]:
        """The entries of these ids; None where one was trimmed or deleted."""

    async def are_in_stream(self, stream: Ref, ids: Sequence[EntryId]) -> Sequence[bool]:
        """Whether the stream still has each entry: a trimmed or deleted entry may still be pending."""


class Broker(Protocol):
    """The reading side of one connected broker."""

    kind: BrokerKind
    catalog: Catalog
    reader: Reader
    groups: Groups
    pending: Pending | None

    async def identity(self) -> str:
        """The broker's own name for itself, the same by every address and user; "" where it gives none.

        Kafka: the cluster id. RabbitMQ: `<cluster name>/<vhost>`. Redis: `<replication id>/<database>`; of a cluster,
        the least node id. Redis changes its own after a restart or failover, and two RabbitMQ clusters may have one
        name: so different identities prove two brokers with Kafka only, and equal ones prove one broker with Kafka and
        Redis.

        Raises:
            MqtuiError: the broker can't be asked.
        """

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether kind, version, plugins and permissions allow the verb."""

    async def survey(self) -> Survey:
        """All destinations, groups and lags, from one listing of each; committed offsets are read before the ends.

        A permission or a node that is missing costs only what it hides, and is named in `missing` (K19).

        Raises:
            CannotConnect, BrokerTrouble, Unsupported: nothing could be listed at all.
        """

    async def survey_depths(self) -> Survey:
        """A survey with no more than depth and backlog of the destinations need. Raises as `survey`."""

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """The number of unhandled letters in each of these listed destinations, cheap enough for every poll.

        A destination where it can't be known has an unknown figure with the reason.

        Raises:
            CannotConnect: the broker can't be reached.
        """

    async def snapshot(self, source: Ref) -> Source:
        """The bounds of a move as of now, what earlier runs handled, and who holds the source. Opens no transaction."""

    async def check_publish(self, targets: Sequence[Ref]) -> Sequence[Risk]:
        """The risks of publishing there: a missing right refuses for good, one that can't be asked for is named."""

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with guarantee, risks (room, permissions, routes, readers) and further steps of this broker."""

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """What a move within this broker guarantees."""


class Publisher(Protocol):
    """Publishes messages with confirmation."""

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order."""


class Lease(Protocol):
    """Letters taken from one source. Each is then moved, settled or released."""

    def batches(self, size: int) -> AsyncIterator[Batch]:
        """Unhandled letters in order, at most `size` a batch, up to the snapshot."""

    async def drain(self) -> None:
        """Take no more: `batches` gives what was already taken, then ends."""

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store each and remove it from the source (transaction, script, or confirm then ack). One receipt a letter."""

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Remove letters from the source that are stored elsewhere or are discarded. One receipt a letter."""

    async def release(self, letters: Batch) -> None:
        """Leave letters in the source that were not selected, or were refused."""


@runtime_checkable
class EndsEarly(Protocol):
    """A lease that may have to end before its snapshot does."""

    @property
    def end_reason(self) -> str:
        """Why `batches` ended although letters of the snapshot may be left; "" where it did not."""


@runtime_checkable
class ClaimsLetters(Protocol):
    """A lease whose letters other runs see too: each is claimed before it is stored at another broker (C13)."""

    async def claim(self, letters: Batch) -> Sequence[LetterClaim]:
        """Claim letters for this run, until they are settled or released or the lease ends. One answer each, in order.

        Raises:
            CannotConnect, BrokerTrouble: the broker can't be asked; then nothing may be stored elsewhere.
        """


@runtime_checkable
class StoresFirst(Protocol):
    """A lease that can store letters without removing them, so that the journal is written in between (C8)."""

    async def store(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store each, for `Lease.settle` to remove; a refused one stays in the source. One receipt a letter."""


class Writer(Protocol):
    """The writing side of one broker, for the changes that one plan names."""

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        """A publisher with confirmation."""

    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[Lease]:
        """Take letters from a source. Leaving finishes or returns what is in flight, and releases the source lock."""

    def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """Peek at a queue, which may use up deliveries (R3): messages are read one by one and returned all at once."""

    def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Letters that arrive in a source after its snapshot, until the iterator is closed; none is taken from it.

        The first batch, which may be empty, says that it listens. RabbitMQ: a private, bounded, expiring queue with the
        bindings of the source (R9).

        Raises:
            Unsupported: letters can't be received without taking them, with the reason.
        """

    async def apply(self, step: Step) -> StepResult:
        """Do a step that is no move: claim, acknowledge, unmark, create the state topic."""


class Adapter(Protocol):
    """One connected broker. Only `registry.py`, `guard.py`, `services/session.py` and the adapters name it."""

    broker: Broker

    def open_writer(self, permit: Permit) -> Writer:
        """A writer for the plan of a permit."""

    async def close(self) -> None:
        """Return what is in flight and close all connections."""


class PeekBudget(Protocol):
    """What earlier peeks at RabbitMQ queues found and used up. `queue` is cluster, vhost and name, joined by `/`."""

    def get(self, queue: str) -> int | None:
        """The fewest deliveries left of a message after it was returned; None where nothing is known."""

    def set(self, queue: str, left: int | None) -> None:
        """Record it. None deletes all that is known: the queue was seen empty, or was created again."""

    def history(self, queue: str) -> PeekHistory:
        """Peeks at that queue that were not answered, or were answered with an error."""

    def begin(self, queue: str, mark: str) -> None:
        """Record that deliveries are about to be asked for. `mark` tells this queue from a later one of its name.

        Raises:
            StorageFailed: it could not be written, so nothing may be asked for.
        """

    def end(self, queue: str, *, unreadable: int = 0) -> None:
        """Record that the request was answered, with that many errors instead of messages."""


@runtime_checkable
class HasPeekBudget(Protocol):
    """An adapter whose peeks use up deliveries (R3). The session sets a budget that is kept on disk."""

    peek_budget: PeekBudget


@runtime_checkable
class Permit(Protocol):
    """Permission to write what one plan says. Only `guard.py` creates one."""

    @property
    def plan(self) -> Plan:
        """The plan that was agreed to."""


Connect: TypeAlias = Callable[[Address], Adapter]
"""The `connect` function of an adapter. It does no I/O; the first request connects."""


class SchemaRegistrar(Protocol):
    """The writing side of a schema registry."""

    def register(self, subject: str, schema: RegisteredSchema) -> int:
        """Register a schema; its id. It blocks.

        Raises:
            MqtuiError: the registry does not take it, or can't be asked.
        """
