"""Finding one text everywhere: in which part, who has read it, its way, and what was not looked at."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from mqtui.brokers.message_columns import MessageColumns
from mqtui.codecs.decode import decode
from mqtui.domain.errors import BadInput
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId, Envelope, Message, Offset, Outgoing
from mqtui.domain.policy import Consent
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.decoding import decode_fields
from mqtui.services.find.find import Find
from mqtui.services.find.hit import Hit
from mqtui.services.find.hit_lines import hit_line
from mqtui.services.find.read_by import add_readers
from mqtui.services.find.request import FindRequest
from mqtui.services.find.way import find_way
from mqtui.services.find.way_text import hit_cells, way_lines
from mqtui.services.search.match_places import find_text, places_of_query
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.text_needle import NeedleTest, TextNeedle
from mqtui.services.session import Session, open_session
from tests.domain.dead_letters import death, x_death
from tests.memory import MemoryWorld
from tests.services.memory_fixtures import MemoryFixture

ID = b"AB-991"
URLS = ("kafka://memory:9092", "amqp://memory:5672", "redis://memory:6379")
TOPIC = Ref(Kind.TOPIC, "orders")


@asynccontextmanager
async def opened(world: MemoryWorld, urls: Sequence[str] = URLS) -> AsyncIterator[list[Session]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_session(url, adapters=world.connect)) for url in urls]


async def found_by(find: Find, consent: Consent | None = None) -> list[Hit]:
    """All hits; of queues too, with a consent."""
    hits = [hit async for batch in find.hits() for hit in batch]
    if consent is not None:
        hits += [hit async for batch in find.queue_hits(await find.price(), consent) for hit in batch]
    return await add_readers(hits)


def shop() -> MemoryWorld:
    """An order on three brokers: read by one group and not by another, dead in a queue, pending with a worker."""
    world = MemoryWorld()
    kafka, rabbit, redis = world.kafka(), world.rabbitmq(), world.redis()
    orders = kafka.make("orders", 2)
    kafka.make("idle")
    for number in range(40):
        kafka.put(Outgoing(orders, b'{"order":"AB-%d"}' % number, b"u%d" % number, partition=number % 2))
    world.clock.advance(1000)
    kafka.put(Outgoing(orders, b'{"order":{"id":"AB-991"}}', b"u7", (("trace-id", b"t-AB-991", ""),), partition=0))
    kafka.commit("billing", orders, 0, 21)
    kafka.commit("shipping", orders, 0, 3)
    rabbit.declare("work.invoices", dead_to="work.dlq")
    dead = rabbit.declare("work.dlq")
    world.clock.advance(1000)
    headers = (x_death(death("work.invoices", "rejected", seconds=world.clock.now // 1000)),)
    rabbit.put(
        Outgoing(dead, gzip.compress(b'{"order":"AB-991"}'), headers=headers, properties=(("message_id", "m1"),))
    )
    world.clock.advance(1000)
    payments = redis.make("payments")
    redis.put(Outgoing(payments, fields=((b"order", ID), (b"amount", b"7"))))
    return world


async def test_an_order_on_three_brokers_in_order_of_time() -> None:
    """Each with its place, the part it is in, who has read it, and what it is; as JSON a message line with more."""
    async with opened(shop()) as sessions:
        find = Find(sessions, FindRequest(TextNeedle(ID)))
        way = find_way(await found_by(find, Consent()))
        assert [(station.hit.broker, station.hit.place, station.hit.found_in) for station in way] == [
            (BrokerKind.KAFKA, "topic:orders", ("header trace-id", ".order.id")),
            (BrokerKind.RABBITMQ, "queue:work.dlq", (".order",)),
            (BrokerKind.REDIS, "stream:payments", ("field order",)),
        ]
        kafka, rabbit, redis = way
        assert kafka.hit.read_by == "billing passed · shipping stands before it at 3"
        assert (kafka.sign, kafka.what) == ("▲", "published")
        assert rabbit.sign == "†" and rabbit.what == "dead: rejected by work.invoices, from work.invoices"
        assert redis.hit.read_by == "nobody"
        assert find.coverage.places == 5 == find.coverage.looked_at and not find.coverage.missing
        row = json.loads(hit_line(kafka.hit))
        assert row["broker"] == "kafka" and row["place"] == "topic:orders" and row["position"] == "0/20"
        assert row["in"] == ["header trace-id", ".order.id"] and row["value"] == '{"order":{"id":"AB-991"}}'
        assert row["read_by"] == [
            {"group": "billing", "state": "passed"},
            {"group": "shipping", "state": "waiting", "committed": "3"},
        ]
        lines = way_lines(way)
        assert len(lines) == 3 and "+1s  rabbitmq work.dlq" in lines[1] and "dead: rejected" in lines[1]
        assert hit_cells(kafka)[2:6] == ("kafka", "orders", "0/20", "header trace-id, .order.id")


async def test_two_brokers_of_one_kind_have_their_own_names() -> None:
    world = shop()
    other = world.kafka("other").make("orders")
    world.kafka("other").put(Outgoing(other, ID))
    async with opened(world, ("kafka://memory:9092", "kafka://other:9092", "redis://memory:6379")) as sessions:
        way = find_way(await found_by(Find(sessions, FindRequest(TextNeedle(ID)))))
    assert sorted(station.broker for station in way) == ["kafka://memory:9092", "kafka://other:9092", "redis"]


async def test_queues_are_not_read_before_their_price_is_answered() -> None:
    """They are named together as not looked at; read ones are as they were."""
    world = shop()
    async with opened(world) as sessions:
        find = Find(sessions, FindRequest(TextNeedle(ID)))
        assert len(await found_by(find)) == 2
        find.decline("a look takes messages out")
        (note,) = find.coverage.notes(find.request)
        assert note == "· amqp://memory:5672 queue:work.dlq: a look takes messages out"
        assert find.coverage.looked_at == 4  # an empty queue is known to hold nothing
    assert len(world.rabbitmq().ready(Ref(Kind.QUEUE, "work.dlq"))) == 1


async def test_a_read_only_profile_and_a_spending_queue(broker: MemoryFixture) -> None:
    """What a look costs is asked for all queues at once; a queue that refuses costs only itself."""
    if broker.kind is not BrokerKind.RABBITMQ:
        pytest.skip("only queues lend")
    rabbit = broker.world.rabbitmq()
    for name, limit in (("spends", 20), ("frugal", None), ("last", 20)):
        ref = rabbit.declare(name, "quorum" if limit else "classic", limit=limit)
        rabbit.put(Outgoing(ref, ID))
    rabbit.queues["last"].last_look = True
    async with opened(broker.world, [broker.url]) as sessions:
        find = Find(sessions, FindRequest(TextNeedle(ID)))
        assert await found_by(find) == []
        question = await find.price()
        assert question.text.startswith("takes up to 50 messages out of each of 2 queues")
        assert "counts as a delivery of each message in 1 of them" in question.text
        hits = [hit async for batch in find.queue_hits(question, Consent(spend=True)) for hit in batch]
        assert sorted(hit.message.resource.name for hit in hits) == ["frugal", "spends"]
        (missing,) = find.coverage.missing
        assert missing.place == "queue:last" and missing.why


async def test_a_depth_counts_back_from_the_newest(broker: MemoryFixture) -> None:
    """What lies further back is not found, and it is said that there is more."""
    if broker.kind is BrokerKind.RABBITMQ:
        pytest.skip("a queue is read from its head")
    ref = broker.create("deep")
    server = broker.server
    for number in range(300):
        broker.world.clock.advance(1)
        text = b"NEEDLE" if number in (20, 240, 295) else b"%d" % number
        fields = ((b"value", text),) if broker.kind is BrokerKind.REDIS else ()
        server.put(Outgoing(ref, None if fields else text, fields=fields))
    async with opened(broker.world, [broker.url]) as sessions:
        for depth, count in ((50, 1), (200, 2), (300, 3)):
            find = Find(sessions, FindRequest(TextNeedle(b"NEEDLE"), depth))
            assert len(await found_by(find)) == count
            assert find.coverage.with_older == (depth < 300)
            assert find.coverage.scanned == depth


async def test_a_place_that_vanishes_and_a_broker_that_is_away_cost_only_themselves() -> None:
    world = shop()
    async with opened(world, (*URLS, "kafka://away:9092")) as sessions:
        world.kafka("away").faults.unreachable = True
        find = Find(sessions, FindRequest(TextNeedle(ID)))
        hits: list[Hit] = []
        listed = sessions[0].broker.catalog.list_destinations

        async def lists_then_loses() -> AsyncIterator[object]:
            async for page in listed():
                yield page
            world.kafka().remove(Ref(Kind.TOPIC, "idle"))

        sessions[0].broker.catalog.list_destinations = lists_then_loses  # type: ignore[method-assign, assignment]
        hits = await found_by(find)
        assert len(hits) == 2
        missing = {(each.target, each.place) for each in find.coverage.missing}
        assert missing == {("kafka://memory:9092", "topic:idle"), ("kafka://away:9092", "")}


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        (b'{"a":[1,{"b":"AB-991"}]}', ID, (".a[1].b",)),
        (b'{"AB-991":1,"x y":"-AB-991"}', ID, ('["AB-991"]', '["x y"]')),
        (b'{"order":118843}', b"118843", (".order",)),
        (b"order AB-991 is late", ID, ("value",)),
        (gzip.compress(b'{"order":"AB-991"}'), ID, (".order",)),
        (b"\xff\xfe\0AB-991", ID, ("value",)),
        (b'{"name":"M\\u00FCller"}', "Müller".encode(), (".name",)),
        (b'{"name":"M\xc3\xbcller"}', "Müller".encode(), (".name",)),
        (b'{"path":"a\\/b"}', b"a/b", (".path",)),
        (b'{"say":"\\"hi\\""}', b'"hi"', (".say",)),
        (b"\xff\x00\x01", b"\xff\x00", ("value",)),
        (b'{"specversion":"1.0","id":"AB-991","source":"s","type":"t","data":{"x":1}}', ID, (".id",)),
        (b'{"order":"AB-992"}', ID, ()),
        (b"", ID, ()),
        (None, ID, ()),
    ],
)
def test_where_a_text_is_in_a_value(value: bytes | None, text: bytes, found: tuple[str, ...]) -> None:
    """Encoded ones are decoded; what holds the text is a candidate, what surely does not is none."""
    message, needle = Message(TOPIC, Offset(0, 1), value), TextNeedle(text)
    decoded = decode(value)
    places = find_text(needle, message, decoded, None)
    assert places == found or (not places and not found)
    candidates = NeedleTest(needle, None)(MessageColumns([message, Message(TOPIC, Offset(0, 2), b'{"n":1}')]))
    assert (0 in dict(candidates)) >= bool(found) and 1 not in dict(candidates)


def test_where_a_text_is_beside_the_value() -> None:
    envelope = Envelope("", "key.AB-991", False, (("correlation_id", "AB-991"), ("priority", 3)), None, exact(1))
    message = Message(
        TOPIC, Offset(0, 1), b"{}", b"AB-991", (("h", b"xAB-991", ""), ("n", None, "")), None, (), envelope
    )
    needle = TextNeedle(ID)
    expected = ("key", "header h", "routing key", "property correlation_id")
    assert find_text(needle, message, decode(b"{}"), None) == expected
    entry = Message(Ref(Kind.STREAM, "s"), EntryId(1, 0), None, fields=((b"a", b"1"), (b"b", gzip.compress(ID))))
    assert find_text(needle, entry, decode_fields(entry.fields), None) == ("field b",)
    assert [index for index, _ in NeedleTest(needle, None)(MessageColumns([message, entry]))] == [0, 1]
    with pytest.raises(BadInput):
        TextNeedle(b"")


def test_where_the_conditions_of_a_search_match() -> None:
    message = Message(TOPIC, Offset(0, 1), b'{"user":"u7","total":{"net":9}}')
    decoded = decode(message.value)
    for query, places in (
        (SearchQuery(grep="u7"), (".user",)),
        (SearchQuery(grep='"net":9'), ("value",)),
        (SearchQuery(".total.net > 8 and .user != null"), (".total.net", ".user")),
        (SearchQuery(key="k", headers=(("trace", "x"),)), ("key", "header trace")),
    ):
        assert places_of_query(query, message, decoded) == places
