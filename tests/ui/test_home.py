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


async def test_the_frame_does_not_wait_for_the_profiles_and_typed_keys_do(
    shop: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.profiles()
    may_read, read = Event(), SessionRegistry.profiles

    def slow(bench: SessionRegistry) -> list[Profile]:
        assert may_read.wait(10)
        return read(bench)

    monkeypatch.setattr(SessionRegistry, "profiles", slow)
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").sees("Profiles", "reading …", "? keys")
        user.console.post_message(Key("enter", "\r"))
        user.console.post_message(Key("3", "3"))
        await (
            user.is_at("HomeScreen")
            .then_calls(may_read.set)
            .is_at("DeadLetterOverviewScreen")
            .sees("prod-eu", "orders.DLQ")
        )
        await user.presses("esc", "esc").is_at("HomeScreen").on_row("prod-eu").sees_no("reading …")


async def test_what_another_process_changed_is_read_by_r_and_on_return(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.on_row("prod-eu").then_calls(lambda: ProfileStore().remove("prod-cache"))
        await user.presses("r").sees_no("prod-cache").moves_to("dev").presses("enter").is_at("DestinationsScreen")
        await user.then_calls(lambda: ProfileStore().remove("prod-mq")).presses("esc").is_at("HomeScreen")
        await user.sees_no("prod-mq").on_row("dev")
