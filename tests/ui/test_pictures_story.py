"""The story in six pictures, as the README tells it: dead invoices go home at three in the morning."""

from __future__ import annotations

from tests.ui.memory_shop import MemoryShop
from tests.ui.picture_steps import NORMAL, open_shop, trade_and_poll
from tests.ui.pictures import Pictures

BOOKED = 6
"""Looks of the consumers after which their queue is known to be empty, and nothing came back for long enough."""


async def test_story(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Red on top; what a look costs; one cause; the plan; the first letter passed; all are home, and a report."""

    def booked() -> None:
        for _ in range(BOOKED):
            frozen_shop.book()

    async with pictures.at(frozen_shop.console("prod-mq"), NORMAL) as user:
        await open_shop(user, frozen_shop, "work.invoices.dlq")
        await pictures.shows(user, "story-1-trouble")
        await (
            user.presses("3")
            .is_at("DeadLetterOverviewScreen")
            .on_row("work.invoices.dlq")
            .presses("enter")
            .is_at("CausesScreen")
        )
        await user.reads_in_prompt("PRICE")
        await pictures.shows(user, "story-2-price")
        await user.presses("enter").on_row("tax number")
        await pictures.shows(user, "story-3-cause")
        await user.presses("R").is_at("PlanReviewScreen").reads_in_prompt("starts with 1")
        await pictures.shows(user, "story-4-plan")
        await user.presses("enter").reads_in_prompt("type prod-mq").types("prod-mq").presses("enter").is_at("RunScreen")
        await user.sees("moved 1").reads_in_prompt("watching").then_calls(booked).sees("passed 1")
        await user.then_calls(booked).reads_in_prompt("enter goes on with 18")
        await user.then_calls(trade_and_poll(user, frozen_shop, 1))
        await pictures.shows(user, "story-5-verdict")
        await user.presses("enter").sees("moved 11").reads_in_prompt("watching").then_calls(booked).sees("passed 11")
        await user.then_calls(booked).sees("moved 19").reads_in_prompt("watching").then_calls(booked).sees("passed 19")
        await user.then_calls(booked).reads_in_prompt("19 moved, 19 passed")
        await user.then_calls(trade_and_poll(user, frozen_shop, 1)).sees("† 0")
        await pictures.shows(user, "story-6-report")
