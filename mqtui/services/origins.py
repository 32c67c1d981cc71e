"""Resolves the origin of a destination's letters: one answer for causes, plans and runs.

What a letter's headers say is read with the letter. The rest is resolved here: a name counts only where the destination
it suggests exists, and RabbitMQ's own settings say which queues send their dead letters where.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING

from mqtui.brokers.registry import traits_of
from mqtui.domain.body_envelope import open_envelope
from mqtui.domain.cause import Cause
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import original_key, redrive_target_by_layout
from mqtui.domain.destination_names import NamedOrigin
from mqtui.domain.errors import MqtuiError, NotAuthorised, NotFound, StorageFailed
from mqtui.domain.message import Message
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.retry_ladder import RetryLadders, find_retry_stages
from mqtui.domain.topology import Destination
from mqtui.services.browse import list_destinations
from mqtui.services.session import Session

if TYPE_CHECKING:
    from mqtui.domain.redrive import Source
    from mqtui.state.peeked_origins import PeekedOrigins

NO_ORIGIN = NamedOrigin("", Kind.QUEUE, "")


async def resolve_origin(session: Session, ref: Ref, conventions: Conventions) -> Conventions:
    """The conventions as resolved for the letters of one destination, after the broker was asked.

    A letter whose headers name no origin comes from the only queue whose dead letters the broker sends here, else from
    the first existing destination that the name of this one suggests, else its origin is unknown.
    """
    kind = session.broker.kind
    named = conventions.by_name(kind, ref.name)
    if named is not None and named.settled:
        return conventions
    ladder = await _ladder(session, ref, conventions)
    feeders = ladder.feeders.get(ref, ())
    stage = ladder.stages.get(ref, "") or why_retry_by_name(kind, conventions, ref)
    settled = replace(
        named or NO_ORIGIN, origin="", others=(), needs_origin=False, settled=True, feeders=feeders, stage=stage
    )
    if len(feeders) == 1:
        (feeder,) = feeders
        settled = replace(settled, convention="x-death", kind=feeder.kind, origin=feeder.name)
    elif named is not None:
        for name in named.candidates:
            if name != ref.name and await destination_exists(session, Ref(named.kind, name)):
                settled = replace(settled, origin=name)
                break
    return conventions.settle(kind, ref.name, settled)


def find_feeding_queues(session: Session, ref: Ref, conventions: Conventions) -> tuple[Ref, ...]:
    """The queues whose dead letters the broker itself sends to this one; its origin has to be resolved before."""
    named = conventions.by_name(session.broker.kind, ref.name)
    return named.feeders if named is not None else ()


def why_retry_stage(session: Session, ref: Ref, conventions: Conventions) -> str:
    """Why a destination is a retry stage; "" where it is none. Its origin has to be resolved before."""
    named = conventions.by_name(session.broker.kind, ref.name)
    return named.stage if named is not None else ""


def build_ladder(kind: BrokerKind, conventions: Conventions, rows: Sequence[Destination]) -> RetryLadders:
    """The retry ladders of a listing."""
    return find_retry_stages(rows, partial(conventions.is_retry, kind))


def why_retry_by_name(kind: BrokerKind, conventions: Conventions, ref: Ref) -> str:
    """Why a topic or stream is a retry stage: there only names tell. "" where it is none."""
    if ref.kind is Kind.QUEUE or conventions.by_name(kind, ref.name) or not conventions.is_retry(kind, ref.name):
        return ""
    return "its name is that of a retry stage, which its own application empties"


async def _ladder(session: Session, ref: Ref, conventions: Conventions) -> RetryLadders:
    if not traits_of(session.broker.kind).routes_dead_letters or ref.kind is Kind.EXCHANGE:
        return RetryLadders({}, {})
    try:
        return build_ladder(session.broker.kind, conventions, await list_destinations(session.broker))
    except MqtuiError:
        return RetryLadders({}, {})  # without its management API the letters' own headers are what is left


async def destination_exists(session: Session, ref: Ref) -> bool:
    """Whether a destination exists, without creating it. One that may not be described counts as existing.

    Raises:
        CannotConnect: the broker can't be asked.
    """
    try:
        await session.broker.catalog.describe(ref)
    except NotFound:
        return False
    except NotAuthorised:
        return True
    return True


class RouteCounter:
    """Counts letters by where each would be redriven to, and by routing key."""

    def __init__(self, conventions: Conventions) -> None:
        self.letters = 0
        self._routes: Counter[tuple[Ref, str]] = Counter()
        self._keys: Counter[tuple[str, bool]] = Counter()
        self._opened = 0
        self._doubts: Counter[str] = Counter()
        self._conventions = conventions

    def add(self, letter: Message) -> None:
        """Count one letter."""
        self.letters += 1
        layout = self._conventions.layout(letter)
        home = redrive_target_by_layout(layout, letter, self._conventions)
        if home is not None:
            self._routes[home.ref, home.routing_key] += 1
        if letter.envelope is not None:
            key = original_key(layout, letter)
            self._keys[letter.envelope.routing_key if key is None else key, key is not None] += 1
        if layout.envelope is not None and not isinstance(content := open_envelope(layout.envelope, letter), str):
            self._opened += 1
            self._doubts.update([content.doubt] if content.doubt else [])

    def add_earlier(self, seen: PeekedOrigins) -> None:
        """Add the routes of an earlier, larger peek that this one did not meet."""
        self.letters = seen.letters
        self._routes.update(
            {route: count for route, count in seen.targets_counted.items() if route not in self._routes}
        )
        self._keys.update({key: count for key, count in seen.keys.items() if key not in self._keys})
        self._opened = max(self._opened, seen.opened)
        self._doubts.update({doubt: count for doubt, count in seen.doubts.items() if doubt not in self._doubts})

    def to_peeked_origins(self) -> PeekedOrigins:
        """What was counted, with the time."""
        routes, keys, doubts = dict(self._routes), dict(self._keys), dict(self._doubts)
        from mqtui.state.peeked_origins import PeekedOrigins

        return PeekedOrigins(int(time() * 1000), self.letters, routes, keys, self._opened, doubts)


async def remember_routes(
    session: Session, source: Source, counted: RouteCounter, causes: Iterable[Cause]
) -> PeekedOrigins:
    """Keep what a peek found that used up deliveries, so that plans need no further one."""
    seen = replace(counted.to_peeked_origins(), causes={cause.id: (cause.count, cause.text) for cause in causes})
    with suppress(StorageFailed):
        await asyncio.to_thread(_write, _key(session, source), seen)
    return seen


async def recall_routes(session: Session, source: Source) -> PeekedOrigins | None:
    """What the last such peek at a queue found; None where there was none, or where it can't be read."""
    try:
        return await asyncio.to_thread(_read, _key(session, source))
    except StorageFailed:
        return None


def _key(session: Session, source: Source) -> str:
    host, port = session.address.hosts[0]
    return f"{host}:{port}/{source.identity}"


def _write(queue: str, seen: PeekedOrigins) -> None:
    from mqtui.state.peeked_origins import PeekedOriginsStore

    with closing(PeekedOriginsStore()) as kept:
        kept.set(queue, seen)


def _read(queue: str) -> PeekedOrigins | None:
    from mqtui.state.peeked_origins import PeekedOriginsStore

    with closing(PeekedOriginsStore()) as kept:
        return kept.get(queue)
