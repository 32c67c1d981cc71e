"""Pictures of every screen. Each test says what a person must see; the pictures are looked at before they are approved.

Time stands still in them (`still`), so trends come from rounds of trade and looks that the test makes.
"""

from __future__ import annotations

import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.ui.screens.home import welcome
from tests.ui.memory_shop import MemoryShop
from tests.ui.pictures import Album
from tests.ui.scenes import MAIN, NORMAL, open_shop

# -- home


async def test_start(shop: MemoryShop, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is configured: five ways to begin, `enter` does the one under the cursor; the rule of letters below."""
    monkeypatch.setattr(welcome, "PATIENCE", 0.0)
    async with album.at(shop.console(), NORMAL) as user:
        await user.is_at("WelcomeScreen").on_row("Try the demo")
        user.console._tick()
        assert "Small letters look. CAPITAL letters change" in user.line


@MAIN
async def test_home(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """Profiles with environment, brokers and mode; one is open with its figures, the closed ones say `?`, never 0."""
    async with album.at(still.console(), size) as user:
        await user.is_at("HomeScreen").walks_to("dev").presses("enter")
        await open_shop(user, still)
        await user.presses("0").is_at("HomeScreen").on_row("dev")
        await album.shows(user)


# -- lists


@MAIN
async def test_destinations(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """Three brokers in one list: dead letters on top, then the stuck topic, a rule, and what is well below it.

    The top bar names profile, environment, mode and links; backlog with its trend; letters and runs.
    """
    async with album.at(still.console("shop"), size) as user:
        await open_shop(user, still)
        await album.shows(user)


async def test_destinations_marked(still: MemoryShop, album: Album) -> None:
    """Two rows are marked, a filter is kept: the rule counts what is shown, and what is marked but not shown."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await (
            user.presses("space", "space").presses("/").types("invoices").presses("enter").sees("2 marked, 1 not shown")
        )
        await album.shows(user)


@MAIN
async def test_groups(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """Shipping stands still, on top; its partitions are beside, the one with the lag first."""
    async with album.at(still.console("shop"), size) as user:
        await open_shop(user, still)
        await user.presses("2").is_at("GroupsScreen").on_row("shipping")
        await album.shows(user)


async def test_radar(still: MemoryShop, album: Album) -> None:
    """54 letters in 3 places with their age; the queue's cause is not read, since that has a price."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("3").is_at("DeadLetterOverviewScreen").on_row("orders.DLQ")
        await album.shows(user)


@MAIN
async def test_messages(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """The newest orders with time, position, key and value; the one under the cursor is decoded beside."""
    async with album.at(still.console("shop"), size) as user:
        await open_shop(user, still)
        await user.walks_to("orders").presses("enter").is_at("MessagesScreen").sees("118282")
        await album.shows(user)


async def test_pending(still: MemoryShop, album: Album) -> None:
    """The dead consumer worker-7 and its 42 entries, idle for three hours; C and A say how many they take."""
    async with album.at(still.console("shop"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses("2").is_at("GroupsScreen").walks_to("settle").presses("enter").is_at("PendingScreen")
        await user.sees("worker-7", "42, all read")
        await album.shows(user)


# -- dead letters


@MAIN
async def test_causes(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """Three causes of 31 letters, the largest on top; a sample with its own frame, origin, value; R takes these 19."""
    async with album.at(still.console("prod-eu"), size) as user:
        await open_shop(user, still)
        await user.presses("enter").is_at("CausesScreen").on_row("SchemaMismatch").sees("3 causes")
        await album.shows(user)


async def test_letters(still: MemoryShop, album: Album) -> None:
    """All dead letters of the topic in their order, and the one under the cursor decoded beside."""
    async with album.at(still.console("prod-eu"), NORMAL) as user:
        await open_shop(user, still)
        await user.presses(":").types("orders.DLQ@0/0").presses("enter").is_at("DeadLetterListScreen").sees("0/0")
        await album.shows(user)


@MAIN
async def test_letter(still: MemoryShop, album: Album, size: tuple[int, int]) -> None:
    """One letter: what it died of, its original and that it differs, its headers and what becomes of each."""
    async with album.at(still.console("prod-eu"), size) as user:
        await open_shop(user, still)
        await (
            user.presses("enter")
            .is_at("CausesScreen")
            .on_row("SchemaMismatch")
            .presses("enter")
            .is_at("DeadLetterScreen")
        )
        await user.sees("amount").sees_no("reading …")
        await album.shows(user)


async def test_causes_price(still: MemoryShop, album: Album) -> None:
    """A queue's letters cost a delivery each: the price stands on the line, nothing was read."""
    async with album.at(still.console("prod-mq"), NORMAL) as user:
        await open_shop(user, still, "work.invoices.dlq")
        await user.presses("enter").is_at("CausesScreen").reads_in_line("PRICE")
        await album.shows(user)


async def test_causes_paid(still: MemoryShop, album: Album) -> None:
    """After the price was paid the causes are shown from memory; the letters lie where they lay."""
    async with album.at(still.console("prod-mq"), NORMAL) as user:
        await open_shop(user, still, "work.invoices.dlq")
        await (
            user.presses("enter").is_at("CausesScreen").reads_in_line("PRICE").presses("enter").sees("UnknownTaxNumber")
        )
        assert len(still.rabbitmq.ready(still.invoices_dlq)) == 19
        await album.shows(user)


# -- looking into a queue


async def test_peek_price(still: MemoryShop, album: Album) -> None:
    """Before: there is no free look here; the price and the keys that answer it are on the line."""
    async with album.at(still.console("prod-mq"), NORMAL) as user:
        await open_shop(user, still, "work.invoices.dlq")
        await user.walks_to("work.invoices").presses("enter").is_at("PeekScreen").reads_in_line("PRICE")
        await album.shows(user)


async def test_peek_read(still: MemoryShop, album: Album) -> None:
    """After: five messages, each with the deliveries it has left, shown from memory and lying where they lay."""
    async with album.at(still.console("prod-mq"), NORMAL) as user:
        await open_shop(user, still, "work.invoices.dlq")
        await user.walks_to("work.invoices").presses("enter").is_at("PeekScreen").reads_in_line("PRICE")
        await user.presses("enter").sees("9900", "9904")
        await album.shows(user)


def test_the_shop_has_three_brokers(shop: MemoryShop) -> None:
    """What the pictures show is there."""
    shelves = (shop.kafka, shop.rabbitmq, shop.redis)
    assert [shelf.kind for shelf in shelves] == list(BrokerKind)
