"""A console on brokers in memory, opened at one destination, told like a story."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
class Stage:
    """The console and whoever presses its keys."""

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
    def place(self) -> Any:
        """The place that is shown."""
        return self.console.screen

    @property
    def picture(self) -> list[str]:
        """What stands on the screen, line by line."""
        return [line.rstrip() for line in self.user.picture.splitlines()]

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return self.user.picture

    @property
    def line(self) -> str:
        """What the line says."""
        return self.picture[-2].strip()

    async def press(self, *keys: str) -> None:
        """Press keys and let the console answer."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until something holds."""
        deadline = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < deadline, f"{what or 'it'} did not come:\n{self.text}"
            await self.user.looks_up()

    async def see(self, *words: str) -> None:
        """Wait until all words stand on the screen."""
        await self.until(lambda: all(word in self.text for word in words), " and ".join(words))


@asynccontextmanager
async def opened(
    world: MemoryWorld, target: str, ref: Ref, size: tuple[int, int] = NORMAL, kind: BrokerKind | None = None
) -> AsyncIterator[Stage]:
    """The messages of a destination, as they are opened from the list of destinations."""
    console = Console(adapters=world.connect)
    chosen: Address = resolve_target(target, kind).addresses[0]
    async with at_console(console, size) as user:
        console.target = target
        (broker_session,) = console.sessions.open(target, [chosen.kind])
        stage = Stage(user, broker_session)
        await stage.until(lambda: broker_session.snapshot is not None and broker_session.snapshot.as_of, "the broker")
        await console.go.messages(broker_session, ref)
        await user.pilot.pause()
        yield stage


def message(ref: Ref, value: bytes | None, key: bytes | None = None, headers: tuple[Header, ...] = ()) -> Outgoing:
    """A message to put somewhere."""
    return Outgoing(ref, value=value, key=key, headers=headers)


def order(ref: Ref, number: int, user: int = 7) -> Outgoing:
    """An order as the shop writes them; its amount has a digit that a float would lose."""
    value = b'{"id":%d,"user":"u%d","amount":12.50,"items":["lamp"]}' % (number, user)
    return message(ref, value, b"u%d" % user, (("trace-id", b"4bf92f", ""), ("retry", b"\0\0\0\x07", "")))
