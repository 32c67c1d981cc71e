"""Finding destinations, looking at messages, and what a look costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NeedsConsent, NotFound, Refused, Unsupported
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import At, Edge, Since, StartPoint
from mqtui.domain.resource import BrokerKind, Kind, ParsedName
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services import browse
from mqtui.services.session import Session, open_session
from mqtui.state.audit import Audit
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture, RedisFixture

NOBODY = Consent()


@pytest.fixture
async def session(broker: MemoryFixture) -> AsyncIterator[Session]:
    async with open_session(broker.url, adapters=broker.connect) as one:
        yield one


async def seen(session: Session, look: browse.PeekRequest, consent: Consent = NOBODY) -> list[Message]:
    return [message async for batch in browse.peek(session, look, consent) for message in batch]


def number(message: Message) -> int:
    return int(message.value if message.value is not None else dict(message.fields)[b"value"])


async def test_find_by_name(broker: MemoryFixture, session: Session) -> None:
    assert (await browse.find_destination(session.broker, ParsedName(broker.origin.name))).ref == broker.origin
    assert (
        await browse.find_destination(session.broker, ParsedName(broker.origin.name, broker.origin.kind))
    ).ref == broker.origin
    for missing in (ParsedName("nowhere"), ParsedName("nowhere", broker.origin.kind)):
        with pytest.raises(NotFound):
            await browse.find_destination(session.broker, missing)


async def test_an_exchange_is_found_where_no_queue_has_the_name() -> None:
    broker = RabbitMQFixture()
    exchange = broker.server.exchange("work")
    broker.server.exchange("only")
    async with open_session(broker.url, adapters=broker.connect) as session:
        assert (await browse.find_destination(session.broker, ParsedName("work"))).ref.kind is Kind.QUEUE
        assert (await browse.find_destination(session.broker, ParsedName("work", Kind.EXCHANGE))).ref == exchange
        assert (await browse.find_destination(session.broker, ParsedName("only"))).ref.kind is Kind.EXCHANGE


async def test_destinations_by_kind_and_name(broker: MemoryFixture, session: Session) -> None:
    broker.add_dead_letters(range(3))
    rows = await browse.list_destinations(session.broker)
    assert [row.ref for row in rows] == sorted([broker.origin, broker.source])
    assert {row.ref: row.messages.number for row in rows}[broker.source] == 3
    assert [row.ref for row in browse.filter_destinations(rows, None, "*[dD][lL][qQ]")] == [broker.source]
    assert not browse.filter_destinations(rows, Kind.GROUP, "")


async def test_internal_ones_come_last() -> None:
    broker = KafkaFixture()
    broker.create("__consumer_offsets")
    broker.create("zebra")
    async with open_session(broker.url, adapters=broker.connect) as session:
        rows = await browse.list_destinations(session.broker)
    assert [row.ref.name for row in rows] == ["orders", "orders.DLQ", "zebra", "__consumer_offsets"]


async def test_a_look_without_a_start(broker: MemoryFixture, session: Session) -> None:
    """The newest messages, or a queue's head."""
    broker.add_dead_letters(range(9))
    look = await browse.prepare_peek(session, ParsedName(broker.source.name), 3, None, None)
    found = [number(message) for message in await seen(session, look)]
    assert found == ([0, 1, 2] if look.price.lends else [6, 7, 8])
    assert sorted(broker.unhandled()) == list(range(9))


@pytest.mark.parametrize("broker", [KafkaFixture, RedisFixture])
async def test_looks_from_a_place_or_a_time(broker: type[MemoryFixture]) -> None:
    made = broker()
    made.add_dead_letters(range(8))
    place: At = At(Offset(1, 2)) if made.kind is BrokerKind.KAFKA else At(EntryId(made.time(5), 0))
    starts: list[tuple[StartPoint, list[int]]] = [
        (Edge.OLDEST, [0, 2, 4] if made.kind is BrokerKind.KAFKA else [0, 1, 2]),
        (place, [5, 7] if made.kind is BrokerKind.KAFKA else [5, 6, 7]),
        (Since(made.time(6)), [6, 7]),
    ]
    async with open_session(made.url, adapters=made.connect) as session:
        for start, expected in starts:
            look = await browse.prepare_peek(session, ParsedName(made.source.name), 3, start, None)
            assert [number(message) for message in await seen(session, look)] == expected


async def test_one_partition() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(6))
    async with open_session(broker.url, adapters=broker.connect) as session:
        look = await browse.prepare_peek(session, ParsedName("orders.DLQ"), 9, Edge.OLDEST, 1)
        assert [number(message) for message in await seen(session, look)] == [1, 3, 5]


async def test_starts_that_cannot_be(broker: MemoryFixture, session: Session) -> None:
    wrong: list[StartPoint] = [At(EntryId(1, 0)) if broker.kind is not BrokerKind.REDIS else At(Offset(0, 1))]
    if broker.kind is BrokerKind.KAFKA:
        wrong.append(At(Offset(-1, 5)))
    if broker.kind is BrokerKind.RABBITMQ:
        wrong += [Edge.NEWEST, Since(5)]
    for start in wrong:
        with pytest.raises(BadInput):
            await browse.prepare_peek(session, ParsedName(broker.source.name), 1, start, None)
    if broker.kind is not BrokerKind.KAFKA:
        with pytest.raises(BadInput):
            await browse.prepare_peek(session, ParsedName(broker.source.name), 1, None, 0)
    with pytest.raises(NotFound):
        await browse.prepare_peek(session, ParsedName("nowhere"), 1, None, None)
    broker.server.faults.denied = {Verb.PEEK}
    with pytest.raises(Unsupported):
        await browse.prepare_peek(session, ParsedName(broker.source.name), 1, None, None)


async def test_free_looks_ask_nobody_and_write_nothing() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(3))
    before = list(broker.server.events)
    async with open_session(broker.url, adapters=broker.connect) as session:
        await seen(session, await browse.prepare_peek(session, ParsedName("orders.DLQ"), 3, None, None))
    assert broker.server.events == before
    assert not Audit().path.exists()


def limited() -> RabbitMQFixture:
    broker = RabbitMQFixture()
    broker.source = broker.server.declare("work.dlq", "quorum", limit=3)
    broker.add_dead_letters(range(4))
    return broker


async def test_a_paid_look_is_planned_and_noted() -> None:
    broker = limited()
    async with open_session(broker.url, adapters=broker.connect) as session:
        look = await browse.prepare_peek(session, ParsedName("work.dlq"), 2, None, None)
        assert look.price.spends
        assert dict(browse.plan_peek(session, look).facts)["price"] == look.price.text
        assert [number(message) for message in await seen(session, look)] == [0, 1]
    assert [entry.verb for entry in Audit().entries()] == ["spend", "spend"]
    assert broker.unhandled() == [0, 1, 2, 3]


async def test_the_last_delivery_is_never_spent() -> None:
    """R3: at 1 left reading stops, and no consent overrides that."""
    broker = limited()
    async with open_session(broker.url, adapters=broker.connect) as session:
        reads = []
        for _ in range(3):
            reads.append(
                len(await seen(session, await browse.prepare_peek(session, ParsedName("work.dlq"), 4, None, None)))
            )
        assert reads == [4, 4, 1]
        with pytest.raises(Refused):
            await seen(
                session, await browse.prepare_peek(session, ParsedName("work.dlq"), 4, None, None), Consent(spend=True)
            )
    assert broker.unhandled() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("allowed", "consent", "reads"),
    [
        ({"protected": True}, Consent(), False),
        ({"protected": True}, Consent(yes=True), False),
        ({"protected": True}, Consent(spend=True), True),
        ({"read_only": True}, Consent(spend=True), False),
        ({"read_only": True, "allow": frozenset({"spend"})}, Consent(), True),
    ],
)
async def test_profiles_and_prices(allowed: dict[str, Any], consent: Consent, reads: bool) -> None:
    broker = limited()
    ProfileStore().add(Profile("shop", {broker.kind: BrokerEndpoint(broker.url)}, **allowed))
    async with open_session("shop", adapters=broker.connect) as session:
        look = await browse.prepare_peek(session, ParsedName("work.dlq"), 2, None, None)
        if reads:
            assert len(await seen(session, look, consent)) == 2
            return
        with pytest.raises(NeedsConsent if "protected" in allowed else Refused):
            await seen(session, look, consent)
    assert all(item.deliveries == 0 for item in broker.server.queues["work.dlq"].items)


async def test_follow(broker: MemoryFixture, session: Session) -> None:
    broker.add_dead_letters(range(2))
    tail = browse.tail(session, ParsedName(broker.source.name), None)
    if broker.kind is BrokerKind.RABBITMQ:
        with pytest.raises(Unsupported):
            await anext(tail)
        return
    async with aclosing(tail):
        arriving = asyncio.ensure_future(anext(tail))
        for _ in range(5):
            await asyncio.sleep(0)
        broker.add_dead_letters([7])
        assert [number(message) for message in await asyncio.wait_for(arriving, 5)] == [7]


async def test_require(session: Session, broker: MemoryFixture) -> None:
    await browse.require_verb(session.broker, Verb.REDRIVE, broker.source)
    broker.server.faults.denied = {Verb.REDRIVE}
    with pytest.raises(Unsupported) as found:
        await browse.require_verb(session.broker, Verb.REDRIVE)
    assert found.value.hint == "Grant it."
