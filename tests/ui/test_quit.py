"""Quitting: at once, unless something is under way."""

from __future__ import annotations

import pytest

from tests.ui.driver import User, at_console
from tests.ui.interrupted_runs import LETTERS, InterruptedRuns, interrupted
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs
from tests.ui.memory_shop import MemoryShop


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_with_nothing_under_way_it_quits(shop: MemoryShop, key: str) -> None:
    """No question is asked."""
    async with at_console(shop.console()) as user:
        await user.presses(key).until(lambda: not user.console.is_running or user.console._exit, "quits")


async def started(user: User) -> None:
    """Redrive all letters, the first one alone: it asks after that."""
    await user.is_at("DestinationsScreen").presses("3").on_row("orders.DLQ").presses("R").sees("[ Start with 1 ]")
    await user.presses("enter").reads_in_prompt("type shop").types("shop").presses("enter").is_at("RunScreen")


async def test_a_run_under_way_is_named_and_may_go_on(interrupted_runs: InterruptedRuns) -> None:
    """`q` lists it; `esc`, `enter` and any key but `s` stay, and nothing of it has stopped."""
    async with at_console(interrupted_runs.console("shop")) as user:
        await started(user)
        (task,) = user.console.sessions.running_tasks
        for key in ("esc", "enter", "q", "x"):
            await user.presses("q").reads_in_prompt("under way: redrive")
            await user.presses(key).until(lambda: "under way" not in user.prompt_text, "lets it go on")
        assert task.is_running
        await user.presses("ctrl+q").reads_in_prompt("s stops after the hand").presses("esc")
        await user.presses("ctrl+z").reads_in_prompt("a run is under way")


async def test_s_finishes_the_hand_and_quits(interrupted_runs: InterruptedRuns) -> None:
    """What was in hand is settled, the rest lies where it was, and nothing waits to be resumed."""
    async with at_console(interrupted_runs.console("shop")) as user:
        await started(user)
        (task,) = user.console.sessions.running_tasks
        await user.presses("q").reads_in_prompt("under way").presses("s")
        await user.until(lambda: not task.is_running, "stops it")
    assert not interrupted()
    moved = interrupted_runs.ground.returned()
    assert interrupted_runs.left == LETTERS - len(moved)
    assert len(moved) == len(set(moved))


async def test_esc_never_quits(shop: MemoryShop) -> None:
    """At home it says where one is."""
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").presses("esc").reads_in_prompt("this is home").presses("esc")
        assert user.console.is_running
