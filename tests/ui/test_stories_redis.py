"""Three in the morning on a real Redis: dead letters, and a consumer that died. Every key press is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from mqtui.demo.shop.connections import redis_client
from mqtui.demo.shop.names import RedisNames
from mqtui.demo.shop.redis_traffic import fraud, ledger, till
from mqtui.domain.resource import BrokerKind
from tests.brokers import Brokers
from tests.ui.driver import at_console
from tests.ui.story_shop import FINDING, VERDICT, Patience, StoryShop, console, story_shop
from tests.ui.story_shop import no_desktop as no_desktop
from tests.ui.story_shop import patience as patience

pytestmark = pytest.mark.timeout(300)

NAMES = RedisNames()
DECLINED = 6
"""Payments whose card was declined then, of the twelve that are dead."""

ALL = 12
STUCK = 42


@pytest.fixture
def shop(brokers: Brokers) -> Iterator[StoryShop]:
    """Payments with letters and a dead worker; till and fraud check at work."""
    with story_shop(brokers, BrokerKind.REDIS) as shop:
        shop.hire(lambda stop: till(shop.url, NAMES, shop.key, stop), lambda stop: fraud(shop.url, NAMES, stop))
        yield shop


@pytest.fixture
def at_work(shop: StoryShop) -> StoryShop:
    """The shop, its ledger's live worker too."""
    shop.hire(lambda stop: ledger(shop.url, NAMES, shop.key, stop))
    return shop


Entries = dict[bytes, dict[bytes, bytes]]


def entries(shop: StoryShop, stream: str) -> Entries:
    """All entries of a stream by id."""
    client = redis_client(shop.url)
    try:
        found: Any = client.xrange(stream)
        return dict(found)
    finally:
        client.close()


def pending(shop: StoryShop, consumer: str) -> set[bytes]:
    """Ids that wait in a consumer's hand."""
    client = redis_client(shop.url)
    try:
        found: Any = client.xpending_range(NAMES.payments, NAMES.ledger, "-", "+", 1_000, consumer)
        return {entry["message_id"] for entry in found}
    finally:
        client.close()


@pytest.mark.parametrize(("name", "protected", "most"), [("shop", True, 11), ("stage", False, 6)])
async def test_declined_cards(
    at_work: StoryShop, name: str, protected: bool, most: int, no_desktop: None, patience: Patience
) -> None:
    """The first payment is booked and stays away from the letters; then the rest; each came home once."""
    patience(protected)
    shop = at_work
    letters = entries(shop, NAMES.payments_dlq)
    declined = {at: fields for at, fields in letters.items() if b"CardDeclined" in fields[b"dlq_exception"]}
    before = set(entries(shop, NAMES.payments))
    shop.profile(name, protected=protected)
    async with at_console(console()) as user:
        await user.is_at("HomeScreen").on_row(name).presses("enter").is_at("DestinationsScreen")
        await (
            user.on_some_row("payments:dlq", FINDING)
            .presses("3")
            .is_at("DeadLetterOverviewScreen")
            .on_row("payments:dlq")
        )
        await user.presses("enter").is_at("CausesScreen").on_row("CardDeclined", FINDING).on_row(str(DECLINED))
        await user.presses("R").sees("nothing has happened yet").presses("enter")
        if protected:
            await user.reads_in_prompt(f"type {name}").types(name).presses("enter")
        await user.is_at("RunScreen").sees("moved 1", "watching", within=FINDING)
        await user.sees("The letter passed", "ledger", "did not come back", within=VERDICT)
        await user.sees("enter goes on with 5", within=VERDICT)
        assert len(entries(shop, NAMES.payments_dlq)) == ALL - 1
        await user.presses("enter").sees("6 letters passed", "report", within=3 * VERDICT)
        await user.sees("moved 6", "passed 6", "came back 0")
        assert user.keys <= most, user.keys
        await user.presses("y", "y").reads_in_prompt("report copied")
        assert "6 moved, 6 passed, 0 came back" in user.console.clipboard
    assert set(entries(shop, NAMES.payments_dlq)) == set(letters) - set(declined)
    orders = Counter(fields[b"order"] for at, fields in entries(shop, NAMES.payments).items() if at not in before)
    assert {orders[fields[b"order"]] for fields in declined.values()} == {1}


@pytest.mark.parametrize(("name", "protected", "most"), [("shop", True, 12), ("stage", False, 7)])
async def test_a_dead_consumer(at_work: StoryShop, name: str, protected: bool, most: int, no_desktop: None) -> None:
    """What worker-7 had in hand goes to worker-2, one first; it acknowledges all of it."""
    shop = at_work
    assert len(pending(shop, NAMES.dead_worker)) == STUCK
    shop.profile(name, protected=protected)
    async with at_console(console()) as user:
        await user.is_at("HomeScreen").on_row(name).presses("enter").is_at("DestinationsScreen")
        await user.on_some_row("payments", FINDING).presses("2").is_at("GroupsScreen").on_row("ledger", FINDING)
        await user.presses("enter").is_at("PendingScreen").on_row("worker-7").sees(f"{STUCK}, all read")
        await user.presses("C").reads_in_prompt("claim 42 for").reads_in_prompt("worker-2").presses("enter")
        await user.sees("worker-7 in group ledger", "for worker-2", "nothing has happened yet").presses("enter")
        if protected:
            await user.reads_in_prompt(f"type {name}").types(name).presses("enter")
        await user.sees("1 of 42 moved from worker-7 to worker-2", "1 acknowledged", within=FINDING)
        assert len(pending(shop, NAMES.dead_worker)) == STUCK - 1
        await user.reads_in_prompt("enter goes on with 41").presses("enter")
        await user.sees("42 of 42 moved from worker-7 to worker-2", "42 acknowledged", within=FINDING)
        assert user.keys <= most, user.keys
        await user.presses("y", "y").reads_in_prompt("the report copied")
        assert "42 of 42 moved from worker-7 to worker-2: 42 acknowledged" in user.console.clipboard
    assert not pending(shop, NAMES.dead_worker)
    assert not pending(shop, NAMES.live_worker) & set(entries(shop, NAMES.payments))


async def test_the_heir_is_asleep(shop: StoryShop) -> None:
    """Nobody works as worker-2: after the wait the entry is said to be still pending, and 41 stay where they were."""
    shop.profile("stage")
    async with at_console(console("stage", "payments")) as user:
        await user.is_at("MessagesScreen", FINDING).presses("2").is_at("GroupsScreen").on_row("ledger", FINDING)
        await user.presses("enter").sees(f"{STUCK}, all read").presses("C").reads_in_prompt("claim 42 for")
        await user.presses("enter").sees("nothing has happened yet").presses("enter")
        await user.sees("1 of 42 moved from worker-7 to worker-2", "1 still pending", within=FINDING)
        await user.presses("esc").is_at("PendingScreen")
    assert len(pending(shop, NAMES.dead_worker)) == STUCK - 1
    assert len(pending(shop, NAMES.live_worker)) == 1
