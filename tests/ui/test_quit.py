"""Quitting: at once, unless something is under way."""

from __future__ import annotations

import pytest

from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop
from tests.ui.runs_ground import LETTERS, RunsGround, interrupted
from tests.ui.runs_ground import runs_ground as runs_ground


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_with_nothing_under_way_it_quits(shop: MemoryShop, key: str) -> None:
    """No question is asked."""
    async with at_console(shop.console()) as user:
        await user.presses(key).until(lambda: not user.console.is_running or user.console._exit, "quits")


async def started(user: User) -> None:
    """Redrive all letters, the first one alone: it asks after that."""
    await user.is_at("DestinationsScreen").presses("3").on_row("orders.DLQ").presses("R").sees("[ Start with 1 ]")
    await user.presses("enter").reads_in_line("type shop").types("shop").presses("enter").is_at("RunScreen")


async def test_a_run_under_way_is_named_and_may_go_on(runs_ground: RunsGround) -> None:
    """`q` lists it; `esc`, `enter` and any key but `s` stay, and nothing of it has stopped."""
    async with at_console(runs_ground.console("shop")) as user:
        await started(user)
        (task,) = user.console.sessions.running_tasks
        for key in ("esc", "enter", "q", "x"):
            await user.presses("q").reads_in_line("under way: redrive")
            await user.presses(key).until(lambda: "under way" not in user.line, "lets it go on")
        assert task.is_running
        await user.presses("ctrl+q").reads_in_line("s stops after the hand").presses("esc")
        await user.presses("ctrl+z").reads_in_line("a run is under way")


async def test_s_finishes_the_hand_and_quits(runs_ground: RunsGround) -> None:
    """What was in hand is settled, the rest lies where it was, and nothing waits to be resumed."""
    async with at_console(runs_ground.console("shop")) as user:
        await started(user)
        (task,) = user.console.sessions.running_tasks
        await user.presses("q").reads_in_line("under way").presses("s")
        await user.until(lambda: not task.is_running, "stops it")
    assert not interrupted()
    moved = runs_ground.ground.home()
    assert runs_ground.left == LETTERS - len(moved)
    assert len(moved) == len(set(moved))


async def test_esc_never_quits(shop: MemoryShop) -> None:
    """At home it says where one is."""
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").presses("esc").reads_in_line("this is home").presses("esc")
        assert user.console.is_running
