"""Plans what is asked: a position, a skip, or a deletion."""

from __future__ import annotations

from dataclasses import replace

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.group_offsets import OffsetPreview
from mqtui.domain.plan import DeleteGroup, SetOffsets, Step
from mqtui.domain.resource import Ref
from mqtui.services.browse import find_destination
from mqtui.services.offsets.plan import PlannedOffsets, make_plan, plan_moves, require_offsets
from mqtui.services.offsets.request import OffsetsRequest, resolve_target
from mqtui.services.offsets.skip import plan_skip
from mqtui.services.session import Session


async def plan_offsets(session: Session, request: OffsetsRequest) -> PlannedOffsets:
    """Plan what is asked.

    Raises:
        NotFound: no such destination, partition or group, or nothing is there to skip.
        BadInput: the position is of another kind, or what is asked is not whole.
        Unsupported: this broker, or this group, has no offsets that can be set.
    """
    await require_offsets(session)
    await session.guard.identify_broker()
    resource = None if request.resource is None else (await find_destination(session.broker, request.resource)).ref
    broker = await require_offsets(session, resource)
    if request.skip is not None:
        return await plan_skip(session, broker, request, _named(resource))
    if request.target is None:
        preview = await broker.preview_offsets(request.ref, resource, None, request.partition)
        if not preview.exists:
            raise NotFound(f"There is no group {request.group}", "", "mqtui groups lists them.")
        return _plan_deletion(session, request, preview, resource)
    target = await resolve_target(broker, request.target, _named(resource), request.partition)
    preview = await broker.preview_offsets(request.ref, resource, target, request.partition)
    plan = plan_moves(session, preview, Verb.OFFSETS)
    return PlannedOffsets(plan, preview, request.command(session.target))


def _named(resource: Ref | None) -> Ref:
    if resource is None:
        raise BadInput("On which topic or stream?", "", "Name it after the group.")
    return resource


def _plan_deletion(
    session: Session, request: OffsetsRequest, preview: OffsetPreview, resource: Ref | None
) -> PlannedOffsets:
    moves = preview.moves
    steps: tuple[Step, ...] = (DeleteGroup(preview.group, moves),)
    if resource is not None:
        steps = (SetOffsets(preview.group, moves),) if moves else ()
    plan = make_plan(session, preview, Verb.OFFSETS, steps, moves)
    return PlannedOffsets(replace(plan, deletes=request.group), preview, request.command(session.target))
