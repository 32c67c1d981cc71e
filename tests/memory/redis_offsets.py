"""The last delivered id of groups of a Redis server in memory: what would become of it, and the steps that set it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mqtui.domain.errors import NotFound, Refused, Unsupported
from mqtui.domain.figure import exact
from mqtui.domain.group_offsets import OffsetMove, OffsetPreview, OffsetTarget, Positions, Shift
from mqtui.domain.message import EntryId
from mqtui.domain.plan import DeleteGroup, SetOffsets, StepResult
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Member

if TYPE_CHECKING:
    from tests.memory.redis import MemoryRedis

NOTHING = EntryId(0, 0)


def preview_offsets(
    server: MemoryRedis, group: Ref, resource: Ref | None, target: OffsetTarget | None
) -> OffsetPreview:
    """As `SetsGroupOffsets.preview_offsets`."""
    if isinstance(target, Positions) and resource is None:
        resource = next(iter(target.by_partition))[0]
    elif target is None and resource is not None:
        raise Unsupported("A group of Redis belongs to one stream")
    stream, name = _split(server, group, resource)
    known = server.streams[stream.name].groups.get(name)
    if known is None and not isinstance(target, Positions):
        raise NotFound(f"{stream.name} has no group {name}")
    ids = sorted(server.streams[stream.name].entries)
    before = None if known is None else known.last
    after = None if target is None else _after(server, stream, before or NOTHING, target, ids)
    ends = before or NOTHING, after or before or NOTHING
    skips, again = (exact(sum(low < at <= high for at in ids)) for low, high in (ends, ends[::-1]))
    move = OffsetMove(stream, 0, before, after, skips, again)
    members = tuple(map(Member, known.consumers)) if known is not None else ()
    ref = Ref(Kind.GROUP, f"{stream.name}/{name}")
    return OffsetPreview(ref, "members" if members else "empty", known is not None, (move,), members, must_leave=False)


def _split(server: MemoryRedis, group: Ref, resource: Ref | None) -> tuple[Ref, str]:
    if resource is None:
        name, _, own = group.name.rpartition("/")
        name = name or next(name for name, stream in server.streams.items() if own in stream.groups)
        resource = Ref(Kind.STREAM, name)
        server.stream(resource)
        return resource, own
    server.stream(resource)
    return resource, group.name.removeprefix(f"{resource.name}/")


def _after(
    server: MemoryRedis, stream: Ref, before: EntryId, target: OffsetTarget, ids: list[EntryId]
) -> EntryId | None:
    last = server.streams[stream.name].last
    match target:
        case Edge.OLDEST:
            return NOTHING
        case Edge.NEWEST:
            return last
        case At(EntryId() as entry):
            return min(entry, last)
        case Since(time=time):
            return min(EntryId(time - 1, 2**64 - 1), last)
        case Shift(by) if by >= 0:
            return [before, *[at for at in ids if at > before][:by]][-1]
        case Shift(by):
            earlier = [at for at in ids if at <= before][::-1]
            return earlier[-by] if len(earlier) > -by else NOTHING
        case Positions(by_partition):
            position = by_partition[stream, 0]
            return position if isinstance(position, EntryId) else None
        case _:
            raise Refused("That is no id")


def apply_offset_step(server: MemoryRedis, step: SetOffsets | DeleteGroup) -> StepResult:
    """XGROUP SETID, CREATE or DESTROY."""
    from tests.memory.redis import StreamGroup

    (move,) = step.moves
    stream, name = _split(server, step.group, move.resource)
    groups = server.streams[stream.name].groups
    if isinstance(step, DeleteGroup):
        groups.pop(name, None)
    else:
        assert isinstance(move.after, EntryId)
        groups.setdefault(name, StreamGroup(name)).last = move.after
    return StepResult(1, 1, (), (f"{stream.name}/0",))
