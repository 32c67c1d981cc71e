"""A Redis server in memory: streams with ids, groups, pending entries, and the script that moves letters (D1, D4)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from mqtui.brokers.port import Address
from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import DESTINATION_STEPS, DestinationChange
from mqtui.domain.errors import NotFound, Refused
from mqtui.domain.figure import exact, total
from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget
from mqtui.domain.message import EntryId, Field, Message, Outgoing, Position
from mqtui.domain.plan import Acknowledge, ChangePreview, Claim, DeleteGroup, Plan, SetOffsets, Step, StepResult
from mqtui.domain.read_range import At, Extent, ReadRange, Since
from mqtui.domain.redrive import Guarantee, IdBounds, LeaseOptions, PublishStatus, Receipt, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_bytes
from mqtui.domain.topology import Destination, Group, GroupLag, Member, Page, PartitionLag, PendingEntry
from tests.memory import changes, redis_offsets
from tests.memory.clock import Clock
from tests.memory.redis_lease import RedisLease
from tests.memory.server import Marks, MemoryLease, MemoryServer

NOTHING = EntryId(0, 0)


@dataclass(slots=True)
class Row:
    """A pending entry: who has it, when it was delivered (ms), how often."""

    consumer: str
    delivered: int
    deliveries: int = 1


@dataclass(slots=True)
class StreamGroup:
    """A consumer group of one stream."""

    name: str
    last: EntryId = NOTHING
    rows: dict[EntryId, Row] = field(default_factory=dict)
    consumers: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Stream:
    """Entries by id; `handled` are those that had to stay because a group still needs them."""

    name: str
    entries: dict[EntryId, tuple[Field, ...]] = field(default_factory=dict)
    last: EntryId = NOTHING
    groups: dict[str, StreamGroup] = field(default_factory=dict)
    handled: set[EntryId] = field(default_factory=set)


class MemoryRedis(MemoryServer):
    """Fill it with `make`, `put`, `group` and `deliver`; `entries` reads it back."""

    kind = BrokerKind.REDIS

    def __init__(self, address: Address, clock: Clock) -> None:
        super().__init__(address, clock)
        self.streams: dict[str, Stream] = {}
        self.moved: dict[tuple[str, str], dict[EntryId, Position | None]] = {}
        """By source and run: letters it has moved, and where each is now. It outlives the stream."""

    # --- filling

    def make(self, name: str) -> Ref:
        """Create an empty stream."""
        self.streams[name] = Stream(name)
        return Ref(Kind.STREAM, name)

    def remove(self, ref: Ref) -> None:
        """Delete a stream."""
        del self.streams[ref.name]

    def group(self, ref: Ref, name: str) -> None:
        """Create a group at the beginning."""
        self.streams[ref.name].groups[name] = StreamGroup(name)

    def deliver(self, ref: Ref, group: str, consumer: str, count: int) -> list[EntryId]:
        """XREADGROUP: give the next entries to a consumer."""
        stream = self.streams[ref.name]
        reader = stream.groups[group]
        given = [entry for entry in sorted(stream.entries) if entry > reader.last][:count]
        for entry in given:
            reader.rows[entry] = Row(consumer, self.clock.now)
            reader.last = entry
        reader.consumers[consumer] = self.clock.now
        return given

    def acknowledge(self, ref: Ref, group: str, ids: Sequence[EntryId]) -> int:
        """XACK."""
        rows = self.streams[ref.name].groups[group].rows
        return sum(1 for entry in ids if rows.pop(entry, None) is not None)

    def entries(self, ref: Ref) -> list[tuple[EntryId, tuple[Field, ...]]]:
        """Everything in a stream."""
        return sorted(self.streams[ref.name].entries.items())

    def put(self, outgoing: Outgoing) -> Receipt:
        stream = self.streams.get(outgoing.target.name)
        if stream is None:
            return Receipt(PublishStatus.REFUSED, reason="there is no such stream (NOMKSTREAM)")
        now = self.clock.now
        entry = EntryId(now, 0) if now > stream.last.ms else EntryId(stream.last.ms, stream.last.seq + 1)
        added = tuple((name_bytes(name), value or b"") for name, value, _ in outgoing.headers)
        stream.entries[entry] = outgoing.fields + added
        stream.last = entry
        return Receipt(PublishStatus.STORED, entry)

    # --- looking

    def preview_offsets(
        self, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None
    ) -> OffsetPreview:
        """As `SetsGroupOffsets.preview_offsets`."""
        return redis_offsets.preview_offsets(self, group, resource, target)

    def stream(self, ref: Ref) -> Stream:
        """A stream by its name. Raises NotFound."""
        stream = self.streams.get(ref.name) if ref.kind is Kind.STREAM else None
        if stream is None:
            raise NotFound(f"There is no {ref}", "memory", "See `mqtui ls`.")
        return stream

    def destinations(self) -> Sequence[Destination]:
        return [
            Destination(
                Ref(Kind.STREAM, stream.name),
                "stream",
                messages=exact(len(stream.entries)),
                backlog=total(self.lag(Ref(Kind.GROUP, name)).total for name in stream.groups),
            )
            for stream in self.streams.values()
        ]

    def message(self, ref: Ref, entry: EntryId, fields: tuple[Field, ...]) -> Message:
        """An entry as a message."""
        return Message(ref, entry, None, timestamp=entry.ms, fields=fields)

    def messages(self, ref: Ref, span: ReadRange) -> list[Message]:
        first = NOTHING
        if isinstance(span.start, At) and isinstance(span.start.position, EntryId):
            first = span.start.position
        if isinstance(span.start, Since):
            first = EntryId(span.start.time, 0)
        rows = sorted(self.stream(ref).entries.items())
        until = span.until
        return [self.message(ref, *row) for row in rows if row[0] >= first and (until is None or row[0].ms < until)]

    def extent(self, ref: Ref, partition: int | None) -> Extent:
        stream = self.stream(ref)
        ids = sorted(stream.entries)
        end = EntryId(stream.last.ms, stream.last.seq + 1)
        return Extent(exact(len(ids)), {0: ids[0] if ids else end}, {0: end})

    def arrived_since(self, ref: Ref, marks: Marks) -> list[Message]:
        return self.messages(ref, ReadRange(At(marks[0])))

    def groups(self, ref: Ref | None) -> Sequence[Group]:
        return [
            Group(
                Ref(Kind.GROUP, group.name),
                "stream",
                "",
                tuple(Member(name, pending=self._held(group, name)) for name in group.consumers),
                reads=(Ref(Kind.STREAM, stream.name),),
                pending=exact(len(group.rows)),
            )
            for stream in self.streams.values()
            for group in stream.groups.values()
            if ref is None or ref.name == stream.name
        ]

    def _held(self, group: StreamGroup, consumer: str) -> int:
        return sum(1 for row in group.rows.values() if row.consumer == consumer)

    def lag(self, group: Ref) -> GroupLag:
        parts = [
            PartitionLag(
                Ref(Kind.STREAM, stream.name),
                0,
                str(stream.groups[group.name].last),
                str(stream.last),
                exact(sum(1 for entry in stream.entries if entry > stream.groups[group.name].last)),
            )
            for stream in self.streams.values()
            if group.name in stream.groups
        ]
        if not parts:
            raise NotFound(f"There is no {group}")
        return GroupLag(group, "", tuple(parts), total(part.lag for part in parts))

    def pending(
        self, stream: Ref, group: str, *, min_idle: int, consumer: str, after: bytes | None, limit: int
    ) -> Page[PendingEntry]:
        rows = sorted(self.reader(stream, group).rows.items())
        now = self.clock.now
        found = [
            PendingEntry(entry, row.consumer, now - row.delivered, row.deliveries, now)
            for entry, row in rows
            if now - row.delivered >= min_idle and consumer in ("", row.consumer)
        ]
        found = [entry for entry in found if after is None or entry.id >= read_id(after)]
        page = tuple(found[:limit])
        return Page(page, str(found[limit].id).encode() if len(found) > limit else None)

    def reader(self, stream: Ref, group: str) -> StreamGroup:
        """A group by its name. Raises NotFound."""
        known = self.stream(stream).groups.get(group)
        if known is None:
            raise NotFound(f"{stream} has no group {group}", "memory", "See `mqtui groups`.")
        return known

    # --- changing

    def snapshot(self, ref: Ref) -> Source:
        stream = self.stream(ref)
        ids = [entry for entry in sorted(stream.entries) if entry not in stream.handled]
        first, last = (ids[0], ids[-1]) if ids else (None, None)
        bounds = IdBounds(first, last, newest=stream.last)
        return Source(ref, ref.name, bounds, exact(len(ids)), readers=tuple(stream.groups))

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        return Guarantee(Strength.EXACTLY_ONCE, "exactly once: source and target are in one slot")

    def check_plan(self, source: Source, plan: Plan) -> Plan:
        return replace(plan, guarantee=self.guarantee(source, plan.targets()))

    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[MemoryLease]:
        return RedisLease.taken(self, source, options)

    def trace(self, source: Source, options: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """What the run has moved, by its own record."""
        moved = self.moved.get((source.ref.name, options.run), {})
        return [
            Receipt(PublishStatus.STORED, moved[position])
            if isinstance(position, EntryId) and position in moved
            else Receipt(PublishStatus.UNKNOWN, reason="the run has no record of it")
            for position in positions
        ]

    def take_out(self, stream: Stream, entry: EntryId) -> None:
        """XDEL where no group still needs the entry, else note it as handled (D1)."""
        if any(group.last < entry or entry in group.rows for group in stream.groups.values()):
            stream.handled.add(entry)
        else:
            del stream.entries[entry]
        self.events.append(("removed", stream.name))

    def apply(self, step: Step) -> StepResult:
        match step:
            case Acknowledge(stream=stream, group=group, ids=ids):
                self.reader(stream, group)
                return StepResult(len(ids), self.acknowledge(stream, group, ids))
            case Claim():
                return self._claim(step)
            case SetOffsets() | DeleteGroup():
                return redis_offsets.apply_offset_step(self, step)
            case _ if isinstance(step, DESTINATION_STEPS):
                return changes.apply_to_streams(self, step)
            case _:
                raise Refused(f"Redis does not apply {type(step).__name__}")

    def preview_change(self, change: DestinationChange) -> ChangePreview:
        """As `ChangesDestinations.preview_change`."""
        return changes.preview_stream(self, change)

    def _claim(self, step: Claim) -> StepResult:
        """XCLAIM JUSTID with a min-idle that moves with time (D6)."""
        rows = self.reader(step.stream, step.group).rows
        done, notes = [], []
        for entry, idle, read_at in step.seen:
            row = rows.get(entry)
            needed = max(step.min_idle, idle + self.clock.now - read_at - 50)
            if row is None or self.clock.now - row.delivered < needed:
                notes.append(f"{entry}: somebody else has it")
                continue
            rows[entry] = Row(step.consumer, self.clock.now, row.deliveries)
            done.append(str(entry))
        self.reader(step.stream, step.group).consumers.setdefault(step.consumer, self.clock.now)
        return StepResult(len(step.seen), len(done), tuple(notes), tuple(done))

    def unsupported(self, verb: Verb, ref: Ref | None) -> str:
        if verb is Verb.ALTER:
            return "a stream has no settings"
        return "reading a stream is free" if verb is Verb.SPEND else ""


def read_id(raw: bytes) -> EntryId:
    """An id from its text."""
    ms, _, seq = raw.decode().partition("-")
    return EntryId(int(ms), int(seq))
