"""The way through the screens: a view is there once, and what is kept to go back to has a bound."""

from __future__ import annotations

from mqtui.ui.navigation.history import FIXED_SCREENS, MAX_SCREENS
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop


async def test_a_view_is_found_as_it_was_left(dev: MemoryShop) -> None:
    """Cursor and filter of destinations are there again after a look at groups; esc leads the way back."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").presses("/").types("dlq").presses("enter").sees("3 of 10").presses("j")
        row = user.row
        await user.presses("2").is_at("GroupsScreen").presses("1").is_at("DestinationsScreen").sees("3 of 10")
        assert user.row.split()[:3] == row.split()[:3]
        await user.presses("esc", "esc").is_at("GroupsScreen").presses("esc").is_at("HomeScreen")


async def test_going_round_and_round_keeps_no_more_screens(dev: MemoryShop) -> None:
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ")
        for _ in range(3):
            await user.presses("2").is_at("GroupsScreen").presses("3").is_at("DeadLetterOverviewScreen")
            await user.presses("1").is_at("DestinationsScreen")
        assert len(user.console.screen_stack) == FIXED_SCREENS + 3


async def test_the_oldest_places_go(dev: MemoryShop) -> None:
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").moves_to("clicks")
        for _ in range(MAX_SCREENS):
            await (
                user.presses("enter").is_at("MessagesScreen").presses("1").is_at("DestinationsScreen").on_row("clicks")
            )
        assert len(user.console.screen_stack) <= FIXED_SCREENS + MAX_SCREENS
