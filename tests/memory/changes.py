"""Changes of destinations of the servers in memory: what each would do, and its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mqtui.domain.destination_change import (
    AddPartitions,
    Alteration,
    AlterSettings,
    CreateDestination,
    Creation,
    DeleteDestination,
    Deletion,
    DestinationChange,
    DestinationStep,
    PurgeBound,
    PurgeMessages,
    PurgeRequest,
    SettingChange,
)
from mqtui.domain.errors import BadInput, Refused, Unsupported
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.plan import ChangePreview, Risk, Severity, StepResult
from mqtui.domain.read_range import At, Edge

if TYPE_CHECKING:
    from tests.memory.kafka import MemoryKafka
    from tests.memory.rabbitmq import MemoryRabbitMQ
    from tests.memory.redis import MemoryRedis

DONE = StepResult(1, 1)


@runtime_checkable
class ChangesHere(Protocol):
    """A server whose destinations can be made, altered, deleted, purged."""

    def preview_change(self, change: DestinationChange) -> ChangePreview:
        """As `ChangesDestinations.preview_change`."""


def _creation(change: Creation, kind: str, *, is_taken: bool) -> ChangePreview:
    taken = Risk("broker-refuses", f"there is a {kind} of that name", Severity.REFUSE, final=True)
    settings = tuple(sorted(change.settings.items()))
    step = CreateDestination(change.ref, change.type or kind, change.partitions, change.replicas, settings)
    return ChangePreview((step,), (), (taken,) if is_taken else ())


def preview_topic(server: MemoryKafka, change: DestinationChange) -> ChangePreview:
    """Of a topic."""
    if isinstance(change, Creation):
        return _creation(change, "topic", is_taken=change.ref.name in server.topics)
    topic, ref = server.topic(change.ref), change.ref
    match change:
        case Alteration():
            wanted: dict[str, str | None] = {**change.settings, **dict.fromkeys(change.reset)}
            changes = tuple(
                SettingChange(name, topic.settings.get(name), value)
                for name, value in wanted.items()
                if topic.settings.get(name) != value
            )
            steps: list[DestinationStep] = [AlterSettings(ref, topic.id, changes)] if changes else []
            if change.partitions:
                steps.append(AddPartitions(ref, topic.id, len(topic.partitions), change.partitions))
            return ChangePreview(tuple(steps))
        case Deletion():
            count = exact(sum(len(part.records) for part in topic.partitions))
            return ChangePreview((DeleteDestination(ref, topic.id),), count=count)
        case PurgeRequest():
            if topic.compacted:
                why = Risk("compacted", "the topic is compacted", Severity.REFUSE, final=True)
                return ChangePreview((PurgeMessages(ref, topic.id, (), exact(0)),), (), (why,))
            bounds = []
            at = change.before.position if isinstance(change.before, At) else None
            number = at.partition if isinstance(at, Offset) and at.partition >= 0 else change.partition
            for place, part in enumerate(topic.partitions):
                goal = at.offset if isinstance(at, Offset) else part.next
                if number in (None, place) and goal > part.low:
                    bounds.append(PurgeBound(place, Offset(place, part.low), Offset(place, goal)))
            count = exact(sum(map(_length, bounds)))
            return ChangePreview((PurgeMessages(ref, topic.id, tuple(bounds), count),) if bounds else (), count=count)


def _length(bound: PurgeBound) -> int:
    assert isinstance(bound.first, Offset) and isinstance(bound.before, Offset)
    return bound.before.offset - bound.first.offset


def apply_to_topics(server: MemoryKafka, step: DestinationStep) -> StepResult:
    """A step on a topic."""
    from tests.memory.kafka import Partition

    if isinstance(step, CreateDestination):
        server.make(step.ref.name, step.partitions or 1)
        return DONE
    topic = server.topic(step.ref)
    if topic.id != step.identity:
        raise Refused(f"{step.ref.name} is another topic now")
    match step:
        case AlterSettings(changes=changes):
            topic.settings |= {each.name: each.after for each in changes if each.after is not None}
            for each in changes:
                if each.after is None:
                    topic.settings.pop(each.name, None)
            return StepResult(len(changes), len(changes))
        case AddPartitions(before=before, after=after):
            topic.partitions += [Partition() for _ in range(after - before)]
        case DeleteDestination():
            server.remove(step.ref)
        case PurgeMessages(bounds=bounds):
            for bound in bounds:
                assert isinstance(bound.before, Offset)
                part = topic.partitions[bound.partition]
                part.low = bound.before.offset
                part.records = [one for one in part.records if one.position.offset >= part.low]  # type: ignore[union-attr]
    return DONE


def preview_queue(server: MemoryRabbitMQ, change: DestinationChange) -> ChangePreview:
    """Of a queue."""
    if isinstance(change, Creation):
        return _creation(change, "classic", is_taken=change.ref.name in server.queues)
    queue = server.queue(change.ref)
    count = exact(len(queue.items))
    match change:
        case Alteration():
            raise Unsupported("The arguments of a queue can't be changed")
        case Deletion(ref):
            return ChangePreview((DeleteDestination(ref, ""),), count=count)
        case PurgeRequest(ref):
            if change.before not in (None, Edge.NEWEST):
                raise BadInput("A queue has no positions")
            return ChangePreview((PurgeMessages(ref, "", (), count),) if queue.items else (), count=count)


def apply_to_queues(server: MemoryRabbitMQ, step: DestinationStep) -> StepResult:
    """A step on a queue."""
    match step:
        case CreateDestination(ref, kind):
            server.declare(ref.name, kind)
        case DeleteDestination(ref):
            server.queue(ref)
            server.remove(ref)
        case PurgeMessages(ref):
            server.queue(ref).items.clear()
        case _:
            raise Refused(f"RabbitMQ does not apply {type(step).__name__}")
    return DONE


def preview_stream(server: MemoryRedis, change: DestinationChange) -> ChangePreview:
    """Of a stream."""
    if isinstance(change, Creation):
        return _creation(change, "stream", is_taken=change.ref.name in server.streams)
    ids = [entry for entry, _ in server.entries(server.detail(change.ref).ref)]
    match change:
        case Alteration():
            raise Unsupported("A stream can't be altered")
        case Deletion(ref):
            return ChangePreview((DeleteDestination(ref, ""),), count=exact(len(ids)))
        case PurgeRequest(ref):
            position = change.before.position if isinstance(change.before, At) else EntryId(2**63, 0)
            assert isinstance(position, EntryId)
            count = exact(sum(entry < position for entry in ids))
            if not count.number:
                return ChangePreview(())
            bound = PurgeBound(0, ids[0], position)
            return ChangePreview((PurgeMessages(ref, "", (bound,), count),), count=count)


def apply_to_streams(server: MemoryRedis, step: DestinationStep) -> StepResult:
    """A step on a stream."""
    match step:
        case CreateDestination(ref):
            server.make(ref.name)
        case DeleteDestination(ref):
            server.detail(ref)
            server.remove(ref)
        case PurgeMessages(ref, _, (bound,)):
            stream, before = server.streams[ref.name], bound.before
            assert isinstance(before, EntryId)
            stream.entries = {entry: told for entry, told in stream.entries.items() if entry >= before}
        case _:
            raise Refused(f"Redis does not apply {type(step).__name__}")
    return DONE
