"""How pictures come about: an open shop after some trade, a redrive after its first letter, a console of some kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from mqtui.services.poller import Poller
from tests.ui.driver import User
from tests.ui.memory_shop import MemoryShop

NORMAL = (120, 34)
SIZES = (NORMAL, (80, 24), (160, 50))
MAIN = pytest.mark.parametrize("size", SIZES, ids="normal narrow wide".split())
ROUNDS = 7
"""Rounds of trade before a picture is taken."""

WATCHED = 4
"""Rounds of trade after which a letter that did not come back is said to have passed."""


def trades(user: User, shop: MemoryShop, rounds: int = ROUNDS) -> Callable[[], object]:
    """Rounds of trade, each seen by every open broker."""

    async def trade() -> None:
        for _ in range(rounds):
            shop.trade()
            watches = [
                broker_session.poller
                for broker_session in user.console.sessions.broker_sessions.values()
                if broker_session.poller is not None
            ]
            for watch in watches:
                watch.poll_now()
            await user.until(partial(all_looked, watches, shop.now), "sees the newest figures")
        user.console._tick()

    return trade


def all_looked(watches: Sequence[Poller], now: int) -> bool:
    """Whether each has looked since a time of the brokers' clock, in ms."""
    return all(watch.snapshot.as_of * 1000 >= now for watch in watches)


def all_seen(user: User) -> bool:
    """Whether the first look at every open broker is over."""
    return all(
        broker_session.poller is not None and broker_session.poller.first_poll_done.is_set()
        for broker_session in user.console.sessions.broker_sessions.values()
    )


async def open_shop(user: User, shop: MemoryShop, worst: str = "orders.DLQ") -> None:
    """The session of a profile, after some trade."""
    await user.is_at("DestinationsScreen").on_row(worst).until(lambda: all_seen(user), "has seen every broker")
    await user.does(trades(user, shop))


async def review(user: User, shop: MemoryShop) -> None:
    """The plan for the letters of the first cause."""
    await open_shop(user, shop)
    await (
        user.presses("enter").is_at("CausesScreen").on_row("SchemaMismatch").presses("R").reads_in_line("starts with 1")
    )


async def first_letter(user: User, shop: MemoryShop) -> None:
    """A redrive whose first letter is on its way."""
    await review(user, shop)
    await user.presses("enter").reads_in_line("type prod-eu").types("prod-eu").presses("enter").is_at("RunScreen")
    await user.sees("moved 1")


async def verdict(user: User, shop: MemoryShop) -> None:
    """The first letter passed its readers and did not come back."""
    await first_letter(user, shop)

    def later() -> None:
        for _ in range(WATCHED):
            shop.trade()

    await user.does(later).sees("passed 1").does(later).reads_in_line("enter goes on")
