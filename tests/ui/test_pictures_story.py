"""The story in six pictures, as the README tells it: dead invoices go home at three in the morning."""

from __future__ import annotations

from tests.ui.memory_shop import MemoryShop
from tests.ui.picture_steps import NORMAL, open_shop, trade_and_poll
from tests.ui.pictures import Pictures

BOOKED = 6
"""Looks of the consumers after which their queue is known to be empty, and nothing came back for long enough."""


HERO = (152, 22)
FAILURES = (
    (
        "shop.fraud.ConnectException",
        "fraud-check refused the connection",
        (33, 31, 30, 12, 9, 7, 6, 5, 4, 3, 3, 2, 2, 1),
    ),
    ("shop.billing.UnknownCurrency", "no rate for currency XDR", (28, 22, 17, 13, 8, 4)),
    ("shop.stock.Deadlock", "transaction 81532 was chosen as the victim", (21, 20, 20, 19)),
    ("com.fasterxml.jackson.JsonParseException", "Unexpected end of input at line 1", (11, 1)),
)
"""What died in the last half hour beside the three causes before: one that has just begun to rise, others that come and
go."""


async def test_hero(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """The first picture of the README: what is wrong by cause, with its trend, and a letter with its exception."""
    deaths = sorted(
        ((minutes, thrown, why) for thrown, why, times in FAILURES for minutes in times), key=lambda death: -death[0]
    )
    for minutes, thrown, why in deaths:
        frozen_shop.fail_orders(thrown, why, [minutes])
    async with pictures.at(frozen_shop.console("shop"), HERO) as user:
        await open_shop(user, frozen_shop)
        await user.presses("enter").is_at("CausesScreen").on_row("SchemaMismatch").sees("7 causes")
        await user.presses("down").on_row("ConnectException").sees("fraud-check refused the connection")
        await pictures.shows(user, "hero")


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
