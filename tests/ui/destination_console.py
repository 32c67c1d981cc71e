"""A console on brokers in memory, opened at the messages of one destination."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

from textual.pilot import Pilot

from mqtui.brokers.port import Address
from mqtui.domain.message import Header, Outgoing
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.profiles.resolve import resolve_target
from mqtui.ui.app import Console
from mqtui.ui.session.sessions import BrokerSession
from tests.memory import MemoryWorld
from tests.ui.driver import User, at_console

PATIENCE = 20.0
"""Seconds to wait for what has to come."""

NORMAL, NARROW = (120, 34), (80, 24)


@dataclass
class DestinationConsole:
    """The console, its user, and the session of the destination's broker."""

    user: User
    broker_session: BrokerSession

    @property
    def console(self) -> Console:
        """The console."""
        return self.user.console

    @property
    def pilot(self) -> Pilot[None]:
        """Its pilot."""
        return self.user.pilot

    @property
    def screen(self) -> Any:
        """The screen that is shown; untyped, since tests use members of its own class."""
        return self.console.screen

    @property
    def picture(self) -> list[str]:
        """The lines of the screen."""
        return [line.rstrip() for line in self.user.screen_text.splitlines()]

    @property
    def text(self) -> str:
        """The text of the screen."""
        return self.user.screen_text

    @property
    def line(self) -> str:
        """The text of the prompt line."""
        return self.picture[-2].strip()

    async def press(self, *keys: str) -> None:
        """Press keys once what they answer is painted, and wait until they are handled."""
        await self.until(lambda: getattr(self.screen, "painted_at", 0.0) < inf, "what is asked")
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until a condition holds."""
        deadline = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < deadline, f"{what or 'it'} did not come:\n{self.text}"
            await self.user.waits_for_paint()

    async def see(self, *words: str) -> None:
        """Wait until all words are on the screen."""
        await self.until(lambda: all(word in self.text for word in words), " and ".join(words))


@asynccontextmanager
async def open_destination(
    world: MemoryWorld, target: str, ref: Ref, size: tuple[int, int] = NORMAL, kind: BrokerKind | None = None
) -> AsyncIterator[DestinationConsole]:
    """Open the messages of a destination, as the list of destinations does."""
    console = Console(adapters=world.connect)
    chosen: Address = resolve_target(target, kind).addresses[0]
    async with at_console(console, size) as user:
        console.target = target
        (broker_session,) = console.sessions.open(target, [chosen.kind])
        opened = DestinationConsole(user, broker_session)
        await opened.until(lambda: broker_session.snapshot is not None and broker_session.snapshot.as_of, "the broker")
        await console.go.messages(broker_session, ref)
        await user.pilot.pause()
        yield opened


def message(ref: Ref, value: bytes | None, key: bytes | None = None, headers: tuple[Header, ...] = ()) -> Outgoing:
    """A message to put somewhere."""
    return Outgoing(ref, value=value, key=key, headers=headers)


def order(ref: Ref, number: int, user: int = 7) -> Outgoing:
    """An order as the shop writes them; its amount has a digit that a float would lose."""
    value = b'{"id":%d,"user":"u%d","amount":12.50,"items":["lamp"]}' % (number, user)
    return message(ref, value, b"u%d" % user, (("trace-id", b"4bf92f", ""), ("retry", b"\0\0\0\x07", "")))
