"""A mistake of mqtui's own is said in words where it happened; the console lives and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.services.watch import Seen, Watch
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop


async def test_a_broker_whose_watch_fails_says_so_and_the_others_stay(
    shop: MemoryShop, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Watch._look

    async def fails(watch: Watch, seen: Seen) -> None:
        if watch.session.broker.kind is BrokerKind.REDIS:
            raise ZeroDivisionError("nobody expected this")
        await look(watch, seen)

    monkeypatch.setattr(Watch, "_look", fails)
    shop.profiles()
    async with at_console(shop.console("shop")) as user:
        await user.sees("redis ✗", "kafka ●", "rabbitmq ●").on_row("orders.DLQ")
        desk = user.console.bench.desks["shop", BrokerKind.REDIS]
        assert desk.trouble is not None
        assert desk.trouble.title == "mqtui made a mistake"
    assert "nobody expected this" in (folders / "state" / "last-mistake.txt").read_text()


async def test_work_that_fails_is_said_in_the_line(shop: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(seconds: float) -> None:
        raise ZeroDivisionError

    shop.profiles()
    with pytest.raises(ZeroDivisionError):
        async with at_console(shop.console("shop")) as user:
            await user.on_row("orders.DLQ")
            user.place.run_worker(fails(0.0), exit_on_error=False)
            await user.reads_in_line("mqtui made a mistake").presses("j").sees("orders.DLQ")


async def test_a_file_of_profiles_with_a_mistake_is_named_at_home(shop: MemoryShop, folders: Path) -> None:
    """Its line is named, and what is mended is shown after `r`."""
    shop.profiles()
    file = folders / "config" / "profiles.toml"
    right = file.read_text()
    file.write_text(right + "\n[profiles.shop]\n")
    async with at_console(shop.console()) as user:
        await user.is_at("HomePlace").sees("profiles.toml", "profiles", "[[profile]]")
        await user.does(lambda: file.write_text(right)).presses("r").on_some_row("prod-eu")
