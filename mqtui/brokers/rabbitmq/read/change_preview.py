"""What a change of a queue or stream would do: what is in it, who reads it, what is bound to it."""

from __future__ import annotations

from collections.abc import Iterator

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.catalog import is_valid_name
from mqtui.brokers.rabbitmq.read.queue_fingerprint import take_fingerprint
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo, describe_queue
from mqtui.domain.destination_change import (
    Alteration,
    CreateDestination,
    Creation,
    DeleteDestination,
    Deletion,
    DestinationChange,
    PurgeMessages,
    PurgeRequest,
)
from mqtui.domain.errors import BadInput, MqtuiError, NotFound, Unsupported
from mqtui.domain.figure import Figure, about, exact, pluralize, total, unknown
from mqtui.domain.plan import ChangePreview, Risk, Severity
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Kind, Ref

TYPES = ("classic", "quorum", "stream")
TYPE_ARGUMENT = "x-queue-type"
INITIAL_SIZE = "x-quorum-initial-group-size"
RESERVED = "amq."
MAX_NAMED = 8
FIXED = (
    "The arguments of a queue can't be changed",
    "They are fixed when it is declared: another declaration is refused with 406.",
    "A policy changes most of them: rabbitmqctl set_policy. Else make a new queue, and move the messages.",
)


async def preview_change(session: RabbitSession, change: DestinationChange) -> ChangePreview:
    """As `ChangesDestinations.preview_change`."""
    if change.ref.kind not in (Kind.QUEUE, Kind.STREAM):
        raise Unsupported(
            f"A {change.ref.kind} is neither made, nor deleted, nor purged here", "Queues and streams are."
        )
    match change:
        case Creation():
            return await _preview_creation(session, change)
        case Alteration():
            await describe_queue(session, change.ref.name)
            raise Unsupported(*FIXED)
        case Deletion(ref):
            return await _preview_deletion(session, await describe_queue(session, ref.name))
        case PurgeRequest():
            return await _preview_purge(session, change)


async def _preview_creation(session: RabbitSession, change: Creation) -> ChangePreview:
    name = change.ref.name
    if not name or not is_valid_name(name) or name.startswith(RESERVED):
        raise BadInput(
            f"No queue can be called {name!r}",
            f"Names are up to 255 bytes of UTF-8 in one line, and do not begin with {RESERVED}",
        )
    if change.partitions is not None:
        raise BadInput("A queue has no partitions")
    settings = {name if name.startswith("x-") else f"x-{name}": value for name, value in change.settings.items()}
    queue_type, facts = change.type, list[tuple[str, str]]()
    if change.like is not None:
        model = await _require_described(session, change.like)
        arguments = {str(key): _as_setting(value) for key, value in (model.row.get("arguments") or {}).items()}
        settings = {**arguments, **settings}
        queue_type = queue_type or model.type
        facts.append(("like", f"{model.name}: its type and arguments, without bindings and policies"))
    settings.pop(TYPE_ARGUMENT, None)
    if change.replicas is not None:
        settings[INITIAL_SIZE] = str(change.replicas)
    queue_type = queue_type or ("stream" if change.ref.kind is Kind.STREAM else "classic")
    if queue_type not in TYPES:
        raise BadInput(f"There is no type {queue_type!r}", "", f"The types are {', '.join(TYPES)}.")
    step = CreateDestination(change.ref, queue_type, None, change.replicas, tuple(sorted(settings.items())))
    shown = ", ".join(f"{key}={value}" for key, value in step.settings)
    facts += [("type", f"{queue_type}, durable"), ("arguments", shown or "none")]
    return ChangePreview((step,), tuple(facts), tuple(await _name_is_taken(session, name)))


def _as_setting(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _require_described(session: RabbitSession, ref: Ref) -> QueueInfo:
    """A queue with its arguments.

    Raises:
        Unsupported: only the management API tells them.
    """
    queue = await describe_queue(session, ref.name)
    if queue.type == UNKNOWN:
        raise Unsupported(f"The arguments of {ref.name} can't be read", queue.unreadable_reason)
    return queue


async def _name_is_taken(session: RabbitSession, name: str) -> list[Risk]:
    try:
        await session.queue_counts(name)
    except NotFound:
        return []
    return [Risk("broker-refuses", f"there is a queue {name}", Severity.REFUSE, final=True)]


async def _preview_deletion(session: RabbitSession, queue: QueueInfo) -> ChangePreview:
    fingerprint = await take_fingerprint(session, queue)
    unacked = _unacked(queue)
    is_classic = queue.type == "classic"  # no other type can be deleted on these conditions
    step = DeleteDestination(
        queue.ref,
        "" if fingerprint is None else fingerprint.encode(),
        is_empty=is_classic and not queue.ready and unacked.number == 0,
        is_unused=is_classic and not queue.consumers,
    )
    facts = [_fact(queue, unacked), ("bindings", await _bindings(session, queue))]
    return ChangePreview((step,), tuple(facts), tuple(_readers(queue)), total((exact(queue.ready), unacked)))


def _unacked(queue: QueueInfo) -> Figure:
    number = queue.row.get("messages_unacknowledged")
    return (
        about(number, "sampled by the management API")
        if isinstance(number, int) and number
        else (exact(0) if isinstance(number, int) else unknown("only the management API tells what is unacknowledged"))
    )


def _fact(queue: QueueInfo, unacked: Figure) -> tuple[str, str]:
    counts = f"{queue.ready:,} ready, {unacked} unacknowledged, {pluralize(queue.consumers, 'consumer')}"
    return "queue", f"{queue.type}, {counts}"


def _readers(queue: QueueInfo) -> Iterator[Risk]:
    if queue.consumers:
        yield Risk("readers", f"{pluralize(queue.consumers, 'consumer')} of it: the broker ends them")


async def _bindings(session: RabbitSession, queue: QueueInfo) -> str:
    try:
        rows = await session.management.queue_bindings(queue.name)
    except MqtuiError as error:
        return f"? {error.title}"
    named = [f"{row['source']} with {row['routing_key'] or 'the empty key'}" for row in rows if row["source"]]
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    return f"{', '.join(named[:MAX_NAMED])}{more} go with it" if named else "none but that of the default exchange"


async def _preview_purge(session: RabbitSession, change: PurgeRequest) -> ChangePreview:
    if change.before not in (None, Edge.NEWEST) or change.partition is not None:
        raise BadInput("A queue has no positions", "It is purged as a whole.", "Leave out --before and --partition.")
    queue = await describe_queue(session, change.ref.name)
    if queue.type == "stream":
        raise Unsupported(
            "A stream can't be purged",
            "It deletes whole segments by its own limits only.",
            "Set max-age or max-length-bytes by a policy.",
        )
    unacked = _unacked(queue)
    facts = (_fact(queue, unacked), ("effect", "what is ready is deleted for good, also what comes until then"))
    if not queue.ready:
        return ChangePreview((), (facts[0], ("effect", "nothing is ready in it")))
    fingerprint = await take_fingerprint(session, queue)
    identity = "" if fingerprint is None else fingerprint.encode()
    count = exact(queue.ready)
    risks = []
    if unacked.number or not unacked.known:
        risks.append(Risk("held", f"{unacked} unacknowledged stay, and come back where their consumer requeues them"))
    return ChangePreview((PurgeMessages(queue.ref, identity, (), count),), facts, tuple(risks), count)
