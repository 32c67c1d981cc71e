"""Offsets of the groups of a Kafka cluster in memory: what would become of them, and the steps that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mqtui.domain.errors import NotFound, Refused
from mqtui.domain.figure import at_most, exact
from mqtui.domain.group_offsets import OffsetMove, OffsetPreview, OffsetTarget, Positions, Shift
from mqtui.domain.message import Offset
from mqtui.domain.plan import DeleteGroup, OffsetStep, SkipWithCopies, StepResult
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import Kind, Ref

if TYPE_CHECKING:
    from tests.memory.kafka import MemoryKafka

ALIVE = "Stable"


def preview_offsets(
    server: MemoryKafka, group: Ref, resource: Ref | None, target: OffsetTarget | None, partition: int | None
) -> OffsetPreview:
    """As `SetsGroupOffsets.preview_offsets`."""
    commits = server.committed.get(group.name, {})
    keys = _keys(server, commits, resource, target, partition)
    moves = [_move(server, key, commits.get(key), target) for key in keys]
    state = server.states.get(group.name, "Dead")
    members = next((each.members for each in server.groups(None) if each.ref == group), ())
    return OffsetPreview(group, state, group.name in server.committed, tuple(moves), members)


def _keys(
    server: MemoryKafka,
    commits: dict[tuple[str, int], int],
    resource: Ref | None,
    target: OffsetTarget | None,
    partition: int | None,
) -> list[tuple[str, int]]:
    if isinstance(target, Positions):
        return sorted((ref.name, number) for ref, number in target.by_partition if partition in (None, number))
    if resource is None:
        return sorted(commits)
    known = range(len(server.topic(resource).partitions))
    if partition is not None and partition not in known:
        raise NotFound(f"{resource.name} has no partition {partition}")
    keys = [(resource.name, number) for number in known if partition in (None, number)]
    if isinstance(target, At) and isinstance(target.position, Offset) and target.position.partition >= 0:
        keys = [key for key in keys if key[1] == target.position.partition]
    return [key for key in keys if key in commits] if target is None or isinstance(target, Shift) else keys


def _move(server: MemoryKafka, key: tuple[str, int], before: int | None, target: OffsetTarget | None) -> OffsetMove:
    topic, number = key
    resource = Ref(Kind.TOPIC, topic)
    after = _after(server, key, before, target)
    low = server.topics[topic].partitions[number].low
    skips = exact(0) if before is None else exact(max(0, (after or before) - before))
    if before is None and after is not None and after > low:
        skips = at_most(after - low, "no committed offset")
    again = exact(0) if after is None or before is None else exact(max(0, before - after))
    first, last = (None if at is None else Offset(number, at) for at in (before, after))
    return OffsetMove(resource, number, first, last, skips, again)


def _after(server: MemoryKafka, key: tuple[str, int], before: int | None, target: OffsetTarget | None) -> int | None:
    partition = server.topics[key[0]].partitions[key[1]]
    wanted: int | None = None
    match target:
        case Edge.OLDEST:
            wanted = partition.low
        case Edge.NEWEST:
            wanted = partition.next
        case At(Offset(offset=offset)):
            wanted = offset
        case Since(time=time):
            later = [record.position.offset for record in partition.records if (record.timestamp or 0) >= time]  # type: ignore[union-attr]
            wanted = min(later, default=partition.next)
        case Shift(by):
            wanted = (before or 0) + by
        case Positions(by_partition):
            position = by_partition[Ref(Kind.TOPIC, key[0]), key[1]]
            wanted = position.offset if isinstance(position, Offset) else None
        case _:
            pass
    return None if wanted is None else max(partition.low, min(wanted, partition.next))


def apply_offset_step(server: MemoryKafka, step: OffsetStep) -> StepResult:
    """Carry out one step; nothing of it where the group has members."""
    group = step.group.name
    if server.states.get(group) == ALIVE:
        raise Refused(f"The group {group} has members")
    moves = (step.move,) if isinstance(step, SkipWithCopies) else step.moves
    commits = server.committed.setdefault(group, {})
    server.states.setdefault(group, "Empty")
    for move in moves:
        key = move.resource.name, move.partition
        ends = [at.offset if isinstance(at, Offset) else None for at in (move.before, move.after)]
        if commits.get(key) not in ends:
            raise Refused("The group moved since the plan")
        if isinstance(step, SkipWithCopies) and commits.get(key) == ends[0]:
            for copy in step.copies:
                server.store(copy)
        if ends[1] is None:
            commits.pop(key, None)
        else:
            commits[key] = ends[1]
    if isinstance(step, DeleteGroup):
        del server.committed[group], server.states[group]
    return StepResult(len(moves), len(moves), (), tuple(f"{move.resource.name}/{move.partition}" for move in moves))
