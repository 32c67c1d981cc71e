"""`s` on messages: the question, hits as they come, stopping and going on, the price of a queue."""

from __future__ import annotations

from mqtui.domain.message import Outgoing
from mqtui.ui.screens.messages.messages import MessagesScreen
from mqtui.ui.screens.messages.search import SearchScreen
from tests.memory import MemoryWorld
from tests.ui.destination_console import DestinationConsole, open_destination, order

TARGET = "kafka://memory:9092"


async def ask(opened: DestinationConsole, text: str) -> None:
    """Press `s` and type what to search for."""
    await opened.press("s")
    await opened.see("search", "~regex")
    await opened.press(*text, "enter")


async def test_hits_are_a_list_of_messages_and_the_search_goes_on() -> None:
    """Newest first, with true figures in the title; esc leads back, a mistake is said beside the question."""
    world = MemoryWorld()
    server = world.kafka()
    ref = server.make("orders")
    for number in range(300):
        server.put(order(ref, number, user=number % 3))
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 300)
        await ask(opened, "~(?=x)")
        await opened.see("look-around")
        await opened.press("escape")
        await ask(opened, '.user == "u1" limit:60')
        await opened.until(lambda: isinstance(opened.screen, SearchScreen))
        await opened.see("Found 100 in orders", "scanned 300 of 300", "0 undecodable")
        await opened.until(lambda: opened.screen.table.model.count == 60)
        assert opened.screen.table.current.position.offset == 298
        await opened.press("r")
        await opened.until(lambda: opened.screen.table.model.count == 100)
        await opened.press("r")
        await opened.see("all of it is searched")
        await opened.press("s")
        await opened.see('.user == "u1" limit:60')
        await opened.press("escape", "escape")
        await opened.until(lambda: isinstance(opened.screen, MessagesScreen))


async def test_nothing_found_says_what_was_searched() -> None:
    world = MemoryWorld()
    server = world.kafka()
    ref = server.make("orders")
    server.put(order(ref, 1))
    async with open_destination(world, TARGET, ref) as opened:
        await ask(opened, "AB-991")
        await opened.see("nothing found", "Found 0 in orders", "scanned 1 of 1", "0 undecodable")


async def test_a_queue_says_its_price_first() -> None:
    """Nothing is read before enter; then it is read once, and returned."""
    world = MemoryWorld()
    server = world.rabbitmq()
    ref = server.declare("work")
    for number in range(5):
        server.store(Outgoing(ref, b'{"n":%d}' % number))
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        await opened.see("Read 5")
        await ask(opened, ".n == 3")
        await opened.see("Searching a queue takes 5 messages out", "enter reads 5")
        assert not opened.screen.is_searching
        await opened.press("enter")
        await opened.see("Found 1 in work", '"n":3')


async def test_several_places_and_where_each_hit_matches() -> None:
    """`in:` names where to look instead of here; marked destinations are searched together, queues after one price."""
    world = MemoryWorld()
    server = world.kafka()
    orders, other = server.make("orders"), server.make("orders.eu")
    for ref in (orders, other):
        server.put(Outgoing(ref, b'{"user":{"id":"u7"}}', b"k-u7"))
    async with open_destination(world, TARGET, orders) as opened:
        await ask(opened, "u7 in:orders*")
        await opened.see("Found 2 in 2 places", "WHERE", ".user.id", "PLACE", "orders.eu", "scanned 2 of 2")
        assert opened.screen.table.model.count == 2
        await opened.press("1")
        await opened.until(lambda: opened.screen.screen_name == "Destinations" and opened.screen.table.model.count)
        await opened.press("a")
        await opened.see("search 2 marked")
        await ask(opened, '.user.id == "u7" key:k')
        await opened.see("Found 2 in 2 places", ".user.id")


async def test_several_queues_say_their_price_once() -> None:
    world = MemoryWorld()
    server = world.rabbitmq()
    ref = server.declare("work")
    for name in ("work", "work.too"):
        server.store(Outgoing(server.declare(name), b'{"n":3}'))
    async with open_destination(world, "amqp://memory:5672", ref) as opened:
        await opened.see("Read 1")
        await ask(opened, ".n == 3 in:work in:work.too")
        await opened.see("Searching 2 queues takes 2 messages out", "enter reads them")
        await opened.press("enter")
        await opened.see("Found 2 in 2 places", ".n")
