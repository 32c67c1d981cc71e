"""What a change of a stream would do: its length, and how many of its entries a trim deletes."""

from __future__ import annotations

from mqtui.brokers.redis.connection.resp import (
    as_int,
    as_list,
    as_text,
    next_id,
    previous_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.read.lag import LagCounter, parse_group_info
from mqtui.brokers.redis.read.stream_info import StreamInfo, parse_stream_info, query_with_stream_info
from mqtui.domain.destination_change import (
    Alteration,
    CreateDestination,
    Creation,
    DeleteDestination,
    Deletion,
    DestinationChange,
    PurgeBound,
    PurgeMessages,
    PurgeRequest,
)
from mqtui.domain.errors import BadInput, Unsupported
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.message import EntryId
from mqtui.domain.plan import ChangePreview, Risk, Severity
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import Kind, Ref

START = EntryId(0, 0)
NO_SETTINGS = "a stream of Redis has no settings of its own: MAXLEN and MINID are given with each XADD or XTRIM"


async def preview_change(router: Router, lags: LagCounter, change: DestinationChange) -> ChangePreview:
    """As `ChangesDestinations.preview_change`."""
    match change:
        case Creation():
            return await _preview_creation(router, change)
        case Alteration():
            raise Unsupported("A stream of Redis can't be altered", NO_SETTINGS)
        case Deletion(ref):
            info, pending = await _stream(router, ref)
            step = DeleteDestination(ref, identity_of(info))
            facts = (("stream", f"{pluralize(info.length, 'entry')}, {len(pending)} groups go with it"),)
            return ChangePreview((step,), facts, tuple(_pending_risks(pending)), exact(info.length))
        case PurgeRequest():
            return await _preview_trim(router, lags, change)


def identity_of(info: StreamInfo) -> str:
    """What only grows as long as it is the same stream; "" where the server does not tell it (before 7.0)."""
    return "" if info.added is None else str(info.added)


async def _preview_creation(router: Router, change: Creation) -> ChangePreview:
    if change.ref.kind is not Kind.STREAM or change.type not in ("", "stream"):
        raise Unsupported(f"Redis has no {change.type or change.ref.kind}", "Its destinations are streams.")
    if change.partitions or change.replicas or change.settings or change.like:
        raise BadInput("A stream is made without options", NO_SETTINGS)
    key = stream_key(change.ref)
    (reply,) = await router.execute_pipeline(key, [("TYPE", key)])
    found = as_text(raise_if_error(reply, "TYPE", change.ref.name))
    risks = []
    if found != "none":
        text = f"there is a key of that name: a {found}"
        risks.append(Risk("broker-refuses", text, Severity.REFUSE, final=True))
    step = CreateDestination(change.ref, "stream", None, None, ())
    return ChangePreview((step,), (("stream", "empty, without a group"),), tuple(risks))


async def read_stream_info(router: Router, ref: Ref) -> StreamInfo:
    """Length, ids and counters of a stream.

    Raises:
        NotFound: there is no such stream.
    """
    return (await _stream(router, ref))[0]


async def _stream(router: Router, ref: Ref) -> tuple[StreamInfo, dict[str, int]]:
    """A stream, and what is pending in each of its groups."""
    key = stream_key(ref)
    replies, infos = await query_with_stream_info(
        router, [key], [(key, ("TYPE", key)), (key, ("XLEN", key)), (key, ("XINFO", "GROUPS", key))]
    )
    require_stream(replies[0], ref)
    length = as_int(raise_if_error(replies[1], "XLEN", ref.name))
    groups = map(parse_group_info, as_list(raise_if_error(replies[2], "XINFO GROUPS", ref.name)))
    return parse_stream_info(length, infos.get(key)), {group.name: group.pending for group in groups}


def _pending_risks(pending: dict[str, int]) -> list[Risk]:
    named = [f"{count:,} of {name}" for name, count in pending.items() if count]
    text = f"{', '.join(named)} were delivered and not acknowledged: those that are deleted can't be read again"
    return [Risk("pending", text)] if named else []


async def _preview_trim(router: Router, lags: LagCounter, change: PurgeRequest) -> ChangePreview:
    if change.partition not in (None, 0):
        raise BadInput("A stream has no partitions")
    info, pending = await _stream(router, change.ref)
    if info.last is None:
        raise Unsupported("Where the stream ends can't be read", "XINFO STREAM can't be used here.")
    end = next_id(info.last)
    before = min(_before(change, end), end)
    first = info.first or START
    count = (
        exact(info.length)
        if before == end
        else await lags.count_between(stream_key(change.ref), START, previous_id(before))
    )
    if not info.length or before <= first or count.number == 0:
        return ChangePreview((), (("effect", "nothing lies before that"),))
    effect = f"entries before {before} are deleted for good, for every group; ids of groups stay as they are"
    facts = (("entries", f"{count} of {info.length:,}, from {first} on"), ("effect", effect))
    bound = PurgeBound(0, first, before)
    step = PurgeMessages(change.ref, identity_of(info), (bound,), count)
    return ChangePreview((step,), facts, tuple(_pending_risks(pending)), count)


def _before(change: PurgeRequest, end: EntryId) -> EntryId:
    match change.before:
        case At(position=EntryId() as position):
            return position
        case At(position=position):
            raise BadInput(f"{position} is no entry id", "", "Write it as 1795475111678-0.")
        case Since(time=time):
            return EntryId(max(0, time), 0)
        case Edge.OLDEST:
            return START
        case _:
            return end
