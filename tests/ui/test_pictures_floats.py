"""Pictures of what opens over a place, of the six states, and of every theme. Each test says what a person must see."""

from __future__ import annotations

import asyncio

import pytest

from mqtui.domain.capability import Verb
from mqtui.services.poller import BrokerSnapshot, Poller
from tests.ui.driver import User
from tests.ui.memory_shop import MemoryShop, world_of_profiles
from tests.ui.pictures import Album
from tests.ui.scenes import NORMAL, open_shop, verdict

# -- what opens over a place


async def test_help(still: MemoryShop, album: Album) -> None:
    """What works here: looks on the left, CAPITALS on the right; the dim ones say why."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("?").sees("look: never changes anything", "CHANGE: the plan first")
        await album.shows(user)


async def test_menu(still: MemoryShop, album: Album) -> None:
    """The verbs for one row, in a box; the list is still seen around it."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("m").sees("┌")
        await album.shows(user)


async def test_palette(still: MemoryShop, album: Album) -> None:
    """Every action of this place, resources, profiles; what was typed finds the redrive first."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("ctrl+p").sees("┌").types("redr").sees("redrive")
        await album.shows(user)


async def test_goto(still: MemoryShop, album: Album) -> None:
    """`:` asks on the line; two names fit, so they stand above it."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses(":").types("orders")
        await album.shows(user)


async def test_notes(still: MemoryShop, album: Album) -> None:
    """What happened elsewhere, with the time: a run that was left has ended."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await verdict(user, still)
        await user.presses("S").sees("report").presses(":").types("notes").presses("enter").is_at("NotificationsScreen")
        await album.shows(user)


async def test_quit(still: MemoryShop, album: Album) -> None:
    """A run is under way: quitting names it, or says how many where there is little room; all but `s` stays."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await verdict(user, still)
        await user.presses("q").reads_in_line("under way")
        await album.shows(user)


# -- the six states


async def test_state_loading(still: MemoryShop, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was read yet: it says so, and no figure stands where none is known."""
    asked = asyncio.Event()

    async def hang(self: Poller, seen: BrokerSnapshot) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Poller, "_refresh", hang)
    async with album.at(still.console("shop"), NORMAL) as user:
        await user.is_at("DestinationsScreen").until(asked.is_set, "asked the broker").sees("reading")
        assert "0" not in user.picture.splitlines()[0].replace("▸ 0", "").replace("08:00", "")
        await album.shows(user)


async def test_state_empty(still: MemoryShop, album: Album) -> None:
    """No dead letters anywhere, and what was looked at."""
    still.world = world = world_of_profiles()
    world.kafka().make("orders")
    world.rabbitmq()
    world.redis()
    async with album.at(still.console("shop"), NORMAL) as user:
        await user.on_row("orders").presses("3").is_at("DeadLetterOverviewScreen").sees("no dead letters anywhere")
        await album.shows(user)


async def test_state_filtered(still: MemoryShop, album: Album) -> None:
    """Nothing matches: how many are hidden, and the key that shows them."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("/").types("ordx").presses("enter").sees("0 of 10", "nothing matches ordx")
        await album.shows(user)


async def test_state_partial(still: MemoryShop, album: Album) -> None:
    """A missing right costs one column, never the list; the rule says which."""
    for shelf in (still.kafka, still.rabbitmq, still.redis):
        shelf.faults.denied.add(Verb.GROUPS)
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.sees("Not authorised to list groups")
        await album.shows(user)


async def test_state_stale(still: MemoryShop, album: Album) -> None:
    """The link is lost: the last figures are dim and stay, since when and the next try are said, CAPITALS are dim."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await open_shop(user, still)
        still.kafka.faults.unreachable = True
        await user.does(lambda: soon(user)).reads_in_line("lost").sees("✗ lost", "orders.DLQ")
        still.world.clock.advance(12_000)
        await user.reads_in_line("kafka: lost 12s ago · retry 1 in 18s")
        await album.shows(user)


async def test_state_error(still: MemoryShop, album: Album) -> None:
    """A login that was refused: which broker, what it said, and what to do."""
    still.kafka.faults.password = "secret"
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await user.is_at("DestinationsScreen").sees("✗").sees("password")
        await album.shows(user)


def soon(user: User) -> None:
    """Let every open broker be looked at now."""
    for broker_session in user.console.sessions.broker_sessions.values():
        if broker_session.poller is not None:
            broker_session.poller.poll_now()


# -- themes and terminals


@pytest.mark.parametrize("theme", ["light", "contrast"])
async def test_theme(still: MemoryShop, album: Album, theme: str) -> None:
    """The same list in another theme: everything can be told apart and read."""
    console = still.console("shop")
    async with album.at(console, NORMAL) as user:
        await open_shop(user, still)
        console.theme = theme
        await album.shows(user, f"theme-{theme}")


async def test_no_color(still: MemoryShop, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colour: the cursor is reversed, the focused rule doubled, `[PROD]` in brackets, muted dim."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await open_shop(user, still)
        await user.sees("[PROD]", "═ Destinations ═")
        await album.shows(user)


async def test_ascii(still: MemoryShop, album: Album) -> None:
    """ASCII alone: every sign has its plain form, and nothing else moves."""
    async with album.at(still.console("shop", ascii_only=True), NORMAL) as user:
        await open_shop(user, still)
        assert user.picture.isascii(), [char for char in user.picture if not char.isascii()]
        await album.shows(user)
