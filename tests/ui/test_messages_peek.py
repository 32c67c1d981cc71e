"""What a person sees of a queue: the price first, what was lent, what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mqtui.domain.figure import exact
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.services.deadletters import DeadLetterDestination
from mqtui.ui.screens.dead_letters.causes import CausesScreen
from mqtui.ui.screens.messages.peek import PeekScreen
from tests.memory import MemoryRabbitMQ, MemoryWorld
from tests.ui.destination_console import NARROW, message, open_destination

PROFILE = """
[[profile]]
name = "{name}"
environment = "prod"
{mode} = true

[profile.rabbitmq]
url = "amqp://memory:5672"
"""


@pytest.fixture
def profile(tmp_path: Path) -> Callable[[str, str], None]:
    """Makes a profile of a name and a mode."""

    def make(name: str, mode: str) -> None:
        folder = tmp_path / "config"
        folder.mkdir(exist_ok=True)
        (folder / "profiles.toml").write_text(PROFILE.format(name=name, mode=mode))

    return make


def invoices(world: MemoryWorld, count: int = 7, limit: int | None = 3) -> tuple[MemoryRabbitMQ, Ref]:
    """A queue with some invoices."""
    server = world.rabbitmq()
    ref = server.declare("work.invoices", "quorum" if limit is not None else "classic", limit=limit)
    for number in range(count):
        server.put(message(ref, b'{"inv":%d,"eur":"12.50"}' % (9912 + number)))
    return server, ref


def deliveries(server: MemoryRabbitMQ) -> list[int]:
    """How often each waiting message was delivered and returned."""
    return [item.deliveries for item in server.queues["work.invoices"].items]


async def test_the_price_stands_before_anything_is_read() -> None:
    """The pane says what a look does, the line what it costs and which keys answer; until then nothing was lent."""
    world = MemoryWorld()
    server, ref = invoices(world)
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        assert isinstance(opened.screen, PeekScreen)
        await opened.see("There is no free look into a queue", "PRICE spends 1 of at most 3", "read all 7", "esc no")
        assert deliveries(server) == [0] * 7
        await opened.press("enter")
        await opened.see("5 read", "shown from memory", '{"inv":9912', "2 of 3")
        assert deliveries(server) == [1] * 5 + [0] * 2
        await opened.see("arrived with 3 left, requeued: 2 left")


async def test_again_asks_again_and_esc_spends_nothing() -> None:
    """`r` shows the price once more; `esc` leaves what is in memory and has cost nothing."""
    world = MemoryWorld()
    server, ref = invoices(world)
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        await opened.see("PRICE")
        await opened.press("a")
        await opened.see("7 read")
        await opened.press("r")
        await opened.see("PRICE")
        await opened.press("escape")
        await opened.see("nothing was spent")
        assert opened.screen.table.model.count == 7
        assert deliveries(server) == [1] * 7
        await opened.press("enter")
        await opened.until(lambda: opened.screen.focused_view is not None)
        assert deliveries(server) == [1] * 7


async def test_the_price_is_whole_before_enter_at_80_columns() -> None:
    """The first time, and when it is asked again over messages that are shown; then they are back."""
    world = MemoryWorld()
    _, ref = invoices(world)
    async with open_destination(world, "amqp://memory:5672", ref, NARROW) as opened:
        await opened.see("PRICE")
        for turn in range(2):
            words = " ".join(opened.text.split())
            for sentence in opened.screen.offer.price.text.split("; "):
                assert sentence in words
            assert "[ Read 5 ] enter [ Read all 7 ] a [ Cancel ] esc" in words
            assert opened.line.endswith("esc no")
            await opened.press("a" if turn == 0 else "escape")
            await opened.see("7 read", '{"inv":9918')
            await opened.press("r")
            await opened.see("PRICE")


async def test_the_price_of_causes_is_whole_at_80_columns() -> None:
    world = MemoryWorld()
    _, ref = invoices(world)
    async with open_destination(world, "amqp://memory:5672", ref, NARROW) as opened:
        letters = DeadLetterDestination(ref, exact(7), (), "its name")
        await opened.console.show(CausesScreen(opened.broker_session, letters))
        await opened.see("PRICE", "[ Read all 7 ]")
        words = " ".join(opened.text.split())
        assert all(sentence in words for sentence in opened.screen.price.text.split("; "))


async def test_leaving_at_the_price_costs_nothing() -> None:
    """`esc` before the first look goes back, and no delivery was taken."""
    world = MemoryWorld()
    server, ref = invoices(world)
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        await opened.see("PRICE")
        await opened.press("escape")
        await opened.until(lambda: not isinstance(opened.screen, PeekScreen))
        assert deliveries(server) == [0] * 7


async def test_one_that_arrives_with_none_left_is_moved_to_the_tail() -> None:
    """Its row has a warning, says where it went, and nothing is lost."""
    world = MemoryWorld()
    server, ref = invoices(world, count=3)
    server.queues["work.invoices"].items[0].deliveries = 3
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        await opened.see("PRICE")
        await opened.press("a")
        await opened.see("0 of 3", "moved to the tail, confirmed")
        assert any("▲" in line and "0 of 3" in line for line in opened.picture)
        assert len(server.ready(ref)) == 3


async def test_a_classic_queue_lends_for_a_moment() -> None:
    """Where no delivery is used up, that is what the price says, and there is no column of what is left."""
    world = MemoryWorld()
    _, ref = invoices(world, limit=None)
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        await opened.see("nothing is used up")
        await opened.press("enter")
        await opened.see("5 read")
        assert "LEFT" not in opened.text


async def test_a_protected_profile_takes_the_answer_as_consent(profile: Callable[[str, str], None]) -> None:
    """The price line is the question; answering it is enough."""
    profile("prod-mq", "protected")
    world = MemoryWorld()
    server, ref = invoices(world)
    async with open_destination(world, "prod-mq", ref, kind=BrokerKind.RABBITMQ) as opened:
        await opened.see("PRICE")
        await opened.press("enter")
        await opened.see("5 read")
        assert deliveries(server)[:5] == [1] * 5


async def test_a_read_only_profile_refuses_with_the_reason(profile: Callable[[str, str], None]) -> None:
    """Taking a delivery is a change: refused, and the keys that would answer do not read."""
    profile("watch-mq", "read_only")
    world = MemoryWorld()
    server, ref = invoices(world)
    async with open_destination(world, "watch-mq", ref, kind=BrokerKind.RABBITMQ) as opened:
        await opened.see("a look takes deliveries, which is a change", "read-only")
        await opened.press("enter", "a")
        assert deliveries(server) == [0] * 7


async def test_a_queue_can_not_be_followed_and_an_empty_one_says_so() -> None:
    """`t` answers with the reason; an empty queue offers nothing to read."""
    world = MemoryWorld()
    _, ref = invoices(world, count=0)
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        await opened.see("is empty: nothing can be read")
        await opened.press("t")
        await opened.see("can't be followed")
