"""What a person sees of one dead letter: cause, stack, original, difference, headers."""

from __future__ import annotations

from typing import Any

import pytest

from mqtui.domain.message import Header
from mqtui.domain.resource import Ref
from mqtui.ui.screens.dead_letters.letter import DeadLetterScreen
from mqtui.ui.screens.dead_letters.letters import DeadLetterListScreen
from mqtui.ui.screens.messages.messages import MessagesScreen
from tests.domain.dead_letters import TRACE, WRAPPER
from tests.memory import MemoryKafka, MemoryWorld
from tests.ui.destination_console import NARROW, DestinationConsole, message, open_destination

TARGET = "kafka://memory:9092"


def died(offset: int, trace: str = TRACE) -> tuple[Header, ...]:
    """What Spring adds to a letter of `orders`, partition 0."""
    return (
        ("kafka_deliveryAttempt", b"\0\0\0\3", ""),
        ("kafka_dlt-exception-fqcn", WRAPPER.encode(), ""),
        ("kafka_dlt-exception-stacktrace", trace.encode(), ""),
        ("kafka_dlt-original-topic", b"orders", ""),
        ("kafka_dlt-original-partition", b"\0\0\0\0", ""),
        ("kafka_dlt-original-offset", offset.to_bytes(8, "big"), ""),
        ("kafka_dlt-original-consumer-group", b"billing", ""),
    )


@pytest.fixture
def world() -> MemoryWorld:
    """Orders of which three died: as it was, changed on the way, and one whose original is gone."""
    world = MemoryWorld()
    server = world.kafka()
    orders, letters = server.make("orders"), server.make("orders.DLQ")
    own: tuple[Header, ...] = (("app-version", b"1.4.2", ""), ("trace", b"4bf9", ""))
    for number in range(6):
        server.put(message(orders, b'{"id":%d,"total":12.50}' % number, b"u%d" % number, own))
    server.put(message(letters, b'{"id":2,"total":12.50}', b"u2", (*own, *died(2))))
    server.put(message(letters, b'{"id":3,"amount":12.50}', b"u3", (("app-version", b"1.4.3", ""), *died(3))))
    server.put(message(letters, b'{"id":0,"total":12.50}', b"u0", died(0)))
    partition = server.topics["orders"].partitions[0]
    del partition.records[0]
    partition.low = 1
    server.commit("billing", orders, 0, 5)
    return world


def letters_of(world: MemoryWorld) -> tuple[MemoryKafka, Ref]:
    """The screen of the letters."""
    server = world.kafka()
    return server, next(row.ref for row in server.destinations() if row.ref.name == "orders.DLQ")


async def first_letter(opened: DestinationConsole) -> Any:
    """Open the first letter of the list."""
    assert isinstance(opened.screen, DeadLetterListScreen)
    await opened.until(lambda: opened.screen.table.model.count == 3)
    await opened.press("g", "enter")
    await opened.until(lambda: isinstance(opened.screen, DeadLetterScreen), "the letter")
    await opened.see("Letter 1 of 3")
    return opened.screen


async def test_cause_stack_original_and_headers(world: MemoryWorld) -> None:
    """Own frames stand out, library frames are folded, the original is there and the same, headers say their fate."""
    _, ref = letters_of(world)
    async with open_destination(world, TARGET, ref) as opened:
        await first_letter(opened)
        await opened.see('SchemaMismatch: field "amount" missing', "› shop.billing.Parser.parse", "Parser.java:88")
        await opened.see("library frame", "attempt 3", "from orders 0/2", "billing gave up")
        await opened.see("Original orders 0/2", "still there", "value identical", "billing passed it")
        await opened.see("before 1", "after 3", "2 kept · 7 stripped on redrive")
        await opened.see("int64, by its name", "00 00 00 00 00 00 00 02")
        assert any(line.startswith("   kept") and "app-version" in line for line in opened.picture)
        assert any(line.startswith(" + stripped") and "kafka_deliveryAttempt" in line for line in opened.picture)
        assert "KafkaMessageListenerContainer" not in opened.text
        await opened.press("w")
        await opened.see("KafkaMessageListenerContainer")


async def test_a_changed_value_is_shown_as_a_difference(world: MemoryWorld) -> None:
    """The next letter's value against its original's: minus and plus, a lost header, a changed one."""
    _, ref = letters_of(world)
    async with open_destination(world, TARGET, ref) as opened:
        await first_letter(opened)
        await opened.press("J")
        await opened.see("Letter 2 of 3", "the values differ", '-   "total": 12.50', '+   "amount": 12.50')
        await opened.see("− lost", "≈ kept")


async def test_a_newer_record_of_the_same_key_is_a_warning(world: MemoryWorld) -> None:
    """Where one came after the original, who has read it; else that it is the newest of its key."""
    server, ref = letters_of(world)
    orders = next(row.ref for row in server.destinations() if row.ref.name == "orders")
    server.put(message(orders, b'{"id":7,"amount":13}', b"u2"))
    async with open_destination(world, TARGET, ref) as opened:
        await first_letter(opened)
        await opened.see("▲ same key later 6", '"amount":13', "billing is at 0/5")
        await opened.press("J")
        await opened.see("the newest record of its key")


async def test_a_gone_original_says_why(world: MemoryWorld) -> None:
    """Behind the first offset it is gone by retention; J at the last letter says so."""
    _, ref = letters_of(world)
    async with open_destination(world, TARGET, ref) as opened:
        await first_letter(opened)
        await opened.press("J", "J")
        await opened.see("gone (retention): orders begins at 0/1")
        await opened.press("J")
        await opened.see("this is the last letter")
        await opened.press("K")
        await opened.see("Letter 2 of 3")


async def test_p_goes_to_the_original_and_enter_around_it(world: MemoryWorld) -> None:
    """`p` puts the focus on the original, `enter` opens the messages around it, `esc` comes back."""
    _, ref = letters_of(world)
    async with open_destination(world, TARGET, ref) as opened:
        await first_letter(opened)
        await opened.see("still there")
        await opened.press("p", "enter")
        await opened.until(lambda: type(opened.screen) is MessagesScreen, "the original's messages")
        await opened.until(
            lambda: opened.screen.table.current is not None and str(opened.screen.table.current.position) == "0/2"
        )
        await opened.press("escape")
        await opened.until(lambda: isinstance(opened.screen, DeadLetterScreen))


async def test_verbs_of_one_letter(world: MemoryWorld) -> None:
    """E comes later; R plans a redrive of exactly this letter."""
    _, ref = letters_of(world)
    async with open_destination(world, TARGET, ref) as opened:
        await first_letter(opened)
        await opened.press("E")
        await opened.see("edit: not in this version")
        await opened.press("R")
        await opened.see("redrive 1 of 3 letters")


async def test_narrow_shows_letter_or_original(world: MemoryWorld) -> None:
    """At 80 columns `p` puts the original in the letter's place, `esc` puts the letter back."""
    _, ref = letters_of(world)
    async with open_destination(world, TARGET, ref, NARROW) as opened:
        screen = await first_letter(opened)
        assert not screen.side_pane.display
        await opened.press("p")
        await opened.see("Original orders 0/2", "value identical")
        assert not screen.cause.display
        await opened.press("escape")
        await opened.see("Letter 1 of 3")


@pytest.mark.parametrize("there", [False, True], ids=["nothing of that name", "a topic of that name"])
async def test_an_origin_that_only_the_name_tells_is_shown_where_it_is_there(there: bool) -> None:
    """C26: the same answer as in causes and plans."""
    world = MemoryWorld()
    server = world.kafka()
    if there:
        server.make("orders")
    server.put(message(server.make("orders.DLQ"), b'{"id":1}', b"u1", (("error", b"no stock", ""),)))
    _, ref = letters_of(world)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 1)
        await opened.press("g", "enter")
        await opened.until(lambda: isinstance(opened.screen, DeadLetterScreen), "the letter")
        await opened.see("no stock")
        if there:
            await opened.see("Original orders")
        else:
            await opened.until(lambda: "orders" not in opened.text.replace("orders.DLQ", ""), "no origin is told")
