"""The first minute of `mqtui demo`: five lines, one letter home, verified, by somebody who has read nothing else."""

from __future__ import annotations

import pytest

from mqtui.cli.demo_thread import DemoThread
from mqtui.ui.app import Console
from tests.ui.driver import at_console
from tests.ui.story_shop import FINDING, VERDICT
from tests.ui.story_shop import no_desktop as no_desktop

STARTED = 90.0
"""Seconds until a broker of the demo is up and seeded."""

pytestmark = pytest.mark.timeout(300)


async def test_five_lines(no_desktop: None) -> None:
    """Each line says the next key; at the end the first letter is home and stayed, and `yc` copies the command."""
    with DemoThread(["kafka"]) as demo_brokers:
        async with at_console(Console(demo_brokers=demo_brokers)) as user:
            await user.is_at("DestinationsScreen").reads_in_prompt("1/5 The shop is in trouble, worst on top")
            await user.on_row("orders.DLQ", STARTED)
            await (
                user.presses("enter")
                .is_at("CausesScreen")
                .reads_in_prompt("2/5")
                .reads_in_prompt("3/5 Small letters look")
            )
            await user.on_row("PaymentTimeout", FINDING).presses("R").is_at("PlanReviewScreen")
            await user.reads_in_prompt("4/5 This is the plan; nothing has happened yet")
            await user.sees("[ Start with 1 ]", within=FINDING).presses("enter").is_at("RunScreen")
            await user.sees("✓ The letter passed billing", "did not come back", within=VERDICT)
            await user.reads_in_prompt("4/5 The first letter came home and stayed")
            await user.presses("y", "c").reads_in_prompt("command copied")
            assert user.console.clipboard.startswith("mqtui redrive 'kafka://")
            assert user.keys == 5
            await user.presses("enter").reads_in_prompt("5/5 All of them came home and stayed", within=3 * VERDICT)


async def test_esc_sends_the_coach_away() -> None:
    """It never comes back, and the line says again what matters about the row."""
    with DemoThread(["redis"]) as demo_brokers:
        async with at_console(Console(demo_brokers=demo_brokers)) as user:
            await user.reads_in_prompt("1/5").on_row("payments:dlq", STARTED)
            await user.presses("esc").reads_in_prompt("12 dead letters of payments")
            await user.presses("enter").is_at("CausesScreen").sees_no("2/5", "3/5")
