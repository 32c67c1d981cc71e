"""After a run the screens tell what is so now: counts are read again, or say that they are from before."""

from __future__ import annotations

from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop


async def sends_one(user: User) -> User:
    """One letter goes home, then the run is stopped and left."""
    await user.presses("R").is_at("PlanReviewScreen").sees("[ Start with 1 ]").presses("enter").is_at("RunScreen")
    await user.sees("moved 1").presses("S").reads_in_prompt("○ stopped: redrive")
    return await user.presses("esc").is_at("CausesScreen")


async def test_causes_are_counted_again(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.sees("orders.DLQ").presses("3").moves_to("orders.DLQ").presses("enter").is_at("CausesScreen")
        await user.on_row("SchemaMismatch").on_row("19")
        await sends_one(user)
        await user.on_row("SchemaMismatch").on_row("18").sees("30 · 3 causes")


async def test_a_queue_that_costs_says_that_its_counts_are_from_before(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.sees("work.invoices.dlq").presses("3").moves_to("work.invoices.dlq").presses("enter")
        await user.reads_in_prompt("PRICE").presses("enter").sees("shown from memory")
        await sends_one(user)
        await user.sees("outdated").reads_in_prompt("counted before the last run: r reads again, at its price")


async def test_the_watch_counts_down_and_says_how_many_may_come_back(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.sees("orders.DLQ").presses("3").moves_to("orders.DLQ").presses("enter").is_at("CausesScreen")
        await user.on_row("SchemaMismatch").presses("R").sees("[ Start with 1 ]").presses("enter").is_at("RunScreen")
        await user.sees("s left", "came back 0 % of at most 5 %").presses("S")


async def test_yy_copies_the_report_as_markdown(shop: MemoryShop) -> None:
    """On the run, among the runs, and on its letters: with cause, plan and audit numbers."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.sees("orders.DLQ").presses("3").moves_to("orders.DLQ").presses("enter").is_at("CausesScreen")
        await user.on_row("SchemaMismatch").presses("R").sees("[ Start with 1 ]").presses("enter").is_at("RunScreen")
        await user.sees("moved 1").presses("S").reads_in_prompt("○ stopped: redrive")
        for place in ("", "RunsScreen", "RunLettersScreen"):
            if place:
                await user.presses({"RunsScreen": "5", "RunLettersScreen": "enter"}[place]).is_at(place)
                await user.until(lambda: user.table.current is not None, "has a row")
            user.console.copy_to_clipboard("")
            await user.presses("y", "y").reads_in_prompt("report copied")
            report = user.console.clipboard
            assert report.startswith("## redrive "), place
            assert ": stopped, 1 of 19 letters moved" in report
            assert "SchemaMismatch" in report
            assert "| audit | 1, 2 |" in report
