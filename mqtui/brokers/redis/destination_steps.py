"""Plan steps that make, delete and trim streams, without automatic retries (D2)."""

from __future__ import annotations

from mqtui.brokers.redis.connection.resp import (
    Command,
    ReplyOrError,
    as_int,
    as_text,
    encode_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.read.change_preview import read_stream_info
from mqtui.domain.destination_change import CreateDestination, DeleteDestination, PurgeMessages
from mqtui.domain.errors import Refused, ReplyLost
from mqtui.domain.message import EntryId
from mqtui.domain.plan import StepResult
from mqtui.domain.resource import Ref

MAKES_KEY = b"mqtui-makes-this-stream"
"""A group whose creation makes the stream (MKSTREAM); it is destroyed at once."""


async def apply_destination_step(
    router: Router, step: CreateDestination | DeleteDestination | PurgeMessages
) -> StepResult:
    """Carry out one step.

    Raises:
        NotFound: the stream is gone.
        Refused: it is another one now, or the key is taken.
        NotAuthorised: a right is missing.
        ReplyLost: whether it was done is not known.
    """
    key = stream_key(step.ref)
    match step:
        case CreateDestination(ref):
            await _require_free(router, ref)
            replies, not_durable = await _write(router, ref, _make(key))
            raise_if_error(replies[0], "XGROUP CREATE", ref.name)
            return StepResult(1, 1, _notes(not_durable))
        case DeleteDestination(ref, identity):
            await _require_same(router, ref, identity)
            replies, not_durable = await _write(router, ref, [("UNLINK", key)])
            gone = "" if as_int(raise_if_error(replies[0], "UNLINK", ref.name)) else "it was gone already"
            return StepResult(1, 1, _notes(gone, not_durable))
        case PurgeMessages(ref, identity, (bound,), count):
            await _require_same(router, ref, identity)
            assert isinstance(bound.before, EntryId)
            replies, not_durable = await _write(router, ref, [("XTRIM", key, "MINID", encode_entry_id(bound.before))])
            deleted = as_int(raise_if_error(replies[0], "XTRIM", ref.name))
            other = f"{deleted:,} entries were deleted, {count} were planned" if deleted != count.number else ""
            return StepResult(1, 1, _notes(other, not_durable))
        case _:
            raise Refused("That is no step for a stream")


def _make(key: bytes) -> list[Command]:
    return [("XGROUP", "CREATE", key, MAKES_KEY, "$", "MKSTREAM"), ("XGROUP", "DESTROY", key, MAKES_KEY)]


async def _require_free(router: Router, ref: Ref) -> None:
    key = stream_key(ref)
    (reply,) = await router.execute_pipeline(key, [("TYPE", key)])
    found = as_text(raise_if_error(reply, "TYPE", ref.name))
    if found != "none":
        raise Refused(f"There is a key {ref.name}", f"It came since the plan: a {found}.")


def _notes(*texts: str) -> tuple[str, ...]:
    return tuple(filter(None, texts))


async def _require_same(router: Router, ref: Ref, identity: str) -> None:
    """Refuse where fewer entries were ever added than when it was planned: that is a later stream."""
    info = await read_stream_info(router, ref)
    if identity and info.added is not None and info.added < int(identity):
        raise Refused(
            f"{ref.name} is another stream now",
            f"It was deleted and made again since the plan: {info.added:,} entries were added, it had {identity}.",
            "Plan it again.",
        )


async def _write(router: Router, ref: Ref, commands: list[Command]) -> tuple[list[ReplyOrError], str]:
    """The replies, and why they are not durable yet."""
    connection = WriteConnection(router, stream_key(ref))
    try:
        return await connection.execute_and_wait(commands)
    except RepliesLost as lost:
        raise ReplyLost(
            f"Whether {ref.name} was changed is unknown", lost.detail, "mqtui describe shows what it is now."
        ) from lost
    finally:
        await connection.close()
