"""Three in the morning on a real RabbitMQ with quorum queues. Every key press is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Event

import pytest

from mqtui.demo.shop.connections import amqp_connection
from mqtui.demo.shop.names import RabbitNames
from mqtui.demo.shop.rabbitmq_traffic import booking, checkout
from mqtui.domain.resource import BrokerKind
from tests.brokers import Brokers
from tests.ui.driver import User, at_console
from tests.ui.story_shop import FINDING, VERDICT, Patience, StoryShop, console, story_shop
from tests.ui.story_shop import no_desktop as no_desktop
from tests.ui.story_shop import patience as patience

pytestmark = pytest.mark.timeout(300)

NAMES = RabbitNames()
REJECTED = 12
"""Invoices that were rejected for want of an amount, of the 19 that are dead."""

ALL = 19


class Book:
    """What a mended booking worker has booked: every invoice it is given, those without amount at nought."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.home: Counter[bytes] = Counter()
        """Bodies that a run of mqtui brought."""

    def work(self, stop: Event) -> None:
        """Book until the event is set."""
        connection = amqp_connection(self.url)
        try:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=5)
            for method, properties, body in channel.consume(NAMES.invoices, inactivity_timeout=0.2):
                if stop.is_set():
                    return
                if method is not None and properties is not None and isinstance(body, bytes):
                    if "x-mqtui-run" in (properties.headers or {}):
                        self.home[body] += 1
                    channel.basic_ack(method.delivery_tag or 0)
        finally:
            connection.close()


@pytest.fixture
def shop(brokers: Brokers) -> Iterator[StoryShop]:
    """Invoices with letters; checkout at work."""
    with story_shop(brokers, BrokerKind.RABBITMQ) as shop:
        shop.hire(lambda stop: checkout(shop.url, NAMES, shop.key, stop))
        yield shop


def ready(shop: StoryShop, queue: str) -> int:
    """Messages that wait in a queue, as the broker itself says."""
    connection = amqp_connection(shop.url)
    try:
        return connection.channel().queue_declare(queue, passive=True).method.message_count or 0
    finally:
        connection.close()


async def sends_home(user: User, name: str, *, protected: bool) -> User:
    """The story from the shell prompt to the run."""
    await user.is_at("HomeScreen").on_row(name).presses("enter").is_at("DestinationsScreen")
    await user.on_some_row("work.invoices.dlq", FINDING).presses("3").is_at("DeadLetterOverviewScreen")
    await user.on_row("work.invoices.dlq", FINDING).presses("enter").is_at("CausesScreen")
    await user.reads_in_prompt("PRICE spends 1", FINDING).reads_in_prompt("enter reads all 19").presses("enter")
    await user.on_row("rejected", FINDING).on_row(str(REJECTED)).presses("R").is_at("PlanReviewScreen")
    await user.sees("at least once", "nothing has happened yet", within=FINDING).presses("enter")
    if protected:
        await user.reads_in_prompt(f"type {name}").types(name).presses("enter")
    return await user.is_at("RunScreen")


@pytest.mark.parametrize(("name", "protected", "most"), [("prod-mq", True, 15), ("stage-mq", False, 7)])
async def test_booking_was_mended(
    shop: StoryShop, name: str, protected: bool, most: int, no_desktop: None, patience: Patience
) -> None:
    """The first letter is acknowledged and stays away; then the rest; each was booked once, the others still wait."""
    patience(protected)
    book = Book(shop.url)
    shop.hire(book.work)
    shop.profile(name, protected=protected)
    async with at_console(console()) as user:
        await sends_home(user, name, protected=protected)
        await user.sees("moved 1", "watching", within=FINDING)
        await user.sees("The letter passed work.invoices", "did not come back", within=VERDICT)
        await user.sees("enter goes on with the rest", within=VERDICT)
        assert sum(book.home.values()) == 1
        await user.presses("enter").sees("12 letters passed work.invoices", "report", within=3 * VERDICT)
        await user.sees("moved 12", "passed 12", "came back 0")
        assert user.keys <= most, user.keys
        await user.presses("y", "y").reads_in_prompt("report copied")
        assert "12 moved, 12 passed, 0 came back" in user.console.clipboard
    assert set(book.home.values()) == {1}
    assert sum(book.home.values()) == REJECTED
    assert ready(shop, NAMES.invoices_dlq) == ALL - REJECTED


async def test_booking_was_not_mended(shop: StoryShop) -> None:
    """The first letter is rejected again: the run stops by itself, and all 19 are dead letters."""
    shop.hire(lambda stop: booking(shop.url, NAMES, shop.key, stop))
    shop.profile("prod-mq", protected=True)
    async with at_console(console()) as user:
        await sends_home(user, "prod-mq", protected=True)
        await user.sees("STOPPED BY ITSELF", "1 of 1 came back", "The rest never left", within=2 * VERDICT)
    assert ready(shop, NAMES.invoices_dlq) == ALL
