"""The prompts of changes of a destination: its name and options, a setting's value, up to where it is purged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from mqtui.domain.destination_change import (
    FORMS,
    Alteration,
    Creation,
    Deletion,
    DestinationChange,
    PurgeRequest,
    parse_creation,
)
from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.resource import Ref
from mqtui.domain.times import parse_start_point
from mqtui.domain.topology import Property
from mqtui.services.destinations.change import creation_of
from mqtui.services.session import Session

if TYPE_CHECKING:
    from mqtui.ui.screens.console_screen import ConsoleScreen
    from mqtui.ui.session.sessions import BrokerSession

PURGE_HINT = "empty: all that is there · 4/118203 · an entry id · -2h · 14:02"
SETTING_HINT = "empty: the broker's default again"
NOTHING = "nothing happened"


async def ask_creation(screen: ConsoleScreen, broker_session: BrokerSession, like: Ref | None) -> None:
    """Ask for a name and options, and show the plan. `like` is the row under the cursor."""
    example = "" if like is None else f" like:{like.name}"
    typed = await screen.prompt_line.ask(f"new on {broker_session.kind}", beside=f"NAME{example} · {FORMS}")
    if not typed or not typed.strip():
        screen.prompt_line.set_status(NOTHING, "text")
        return
    try:
        words = parse_creation(typed)
    except BadInput as error:
        screen.show_error(error)
        return

    async def ask(session: Session) -> Creation:
        return await creation_of(session, words)

    screen.console.call_later(screen.console.go.change, broker_session, words.name, ask)


async def ask_purge(screen: ConsoleScreen, broker_session: BrokerSession, ref: Ref, partition: int | None) -> None:
    """Ask up to where messages are deleted, and show the plan."""
    where = ref.name if partition is None else f"{ref.name}, partition {partition}"
    typed = await screen.prompt_line.ask(f"purge {where} before", beside=PURGE_HINT)
    if typed is None:
        screen.prompt_line.set_status(NOTHING, "text")
        return

    def change() -> PurgeRequest:
        text = typed.strip()
        start = parse_start_point(text, partition, datetime.now().astimezone()) if text else None
        return PurgeRequest(ref, start, partition)

    _show(screen, broker_session, ref, change)


async def ask_setting(screen: ConsoleScreen, broker_session: BrokerSession, ref: Ref, item: Property) -> None:
    """Ask for the value of a setting, and show the plan."""
    typed = await screen.prompt_line.ask(item.name, value=item.value or "", beside=SETTING_HINT)
    if typed is None:
        screen.prompt_line.set_status(NOTHING, "text")
        return
    text = typed.strip()
    change = Alteration(ref, {item.name: text}) if text else Alteration(ref, reset=(item.name,))
    _show(screen, broker_session, ref, lambda: change)


async def ask_partitions(screen: ConsoleScreen, broker_session: BrokerSession, ref: Ref, now: int) -> None:
    """Ask for a number of partitions, and show the plan."""
    typed = await screen.prompt_line.ask("partitions", beside=f"it has {now}; a topic never gets fewer")
    if not typed or not typed.strip():
        screen.prompt_line.set_status(NOTHING, "text")
        return

    def change() -> Alteration:
        if not typed.strip().isdecimal() or len(typed.strip()) > 9:
            raise BadInput(f"Not a number of partitions: {typed.strip()!r}")
        return Alteration(ref, partitions=int(typed))

    _show(screen, broker_session, ref, change)


def show_deletion(screen: ConsoleScreen, broker_session: BrokerSession, ref: Ref) -> None:
    """Show the plan that deletes a destination."""
    _show(screen, broker_session, ref, lambda: Deletion(ref))


def _show(
    screen: ConsoleScreen, broker_session: BrokerSession, ref: Ref, make: Callable[[], DestinationChange]
) -> None:
    try:
        change = make()
    except MqtuiError as error:
        screen.show_error(error)
        return

    async def ask(session: Session) -> DestinationChange:
        return change

    screen.console.call_later(screen.console.go.change, broker_session, ref.name, ask)
