"""Parts of the port that not every broker has: services ask by `isinstance` whether a broker offers them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mqtui.brokers.port import Batch
from mqtui.domain.capability import Support
from mqtui.domain.figure import Figure
from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget
from mqtui.domain.message import Position
from mqtui.domain.resource import Ref

if TYPE_CHECKING:
    from mqtui.domain.bulk import Alikeness, BulkResult, CountedLetters, RawLetters, RouteTemplate, RouteTemplates
    from mqtui.domain.destination_change import DestinationChange
    from mqtui.domain.placement import ClusterNode, PartitionStatus
    from mqtui.domain.plan import ChangePreview, JoinScan
    from mqtui.domain.read_range import Edge, ReadRange
    from mqtui.domain.redrive import LeaseOptions, Receipt, Source
    from mqtui.domain.scan import PlaceStep, RecordTest, ScanRange, ScanStep, ScanTest
    from mqtui.domain.shared_scan import RepeatedPart, SharedPart
    from mqtui.domain.topology import Inventory
    from mqtui.domain.transactions import OpenTransaction


@runtime_checkable
class TracesMoves(Protocol):
    """A broker that records for some days which letters a run has moved, apart from the source (C13)."""

    async def trace(self, source: Source, options: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """The fate of letters in flight when a process of run `options.run` crashed, which the source has no longer.

        One receipt a letter, in order. Stored (with the position in the target where known) where the broker's record
        proves it, for the targets in `options.targets`; removed by the run where there are none; else unknown, with the
        reason.

        Raises:
            CannotConnect, BrokerTrouble: the broker can't be asked.
        """


@runtime_checkable
class CountsAlike(Protocol):
    """A broker that counts letters with the same headers together, without a `Message` of each."""

    def count_alike(self, source: Source, alikeness: Alikeness) -> AsyncIterator[CountedLetters]:
        """The letters of a snapshot that were unhandled when it was taken, about 1,000 at a time, in order.

        Nothing is consumed. Each letter is in exactly one of the counts, or one of the letters by themselves.

        Raises:
            CannotConnect, NotFound, NotAuthorised, BrokerTrouble: the source can't be read.
        """


@runtime_checkable
class ChecksListening(Protocol):
    """A broker where `Writer.listen` is not always possible, and that can be asked before (R16)."""

    async def can_listen(self, source: Ref) -> Support:
        """Whether new letters of a source can be received without taking them, or why not."""


@runtime_checkable
class RequeuesLate(Protocol):
    """A broker that requeues what a dead connection held only once it notices that the connection is gone (C13)."""

    async def wait_for_requeue(self, source: Ref, ready: int) -> Figure:
        """Wait some seconds until more than `ready` messages are ready; how many other connections hold then.

        Unknown where only the management API could tell.

        Raises:
            CannotConnect, NotFound, BrokerTrouble: the queue can't be asked.
        """


@runtime_checkable
class SetsGroupOffsets(Protocol):
    """A broker where it can be set from outside where a group reads on: `Writer.apply` does it by the plan's steps."""

    async def preview_offsets(
        self, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None = None
    ) -> OffsetPreview:
        """What would become of a group's offsets. A `target` of None deletes them; changes nothing.

        Without `resource` of all that the group has offsets on, or of those that `Positions` names.

        Raises:
            NotFound: there is no such destination or partition.
            BadInput: that position is of another kind of broker.
            Unsupported: this group has no such offsets.
        """


class ScanShare(Protocol):
    """One process's share of a scan. A part's hits are given between `begin_giving` and `finish`."""

    @property
    def repeated(self) -> Sequence[RepeatedPart]:
        """What was perhaps scanned twice, as known so far."""

    async def take(self) -> SharedPart | None:
        """The next part to scan; waits while others have what is left. None once all is scanned, by everybody.

        Raises:
            Refused: the group shares another search.
            MqtuiError: the broker can't be asked.
        """

    async def begin_giving(self, part: SharedPart) -> bool:
        """Whether a part is still this process's, so that its hits may be given."""

    async def finish(self, part: SharedPart) -> None:
        """Record that a part was scanned and its hits given."""


@runtime_checkable
class SharesScans(Protocol):
    """A writer by which several processes share a scan."""

    def share_scan(self, step: JoinScan) -> AbstractAsyncContextManager[ScanShare]:
        """Take part in the plan's scan. Leaving the block gives back what was not finished."""


@runtime_checkable
class ListsPartitions(Protocol):
    """A broker whose destinations have partitions, each with a leader and replicas of its own."""

    async def list_partitions(self, ref: Ref) -> Inventory[PartitionStatus]:
        """The partitions of a destination, in order. What a node does not tell is unknown, with the reason (K19).

        Raises:
            NotFound, NotAuthorised: it does not exist, or may not be looked at.
        """


@runtime_checkable
class ListsNodes(Protocol):
    """A broker that tells of its nodes: where they are, their disks and memory."""

    async def list_nodes(self) -> Inventory[ClusterNode]:
        """All nodes, also those that are known to be away.

        Raises:
            Unsupported, NotAuthorised, CannotConnect, BrokerTrouble: it can't be asked.
        """


@runtime_checkable
class ListsTransactions(Protocol):
    """A broker with transactions that hold back readers while they are open; `Writer.apply` aborts one by a plan."""

    async def open_transactions(
        self, ref: Ref | None = None, partition: int | None = None
    ) -> Inventory[OpenTransaction]:
        """Those that are open, everywhere, in one destination or in one partition; the longest open first.

        Raises:
            CannotConnect, BrokerTrouble: they can't be asked for.
        """


@runtime_checkable
class ChangesDestinations(Protocol):
    """A broker whose destinations can be made, altered, deleted, purged: `Writer.apply` does the steps of a preview."""

    async def preview_change(self, change: DestinationChange) -> ChangePreview:
        """What a change would do, with the broker's own word on it where it can be asked; changes nothing.

        What forbids it is a risk that refuses.

        Raises:
            NotFound: there is no such destination or partition.
            BadInput: a position or setting is of another kind of broker.
            Unsupported: this kind of destination can't be changed so, with the reason.
        """


@runtime_checkable
class TellsAges(Protocol):
    """A reader that can tell when messages at given offsets were written, in as few requests as for one."""

    async def times_from(self, ref: Ref, starts: Mapping[int, int]) -> Mapping[int, int]:
        """By partition the time, in ms since the epoch, of the first message from an offset on.

        Left out where there is none, or it has no time. A message of an open transaction counts.

        Raises:
            NotFound: the destination does not exist.
        """

    async def retention(self, ref: Ref) -> int | None:
        """For how many milliseconds a message is kept at least; None where without limit, or it is not known."""


@runtime_checkable
class ScansRecords(Protocol):
    """A reader that tests records before a `Message` is made of them."""

    async def scan_ranges(self, ref: Ref, span: ReadRange) -> Sequence[ScanRange]:
        """The stretches of a span, up to the end as of now (K8); `until` and times within them are tested later.

        Raises:
            NotFound: the destination does not exist.
        """

    def scan(self, ref: Ref, ranges: Sequence[ScanRange], test: ScanTest, first: Edge) -> AsyncGenerator[ScanStep]:
        """Scan stretches, the newest window first or in stored order. The test runs in a thread of the reader's.

        Raises:
            MqtuiError: the destination can't be read any more.
        """


@runtime_checkable
class ScansNewest(Protocol):
    """A reader that scans the newest messages of many destinations in about as few requests as of one."""

    def scan_newest(
        self, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
    ) -> AsyncGenerator[Sequence[PlaceStep]]:
        """Scan the newest `depth` messages of each, or fewer from a time on (ms): the newest few of all come first.

        A destination that can't be read, or vanishes meanwhile, costs only itself.

        Raises:
            CannotConnect, BrokerTrouble: nobody answers.
        """


@runtime_checkable
class RawBatch(Protocol):
    """Letters of a bulk move, without a `Message` each. `is_routed`: all have a route, so that `move_raw` takes it."""

    is_routed: bool

    @property
    def positions(self) -> RawLetters:
        """Where the letters lie in the source; raw entries have their bytes too, which the broker deletes."""

    @property
    def routes(self) -> Sequence[RouteTemplate]:
        """The routes that the letters take, each once."""

    def __len__(self) -> int:
        """The number of letters."""

    def letters(self) -> Batch:
        """The letters as messages, to be moved one by one."""


@runtime_checkable
class BulkLease(Protocol):
    """A lease that can move letters without making a `Message` of each. Use either `raw_batches` or `batches`."""

    def raw_batches(self, size: int, routes: RouteTemplates) -> AsyncIterator[RawBatch]:
        """The letters that `Lease.batches` would give, as raw batches."""

    async def move_raw(self, batch: RawBatch) -> BulkResult:
        """Store and remove a batch whose letters are all routed, as `Lease.move` does."""
