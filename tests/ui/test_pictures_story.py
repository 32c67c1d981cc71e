"""The story in six pictures, as the README tells it: dead invoices go home at three in the morning."""

from __future__ import annotations

from tests.ui.memory_shop import MemoryShop
from tests.ui.pictures import Album
from tests.ui.scenes import NORMAL, open_shop, trades

BOOKED = 6
"""Looks of the consumers after which their queue is known to be empty, and nothing came back for long enough."""


async def test_story(still: MemoryShop, album: Album) -> None:
    """Red on top; what a look costs; one cause; the plan; the first letter passed; all are home, and a report."""

    def booked() -> None:
        for _ in range(BOOKED):
            still.book()

    async with album.at(still.console("prod-mq"), NORMAL) as user:
        await open_shop(user, still, "work.invoices.dlq")
        await album.shows(user, "story-1-trouble")
        await (
            user.presses("3")
            .is_at("DeadLetterOverviewScreen")
            .on_row("work.invoices.dlq")
            .presses("enter")
            .is_at("CausesScreen")
        )
        await user.reads_in_line("PRICE")
        await album.shows(user, "story-2-price")
        await user.presses("enter").on_row("tax number")
        await album.shows(user, "story-3-cause")
        await user.presses("R").is_at("PlanReviewScreen").reads_in_line("starts with 1")
        await album.shows(user, "story-4-plan")
        await user.presses("enter").reads_in_line("type prod-mq").types("prod-mq").presses("enter").is_at("RunScreen")
        await user.sees("moved 1").reads_in_line("watching").does(booked).sees("passed 1")
        await user.does(booked).reads_in_line("enter goes on with 18")
        await user.does(trades(user, still, 1))
        await album.shows(user, "story-5-verdict")
        await user.presses("enter").sees("moved 11").reads_in_line("watching").does(booked).sees("passed 11")
        await user.does(booked).sees("moved 19").reads_in_line("watching").does(booked).sees("passed 19")
        await user.does(booked).reads_in_line("19 moved, 19 passed")
        await user.does(trades(user, still, 1)).sees("† 0")
        await album.shows(user, "story-6-report")
