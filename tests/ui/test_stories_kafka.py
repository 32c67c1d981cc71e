"""Three in the morning on a real Kafka: find, understand, send home, be sure. Every key press is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition

from mqtui.demo.shop.brokers import open_branch
from mqtui.demo.shop.kafka_producing import Sent, received
from mqtui.demo.shop.kafka_topics import open_consumer
from mqtui.demo.shop.names import KafkaNames
from mqtui.domain.resource import BrokerKind
from tests.brokers import Brokers
from tests.ui.driver import User, at_console
from tests.ui.story_shop import FINDING, VERDICT, Patience, StoryShop, console, story_shop
from tests.ui.story_shop import no_desktop as no_desktop
from tests.ui.story_shop import patience as patience

pytestmark = pytest.mark.timeout(300)

NAMES = KafkaNames()
LETTERS = 19
"""Orders that died because payments did not answer, which it does again."""


@pytest.fixture
def shop(brokers: Brokers) -> Iterator[StoryShop]:
    """Orders with letters; everybody at work but shipping, which stands still."""
    with story_shop(brokers, BrokerKind.KAFKA) as shop:
        shop.hire(*open_branch(BrokerKind.KAFKA).roles(shop.spec))
        yield shop


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


def unanswered(shop: StoryShop) -> Counter[bytes]:
    """Values of the letters for which payments did not answer."""
    letters = everything(shop, NAMES.orders_dlq)
    trace = "kafka_dlt-exception-stacktrace"
    return Counter(one.parcel.value or b"" for one in letters if b"PaymentTimeout" in dict(one.parcel.headers)[trace])


async def sends_home(user: User, name: str, *, protected: bool) -> None:
    """The story from the shell prompt to the run."""
    await user.is_at("HomeScreen").on_row(name).presses("enter").is_at("DestinationsScreen")
    await (
        user.on_some_row("orders.DLQ", FINDING)
        .presses("3")
        .is_at("DeadLetterOverviewScreen")
        .on_row("orders.DLQ", FINDING)
    )
    await user.presses("enter").is_at("CausesScreen").on_row("PaymentTimeout", FINDING).on_row(str(LETTERS))
    await user.presses("R").is_at("PlanReviewScreen").sees("exactly once", "nothing has happened yet", within=FINDING)
    await user.presses("enter")
    if protected:
        await user.reads_in_prompt(f"type {name}").types(name).presses("enter")
    await user.is_at("RunScreen")


@pytest.mark.parametrize(("name", "protected", "most"), [("prod-eu", True, 14), ("stage-eu", False, 6)])
async def test_payments_answer_again(
    shop: StoryShop, name: str, protected: bool, most: int, no_desktop: None, patience: Patience
) -> None:
    """The first letter passes billing and stays away; then the rest; each is home once."""
    patience(protected)
    shop.profile(name, protected=protected)
    async with at_console(console()) as user:
        await sends_home(user, name, protected=protected)
        await user.sees("moved 1", "▸ The letter", within=FINDING).reads_in_prompt("watching")
        await user.sees("✓ The letter passed billing", "did not come back", within=VERDICT)
        await user.reads_in_prompt("enter goes on with 18")
        assert sum(home(shop).values()) == 1
        await user.presses("enter").sees("✓ 19 letters passed billing", "report", within=3 * VERDICT)
        await user.sees("moved 19", "passed 19", "came back 0")
        assert user.keys <= most, user.keys
        await user.presses("y", "y").reads_in_prompt("report copied")
        assert "19 moved, 19 passed, 0 came back" in user.console.clipboard
        await user.presses("enter").is_at("RunLettersScreen").sees("redrive of orders.DLQ", "finished")
    assert home(shop) == unanswered(shop)
    assert set(home(shop).values()) == {1}
    assert sum(home(shop).values()) == LETTERS


async def test_orders_without_amount_come_back(shop: StoryShop) -> None:
    """`mqtui stage-eu orders.DLQ` saves three keys; the first letter dies again, and the rest never leaves."""
    shop.profile("stage-eu")
    async with at_console(console("stage-eu", "orders.DLQ")) as user:
        await user.is_at("CausesScreen", FINDING).on_row("PaymentTimeout", FINDING)
        assert user.keys == 0
        await user.presses("j").on_row("SchemaMismatch").presses("R").is_at("PlanReviewScreen")
        await user.sees("nothing has happened yet", within=FINDING).presses("enter").is_at("RunScreen")
        await user.sees("STOPPED BY ITSELF", "1 of 1 came back", "letters never left", within=VERDICT)
        await user.sees("came back 1", "came back: orders.DLQ")
        assert user.keys == 3
    assert sum(home(shop).values()) == 1
