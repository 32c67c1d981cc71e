"""Finds destinations by name, and peeks at or follows their messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from mqtui.brokers.port import Batch, Broker
from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, MqtuiError, NotAuthorised, NotFound, Refused, Unsupported
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId, MessageFormat, Offset, Position
from mqtui.domain.name_quoting import SIGNS, UnambiguousNames, is_shown_as, may_stand_for_another, quote
from mqtui.domain.policy import Consent, Policy
from mqtui.domain.read_range import At, Edge, Extent, PeekCost, ReadRange, Since, StartPoint
from mqtui.domain.resource import BrokerKind, Kind, ParsedName, Ref
from mqtui.domain.topology import Destination, Inventory
from mqtui.services.session import Session

if TYPE_CHECKING:
    from mqtui.domain.plan import Plan

MAX_ENDS = 8
"""Partitions whose end is named in a sentence."""


async def find_destination(broker: Broker, named: ParsedName) -> Destination:
    """The destination to read from of that name, without figures; an exchange only where no queue is called so.

    Raises:
        NotFound: there is none.
        Refused: what was typed is the name of two of them.
    """
    readings = named.readings(traits_of(broker.kind).destinations)
    holding = [ref for ref in readings if ref.kind is not Kind.EXCHANGE]
    if 0 < len(holding) < len(readings):
        with suppress(NotFound):
            return _require_one(broker.kind, named, await _find_matching(broker, named, holding))
    return _require_one(broker.kind, named, await _find_matching(broker, named, readings))


async def find_target(broker: Broker, named: ParsedName) -> Destination:
    """The destination to send to of that name.

    Raises:
        NotFound: there is none.
        Refused: what was typed is the name of two of them, such as a queue and an exchange.
    """
    return _require_one(
        broker.kind, named, await _find_matching(broker, named, named.readings(traits_of(broker.kind).destinations))
    )


async def _find_matching(broker: Broker, named: ParsedName, readings: Sequence[Ref]) -> list[Destination]:
    """The existing destinations that a name may mean, at least one."""
    fits: dict[Ref, Destination] = {}
    missing: list[NotFound] = []
    closed: NotAuthorised | None = None
    for ref in readings:
        try:
            row = await broker.catalog.locate(ref)
            fits[row.ref] = row
        except NotFound as error:
            missing.append(error)
        except NotAuthorised as error:
            closed = closed or error
    if may_stand_for_another(named) or (not fits and any(SIGNS.search(ref.name) for ref in readings)):
        fits |= {row.ref: row for row in await _shown_as(broker, readings)}
    if fits:
        return list(fits.values())
    if closed is not None:
        raise closed
    if len(missing) == 1:
        raise missing[0]
    told = " and no ".join(f"{ref.kind} {ref.name!r}" for ref in dict.fromkeys(readings))
    raise NotFound(f"There is no {told}", "", "mqtui ls lists what is there.")


async def _shown_as(broker: Broker, readings: Sequence[Ref]) -> list[Destination]:
    """Destinations that are displayed under this name since theirs has unprintable characters; none without a list."""
    try:
        rows = await list_destinations(broker)
    except MqtuiError:
        return []
    return [row for row in rows if any(is_shown_as(row.ref, reading) for reading in readings)]


def _require_one(broker: BrokerKind, named: ParsedName, fits: Sequence[Destination]) -> Destination:
    if len(fits) == 1:
        return fits[0]
    refs = [row.ref for row in fits]
    spelling = UnambiguousNames(refs, traits_of(broker).destinations)
    ways = ", ".join(f"{quote(spelling.of(ref))} is the {ref.kind} {quote(ref.name)}" for ref in refs)
    raise Refused(f"{quote(named.typed)} is the name of {len(refs)} things", ways, "Or give --kind and the bare name.")


def sort_destinations(rows: Iterable[Destination]) -> list[Destination]:
    """Sort as lists show them: by name, internal ones last."""
    found = sorted(
        rows, key=lambda row: f"{row.ref.name}\0{row.ref.kind}"
    )  # texts alone are sorted in a third of the time
    return [row for row in found if not row.internal] + [row for row in found if row.internal]


async def list_destinations(broker: Broker) -> Inventory[Destination]:
    """All destinations with their depths, sorted by name."""
    rows: dict[Ref, Destination] = {}
    missing: dict[str, None] = {}
    async for page in broker.catalog.list_destinations():
        missing |= dict.fromkeys(page.missing)
        for row in page.items:
            rows[row.ref] = row
    found = sort_destinations(rows.values())
    return Inventory(tuple(found), tuple(missing))


def filter_destinations(rows: Inventory[Destination], kind: Kind | None, pattern: str) -> Inventory[Destination]:
    """The rows of a kind (None: any) whose name matches a glob ("": any)."""
    wanted = (row for row in rows if kind in (None, row.ref.kind))
    return Inventory(tuple(row for row in wanted if not pattern or fnmatchcase(row.ref.name, pattern)), rows.missing)


@dataclass(frozen=True, slots=True)
class PeekRequest:
    """A peek that was asked for, and what it costs."""

    ref: Ref
    count: int
    span: ReadRange
    price: PeekCost
    notes: tuple[str, ...] = ()
    """What the peek will not show, and why."""


async def prepare_peek(
    session: Session, named: ParsedName, count: int, start: StartPoint | None, partition: int | None
) -> PeekRequest:
    """Find the destination and the cost; nothing is read yet. Without a start: the newest, or a queue's head."""
    if partition is not None and not traits_of(session.broker.kind).has_partitions:
        raise BadInput(f"--partition means nothing on {session.broker.kind}")
    destination = await find_destination(session.broker, named)
    support = await session.broker.can(Verb.PEEK, destination.ref)
    if not support:
        raise Unsupported(f"{destination.ref} can't be read", support.reason, support.hint)
    price = await session.broker.reader.peek_cost(destination.ref, count)
    if price.lends:
        await session.guard.identify_broker()
    if start is None:
        start = Edge.OLDEST if price.lends else Edge.NEWEST
    check_bound(start, session.broker.kind, lends=price.lends)
    if isinstance(start, At) and isinstance(start.position, Offset) and start.position.partition >= 0:
        partition = start.position.partition
    notes: tuple[str, ...] = ()
    if not price.lends and (destination.partitions is not None or isinstance(start, At)):
        extent = await session.broker.reader.extent(destination.ref, partition)
        notes = (*extent_notes(extent), *start_notes(extent, start))
    return PeekRequest(destination.ref, count, ReadRange(start, partition), price, notes)


async def unreadable_parts(session: Session, destination: Destination, partition: int | None) -> tuple[str, ...]:
    """Partitions that can't be read now, and why."""
    if destination.ref.kind is not Kind.TOPIC:
        return ()
    return extent_notes(await session.broker.reader.extent(destination.ref, partition))


def extent_notes(extent: Extent) -> tuple[str, ...]:
    """What reading it all does not show: partitions that can't be read, and messages that are not committed yet."""
    held = (f"{extent.uncommitted:,} in an open transaction: not yet committed by their writer",)
    return (*extent.notes, *(held if extent.uncommitted else ()))


def start_notes(extent: Extent, start: StartPoint) -> tuple[str, ...]:
    """Where a peek starts instead of the given position: it is deleted already, or was never there."""
    if not isinstance(start, At):
        return ()
    number = getattr(start.position, "partition", 0)
    first, end = extent.first.get(number), extent.end.get(number)
    if _is_before(start.position, first):
        return (f"{start.position} is gone: the first that is there is {first}",)
    if end is not None and not _is_before(start.position, end):
        return (f"no message from {start.position} on: the end is {end}",)
    return ()


def _is_before(one: Position, other: Position | None) -> bool:
    if isinstance(one, Offset) and isinstance(other, Offset):
        return one.offset < other.offset
    return isinstance(one, EntryId) and isinstance(other, EntryId) and one < other


def explain_no_messages(ref: Ref, extent: Extent, start: StartPoint) -> str:
    """Why a peek found no message, in a sentence."""
    if told := start_notes(extent, start):
        return told[0]
    if extent.uncommitted:
        return f"no committed message: {extent_notes(extent)[-1]}"
    if extent.count.number == 0:
        return f"no messages: {ref.name} is empty"
    if not extent.end:
        return f"no messages: {ref.name} gave none"
    ends = ", ".join(str(end) for _, end in sorted(extent.end.items())[:MAX_ENDS])
    if isinstance(start, Since):
        return f"no messages since then: the end is {ends}"
    return f"no messages: up to the end {ends} there are only transaction markers, aborted or deleted messages"


async def explain_empty_peek(session: Session, request: PeekRequest) -> str:
    """The same for a peek that was made."""
    extent = await session.broker.reader.extent(request.ref, request.span.partition)
    return explain_no_messages(request.ref, extent, request.span.start)


def why_no_peek(policy: Policy, price: PeekCost) -> str:
    """Why a peek is refused whatever the consent, by the queue or by the profile; "" where it is not."""
    if price.refusal or not price.spends:
        return price.refusal
    support = policy.permits(Verb.SPEND)
    return "" if support else f"a look takes deliveries, which is a change: {support.reason}. {support.hint}"


def plan_peek(session: Session, request: PeekRequest) -> Plan:
    """The plan of a peek that uses up deliveries."""
    import secrets

    from mqtui.domain.plan import PeekUnacked, Plan, Risk, Severity

    risks = (Risk("price", request.price.refusal, Severity.REFUSE, final=True),) if request.price.refusal else ()
    step = PeekUnacked(request.ref, request.count, request.price.spends)
    return Plan(
        id=secrets.token_hex(16),
        verb=Verb.SPEND,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(step,),
        count=exact(request.count),
        facts=(("price", request.price.text),),
        risks=risks,
    )


async def peek(session: Session, request: PeekRequest, consent: Consent) -> AsyncGenerator[Batch]:
    """The messages of a peek, in order.

    Raises:
        Refused: too few deliveries are left, or the profile forbids it.
        NeedsConsent: the profile is protected and the cost was not accepted.
    """
    if not request.price.lends:
        async for batch in session.broker.reader.read(request.ref, request.span, limit=request.count):
            yield batch
        return
    async with session.guard.writing(plan_peek(session, request), consent) as writer:
        async for batch in writer.peek_unacked(request.ref, request.count):
            yield batch


async def tail(
    session: Session, named: ParsedName, partition: int | None, note: Callable[[str], None] = lambda text: None
) -> AsyncGenerator[Batch]:
    """Messages as they arrive; `note` is called with what is not followed, and why.

    Raises:
        Unsupported: the destination can't be followed (C10).
    """
    destination = await find_destination(session.broker, named)
    support = await session.broker.can(Verb.TAIL, destination.ref)
    if not support:
        raise Unsupported(f"{destination.ref} can't be followed", support.reason, support.hint)
    for text in await unreadable_parts(session, destination, partition):
        note(text)
    async for batch in session.broker.reader.tail(destination.ref, partition):
        yield batch


async def require_verb(broker: Broker, verb: Verb, ref: Ref | None = None) -> None:
    """Check that the broker offers the verb.

    Raises:
        Unsupported: it does not, with the reason.
    """
    support = await broker.can(verb, ref)
    if not support:
        raise Unsupported(f"{verb} is not offered here", support.reason, support.hint)


def check_bound(start: StartPoint, kind: BrokerKind, *, lends: bool) -> None:
    """Check that the destination can be read from this start.

    Raises:
        BadInput: a position of another broker, an offset without a partition, or a start other than a queue's head.
    """
    if lends and start is not Edge.OLDEST:
        raise BadInput("A queue can be read from its head only", "", "Leave --from out, or give oldest.")
    if not isinstance(start, At):
        return
    traits = traits_of(kind)
    if isinstance(start.position, Offset) is (traits.message_format is MessageFormat.ENTRY):
        raise BadInput(f"{start.position} is not a position on {kind}")
    if traits.has_partitions and isinstance(start.position, Offset) and start.position.partition < 0:
        raise BadInput(
            f"Offset {start.position.offset} of which partition?", "", "Write 4/118203, or add --partition 4."
        )
