"""Pictures of every screen. Each test says what a person must see; the pictures are looked at before they are approved.

Time stands frozen_shop in them (`frozen_shop`), so trends come from rounds of trade and looks that the test makes.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from mqtui.domain.alert import Mute
from mqtui.domain.resource import BrokerKind
from mqtui.state.alert_store import AlertStore
from mqtui.ui.screens.home import welcome
from tests.ui.memory_shop import MemoryShop
from tests.ui.picture_steps import MAIN, NORMAL, open_shop
from tests.ui.pictures import Pictures

# -- home


async def test_start(shop: MemoryShop, pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is configured: five ways to begin, `enter` does the one under the cursor; the rule of letters below."""
    monkeypatch.setattr(welcome, "PORT_TIMEOUT", 0.0)
    async with pictures.at(shop.console(), NORMAL) as user:
        await user.is_at("WelcomeScreen").on_row("Try the demo")
        user.console._tick()
        assert "Small letters look. CAPITALS change something" in user.prompt_text


@MAIN
async def test_home(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Profiles with environment, brokers and mode; one is open with its figures, the closed ones say `?`, never 0."""
    async with pictures.at(frozen_shop.console(), size) as user:
        await user.is_at("HomeScreen").moves_to("dev").presses("enter")
        await open_shop(user, frozen_shop)
        await user.presses("0").is_at("HomeScreen").on_row("dev")
        await pictures.shows(user)


# -- lists


@MAIN
async def test_destinations(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Three brokers in one list: dead letters on top, then the stuck topic, a rule, and what is well below it.

    The top bar names profile, environment, mode and links; backlog with its trend; letters and runs.
    """
    async with pictures.at(frozen_shop.console("shop"), size) as user:
        await open_shop(user, frozen_shop)
        await pictures.shows(user)


async def test_destinations_marked(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Two rows are marked, a filter is kept: the rule counts what is shown, and what is marked but not shown."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await (
            user.presses("space", "space").presses("/").types("invoices").presses("enter").sees("2 marked, 1 not shown")
        )
        await pictures.shows(user)


@MAIN
async def test_groups(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Shipping stands frozen_shop, on top; its partitions are beside, the one with the lag first."""
    async with pictures.at(frozen_shop.console("shop"), size) as user:
        await open_shop(user, frozen_shop)
        await user.presses("2").is_at("GroupsScreen").on_row("shipping")
        await pictures.shows(user)


@MAIN
async def test_stuck_record(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """What shipping reads next, under the cursor among its neighbours; since when, how old, and what sets it apart."""
    async with pictures.at(frozen_shop.console("shop"), size) as user:
        await open_shop(user, frozen_shop)
        await user.presses("2").is_at("GroupsScreen").on_row("shipping").presses("enter", "g", "enter")
        await user.is_at("StuckRecordScreen").reads_in_prompt("in form like the 3 before it")
        await pictures.shows(user)


async def test_radar(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """54 letters in 3 places with their age; the queue's cause is not read, since that has a price."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("3").is_at("DeadLetterOverviewScreen").on_row("orders.DLQ")
        await pictures.shows(user)


@MAIN
async def test_messages(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """The newest orders with time, position, key and value; the one under the cursor is decoded beside."""
    async with pictures.at(frozen_shop.console("shop"), size) as user:
        await open_shop(user, frozen_shop)
        await user.moves_to("orders").presses("enter").is_at("MessagesScreen").sees("118282")
        await pictures.shows(user)


@pytest.mark.parametrize("size", (NORMAL, (80, 24)), ids=("normal", "narrow"))
async def test_search(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Orders of one user, newest first; what was scanned and could not be decoded is in the title."""
    async with pictures.at(frozen_shop.console("shop"), size) as user:
        await open_shop(user, frozen_shop)
        await user.moves_to("orders").presses("enter").is_at("MessagesScreen").sees("118282")
        await user.presses("s").types('.user == "u7"').presses("enter").is_at("SearchScreen").sees("Found", "scanned")
        await user.sees("118")
        await pictures.shows(user)


async def test_pending(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """The dead consumer worker-7 and its 42 entries, idle for three hours; C and A say how many they take."""
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses("2").is_at("GroupsScreen").moves_to("settle").presses("enter").is_at("PendingScreen")
        await user.sees("worker-7", "42, all read")
        await pictures.shows(user)


# -- dead letters


@MAIN
async def test_causes(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """Three causes of 31 letters, the largest on top; a sample with its own frame, origin, value; R takes these 19."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await open_shop(user, frozen_shop)
        await user.presses("enter").is_at("CausesScreen").on_row("SchemaMismatch").sees("3 causes")
        await pictures.shows(user)


async def test_letters(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """All dead letters of the topic in their order, and the one under the cursor decoded beside."""
    async with pictures.at(frozen_shop.console("prod-eu"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.presses(":").types("orders.DLQ@0/0").presses("enter").is_at("DeadLetterListScreen").sees("0/0")
        await pictures.shows(user)


@MAIN
async def test_letter(frozen_shop: MemoryShop, pictures: Pictures, size: tuple[int, int]) -> None:
    """One letter: what it died of, its original and that it differs, its headers and what becomes of each."""
    async with pictures.at(frozen_shop.console("prod-eu"), size) as user:
        await open_shop(user, frozen_shop)
        await (
            user.presses("enter")
            .is_at("CausesScreen")
            .on_row("SchemaMismatch")
            .presses("enter")
            .is_at("DeadLetterScreen")
        )
        await user.sees("amount").sees_no("reading …")
        await pictures.shows(user)


async def test_causes_price(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """A queue's letters cost a delivery each: the price stands on the prompt line, nothing was read."""
    async with pictures.at(frozen_shop.console("prod-mq"), NORMAL) as user:
        await open_shop(user, frozen_shop, "work.invoices.dlq")
        await user.presses("enter").is_at("CausesScreen").reads_in_prompt("PRICE")
        await pictures.shows(user)


async def test_causes_paid(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """After the price was paid the causes are shown from memory; the letters lie where they lay."""
    async with pictures.at(frozen_shop.console("prod-mq"), NORMAL) as user:
        await open_shop(user, frozen_shop, "work.invoices.dlq")
        await (
            user.presses("enter")
            .is_at("CausesScreen")
            .reads_in_prompt("PRICE")
            .presses("enter")
            .sees("UnknownTaxNumber")
        )
        assert len(frozen_shop.rabbitmq.ready(frozen_shop.invoices_dlq)) == 19
        await pictures.shows(user)


# -- looking into a queue


async def test_peek_price(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """Before: there is no free look here; the price and the keys that answer it are on the prompt line."""
    async with pictures.at(frozen_shop.console("prod-mq"), NORMAL) as user:
        await open_shop(user, frozen_shop, "work.invoices.dlq")
        await user.moves_to("work.invoices").presses("enter").is_at("PeekScreen").reads_in_prompt("PRICE")
        await pictures.shows(user)


async def test_peek_read(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """After: five messages, each with the deliveries it has left, shown from memory and lying where they lay."""
    async with pictures.at(frozen_shop.console("prod-mq"), NORMAL) as user:
        await open_shop(user, frozen_shop, "work.invoices.dlq")
        await user.moves_to("work.invoices").presses("enter").is_at("PeekScreen").reads_in_prompt("PRICE")
        await user.presses("enter").sees("9900", "9904")
        await pictures.shows(user)


def test_the_shop_has_three_brokers(shop: MemoryShop) -> None:
    """What the pictures show is there."""
    servers = (shop.kafka, shop.rabbitmq, shop.redis)
    assert [server.kind for server in servers] == list(BrokerKind)


async def test_alerts(frozen_shop: MemoryShop, pictures: Pictures) -> None:
    """What is wrong now, by the engine of `mqtui watch`: since when, with figures; a muted one is last and not counted.

    `e` names the rule, `yc` copies the command that opens the place, `enter` goes there.
    """
    with closing(AlertStore()) as store:
        now = frozen_shop.world.clock.now / 1000
        store.mute(Mute("letters:payments:dlq", now, now + 7_200, "anna"))
    async with pictures.at(frozen_shop.console("shop"), NORMAL) as user:
        await open_shop(user, frozen_shop)
        await user.sees("▲ 2").presses("7").is_at("AlertsScreen").sees("muted by anna till 10:00")
        await user.on_row("dead letters in orders.DLQ").reads_in_prompt("31 dead letters of orders")
        await pictures.shows(user)
        await user.presses("y").reads_in_prompt("c command").presses("c").reads_in_prompt("command copied")
        assert user.console.clipboard == "mqtui shop/kafka topic:orders.DLQ"
        await user.presses("e").sees("holds more than").presses("escape")
        await user.presses("enter").is_at("CausesScreen").presses("escape").is_at("AlertsScreen")
