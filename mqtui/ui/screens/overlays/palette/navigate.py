"""Going to what the palette or `:` found: a resource and a position in it, a session, a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import BadInput
from mqtui.domain.message import MessageFormat, Offset, Position
from mqtui.domain.read_range import At, Edge, Since, StartPoint
from mqtui.domain.resource import Kind
from mqtui.state.journal import Journal
from mqtui.ui.navigation.goto import FoundResource, KnownResource
from mqtui.ui.navigation.screen_classes import screen_class
from mqtui.ui.session.sessions import BrokerSession

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi


async def show_resource(console: ConsoleApi, spot: FoundResource) -> None:
    """Show a resource: dead letters by cause, messages from the position if one is named, a group among the others.

    Raises:
        BadInput: there is no such position in it.
    """
    known = spot.known
    broker_session = console.go.broker_session(known.target, known.broker)
    if broker_session is None:
        return
    start = None if spot.at is None else _start(broker_session, known, spot.at)
    console.target = known.target
    if known.ref.kind is Kind.GROUP:
        await _group(console, known)
    elif start is None:
        await console.go.destination(known.broker, known.ref, letters=True, target=known.target)
    else:
        await console.go.messages(broker_session, known.ref, start)


async def _group(console: ConsoleApi, known: KnownResource) -> None:
    groups = screen_class("nav.view_2")()
    await console.show(groups)
    groups.table.go_to((known.broker, known.ref))


def _start(broker_session: BrokerSession, known: KnownResource, at: StartPoint) -> Position | Edge | Since | None:
    """Where reading starts; None for the newest.

    Raises:
        BadInput: the destination has no such positions, or the partition is missing.
    """
    name = known.ref.name
    if known.ref.kind is Kind.QUEUE:
        raise BadInput(f"{name} is a queue: it has no positions", "", "Leave out what follows the @.")
    match at:
        case Edge.NEWEST:
            return None
        case At(Offset(partition, offset)):
            if traits_of(known.broker).message_format is MessageFormat.ENTRY:
                raise BadInput(f"{name} has ids, not offsets", "", f"Write {name}@1795475111678-0.")
            if partition < 0 and traits_of(known.broker).has_partitions:
                row = (
                    next((row for row in broker_session.snapshot.destinations if row.ref == known.ref), None)
                    if broker_session.snapshot
                    else None
                )
                if row is None or row.partitions != 1:
                    raise BadInput(f"{name} has several partitions", "", f"Write {name}@4/{offset}.")
                return Offset(0, offset)
            return Offset(partition, offset)
        case At(position):
            if traits_of(known.broker).message_format is not MessageFormat.ENTRY:
                raise BadInput(f"{name} has offsets, not ids", "", f"Write {name}@4/118203.")
            return position
        case Edge() | Since():
            return at


async def open_session(console: ConsoleApi, target: str) -> None:
    """Show the session of a profile or a URL; brokers that are open already stay open.

    Raises:
        BadInput, NotFound: there is no such profile, or the URL is wrong.
    """
    await console.open_target(target)


async def open_run(console: ConsoleApi, prefix: str) -> None:
    """Show the letters of a run.

    Raises:
        BadInput, NotFound: no run has this prefix, or several do.
    """
    await console.go.run(await asyncio.to_thread(_id_of, prefix))


def _id_of(prefix: str) -> str:
    with Journal() as opened:
        return opened.find(prefix).id


async def open_one_by_one(console: ConsoleApi, target: str) -> AsyncGenerator[BrokerSession]:
    """Open a session, and yield each of its brokers after its first poll, the quickest first.

    Raises:
        BadInput, NotFound: there is no such profile.
    """
    await console.open_target(target)
    for looked in asyncio.as_completed(
        [_looked(broker_session) for broker_session in console.sessions.for_target(console.target)]
    ):
        broker_session = await looked
        if broker_session.session is not None:
            yield broker_session


async def _looked(broker_session: BrokerSession) -> BrokerSession:
    await broker_session.opened_or_failed.wait()
    if broker_session.poller is not None:
        await broker_session.poller.first_poll_done.wait()
    return broker_session
