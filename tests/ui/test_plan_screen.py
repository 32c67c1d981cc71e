"""The one screen for plans: what must be read before `enter` is on it at 80x24, and the rest folds."""

from __future__ import annotations

import pytest

from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop

SMALL = (80, 24)


async def reviewed(user: User) -> User:
    """The plan of a redrive of one cause."""
    await user.moves_to("dev").presses("enter", "3").on_row("orders.DLQ").presses("enter").on_row("SchemaMismatch")
    return await user.presses("R").is_at("PlanReviewScreen").sees("Start with 1")


async def test_from_to_first_and_the_button_are_in_sight_at_80x24(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console(), SMALL) as user:
        await reviewed(user)
        await user.sees("redrive 19 of 31 letters", "exactly once", "from ", "to ", "first ", "[ Start with 1 ]")
        await user.sees("create the topic mqtui.state", "▸ size").sees_no("x-mqtui-origin")
        await user.reads_in_prompt("enter starts with 1 · nothing has happened yet")


async def test_d_shows_the_details_and_folds_them_again(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console(), SMALL) as user:
        await reviewed(user)
        await user.presses("d").sees("x-mqtui-origin", "largest").presses("d").sees_no("x-mqtui-origin")


async def test_nothing_is_folded_where_there_is_room(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console(), (120, 40)) as user:
        await reviewed(user)
        await user.sees("x-mqtui-origin", "largest", "[ Start with 1 ]").sees_no("▸ size")


async def test_enter_reads_on_until_all_that_must_be_read_was_in_sight(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console(), (40, 11)) as user:
        await user.moves_to("dev").presses("enter", "3").on_row("orders.DLQ").presses("enter").on_row("SchemaMismatch")
        await user.presses("R").is_at("PlanReviewScreen").reads_in_prompt("enter reads on")
        screen = user.screen
        assert isinstance(screen, PlanScreen)
        await user.presses("enter").is_at("PlanReviewScreen").reads_in_prompt("enter starts with 1")
        assert screen.text_view.unread_rows() == 0


@pytest.mark.parametrize("width", [80, 120])
async def test_a_refusal_is_on_the_screen_in_full(shop: MemoryShop, width: int) -> None:
    """A risk that refuses is the first row, however long; the line begins with what can be done about it."""
    shop.profiles()
    shop.rabbitmq.queues["work.invoices.dlq"].consumers.append("somebody")
    async with at_console(shop.console("dev"), (width, 24)) as user:
        await user.on_row("orders.DLQ").sees("work.invoices.dlq").moves_to("work.invoices.dlq").presses("R")
        await user.is_at("PlanReviewScreen").sees("nothing can be started like this")
        await user.reads_in_prompt("E accepts the risk shared")
        screen = user.screen
        assert isinstance(screen, PlanScreen)
        refusing = next(risk for _, plan in screen.parts() for risk in plan.risks if risk.name == "shared")
        await user.until(lambda: refusing.text in " ".join(user.screen_text.split()), "has the whole refusal")


async def refuses_in_full(user: User, reason: str) -> None:
    await user.until(lambda: reason in " ".join(user.screen_text.split()), f"has {reason!r} in full")


async def test_a_refused_price_is_on_the_screen_in_full_at_80x24(shop: MemoryShop) -> None:
    """By the queue, in the list of causes and among its messages."""
    shop.profiles()
    shop.rabbitmq.queues["work.invoices.dlq"].last_look = True
    async with at_console(shop.console("dev"), SMALL) as user:
        await user.sees("work.invoices.dlq").presses("3").moves_to("work.invoices.dlq").presses("enter")
        await user.is_at("CausesScreen")
        await refuses_in_full(user, "✗ a message with 1 delivery left was seen here")
        await user.sees("nothing was spent")
