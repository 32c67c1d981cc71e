"""A broker's error stands in a row of its own, never over what is told of the others."""

from __future__ import annotations

import asyncio

import pytest

from mqtui.services.poller import BrokerSnapshot, Poller
from mqtui.ui.render.broker_status import error_of
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop

NARROW = (80, 24)
LONG = 60.0
"""Seconds in which a poll comes: one that fails just now may be followed by a pause."""


async def test_c121_the_lists_of_other_brokers_tell_of_themselves(dev: MemoryShop) -> None:
    """Redis is lost: its row says since when and what happened; the causes of a Kafka topic say nothing of it."""
    async with at_console(dev.console("shop"), NARROW) as user:
        await user.on_row("orders.DLQ").sees("† 54").reads_in_prompt("orders.DLQ: 31")
        dev.redis.faults.unreachable = True
        await user.then_calls(lambda: polls_now(user)).sees("✗ redis: lost", within=LONG).on_row("orders.DLQ")
        await user.reads_in_prompt("orders.DLQ: 31").sees("kafka ●", "rabbitmq ●", "redis ✗")
        await user.presses("enter").is_at("CausesScreen").sees("SchemaMismatch").reads_in_prompt("all 19")
        assert "lost" not in user.screen_text.split("\n", 1)[1]
        await user.presses("3").is_at("DeadLetterOverviewScreen").sees("✗ redis: lost").on_row("orders.DLQ")
        dev.redis.faults.unreachable = False
        await user.then_calls(lambda: polls_now(user)).sees_no("redis: lost", within=LONG).on_row("orders.DLQ")


async def test_one_that_does_not_open_leaves_the_rows_of_the_others(dev: MemoryShop) -> None:
    """What happened and what to do stand behind its name, on one line though the broker's text has several."""
    dev.redis.faults.password = "not this"
    async with at_console(dev.console("shop"), NARROW) as user:
        await user.on_row("orders.DLQ").sees("✗ redis: ").reads_in_prompt("orders.DLQ")
        (error,) = filter(None, map(error_of, user.console.broker_sessions))
        error.detail = "first line\nsecond line"
        await user.then_calls(user.screen.refresh_figures).sees("first line second line")
        await user.presses("0").is_at("HomeScreen").moves_to("shop").reads_in_prompt("first line second line")


async def test_the_list_gets_a_cursor_though_a_broker_opens_for_long(
    dev: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time the order counts as final, without anything new; what comes later moves nothing under the cursor."""
    figures, find = asyncio.Event(), Poller._find_dead_letters

    async def later(poller: Poller, seen: BrokerSnapshot) -> None:
        await figures.wait()
        await find(poller, seen)

    monkeypatch.setattr(Poller, "_find_dead_letters", later)
    monkeypatch.setattr("mqtui.ui.screens.live_list_screen.MAX_LOADING_SECONDS", 2.0)
    async with at_console(dev.console("dev")) as user:
        await user.is_at("DestinationsScreen").sees("payments")
        assert user.table.current is None
        await user.until(lambda: user.table.current is not None, "has a row")
        chosen = user.row.split()[1]
        figures.set()
        await user.sees("† 54").on_row(chosen)


def polls_now(user: User) -> None:
    """Let every open broker be polled now."""
    for broker_session in user.console.sessions.broker_sessions.values():
        if broker_session.poller is not None:
            broker_session.poller.poll_now()
