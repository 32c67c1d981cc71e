"""The third pane of wide terminals: who reads what is shown, what was done to letters before."""

from __future__ import annotations

import pytest

from tests.ui.driver import at_console
from tests.ui.interrupted_runs import InterruptedRuns, short
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs
from tests.ui.memory_shop import MemoryShop

WIDE = (160, 50)
NORMAL = (120, 34)


@pytest.mark.parametrize("size", [WIDE, NORMAL], ids=["wide", "normal"])
async def test_groups_stand_beside_messages_where_there_is_room(shop: MemoryShop, size: tuple[int, int]) -> None:
    """With their lag; `z` sends them away, `enter` goes to the group among the others."""
    shop.profiles()
    async with at_console(shop.console("shop"), size) as user:
        await user.moves_to("orders").presses("enter").is_at("MessagesScreen").sees('"user"')
        if size == NORMAL:
            await user.sees_no("Groups of orders")
            return
        await user.sees("Groups of orders", "shipping", "billing", "reporting")
        await user.presses("z").sees_no("Groups of orders").presses("z").sees("Groups of orders")
        await user.presses("shift+tab").until(lambda: user.table.id == "readers", "is in the groups")
        await user.moves_to("reporting").presses("enter").is_at("GroupsScreen").on_row("reporting")
        await user.presses("esc").is_at("MessagesScreen")


async def test_a_destination_nobody_reads_says_so(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console("shop"), WIDE) as user:
        await user.on_row("orders.DLQ").presses("t").sees("Groups of orders.DLQ", "nobody reads it")


async def test_the_audit_stands_beside_a_letter(interrupted_runs: InterruptedRuns) -> None:
    """What was done to the letters of this screen, how it ended, and in which run."""
    run = await interrupted_runs.moved(3)
    async with at_console(interrupted_runs.console("shop"), WIDE) as user:
        await user.is_at("DestinationsScreen").presses("3").on_row("orders.DLQ").presses("enter").is_at("CausesScreen")
        await user.presses("enter").is_at("DeadLetterScreen")
        await user.sees("Audit of orders.DLQ", "1 change", "redrive by ", "3 moved", f"run {short(run)}")
