"""Three in the morning on a real Kafka: find, understand, send home, be sure. Every key press is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Event

import pytest
from confluent_kafka import TopicPartition

from mqtui.demo.shop.kafka_sending import Sent, received
from mqtui.demo.shop.kafka_topics import open_consumer
from mqtui.demo.shop.kafka_traffic import billing, checkout, reporting
from mqtui.demo.shop.names import KafkaNames
from mqtui.domain.resource import BrokerKind
from tests.brokers import Brokers
from tests.ui.driver import User, at_console
from tests.ui.story_shop import FINDING, VERDICT, StoryShop, console, story_shop
from tests.ui.story_shop import no_desktop as no_desktop

NAMES = KafkaNames()
LETTERS = 19
"""Orders that died because they lack an amount."""


@pytest.fixture
def shop(brokers: Brokers) -> Iterator[StoryShop]:
    """Orders with letters; checkout and reporting at work."""
    with story_shop(brokers, BrokerKind.KAFKA) as shop:
        shop.hire(lambda stop: checkout(shop.url, NAMES, stop), lambda stop: reporting(shop.url, NAMES, stop))
        yield shop


def mended(url: str, stop: Event) -> None:
    """Billing as it was released at 02:55: it takes orders of the old schema too."""
    consumer = open_consumer(url, NAMES.billing)
    try:
        consumer.subscribe([NAMES.orders])
        while not stop.is_set():
            if consumer.consume(100, timeout=0.2):
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def everything(shop: StoryShop, topic: str) -> list[Sent]:
    """What a read_committed reader finds in a topic, to its present end."""
    reader = open_consumer(shop.url, "somebody who checks")
    try:
        places = [TopicPartition(topic, number, 0) for number in range(NAMES.partitions()[topic])]
        ends = {place.partition: reader.get_watermark_offsets(place, 10.0)[1] for place in places}
        reader.assign(places)
        found: list[Sent] = []
        while any(place.offset < ends[place.partition] for place in reader.position(places)):
            found += [received(message) for message in reader.consume(500, timeout=0.5) if message.error() is None]
        return found
    finally:
        reader.close()


def home(shop: StoryShop) -> Counter[bytes]:
    """Values of the records that a run of mqtui wrote to `orders`, and how often each is there."""
    orders = everything(shop, NAMES.orders)
    return Counter(one.parcel.value or b"" for one in orders if "x-mqtui-run" in dict(one.parcel.headers))


def of_old_schema(shop: StoryShop) -> Counter[bytes]:
    """Values of the letters that lack an amount."""
    letters = everything(shop, NAMES.orders_dlq)
    return Counter(one.parcel.value or b"" for one in letters if b'"amount"' not in (one.parcel.value or b""))


async def sends_home(user: User, name: str, *, protected: bool) -> User:
    """The story from the shell prompt to the report."""
    await user.is_at("HomePlace").on_row(name).presses("enter").is_at("DestinationsPlace")
    await user.on_some_row("orders.DLQ", FINDING).presses("3").is_at("RadarPlace").on_row("orders.DLQ", FINDING)
    await user.presses("enter").is_at("CausesPlace").on_row("SchemaMismatch", FINDING).on_row(str(LETTERS))
    await user.presses("R").is_at("ReviewPlace").sees("exactly once", "nothing has happened yet", within=FINDING)
    await user.presses("enter")
    if protected:
        await user.reads_in_line(f"type {name}").types(name).presses("enter")
    return await user.is_at("RunPlace")


@pytest.mark.parametrize(("name", "protected", "most"), [("prod-eu", True, 14), ("stage-eu", False, 6)])
async def test_billing_was_mended(shop: StoryShop, name: str, protected: bool, most: int, no_desktop: None) -> None:
    """The first letter passes billing and stays away; then the rest; each is home once."""
    shop.hire(lambda stop: mended(shop.url, stop))
    shop.profile(name, protected=protected)
    async with at_console(console()) as user:
        await sends_home(user, name, protected=protected)
        await user.sees("moved 1", "watching", within=FINDING).sees("▸")
        await user.sees("The letter passed billing", "did not come back", "enter goes on with 18", within=VERDICT)
        assert sum(home(shop).values()) == 1
        await user.presses("enter").sees("19 letters passed billing", "report", within=3 * VERDICT)
        await user.sees("moved 19", "passed 19", "came back 0")
        assert user.keys <= most, user.keys
        await user.presses("y", "y").reads_in_line("the report copied")
        assert "19 moved, 19 passed, 0 came back" in user.console.clipboard
    assert home(shop) == of_old_schema(shop)
    assert set(home(shop).values()) == {1}
    assert sum(home(shop).values()) == LETTERS


async def test_billing_was_not_mended(shop: StoryShop) -> None:
    """The first letter dies again: the run stops by itself, and 18 letters never left."""
    shop.hire(lambda stop: billing(shop.url, NAMES, stop))
    shop.profile("prod-eu", protected=True)
    async with at_console(console()) as user:
        await sends_home(user, "prod-eu", protected=True)
        await user.sees("STOPPED BY ITSELF", "1 of 1 came back", "18 letters never left", within=VERDICT)
        await user.sees("came back 1", "orders.DLQ")
    assert sum(home(shop).values()) == 1
