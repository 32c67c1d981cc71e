"""Pictures of what opens over a screen, of the six states, and of every theme. Each says what a person must see."""

from __future__ import annotations

import asyncio

import pytest

from mqtui.domain.capability import Verb
from mqtui.services.poller import BrokerSnapshot, Poller
from tests.ui.driver import User
from tests.ui.memory_shop import MemoryShop, world_of_profiles
from tests.ui.picture_steps import NORMAL, open_shop, see_monitor_result
from tests.ui.pictures import Pictures

# -- what opens over a screen


async def test_help(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """What works here: looks on the left, CAPITALS on the right; the dim ones say why."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("?").sees("look: never changes anything", "CHANGE: the plan first")
        await pictures.shows(user)


async def test_menu(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """The verbs for one row, in a box; the list is frozen_shop seen around it."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("m").sees("┌")
        await pictures.shows(user)


async def test_palette(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Every action of this screen, resources, profiles; what was typed finds the redrive first."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("ctrl+p").sees("┌").types("redr").sees("redrive")
        await pictures.shows(user)


async def test_goto(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """`:` asks on the prompt line; two names fit, so they stand above it."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses(":").types("orders")
        await pictures.shows(user)


async def test_notes(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """What happened elsewhere, with the time: a run that was left has ended."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await see_monitor_result(user, frozen_shop)
        await user.presses("S").sees("report").presses(":").types("notes").presses("enter").is_at("NotificationsScreen")
        await pictures.shows(user)


async def test_quit(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """A run is under way: quitting names it, or says how many where there is little room; all but `s` stays."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await see_monitor_result(user, frozen_shop)
        await user.presses("q").reads_in_prompt("under way")
        await pictures.shows(user)


# -- the six states


async def test_state_loading(frozen_shop: MemoryShop, pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was read yet: it says so, and no figure stands where none is known."""
    asked = asyncio.Event()

    async def hang(self: Poller, seen: BrokerSnapshot) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Poller, "_refresh", hang)
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await user.is_at("DestinationsScreen").until(asked.is_set, "asked the broker").sees("reading")
        assert "0" not in user.screen_text.splitlines()[0].replace("▸ 0", "").replace("08:00", "")
        await pictures.shows(user)


async def test_state_empty(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """No dead letters anywhere, and what was looked at."""
    frozen_shop.world = world = world_of_profiles()
    world.kafka().make("orders")
    world.rabbitmq()
    world.redis()
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await user.on_row("orders").presses("3").is_at("DeadLetterOverviewScreen").sees("no dead letters anywhere")
        await pictures.shows(user)


async def test_state_filtered(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Nothing matches: how many are hidden, and the key that shows them."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("/").types("ordx").presses("enter").sees("0 of 10", "nothing matches ordx")
        await pictures.shows(user)


async def test_state_partial(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """A missing right costs one column, never the list; the rule says which."""
    for server in (frozen_shop.kafka, frozen_shop.rabbitmq, frozen_shop.redis):
        server.faults.denied.add(Verb.GROUPS)
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.sees("Not authorised to list groups")
        await pictures.shows(user)


async def test_state_stale(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """The link is lost: the last figures are dim and stay, since when and the next try are said, CAPITALS are dim."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        frozen_shop.kafka.faults.unreachable = True
        await user.then_calls(lambda: soon(user)).sees("✗ kafka: lost", "kafka ✗ lost", "orders.DLQ")
        frozen_shop.world.clock.advance(12_000)
        await user.sees("✗ kafka: lost 12s ago · retry 1 in 18s")
        await pictures.shows(user)


async def test_state_error(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """A login that was refused: which broker, what it said, and what to do."""
    frozen_shop.kafka.faults.password = "secret"
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await user.is_at("DestinationsScreen").sees("✗").sees("password")
        await pictures.shows(user)


def soon(user: User) -> None:
    """Let every open broker be looked at now."""
    for broker_session in user.console.sessions.broker_sessions.values():
        if broker_session.poller is not None:
            broker_session.poller.poll_now()


# -- themes and terminals


@pytest.mark.parametrize("theme", ["light", "contrast"])
async def test_theme(frozen_shop: MemoryShop, pictures: Pictures, theme: str) -> None:
    """The same list in another theme: everything can be told apart and read."""
    console = frozen_shop.console("shop")
    async with pictures.at(console, NORMAL) as user:
        await open_shop(user, frozen_shop)
        console.theme = theme
        await pictures.shows(user, f"theme-{theme}")


async def test_no_color(frozen_shop: MemoryShop, pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colour: the cursor is reversed, the focused rule doubled, `[PROD]` in brackets, muted dim."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.sees("[PROD]", "═ Destinations ═")
        await pictures.shows(user)


async def test_ascii(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """ASCII alone: every sign has its plain form, and nothing else moves."""
    async with pictures.at(frozen_shop.console("shop", ascii_only=True), NORMAL) as user:
        await open_shop(user, frozen_shop)
        assert user.screen_text.isascii(), [char for char in user.screen_text if not char.isascii()]
        await pictures.shows(user)
