"""Home: the frame stands before the profiles are read, and shows what another process makes of them."""

from __future__ import annotations

from threading import Event

import pytest
from textual.events import Key

from mqtui.profiles.model import Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui.session.sessions import SessionRegistry
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop


async def test_the_frame_does_not_wait_for_the_profiles_and_keys_wait_for_what_they_open(
    shop: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`enter` before a row is painted opens nothing; on the painted row it does."""
    shop.profiles()
    may_read, read = Event(), SessionRegistry.profiles

    def slow(bench: SessionRegistry) -> list[Profile]:
        assert may_read.wait(10)
        return read(bench)

    monkeypatch.setattr(SessionRegistry, "profiles", slow)
    console = shop.console()
    async with at_console(console) as user:
        await user.is_at("HomeScreen").sees("Profiles", "reading …", "? keys")
        user.console.post_message(Key("enter", "\r"))
        await user.then_calls(may_read.set).on_row("prod-eu").sees_no("reading …").is_at("HomeScreen")
        assert not console.sessions.broker_sessions
        await user.presses("enter").is_at("DestinationsScreen").presses("3").is_at("DeadLetterOverviewScreen")
        await user.sees("prod-eu", "orders.DLQ").presses("esc", "esc").is_at("HomeScreen").on_row("prod-eu")


async def test_what_another_process_changed_is_read_by_r_and_on_return(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.on_row("prod-eu").then_calls(lambda: ProfileStore().remove("prod-cache"))
        await user.presses("r").sees_no("prod-cache").moves_to("dev").presses("enter").is_at("DestinationsScreen")
        await user.then_calls(lambda: ProfileStore().remove("prod-mq")).presses("esc").is_at("HomeScreen")
        await user.sees_no("prod-mq").on_row("dev")
