"""A Kafka cluster in memory: topics, partitions, group commits, and the state of what was handled (rules K1-K3)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from mqtui.brokers.port import Address
from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import DESTINATION_STEPS, DestinationChange
from mqtui.domain.errors import NotFound, Refused
from mqtui.domain.figure import Figure, exact, total, unknown
from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget
from mqtui.domain.message import Header, Message, Offset, Outgoing, Position
from mqtui.domain.offset_spans import OffsetSpans
from mqtui.domain.placement import PartitionStatus
from mqtui.domain.plan import (
    ChangePreview,
    CreateStateTopic,
    DeleteGroup,
    Plan,
    SetOffsets,
    SkipWithCopies,
    Step,
    StepResult,
    Unmark,
)
from mqtui.domain.read_range import At, Extent, ReadRange, Since
from mqtui.domain.redrive import (
    HANDLED_BY,
    Guarantee,
    Handled,
    LeaseOptions,
    LockOwner,
    OffsetBounds,
    PublishStatus,
    Receipt,
    Source,
    Strength,
)
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination, Group, GroupLag, Member, PartitionLag
from tests.memory import changes, kafka_offsets
from tests.memory.clock import Clock
from tests.memory.kafka_lease import KafkaLease, Run
from tests.memory.server import Marks, MemoryLease, MemoryServer, takes_letters

STALE_AFTER = 30_000


@dataclass(slots=True)
class Partition:
    """Records by offset. Behind `stable` lies an open transaction; None: nothing is open."""

    records: list[Message] = field(default_factory=list)
    low: int = 0
    next: int = 0
    stable: int | None = None

    @property
    def end(self) -> int:
        """The last stable offset."""
        return self.next if self.stable is None else self.stable


@dataclass(slots=True)
class Topic:
    """A topic; `id` survives nothing, a topic made again has another."""

    name: str
    id: str
    partitions: list[Partition]
    compacted: bool = False
    settings: dict[str, str] = field(default_factory=dict)


class MemoryKafka(MemoryServer):
    """Fill it with `make` and `put`; `records` reads it back."""

    kind = BrokerKind.KAFKA

    def __init__(self, address: Address, clock: Clock) -> None:
        super().__init__(address, clock)
        self.topics: dict[str, Topic] = {}
        self.committed: dict[str, dict[tuple[str, int], int]] = {}
        self.states: dict[str, str] = {}
        self.handled: dict[str, dict[int, set[int]]] = {}
        self.marked_by: dict[tuple[str, Offset], str] = {}
        self.runs: dict[str, Run] = {}
        self._made = 0

    # --- filling

    def make(self, name: str, partitions: int = 1, *, compacted: bool = False) -> Ref:
        """Create a topic."""
        self._made += 1
        self.topics[name] = Topic(name, f"topic-{self._made}", [Partition() for _ in range(partitions)], compacted)
        return Ref(Kind.TOPIC, name)

    def remove(self, ref: Ref) -> None:
        """Delete a topic."""
        del self.topics[ref.name]

    def commit(self, group: str, ref: Ref, partition: int, offset: int, state: str = "Stable") -> None:
        """A group has read up to `offset`."""
        self.committed.setdefault(group, {})[ref.name, partition] = offset
        self.states[group] = state

    def records(self, ref: Ref) -> list[Message]:
        """Everything in a topic, handled or not."""
        return [record for partition in self.topics[ref.name].partitions for record in partition.records]

    def put(self, outgoing: Outgoing) -> Receipt:
        topic = self.topics.get(outgoing.target.name)
        if topic is None:
            return Receipt(PublishStatus.REFUSED, reason="unknown topic or partition")
        if topic.compacted and outgoing.key is None:
            return Receipt(PublishStatus.REFUSED, reason="INVALID_RECORD: a compacted topic takes no null key")
        number = outgoing.partition
        if number is None:
            whole = sum(partition.next for partition in topic.partitions)
            hashed = whole if outgoing.key is None else zlib.crc32(outgoing.key)
            number = hashed % len(topic.partitions)
        if not 0 <= number < len(topic.partitions):
            return Receipt(PublishStatus.REFUSED, reason="unknown topic or partition")
        partition = topic.partitions[number]
        position = Offset(number, partition.next)
        headers: tuple[Header, ...] = tuple((name, value, "") for name, value, _ in outgoing.headers)
        when = self.clock.now if outgoing.timestamp is None else outgoing.timestamp
        partition.records.append(Message(outgoing.target, position, outgoing.value, outgoing.key, headers, when))
        partition.next += 1
        return Receipt(PublishStatus.STORED, position)

    # --- looking

    def topic(self, ref: Ref) -> Topic:
        """A topic by its name. Raises NotFound."""
        topic = self.topics.get(ref.name) if ref.kind is Kind.TOPIC else None
        if topic is None:
            raise NotFound(f"There is no {ref}", "memory", "See `mqtui ls`.")
        return topic

    def destinations(self) -> Sequence[Destination]:
        return [
            Destination(
                Ref(Kind.TOPIC, topic.name),
                "topic",
                messages=exact(sum(len(partition.records) for partition in topic.partitions)),
                backlog=self._worst_lag(topic),
                partitions=len(topic.partitions),
                internal=topic.name.startswith("__") or topic.name == self.state_topic,
            )
            for topic in self.topics.values()
        ]

    def messages(self, ref: Ref, span: ReadRange) -> list[Message]:
        topic, found = self.topic(ref), list[Message]()
        for number, partition in enumerate(topic.partitions):
            wanted = span.start.position if isinstance(span.start, At) else None
            if span.partition not in (None, number) or (isinstance(wanted, Offset) and wanted.partition != number):
                continue
            first = span.after.get(number, 0)
            first = max(first, wanted.offset) if isinstance(wanted, Offset) else first
            found += [r for r in partition.records if first <= offset_of(r) < partition.end and in_time(r, span)]
        return found

    def partitions(self, ref: Ref) -> Sequence[PartitionStatus]:
        """All led by the one node there is."""
        return [
            PartitionStatus(
                number, 1, (1,), (1,), one.low, one.next, one.end, exact(sum(record.size for record in one.records))
            )
            for number, one in enumerate(self.topic(ref).partitions)
        ]

    def extent(self, ref: Ref, partition: int | None) -> Extent:
        chosen = {n: p for n, p in enumerate(self.topic(ref).partitions) if partition in (None, n)}
        return Extent(
            exact(sum(1 for p in chosen.values() for record in p.records if offset_of(record) < p.end)),
            {n: Offset(n, p.low) for n, p in chosen.items()},
            {n: Offset(n, p.end) for n, p in chosen.items()},
            uncommitted=sum(p.next - p.end for p in chosen.values()),
        )

    def arrived_since(self, ref: Ref, marks: Marks) -> list[Message]:
        after = {number: mark.offset for number, mark in marks.items() if isinstance(mark, Offset)}
        found = self.messages(ref, ReadRange(after=after))
        return sorted((r for r in found if place(r)[0] in marks), key=lambda r: r.timestamp or 0)

    def groups(self, ref: Ref | None) -> Sequence[Group]:
        return [
            Group(Ref(Kind.GROUP, name), "classic", self.states[name], self._members(name), reads)
            for name, offsets in self.committed.items()
            if ref is None or any(topic == ref.name for topic, _ in offsets)
            for reads in [tuple(dict.fromkeys(Ref(Kind.TOPIC, topic) for topic, _ in offsets))]
        ]

    def _members(self, group: str) -> tuple[Member, ...]:
        """One that has everything the group committed for, where somebody is in it."""
        awake = self.states[group] == "Stable"
        return (Member(f"{group}-1", assigned=tuple(self.committed[group])),) if awake else ()

    def lag(self, group: Ref) -> GroupLag:
        parts = []
        for (name, number), offset in self.committed.get(group.name, {}).items():
            topic = self.topics.get(name)
            end = topic.partitions[number].next if topic else None
            lag = unknown("the topic is gone") if end is None else exact(max(0, end - offset))
            parts.append(PartitionLag(Ref(Kind.TOPIC, name), number, str(offset), str(end), lag))
        whole = total(part.lag for part in parts) if parts else unknown("no committed offset")
        return GroupLag(group, self.states.get(group.name, "Dead"), tuple(parts), whole)

    def _worst_lag(self, topic: Topic) -> Figure:
        behind = [
            sum(topic.partitions[number].next - offset for (name, number), offset in offsets.items())
            for offsets in self.committed.values()
            if {name for name, _ in offsets} == {topic.name}
        ]
        return exact(max(behind)) if behind else unknown("no group has committed")

    # --- moving

    @property
    def state_topic(self) -> str:
        """Where handled letters are noted."""
        return f"{self.address.prefix}.state"

    def handled_in(self, topic: Topic) -> Handled:
        """What was handled, as watermarks and single offsets above."""
        watermark: dict[int, int] = {}
        above: dict[int, OffsetSpans] = {}
        for number, offsets in self.handled.get(topic.id, {}).items():
            mark = topic.partitions[number].low
            while mark in offsets:
                mark += 1
            watermark[number] = mark
            above[number] = OffsetSpans.of_offsets(offset for offset in offsets if offset > mark)
        return Handled(watermark, {number: offsets for number, offsets in above.items() if offsets})

    def holder_of(self, topic: Topic) -> LockOwner | None:
        """Who holds a topic."""
        run = self.runs.get(topic.id)
        if run is None or run.ended:
            return None
        age = self.clock.now - run.renewed
        return LockOwner(run.run, run.operator, run.host, run.since, age / 1000, stale=age > STALE_AFTER)

    def snapshot(self, ref: Ref) -> Source:
        topic = self.topic(ref)
        handled = self.handled_in(topic)
        ends = {number: partition.end for number, partition in enumerate(topic.partitions)}
        first = {n: max(p.low, handled.watermark.get(n, 0)) for n, p in enumerate(topic.partitions)}
        count = sum(1 for r in self.messages(ref, ReadRange()) if not handled.has(*place(r)))
        readers = tuple(group.ref.name for group in self.groups(ref))
        bounds = OffsetBounds(first, ends)
        return Source(ref, topic.id, bounds, exact(count), handled, self.holder_of(topic), readers)

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        return Guarantee(Strength.EXACTLY_ONCE, "exactly once for read_committed readers of this cluster")

    def check_plan(self, source: Source, plan: Plan) -> Plan:
        steps = plan.steps
        if takes_letters(plan) and self.state_topic not in self.topics:
            steps = (CreateStateTopic(self.state_topic), *steps)
        return replace(plan, steps=steps, guarantee=self.guarantee(source, plan.targets()))

    def trace(self, source: Source, options: LeaseOptions, positions: Sequence[Position]) -> Sequence[Receipt]:
        """Who handled them, by the marks."""
        handlers = [self.marked_by.get((source.identity, place)) for place in positions if isinstance(place, Offset)]
        return [
            Receipt(PublishStatus.UNKNOWN, reason="no run has handled it")
            if run is None
            else Receipt(PublishStatus.STORED)
            if run == options.run
            else Receipt(PublishStatus.GONE, reason=f"{HANDLED_BY} run {run[:8]}")
            for run in handlers
        ]

    def preview_offsets(
        self, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None
    ) -> OffsetPreview:
        """As `SetsGroupOffsets.preview_offsets`."""
        return kafka_offsets.preview_offsets(self, group, resource, target, partition)

    def preview_change(self, change: DestinationChange) -> ChangePreview:
        """As `ChangesDestinations.preview_change`."""
        return changes.preview_topic(self, change)

    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[MemoryLease]:
        return KafkaLease.taken(self, source, options)

    def apply(self, step: Step) -> StepResult:
        match step:
            case CreateStateTopic(name=name):
                self.topics.setdefault(name, Topic(name, "state", [Partition()], compacted=True))
                return StepResult(1, 1)
            case Unmark(source=source, run=run, offsets=offsets):
                return StepResult(len(offsets), self._unmark(self.topic(source), run, offsets))
            case SetOffsets() | SkipWithCopies() | DeleteGroup():
                return kafka_offsets.apply_offset_step(self, step)
            case _ if isinstance(step, DESTINATION_STEPS):
                return changes.apply_to_topics(self, step)
            case _:
                raise Refused(f"Kafka does not apply {type(step).__name__}")

    def _unmark(self, topic: Topic, run: str, offsets: Iterable[Offset]) -> int:
        done = 0
        for position in offsets:
            if self.marked_by.get((topic.id, position)) == run:
                self.handled[topic.id][position.partition].discard(position.offset)
                del self.marked_by[topic.id, position]
                done += 1
        return done

    def mark(self, topic: Topic, run: str, letters: Iterable[Message]) -> None:
        """Note letters as handled."""
        for letter in letters:
            number, offset = place(letter)
            self.handled.setdefault(topic.id, {}).setdefault(number, set()).add(offset)
            self.marked_by[topic.id, Offset(number, offset)] = run
            self.events.append(("removed", topic.name))

    def unsupported(self, verb: Verb, ref: Ref | None) -> str:
        if verb in (Verb.PENDING, Verb.CLAIM, Verb.ACK):
            return "Kafka keeps no list of pending entries"
        return "reading a topic is free" if verb is Verb.SPEND else ""


def place(record: Message) -> tuple[int, int]:
    """Partition and offset."""
    assert isinstance(record.position, Offset)
    return record.position.partition, record.position.offset


def offset_of(record: Message) -> int:
    """The offset."""
    return place(record)[1]


def in_time(record: Message, span: ReadRange) -> bool:
    """Whether a record lies in the span's times."""
    when = record.timestamp or 0
    return not (isinstance(span.start, Since) and when < span.start.time) and (span.until is None or when < span.until)
