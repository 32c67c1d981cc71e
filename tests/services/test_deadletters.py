"""Where dead letters lie, and what they died of."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
from tests.services.grounds import Ground, KafkaGround, RabbitMQGround, RedisGround
from tests.services.operator import Operator

NOBODY = Consent()


async def found(ground: Ground) -> dict[str, deadletters.DeadLetterDestination]:
    async with open_session(ground.url, adapters=ground.connect) as session:
        places = (await deadletters.find_dead_letters(session, load_for_profile().conventions)).destinations
    return {place.ref.name: place for place in places}


async def causes_of(ground: Ground, consent: Consent = NOBODY, target: str = "") -> dict[str, int]:
    async with open_session(target or ground.url, adapters=ground.connect) as session:
        price = await session.broker.reader.peek_cost(ground.source, 1)
        rows = await deadletters.read_causes(session, ground.source, price, load_for_profile().conventions, consent)
    return {row.text: row.count for row in rows}


async def test_places_with_dead_letters(ground: Ground) -> None:
    ground.put(range(5))
    before = list(ground.server.events)
    places = await found(ground)
    assert list(places) == [ground.source.name]
    (place,) = places.values()
    assert (place.letters.number, place.origins) == (5, (ground.origin,))
    assert "broker" in place.detected_by if ground.doubles else place.detected_by == "its name"
    assert ground.server.events == before


async def test_letters_that_were_handled_do_not_count(ground: Ground) -> None:
    ground.put(range(5))
    operator = Operator(ground)
    await operator.run(operator.order(limit=3))
    assert (await found(ground))[ground.source.name].letters.number == 2


async def test_headers_tell_where_no_name_does() -> None:
    ground = KafkaGround()
    ground.source = ground.make("parked")
    ground.server.store(replace(ground.letter(1), partition=0))
    ground.server.store(Outgoing(ground.make("plain"), b"1"))
    ground.make("empty")
    places = await found(ground)
    assert set(places) == {"orders.DLQ", "parked"}
    assert places["parked"].origins == (ground.origin,)
    assert places["parked"].detected_by == "spring headers"


async def test_what_is_read_or_sent_home_is_no_place_of_dead_letters() -> None:
    """Headers alone count where nobody reads; letters that went home carry ours."""
    ground = KafkaGround()
    ground.put(range(3))
    await Operator(ground).run()
    read = ground.make("orders-again")
    ground.server.store(replace(ground.letter(1), target=read, partition=0))
    ground.server.commit("billing", read, 0, 0)
    ground.server.store(replace(ground.letter(1), target=ground.make("orders-retry-0"), partition=0))
    assert set(await found(ground)) == {"orders.DLQ"}


async def test_queues_are_not_sniffed_and_exchanges_hold_nothing() -> None:
    ground = RabbitMQGround()
    ground.server.exchange("work.dlx")
    ground.server.exchange("dead-letters")
    ground.server.store(replace(ground.letter(1), target=ground.make("plain")))
    ground.make("parked.dlq")
    places = await found(ground)
    assert set(places) == {"work.dlq", "parked.dlq"}
    assert all(not item.redelivered for queue in ground.server.queues.values() for item in queue.items)


async def test_the_fullest_first() -> None:
    ground = RedisGround()
    for name, count in (("a:dlq", 2), ("b:dlq", 5), ("c:dlq", 2)):
        ground.source = ground.make(name)
        ground.put(range(count))
    assert list(await found(ground)) == ["b:dlq", "a:dlq", "c:dlq", "payments:dlq"]


async def test_destinations_beyond_the_limit_are_counted_and_looked_into_later() -> None:
    """One search looks into so many; the console's next look goes on, and what was found stays known."""
    ground = RedisGround()
    for number in range(5):
        ground.source = ground.make(f"s{number}")
        ground.put(range(1))
    search = HeaderSearch(2)
    async with open_session(ground.url, adapters=ground.connect) as session:
        told = [await deadletters.find_dead_letters(session, load_for_profile().conventions, search) for _ in range(4)]
        every = await deadletters.find_dead_letters(session, load_for_profile().conventions, HeaderSearch(None, NOBODY))
    assert [found.unclassified for found in told] == [3, 1, 0, 0]
    assert [len(found.destinations) for found in told] == [3, 5, 6, 6]
    assert (every.unclassified, len(every.destinations)) == (0, 6)


async def test_what_can_not_be_read_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused destinations come first by name: they are not tried at every look, and the others have their turn."""
    ground = RedisGround()
    for number in range(3):
        ground.source = ground.make(f"s{number}")
        ground.put(range(1))
    tried, messages = list[str](), ground.server.messages

    def refuse(ref: Ref, span: ReadRange) -> list[Message]:
        tried.append(ref.name)
        if ref.name in ("s0", "s1"):
            raise NotAuthorised("It may not be read", "memory")
        return messages(ref, span)

    monkeypatch.setattr(ground.server, "messages", refuse)
    search = HeaderSearch(2)
    async with open_session(ground.url, adapters=ground.connect) as session:
        told = [await deadletters.find_dead_letters(session, load_for_profile().conventions, search) for _ in range(3)]
    assert [found.unclassified for found in told] == [3, 2, 2]
    assert sorted(tried) == ["s0", "s1", "s2"]


async def test_queues_are_looked_into_where_that_was_asked_for() -> None:
    """A look costs: one message of each is lent, and a protected profile is asked first."""
    ground = RabbitMQGround()
    ground.source = ground.server.declare("parked here", "quorum", limit=3)
    ground.put(range(2))
    ground.server.store(replace(ground.letter(1), target=ground.origin, headers=()))
    async with open_session(ground.url, adapters=ground.connect) as session:
        assert (await deadletters.find_dead_letters(session, load_for_profile().conventions)).unclassified == 2
        told = await deadletters.find_dead_letters(session, load_for_profile().conventions, HeaderSearch(None, NOBODY))
    assert told.unclassified == 0
    assert {place.ref.name: place.origins for place in told.destinations} == {
        "work.dlq": (ground.origin,),
        "parked here": (ground.origin,),
    }
    assert [item.deliveries for item in ground.server.queues["parked here"].items] == [1, 0]
    ProfileStore().add(Profile("shop", {BrokerKind.RABBITMQ: BrokerEndpoint(ground.url)}, protected=True))
    async with open_session("shop", adapters=ground.connect) as session:
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
    ground = KafkaGround()
    ground.server.store(replace(ground.letter(1), target=ground.origin, partition=0))
    assert set(await found(ground)) == {"orders.DLQ"}


async def test_retry_stages_are_told_apart() -> None:
    """By the broker's settings on RabbitMQ, by names elsewhere; a plan of theirs needs a destination."""
    ground = RabbitMQGround()
    ground.source = ground.server.declare("held", dead_to="work", ttl=1000)
    ground.server.queues["work"].dead_to = "held"
    ground.put(range(2))
    kafka = KafkaGround()
    kafka.source = kafka.make("orders-retry-0")
    kafka.put([0, 2])
    told = []
    for each in (ground, kafka):
        async with open_session(each.url, adapters=each.connect) as session:
            told.append(await deadletters.find_dead_letters(session, load_for_profile().conventions))
    assert [[(stage.ref.name, stage.messages.number) for stage in each.retry_stages] for each in told] == [
        [("held", 2), ("work", 0)],
        [("orders-retry-0", 2)],
    ]
    assert [[place.ref.name for place in each.destinations] for each in told] == [["work.dlq"], ["orders.DLQ"]]
    with pytest.raises(Refused, match="retry stage"):
        await Operator(ground).run()
    planned = await Operator(kafka).plan()
    assert [risk.name for risk in planned.plan.risks if risk.name == "retry-stage" and not risk.final] == [
        "retry-stage"
    ]
    assert ground.left() == [0, 1]


async def test_causes(ground: Ground) -> None:
    ground.put(range(7))
    rows = await causes_of(ground)
    assert sorted(rows.values()) == [2, 2, 3]
    assert next(text for text, count in rows.items() if count == 3).startswith("SchemaMismatch: order")
    assert sorted(ground.left()) == list(range(7))


async def test_causes_of_an_empty_place(ground: Ground) -> None:
    assert await causes_of(ground) == {}


async def test_causes_leave_out_what_was_handled(ground: Ground) -> None:
    ground.put(range(6))
    operator = Operator(ground)
    await operator.run(operator.order(limit=4))
    assert sum((await causes_of(ground)).values()) == 2


async def test_causes_of_a_queue_have_a_price() -> None:
    """R3: the look is planned, noted, agreed to where the profile is protected, and refused at 1 left."""
    ground = RabbitMQGround()
    ground.source = ground.server.declare("work.dlq", "quorum", limit=2)
    ground.put(range(4))
    ProfileStore().add(Profile("shop", {BrokerKind.RABBITMQ: BrokerEndpoint(ground.url)}, protected=True))
    with pytest.raises(NeedsConsent):
        await causes_of(ground, target="shop")
    assert sum((await causes_of(ground, Consent(spend=True), "shop")).values()) == 4
    assert Audit().entries()[-1].verb == "spend"
    assert sum((await causes_of(ground, Consent(spend=True))).values()) == 1
    with pytest.raises(Refused):
        await causes_of(ground, Consent(spend=True))
    assert ground.left() == [0, 1, 2, 3]


async def test_no_such_place(ground: Ground) -> None:
    ground.source = Ref(Kind(ground.source.kind), "nowhere")
    with pytest.raises(NotFound):
        await causes_of(ground)
