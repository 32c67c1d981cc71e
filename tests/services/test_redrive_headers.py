"""The marks a letter carries home: the origin once, the rest anew at each redrive; none on Redis."""

from __future__ import annotations

import json

from msgspec import structs

from mqtui.domain.field_table import int64, python, string
from mqtui.domain.message import Delivery, EntryId, Header, Message, Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.machine.process import operator
from mqtui.services.redrive.planning.mqtui_headers import (
    AT,
    BY,
    COUNT,
    HEADER_NAMES,
    ORIGIN,
    RUN,
    HeaderStamper,
    redrive_count,
)
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture, RedisFixture
from tests.services.redrive_operator import Operator


def sent_home(broker: KafkaFixture | RabbitMQFixture) -> tuple[Header, ...]:
    """Headers of the newest letter at home."""
    if isinstance(broker, KafkaFixture):
        return max(broker.server.records(broker.origin), key=lambda record: record.timestamp or 0).headers
    return broker.server.ready(broker.origin)[-1].headers


def read(headers: tuple[Header, ...]) -> dict[str, object]:
    """Our marks, each there once, as text or number."""
    ours = [header for header in headers if header[0] in HEADER_NAMES]
    assert len({name for name, _, _ in ours}) == len(ours)
    return {name: python(value, kind) if kind else (value or b"").decode() for name, value, kind in ours}


async def twice(broker: KafkaFixture | RabbitMQFixture) -> tuple[dict[str, object], dict[str, object], str, str]:
    """A letter goes home, dies again and goes home again."""
    broker.add_dead_letters([5])
    runner = Operator(broker)
    first = (await runner.run()).run
    headers = sent_home(broker)
    dead = broker.letter(5)
    broker.world.clock.advance(10)
    broker.server.store(structs.replace(dead, headers=headers + tuple(h for h in dead.headers if h[0] != "app")))
    broker.world.clock.advance(10)
    second = (await runner.run()).run
    return read(headers), read(sent_home(broker)), first, second


async def test_kafka() -> None:
    broker = KafkaFixture()
    one, two, first, second = await twice(broker)
    assert json.loads(str(one[ORIGIN])) == {
        "v": 1,
        "resource": "orders.DLQ",
        "position": "1/0",
        "time": broker.time(0),
    }
    assert two[ORIGIN] == one[ORIGIN]
    assert (one[RUN], two[RUN]) == (first, second)
    assert (one[COUNT], two[COUNT]) == ("1", "2")
    assert one[BY] == two[BY] == operator()
    assert str(one[AT]).endswith("+00:00")


async def test_rabbitmq() -> None:
    broker = RabbitMQFixture()
    one, two, first, second = await twice(broker)
    told = json.loads(str(one[ORIGIN]))
    assert (told["v"], told["resource"], told["exchange"], told["routing_key"]) == (1, "work.dlq", "", "work.dlq")
    assert "position" not in told
    assert two[ORIGIN] == one[ORIGIN]
    assert (one[RUN], two[RUN]) == (first, second)
    assert (one[COUNT], two[COUNT]) == (1, 2)
    assert {kind for name, _, kind in sent_home(broker) if name in HEADER_NAMES} == {"string", "int64"}


async def test_what_the_application_wrote_keeps_its_bytes(broker: MemoryFixture) -> None:
    broker.add_dead_letters([5])
    await Operator(broker).run()
    if isinstance(broker, RedisFixture):
        assert [fields for _, fields in broker.server.entries(broker.origin)] == [((b"value", b"5"),)]
        return
    assert isinstance(broker, KafkaFixture | RabbitMQFixture)
    kept = [header for header in sent_home(broker) if header[0] not in HEADER_NAMES]
    assert kept == [header for header in broker.letter(5).headers if header[0] == "app"]


def test_counts_that_cannot_be_read_are_none() -> None:
    letter = Message(Ref(Kind.TOPIC, "t"), Offset(0, 0), b"")
    counts: list[tuple[Header, int]] = [
        ((COUNT, b"3", ""), 3),
        ((COUNT, b"many", ""), 0),
        ((COUNT, None, ""), 0),
        ((COUNT, int64(4), "int64"), 4),
        ((COUNT, string("7"), "string"), 7),
        (("other", b"3", ""), 0),
    ]
    for header, number in counts:
        assert redrive_count(structs.replace(letter, headers=(header,))) == number


def test_what_stays_behind() -> None:
    kafka, redis = (HeaderStamper(kind, "r", "me", "now") for kind in (BrokerKind.KAFKA, BrokerKind.REDIS))
    assert kafka.headers_to_strip(BrokerKind.KAFKA) == {RUN, COUNT, BY, AT}
    assert redis.headers_to_strip(BrokerKind.REDIS) == frozenset()
    assert redis.headers_to_strip(BrokerKind.KAFKA) == frozenset(HEADER_NAMES)
    for place in (Delivery(1), EntryId(1, 2)):
        assert redis.headers_for(Message(Ref(Kind.STREAM, "s"), place, None)) == ()
