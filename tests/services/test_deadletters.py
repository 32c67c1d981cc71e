"""Where dead letters lie, and what they died of."""

from __future__ import annotations

import pytest
from msgspec import structs

from mqtui.domain.errors import NeedsConsent, NotAuthorised, NotFound, Refused
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import ReadRange
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services import deadletters
from mqtui.services.conventions import load_for_profile
from mqtui.services.header_search import HeaderSearch
from mqtui.services.session import open_session
from mqtui.state.audit import Audit
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture, RedisFixture
from tests.services.redrive_operator import Operator

NOBODY = Consent()


async def found(broker: MemoryFixture) -> dict[str, deadletters.DeadLetterDestination]:
    async with open_session(broker.url, adapters=broker.connect) as session:
        places = (await deadletters.find_dead_letters(session, load_for_profile().conventions)).destinations
    return {place.ref.name: place for place in places}


async def causes_of(broker: MemoryFixture, consent: Consent = NOBODY, target: str = "") -> dict[str, int]:
    async with open_session(target or broker.url, adapters=broker.connect) as session:
        price = await session.broker.reader.peek_cost(broker.source, 1)
        rows = await deadletters.read_causes(session, broker.source, price, load_for_profile().conventions, consent)
    return {row.text: row.count for row in rows}


async def test_places_with_dead_letters(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(5))
    before = list(broker.server.events)
    places = await found(broker)
    assert list(places) == [broker.source.name]
    (place,) = places.values()
    assert (place.letters.number, place.origins) == (5, (broker.origin,))
    assert "broker" in place.detected_by if broker.may_duplicate else place.detected_by == "its name"
    assert broker.server.events == before


async def test_letters_that_were_handled_do_not_count(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(5))
    operator = Operator(broker)
    await operator.run(operator.request(limit=3))
    assert (await found(broker))[broker.source.name].letters.number == 2


async def test_headers_tell_where_no_name_does() -> None:
    broker = KafkaFixture()
    broker.source = broker.create("parked")
    broker.server.store(structs.replace(broker.letter(1), partition=0))
    broker.server.store(Outgoing(broker.create("plain"), b"1"))
    broker.create("empty")
    places = await found(broker)
    assert set(places) == {"orders.DLQ", "parked"}
    assert places["parked"].origins == (broker.origin,)
    assert places["parked"].detected_by == "spring headers"


async def test_what_is_read_or_sent_home_is_no_place_of_dead_letters() -> None:
    """Headers alone count where nobody reads; letters that went home carry ours."""
    broker = KafkaFixture()
    broker.add_dead_letters(range(3))
    await Operator(broker).run()
    read = broker.create("orders-again")
    broker.server.store(structs.replace(broker.letter(1), target=read, partition=0))
    broker.server.commit("billing", read, 0, 0)
    broker.server.store(structs.replace(broker.letter(1), target=broker.create("orders-retry-0"), partition=0))
    assert set(await found(broker)) == {"orders.DLQ"}


async def test_queues_are_not_sniffed_and_exchanges_hold_nothing() -> None:
    broker = RabbitMQFixture()
    broker.server.exchange("work.dlx")
    broker.server.exchange("dead-letters")
    broker.server.store(structs.replace(broker.letter(1), target=broker.create("plain")))
    broker.create("parked.dlq")
    places = await found(broker)
    assert set(places) == {"work.dlq", "parked.dlq"}
    assert all(not item.redelivered for queue in broker.server.queues.values() for item in queue.items)


async def test_the_fullest_first() -> None:
    broker = RedisFixture()
    for name, count in (("a:dlq", 2), ("b:dlq", 5), ("c:dlq", 2)):
        broker.source = broker.create(name)
        broker.add_dead_letters(range(count))
    assert list(await found(broker)) == ["b:dlq", "a:dlq", "c:dlq", "payments:dlq"]


async def test_destinations_beyond_the_limit_are_counted_and_looked_into_later() -> None:
    """One search looks into so many; the console's next look goes on, and what was found stays known."""
    broker = RedisFixture()
    for number in range(5):
        broker.source = broker.create(f"s{number}")
        broker.add_dead_letters(range(1))
    search = HeaderSearch(2)
    async with open_session(broker.url, adapters=broker.connect) as session:
        told = [await deadletters.find_dead_letters(session, load_for_profile().conventions, search) for _ in range(4)]
        every = await deadletters.find_dead_letters(session, load_for_profile().conventions, HeaderSearch(None, NOBODY))
    assert [found.unclassified for found in told] == [3, 1, 0, 0]
    assert [len(found.destinations) for found in told] == [3, 5, 6, 6]
    assert (every.unclassified, len(every.destinations)) == (0, 6)


async def test_what_can_not_be_read_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused destinations come first by name: they are not tried at every look, and the others have their turn."""
    broker = RedisFixture()
    for number in range(3):
        broker.source = broker.create(f"s{number}")
        broker.add_dead_letters(range(1))
    tried, messages = list[str](), broker.server.messages

    def refuse(ref: Ref, span: ReadRange) -> list[Message]:
        tried.append(ref.name)
        if ref.name in ("s0", "s1"):
            raise NotAuthorised("It may not be read", "memory")
        return messages(ref, span)

    monkeypatch.setattr(broker.server, "messages", refuse)
    search = HeaderSearch(2)
    async with open_session(broker.url, adapters=broker.connect) as session:
        told = [await deadletters.find_dead_letters(session, load_for_profile().conventions, search) for _ in range(3)]
    assert [found.unclassified for found in told] == [3, 2, 2]
    assert sorted(tried) == ["s0", "s1", "s2"]


async def test_queues_are_looked_into_where_that_was_asked_for() -> None:
    """A look costs: one message of each is lent, and a protected profile is asked first."""
    broker = RabbitMQFixture()
    broker.source = broker.server.declare("parked here", "quorum", limit=3)
    broker.add_dead_letters(range(2))
    broker.server.store(structs.replace(broker.letter(1), target=broker.origin, headers=()))
    async with open_session(broker.url, adapters=broker.connect) as session:
        assert (await deadletters.find_dead_letters(session, load_for_profile().conventions)).unclassified == 2
        told = await deadletters.find_dead_letters(session, load_for_profile().conventions, HeaderSearch(None, NOBODY))
    assert told.unclassified == 0
    assert {place.ref.name: place.origins for place in told.destinations} == {
        "work.dlq": (broker.origin,),
        "parked here": (broker.origin,),
    }
    assert [item.deliveries for item in broker.server.queues["parked here"].items] == [1, 0]
    ProfileStore().add(Profile("shop", {BrokerKind.RABBITMQ: BrokerEndpoint(broker.url)}, protected=True))
    async with open_session("shop", adapters=broker.connect) as session:
        with pytest.raises(NeedsConsent):
            await deadletters.find_dead_letters(session, load_for_profile().conventions, HeaderSearch(None, NOBODY))
        assert (
            len(
                (
                    await deadletters.find_dead_letters(
                        session, load_for_profile().conventions, HeaderSearch(None, Consent(spend=True))
                    )
                ).destinations
            )
            == 2
        )


async def test_a_message_at_home_is_no_dead_letter() -> None:
    """Its headers name the very place it lies in: somebody brought it back with all of them."""
    broker = KafkaFixture()
    broker.server.store(structs.replace(broker.letter(1), target=broker.origin, partition=0))
    assert set(await found(broker)) == {"orders.DLQ"}


async def test_retry_stages_are_told_apart() -> None:
    """By the broker's settings on RabbitMQ, by names elsewhere; a plan of theirs needs a destination."""
    broker = RabbitMQFixture()
    broker.source = broker.server.declare("held", dead_to="work", ttl=1000)
    broker.server.queues["work"].dead_to = "held"
    broker.add_dead_letters(range(2))
    kafka = KafkaFixture()
    kafka.source = kafka.create("orders-retry-0")
    kafka.add_dead_letters([0, 2])
    told = []
    for each in (broker, kafka):
        async with open_session(each.url, adapters=each.connect) as session:
            told.append(await deadletters.find_dead_letters(session, load_for_profile().conventions))
    assert [[(stage.ref.name, stage.messages.number) for stage in each.retry_stages] for each in told] == [
        [("held", 2), ("work", 0)],
        [("orders-retry-0", 2)],
    ]
    assert [[place.ref.name for place in each.destinations] for each in told] == [["work.dlq"], ["orders.DLQ"]]
    with pytest.raises(Refused, match="retry stage"):
        await Operator(broker).run()
    planned = await Operator(kafka).plan()
    assert [risk.name for risk in planned.plan.risks if risk.name == "retry-stage" and not risk.final] == [
        "retry-stage"
    ]
    assert broker.unhandled() == [0, 1]


async def test_causes(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(7))
    rows = await causes_of(broker)
    assert sorted(rows.values()) == [2, 2, 3]
    assert next(text for text, count in rows.items() if count == 3).startswith("SchemaMismatch: order")
    assert sorted(broker.unhandled()) == list(range(7))


async def test_causes_of_an_empty_place(broker: MemoryFixture) -> None:
    assert await causes_of(broker) == {}


async def test_causes_leave_out_what_was_handled(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    await operator.run(operator.request(limit=4))
    assert sum((await causes_of(broker)).values()) == 2


async def test_causes_of_a_queue_have_a_price() -> None:
    """R3: the look is planned, noted, agreed to where the profile is protected, and refused at 1 left."""
    broker = RabbitMQFixture()
    broker.source = broker.server.declare("work.dlq", "quorum", limit=2)
    broker.add_dead_letters(range(4))
    ProfileStore().add(Profile("shop", {BrokerKind.RABBITMQ: BrokerEndpoint(broker.url)}, protected=True))
    with pytest.raises(NeedsConsent):
        await causes_of(broker, target="shop")
    assert sum((await causes_of(broker, Consent(spend=True), "shop")).values()) == 4
    assert Audit().entries()[-1].verb == "spend"
    assert sum((await causes_of(broker, Consent(spend=True))).values()) == 1
    with pytest.raises(Refused):
        await causes_of(broker, Consent(spend=True))
    assert broker.unhandled() == [0, 1, 2, 3]


async def test_no_such_place(broker: MemoryFixture) -> None:
    broker.source = Ref(Kind(broker.source.kind), "nowhere")
    with pytest.raises(NotFound):
        await causes_of(broker)
