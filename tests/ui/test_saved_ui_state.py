"""What is remembered from one time to the next: the theme, and the profile used last."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.state import ui_state
from mqtui.ui.render.home.profiles import where
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop


async def test_a_theme_is_worn_again(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").presses("ctrl+p").types("theme: light").sees("theme: light").presses("enter")
        await user.until(lambda: ui_state.load().theme == "light", "it is kept")
    async with at_console(shop.console()) as user:
        assert user.console.theme == "light"


async def test_a_theme_that_is_gone_is_the_default(shop: MemoryShop) -> None:
    ui_state.save(ui_state.UiState("gone"))
    async with at_console(shop.console()) as user:
        assert user.console.theme == "dark"


async def test_the_cursor_starts_on_the_profile_used_last(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.moves_to("prod-mq").presses("enter").sees("work.invoices.dlq")
        await user.until(lambda: "prod-mq" in ui_state.load().used, "it is kept").presses("0").sees("now")
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").on_row("prod-mq").sees("USED", "WHERE", "prod:5672")


@pytest.mark.parametrize("text", [b"", b"[1]", b'{"theme": 5}', b"\xff"])
def test_a_damaged_file_is_nothing_remembered(folders: Path, text: bytes) -> None:
    ui_state.save(ui_state.UiState("light"))
    (file,) = (folders / "state").glob("console.json")
    file.write_bytes(text)
    assert ui_state.load() == ui_state.UiState()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("kafka+ssl://anna@b1.eu.shop:9093,b2.eu.shop:9093", "b1.eu.shop:9093 +1 · tls · anna"),
        ("amqp://mq.eu.shop:5672/shop", "mq.eu.shop:5672 shop"),
        ("redis://cache.stage:6379/0", "cache.stage:6379"),
    ],
)
def test_where_a_profile_points(url: str, words: str) -> None:
    kind = {"k": BrokerKind.KAFKA, "a": BrokerKind.RABBITMQ, "r": BrokerKind.REDIS}[url[0]]
    assert where({kind: url}) == words
