"""Finding things on a broker and looking at messages."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mqtui.brokers.port import Batch, Broker
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NotFound, Unsupported
from mqtui.domain.figure import exact
from mqtui.domain.message import Offset
from mqtui.domain.plan import Borrow, Plan, Risk, Severity
from mqtui.domain.policy import Consent
from mqtui.domain.resource import BrokerKind, Kind, Named, Ref
from mqtui.domain.span import At, Bound, Edge, Price, Span
from mqtui.domain.topology import Destination, Inventory
from mqtui.services.session import Session

KINDS = {
    BrokerKind.KAFKA: (Kind.TOPIC,),
    BrokerKind.REDIS: (Kind.STREAM,),
    BrokerKind.RABBITMQ: (Kind.QUEUE, Kind.EXCHANGE),
}


async def find(broker: Broker, named: Named) -> Destination:
    """The destination of that name; without a kind the broker's own kinds are tried in turn.

    Raises:
        NotFound: there is none.
    """
    missing = NotFound(f"No {named.kind or 'destination'} {named.name!r}", f"{broker.kind} has no such name.")
    kinds = (named.kind,) if named.kind else KINDS[broker.kind]
    for kind in kinds:
        try:
            return await broker.catalog.detail(Ref(kind, named.name))
        except NotFound as error:
            missing = error
    raise missing


async def destinations(broker: Broker, kind: Kind | None = None, pattern: str = "") -> Inventory[Destination]:
    """All destinations with their depths, by name; `pattern` is a glob on the name."""
    rows: dict[Ref, Destination] = {}
    missing: dict[str, None] = {}
    async for page in broker.catalog.destinations():
        missing |= dict.fromkeys(page.missing)
        for row in page.items:
            if (kind is None or row.ref.kind is kind) and (not pattern or fnmatchcase(row.ref.name, pattern)):
                rows[row.ref] = row
    found = sorted(rows.values(), key=lambda row: (row.internal, row.ref.name, row.ref.kind))
    return Inventory(tuple(found), tuple(missing))


@dataclass(frozen=True, slots=True)
class Look:
    """A peek that was asked for, and what it costs."""

    ref: Ref
    count: int
    span: Span
    price: Price
    notes: tuple[str, ...] = ()
    """What the look will not show, and why."""


async def look(session: Session, named: Named, count: int, start: Bound | None, partition: int | None) -> Look:
    """Find the destination and its price; nothing is read yet. Without a start: the newest, or a queue's head."""
    if partition is not None and session.broker.kind is not BrokerKind.KAFKA:
        raise BadInput(f"--partition means nothing on {session.broker.kind}")
    destination = await find(session.broker, named)
    support = await session.broker.can(Verb.PEEK, destination.ref)
    if not support:
        raise Unsupported(f"{destination.ref} can't be read", support.reason, support.hint)
    price = await session.broker.reader.price(destination.ref, count)
    if price.lends:
        await session.guard.recognise()
    if start is None:
        start = Edge.OLDEST if price.lends else Edge.NEWEST
    check_bound(start, session.broker.kind, lends=price.lends)
    if isinstance(start, At) and isinstance(start.position, Offset) and start.position.partition >= 0:
        partition = start.position.partition
    return Look(
        destination.ref, count, Span(start, partition), price, await missing_parts(session, destination, partition)
    )


async def missing_parts(session: Session, destination: Destination, partition: int | None) -> tuple[str, ...]:
    """What can't be read of a destination with partitions now, and why."""
    if destination.partitions is None:
        return ()
    return (await session.broker.reader.extent(destination.ref, partition)).notes


def spend_plan(session: Session, looked: Look) -> Plan:
    """The plan of a paid look."""
    risks = (Risk("price", looked.price.refusal, Severity.REFUSE, final=True),) if looked.price.refusal else ()
    step = Borrow(looked.ref, looked.count, looked.price.spends)
    return Plan(
        id=secrets.token_hex(16),
        verb=Verb.SPEND,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(step,),
        count=exact(looked.count),
        facts=(("price", looked.price.text),),
        risks=risks,
    )


async def peek(session: Session, looked: Look, consent: Consent) -> AsyncGenerator[Batch]:
    """The messages of a look, in order.

    Raises:
        Refused: the price can't be paid, or the profile forbids it.
        NeedsConsent: the profile is protected and the price was not agreed to.
    """
    if not looked.price.lends:
        async for batch in session.broker.reader.read(looked.ref, looked.span, limit=looked.count):
            yield batch
        return
    async with session.guard.writing(spend_plan(session, looked), consent) as writer:
        async for batch in writer.borrow(looked.ref, looked.count):
            yield batch


async def follow(
    session: Session, named: Named, partition: int | None, note: Callable[[str], None] = lambda text: None
) -> AsyncGenerator[Batch]:
    """Messages as they arrive; `note` is told what is not followed, and why.

    Raises:
        Unsupported: the destination can't be followed (C10).
    """
    destination = await find(session.broker, named)
    support = await session.broker.can(Verb.TAIL, destination.ref)
    if not support:
        raise Unsupported(f"{destination.ref} can't be followed", support.reason, support.hint)
    for text in await missing_parts(session, destination, partition):
        note(text)
    async for batch in session.broker.reader.tail(destination.ref, partition):
        yield batch


async def require(broker: Broker, verb: Verb, ref: Ref | None = None) -> None:
    """Let the verb through where the broker offers it.

    Raises:
        Unsupported: it does not, with the reason.
    """
    support = await broker.can(verb, ref)
    if not support:
        raise Unsupported(f"{verb} is not offered here", support.reason, support.hint)


def check_bound(start: Bound, kind: BrokerKind, *, lends: bool) -> None:
    """A start that this destination can't honour is named before anything is read.

    Raises:
        BadInput: a position of another broker, an offset without a partition, or a start other than a queue's head.
    """
    if lends and start is not Edge.OLDEST:
        raise BadInput("A queue lends its messages from the head only", "", "Leave --from away, or give oldest.")
    if not isinstance(start, At):
        return
    if isinstance(start.position, Offset) is (kind is BrokerKind.REDIS):
        raise BadInput(f"{start.position} is not a position on {kind}")
    if kind is BrokerKind.KAFKA and isinstance(start.position, Offset) and start.position.partition < 0:
        raise BadInput(
            f"Offset {start.position.offset} of which partition?", "", "Write 4/118203, or add --partition 4."
        )
