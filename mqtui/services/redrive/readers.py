"""Who reads the targets of a run, and how far each is: the groups' positions, compared with where the copies lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from mqtui.brokers.port import Broker
from mqtui.domain.errors import MqtuiError
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.times import entry_id
from mqtui.domain.topology import Group, GroupLag
from mqtui.domain.watching import ReaderProgress
from mqtui.services.redrive.copies import Copies, Place, PlacedCopies

SAMPLED = 6.0
"""Seconds after which a queue's own figures and its list of consumers are younger than the copies: RabbitMQ takes them
every 5.
"""

LISTED = 5.0
"""Seconds between two looks for groups that came or went; in between only those that are known are asked."""

PAGE = 1_000
PAGES = 50
"""Pages of a pending entries list that one look reads; copies behind them are not told as passed yet."""

ASKED_LATELY = 600_000
"""Milliseconds since it last asked until which a consumer of a stream is taken to be alive; it may block for long."""

MOVING_IN = ("PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling", "Unknown")
"""States of a Kafka group in which members may not have their partitions yet."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one group is in one target. `ends` are the places it has not passed yet, by partition."""

    name: str
    target: Ref
    state: str
    alive: bool | None
    ends: Mapping[int, Place] = field(default_factory=dict)
    pending: frozenset[Place] = frozenset()
    """Copies before these places that were delivered and are not acknowledged."""

    gone: int = 0
    """Copies that are no more in a queue."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. `passed` is None where nobody can be asked, `why` says why; `unread` are targets that nobody
    who is alive reads.
    """

    readers: tuple[ReaderProgress, ...] = ()
    passed: int | None = None
    why: str = ""
    unread: tuple[str, ...] = ()


class Readers:
    """Asks one broker about the readers of everything a run stored there."""

    def __init__(self, broker: Broker, copies: Copies) -> None:
        self._broker = broker
        self._copies = copies
        self._known: dict[Ref, tuple[Group, ...]] = {}
        self._listed: dict[Ref, float] = {}
        self._gone: Counter[Ref] = Counter()

    async def look(self, came_back: int, deaf: str) -> Look:
        """Ask now. `came_back` of the copies are dead letters again; `deaf` says why that may not be all of them.

        What left a queue either was acknowledged or died, so without hearing nothing is known of it.
        """
        if deaf and self._broker.kind is BrokerKind.RABBITMQ:
            return Look(why="whether they were acknowledged or died can't be told apart without hearing what dies")
        try:
            return await self._look(came_back)
        except MqtuiError as error:
            return Look(why=" ".join(filter(None, (error.title, error.detail))))

    async def _look(self, came_back: int) -> Look:
        rows: list[ReaderProgress] = []
        unread: list[str] = []
        passed = 0
        why = ""
        for target in self._copies.targets:
            if target.kind is Kind.EXCHANGE:
                why = f"{target.name} is an exchange: who reads the queues behind it is not asked"
                continue
            groups, missing = await self._groups(target)
            reaches = [await self._reach(row, group, target) for row, group in await self._lags(groups)]
            counting: set[str] = set()
            for failed, copies in self._copies.of(target):
                asked = asked_of(reaches, failed)
                counting.update(reach.name for reach in asked)
                passed += _passed(asked, copies)
            if not any(reach.alive is not False for reach in reaches):
                why = why or (f"who reads {target.name} is not known: {missing[0]}" if missing else "")
                unread += () if missing else (target.name,)
            rows += self._rows(target, reaches, counting)
        if self._broker.kind is BrokerKind.RABBITMQ:
            passed = max(0, passed - came_back)
        return Look(tuple(rows), None if why else passed, why, tuple(unread))

    def _rows(self, target: Ref, reaches: Sequence[Reach], counting: set[str]) -> Iterator[ReaderProgress]:
        number = self._copies.count(target)
        for reach in reaches:
            passed = sum(_passed([reach], copies) for _, copies in self._copies.of(target))
            counts = reach.name in counting
            yield ReaderProgress(reach.name, target.name, reach.state, reach.alive, passed, number - passed, counts)

    async def _groups(self, target: Ref) -> tuple[tuple[Group, ...], Sequence[str]]:
        """The groups of a target, and why some may be missing. Asked again where a while passed or nobody is alive."""
        if monotonic() - self._listed.get(target, -LISTED) < LISTED and self._known[target]:
            return self._known[target], ()
        found, missing = await readers_of(self._broker, target)
        self._known[target], self._listed[target] = found, monotonic()
        return found, missing

    async def _lags(self, groups: Sequence[Group]) -> list[tuple[GroupLag, Group]]:
        by_ref = {group.ref: group for group in groups}
        return [(row, by_ref[row.group]) async for row in self._broker.groups.lag(list(by_ref))]

    async def _reach(self, row: GroupLag, group: Group, target: Ref) -> Reach:
        kind = self._broker.kind
        name = name_of(group, target, kind)
        state, alive = row.state or group.state, is_alive(group, target, kind)
        if kind is BrokerKind.RABBITMQ:
            known = alive or monotonic() - self._copies.last >= SAMPLED
            return Reach(name, target, state, alive if known else None, gone=self._gone_from(row, target))
        ends = {}
        for part in row.parts:
            end = _end(part.committed) if part.resource == target else None
            if end is not None:
                ends[part.partition] = end
        if self._broker.pending is None or not ends:
            return Reach(name, target, state, alive, ends)
        (end,) = ends.values()
        pending, end = await self._pending(target, name, end)
        return Reach(name, target, state, alive, {0: end}, pending)

    def _gone_from(self, row: GroupLag, target: Ref) -> int:
        """Copies that are no more in a queue, ready or in hand: at most so many as it holds messages are there."""
        held = row.total.number
        if held is not None and monotonic() - self._copies.last >= SAMPLED:
            self._gone[target] = max(self._gone[target], self._copies.count(target) - int(held))
        return self._gone[target]

    async def _pending(self, stream: Ref, group: str, end: Place) -> tuple[frozenset[Place], Place]:
        """Redis: copies before `end` that were delivered and are not acknowledged, and how far that is known."""
        pending = self._broker.pending
        assert pending is not None
        placed = [part for _, copies in self._copies.of(stream) for part in copies.partitions.values() if len(part)]
        if not placed:
            return frozenset(), end
        last = max(part.last for part in placed)
        cursor: bytes | None = b"%d-%d" % min(part[0] for part in placed)
        found: set[Place] = set()
        for _ in range(PAGES):
            page = await pending.entries(stream, group, cursor=cursor, limit=PAGE)
            places = [(entry.id.ms, entry.id.seq) for entry in page.items]
            found.update(place for place in places if any(place in part for part in placed))
            cursor = page.cursor
            if cursor is None or (places and places[-1] >= last):
                return frozenset(found), end
        return frozenset(found), min(end, _end((cursor or b"").decode()) or end)


def asked_of(reaches: Sequence[Reach], failed: str) -> list[Reach]:
    """The readers that letters have to pass: the group they failed in where it reads there, else all that are alive."""
    named = [reach for reach in reaches if reach.name == failed]
    return named or [reach for reach in reaches if reach.alive is not False]


def name_of(group: Group, target: Ref, kind: BrokerKind) -> str:
    """A group's own name: that of a stream's group is written behind its stream's."""
    return group.ref.name.removeprefix(f"{target.name}/") if kind is BrokerKind.REDIS else group.ref.name


def is_alive(group: Group, target: Ref, kind: BrokerKind) -> bool | None:
    """Whether somebody is in a group who reads a target; None where that can't be told."""
    if not group.members:
        return None if group.why else False
    if kind is BrokerKind.REDIS:
        idle = [member.idle for member in group.members]
        return True if any(each is None or each < ASKED_LATELY for each in idle) else None
    if kind is BrokerKind.KAFKA and group.state not in MOVING_IN:
        return any(topic == target.name for member in group.members for topic, _ in member.assigned)
    return True


async def readers_of(broker: Broker, target: Ref) -> tuple[tuple[Group, ...], Sequence[str]]:
    """The groups that read a target, and why some may be missing.

    Groups of a kind that a topic does not tell of (Kafka's share groups) are looked for where no other one is alive.
    """
    found = await broker.groups.groups(target)
    if broker.kind is not BrokerKind.KAFKA or any(is_alive(group, target, broker.kind) is not False for group in found):
        return tuple(found), found.missing
    everything = await broker.groups.groups()
    return tuple(group for group in everything if target in group.reads), everything.missing


def _passed(reaches: Sequence[Reach], copies: PlacedCopies) -> int:
    """How many copies were passed by all of these readers; none where there is no reader."""
    if not reaches:
        return 0
    if not copies.partitions:
        return min(min(reach.gone, len(copies)) for reach in reaches)
    common = set.intersection(*(set(reach.ends) for reach in reaches))
    ends = {number: min(reach.ends[number] for reach in reaches) for number in common}
    pending = frozenset[Place]().union(*(reach.pending for reach in reaches))
    held = sum(
        place < end and number in copies.partitions and place in copies.partitions[number]
        for number, end in ends.items()
        for place in pending
    )
    return copies.before(ends) - held


def _end(committed: str) -> Place | None:
    """The first place that a committed offset, or a last delivered id, does not include."""
    if committed.isdigit():
        return int(committed), 0
    found = entry_id(committed) if "-" in committed else None
    return None if found is None else (found.ms, found.seq + 1)
