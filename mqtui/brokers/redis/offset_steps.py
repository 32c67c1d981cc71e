"""Plan steps that set where a group reads on (XGROUP SETID), create it there, or destroy it."""

from __future__ import annotations

from mqtui.brokers.redis.connection.resp import Command, as_int, encode_entry_id, raise_if_error
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.read.offset_preview import find_group
from mqtui.domain.errors import BrokerTrouble, CannotConnect, ReplyLost
from mqtui.domain.group_offsets import OffsetMove
from mqtui.domain.message import EntryId
from mqtui.domain.plan import DeleteGroup, SetOffsets, StepResult
from mqtui.domain.resource import Ref, name_bytes


async def apply_offset_step(router: Router, step: SetOffsets | DeleteGroup) -> StepResult:
    """Carry out one step; setting an id again does no harm, so what an interrupted run did counts as done.

    Raises:
        NotFound, NotAuthorised: no such group, or a right is missing.
        ReplyLost: whether it was done is not known.
    """
    (move,) = step.moves
    found = await find_group(router, step.group, move.resource)
    name = name_bytes(found.name)
    command: Command = ("XGROUP", "DESTROY", found.key, name)
    if isinstance(step, SetOffsets):
        assert isinstance(move.after, EntryId)
        action = "SETID" if found.info is not None else "CREATE"
        command = ("XGROUP", action, found.key, name, encode_entry_id(move.after))
    connection = WriteConnection(router, stream_key(move.resource))
    try:
        replies, not_durable = await connection.execute_and_wait([command])
    except RepliesLost as lost:
        return await _find_out(router, step.group, move, lost)
    finally:
        await connection.close()
    reply = raise_if_error(replies[0], f"XGROUP {command[1]!s}", found.stream.name)
    notes = (not_durable,) if not_durable else ()
    if isinstance(step, DeleteGroup) and not as_int(reply):
        notes = ("it was gone already", *notes)
    return StepResult(1, 1, notes, (f"{move.resource.name}/0",))


async def _find_out(router: Router, group: Ref, move: OffsetMove, lost: RepliesLost) -> StepResult:
    """After a lost reply: what the group has now."""
    try:
        found = await find_group(router, group, move.resource)
    except (CannotConnect, BrokerTrouble) as error:
        raise ReplyLost("Whether the group was changed is unknown", lost.detail, error.title) from lost
    now = None if found.info is None else found.info.delivered
    if now == move.after:
        return StepResult(1, 1, (), (f"{move.resource.name}/0",))
    raise ReplyLost("The group was not changed, or moved on since", lost.detail, "Plan it again.") from lost
