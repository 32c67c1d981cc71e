"""Steps that lead to the screens of the pictures: a session after some trade, a redrive after its first letter."""

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


def trade_and_poll(user: User, shop: MemoryShop, rounds: int = ROUNDS) -> Callable[[], object]:
    """Rounds of trade, with a poll of every open broker after each."""

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
            await user.until(partial(all_polled_since, watches, shop.now), "sees the newest figures")
        user.console._tick()

    return trade


def all_polled_since(watches: Sequence[Poller], now: int) -> bool:
    """Whether each poller has polled since a time of the brokers' clock, in ms."""
    return all(watch.snapshot.as_of * 1000 >= now for watch in watches)


def all_polled(user: User) -> bool:
    """Whether the first poll of every open broker is done."""
    return all(
        broker_session.poller is not None and broker_session.poller.first_poll_done.is_set()
        for broker_session in user.console.sessions.broker_sessions.values()
    )


async def open_shop(user: User, shop: MemoryShop, worst: str = "orders.DLQ") -> None:
    """Open the session of a profile, and trade for some rounds."""
    await user.is_at("DestinationsScreen").on_row(worst).until(lambda: all_polled(user), "has seen every broker")
    await user.then_calls(trade_and_poll(user, shop))


async def review(user: User, shop: MemoryShop) -> None:
    """Open the plan for the letters of the first cause."""
    await open_shop(user, shop)
    await (
        user.presses("enter")
        .is_at("CausesScreen")
        .on_row("SchemaMismatch")
        .presses("R")
        .reads_in_prompt("starts with 1")
    )


async def run_first_letter(user: User, shop: MemoryShop) -> None:
    """Start that redrive, up to its first letter."""
    await review(user, shop)
    await user.presses("enter").reads_in_prompt("type prod-eu").types("prod-eu").presses("enter").is_at("RunScreen")
    await user.sees("moved 1")


async def see_monitor_result(user: User, shop: MemoryShop) -> None:
    """Wait until the first letter has passed its readers and did not come back."""
    await run_first_letter(user, shop)

    def later() -> None:
        for _ in range(WATCHED):
            shop.trade()

    await user.then_calls(later).sees("passed 1").then_calls(later).reads_in_prompt("enter goes on")
