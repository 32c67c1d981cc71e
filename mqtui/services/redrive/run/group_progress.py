"""How far the consumer groups of a run's targets are: committed positions compared with the positions of the copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from mqtui.brokers.port import Broker
from mqtui.brokers.registry import traits_of
from mqtui.brokers.traits import GroupTraits, Liveness
from mqtui.domain.errors import MqtuiError
from mqtui.domain.reader_progress import ReaderProgress
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.times import parse_entry_id
from mqtui.domain.topology import Group, GroupLag
from mqtui.services.redrive.run.stored_copies import PositionKey, StoredCopies, TargetCopies

STATISTICS_DELAY = 6.0
"""Seconds after which RabbitMQ's queue statistics and consumer list include the copies: it samples them every 5."""

LIST_INTERVAL = 5.0
"""Seconds between two listings of groups; in between only the known ones are polled."""

PAGE_SIZE = 1_000
MAX_PAGES = 50
"""Pages of a pending entries list that one poll reads; copies beyond them do not count as passed yet."""

ALIVE_IDLE_MS = 600_000
"""Milliseconds of idle time up to which a consumer of a stream counts as alive; XREADGROUP may block for long."""

REBALANCING_STATES = ("PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "Unknown")
"""States of a Kafka group in which members may not have their partitions assigned yet."""


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """How far one group is in one target. `ends` are its next positions, by partition."""

    name: str
    target: Ref
    state: str
    has_live_consumer: bool | None
    ends: Mapping[int, PositionKey] = field(default_factory=dict)
    pending: frozenset[PositionKey] = frozenset()
    """Copies before these positions that were delivered and are not acknowledged."""

    gone: int = 0
    """RabbitMQ: copies that are no longer in the queue."""


@dataclass(frozen=True, slots=True)
class ProgressReport:
    """What one poll found. `passed` is None where consumers can't be asked, `why` says why; `without_consumer` are
    targets without a live consumer.
    """

    groups: tuple[ReaderProgress, ...] = ()
    passed: int | None = None
    why: str = ""
    without_consumer: tuple[str, ...] = ()


class ConsumerProgress:
    """Polls the consumer groups of everything a run stored on one broker."""

    def __init__(self, broker: Broker, copies: StoredCopies) -> None:
        self._broker = broker
        self._traits = traits_of(broker.kind)
        self._copies = copies
        self._known: dict[Ref, tuple[Group, ...]] = {}
        self._listed: dict[Ref, float] = {}
        self._gone: Counter[Ref] = Counter()

    async def poll(self, came_back: int, not_observable: str) -> ProgressReport:
        """Poll now. `came_back` of the copies are dead letters again; `not_observable` says why that may not be all.

        What left a queue was either acknowledged or dead-lettered: without observing the latter nothing is known.
        """
        if not_observable and self._traits.lends:
            return ProgressReport(why="acknowledged and dead-lettered ones can't be told apart")
        try:
            return await self._poll(came_back)
        except MqtuiError as error:
            return ProgressReport(why=" ".join(filter(None, (error.title, error.detail))))

    async def _poll(self, came_back: int) -> ProgressReport:
        rows: list[ReaderProgress] = []
        without_consumer: list[str] = []
        passed = 0
        why = ""
        for target in self._copies.targets:
            if target.kind is Kind.EXCHANGE:
                why = f"{target.name} is an exchange: who reads the queues behind it is not asked"
                continue
            groups, missing = await self._groups(target)
            progresses = [await self._progress_of(row, group, target) for row, group in await self._lags(groups)]
            expected_names: set[str] = set()
            for failed, copies in self._copies.in_target(target):
                expected = expected_groups(progresses, failed)
                expected_names.update(progress.name for progress in expected)
                passed += _count_passed(expected, copies)
            if not any(progress.has_live_consumer is not False for progress in progresses):
                why = why or (f"who reads {target.name} is not known: {missing[0]}" if missing else "")
                without_consumer += () if missing else (target.name,)
            rows += self._rows(target, progresses, expected_names)
        if self._traits.lends:
            passed = max(0, passed - came_back)
        return ProgressReport(tuple(rows), None if why else passed, why, tuple(without_consumer))

    def _rows(
        self, target: Ref, progresses: Sequence[GroupProgress], expected_names: set[str]
    ) -> Iterator[ReaderProgress]:
        number = self._copies.count(target)
        for progress in progresses:
            passed = sum(_count_passed([progress], copies) for _, copies in self._copies.in_target(target))
            counts = progress.name in expected_names
            yield ReaderProgress(
                progress.name, target.name, progress.state, progress.has_live_consumer, passed, number - passed, counts
            )

    async def _groups(self, target: Ref) -> tuple[tuple[Group, ...], Sequence[str]]:
        """The groups of a target, and why some may be missing; listed again after a while, or where there is none."""
        if monotonic() - self._listed.get(target, -LIST_INTERVAL) < LIST_INTERVAL and self._known[target]:
            return self._known[target], ()
        found, missing = await find_reading_groups(self._broker, target)
        self._known[target], self._listed[target] = found, monotonic()
        return found, missing

    async def _lags(self, groups: Sequence[Group]) -> list[tuple[GroupLag, Group]]:
        by_ref = {group.ref: group for group in groups}
        return [(row, by_ref[row.group]) async for row in self._broker.groups.lag(list(by_ref))]

    async def _progress_of(self, row: GroupLag, group: Group, target: Ref) -> GroupProgress:
        name = group_name(group, target, self._traits.groups)
        state, has_live = row.state or group.state, has_live_consumer(group, target, self._traits.groups)
        if self._traits.lends:
            known = has_live or monotonic() - self._copies.last_stored_at >= STATISTICS_DELAY
            return GroupProgress(name, target, state, has_live if known else None, gone=self._count_gone(row, target))
        ends = {}
        for part in row.parts:
            end = _next_position(part.committed) if part.resource == target else None
            if end is not None:
                ends[part.partition] = end
        if self._broker.pending is None or not ends:
            return GroupProgress(name, target, state, has_live, ends)
        (end,) = ends.values()
        pending, end = await self._pending(target, name, end)
        return GroupProgress(name, target, state, has_live, {0: end}, pending)

    def _count_gone(self, row: GroupLag, target: Ref) -> int:
        """Copies that are no longer in a queue, ready or unacked: at most as many are there as it holds messages."""
        held = row.total.number
        if held is not None and monotonic() - self._copies.last_stored_at >= STATISTICS_DELAY:
            self._gone[target] = max(self._gone[target], self._copies.count(target) - int(held))
        return self._gone[target]

    async def _pending(self, stream: Ref, group: str, end: PositionKey) -> tuple[frozenset[PositionKey], PositionKey]:
        """Redis: copies before `end` that were delivered and are not acknowledged, and how far that is known."""
        pending = self._broker.pending
        assert pending is not None
        placed = [
            part for _, copies in self._copies.in_target(stream) for part in copies.partitions.values() if len(part)
        ]
        if not placed:
            return frozenset(), end
        last = max(part.last for part in placed)
        cursor: bytes | None = b"%d-%d" % min(part[0] for part in placed)
        found: set[PositionKey] = set()
        for _ in range(MAX_PAGES):
            page = await pending.list_entries(stream, group, cursor=cursor, limit=PAGE_SIZE)
            positions = [(entry.id.ms, entry.id.seq) for entry in page.items]
            found.update(position for position in positions if any(position in part for part in placed))
            cursor = page.cursor
            if cursor is None or (positions and positions[-1] >= last):
                return frozenset(found), end
        return frozenset(found), min(end, _next_position((cursor or b"").decode()) or end)


def expected_groups(progresses: Sequence[GroupProgress], failed: str) -> list[GroupProgress]:
    """The groups that have to pass the letters: the one they failed in where it reads there, else all live ones."""
    named = [progress for progress in progresses if progress.name == failed]
    return named or [progress for progress in progresses if progress.has_live_consumer is not False]


def group_name(group: Group, target: Ref, traits: GroupTraits) -> str:
    """A group's own name, without that of a destination that it belongs to."""
    return group.ref.name.removeprefix(f"{target.name}/") if traits.belong_to_destination else group.ref.name


def has_live_consumer(group: Group, target: Ref, traits: GroupTraits) -> bool | None:
    """Whether a group has a live member that reads a target; None where that can't be told."""
    if not group.members:
        return None if group.why else False
    if traits.liveness is Liveness.RECENTLY_SEEN:
        idle = [member.idle for member in group.members]
        return True if any(each is None or each < ALIVE_IDLE_MS for each in idle) else None
    if traits.liveness is Liveness.ASSIGNED and group.state not in REBALANCING_STATES:
        return any(topic == target.name for member in group.members for topic, _ in member.assigned)
    return True


async def find_reading_groups(broker: Broker, target: Ref) -> tuple[tuple[Group, ...], Sequence[str]]:
    """The groups that read a target, and why some may be missing.

    Groups of a kind that a topic does not tell of (Kafka's share groups) are looked for where no other one is alive.
    """
    found, traits = await broker.groups.list_groups(target), traits_of(broker.kind).groups
    if not traits.have_unlisted or any(has_live_consumer(group, target, traits) is not False for group in found):
        return tuple(found), found.missing
    everything = await broker.groups.list_groups()
    return tuple(group for group in everything if target in group.reads), everything.missing


def _count_passed(progresses: Sequence[GroupProgress], copies: TargetCopies) -> int:
    """How many copies all of these groups have passed; 0 without a group."""
    if not progresses:
        return 0
    if not copies.partitions:
        return min(min(progress.gone, len(copies)) for progress in progresses)
    common = set.intersection(*(set(progress.ends) for progress in progresses))
    ends = {number: min(progress.ends[number] for progress in progresses) for number in common}
    pending = frozenset[PositionKey]().union(*(progress.pending for progress in progresses))
    held = sum(
        position < end and number in copies.partitions and position in copies.partitions[number]
        for number, end in ends.items()
        for position in pending
    )
    return copies.count_before(ends) - held


def _next_position(committed: str) -> PositionKey | None:
    """The next position after a committed offset or a last delivered id."""
    if committed.isdigit():
        return int(committed), 0
    found = parse_entry_id(committed) if "-" in committed else None
    return None if found is None else (found.ms, found.seq + 1)
