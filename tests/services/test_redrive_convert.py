"""Letters to another kind of broker: byte for byte where the other has a place for them."""

from __future__ import annotations

import itertools
import json

import pytest

from mqtui.domain.field_table import int64, raw, string
from mqtui.domain.message import Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.redrive.planning.convert import convert_message, describe_conversion
from mqtui.services.redrive.planning.mqtui_headers import HEADER_NAMES
from tests.memory import MemoryKafka, MemoryRabbitMQ, MemoryRedis
from tests.services.memory_fixtures import FIXTURES, KafkaFixture, MemoryFixture, RedisFixture
from tests.services.redrive_operator import Operator, assert_complete, last_run

KAFKA, RABBITMQ, REDIS = BrokerKind.KAFKA, BrokerKind.RABBITMQ, BrokerKind.REDIS
TOPIC, QUEUE, STREAM = Ref(Kind.TOPIC, "t"), Ref(Kind.QUEUE, "q"), Ref(Kind.STREAM, "s")
ODD = bytes(range(256))
PAIRS = list(itertools.permutations(FIXTURES, 2))


def values(broker: MemoryFixture) -> list[bytes]:
    """Bodies, values or `value` fields at home, in any order."""
    server = broker.server
    if isinstance(server, MemoryKafka):
        return sorted(record.value or b"" for record in server.records(broker.origin))
    if isinstance(server, MemoryRabbitMQ):
        return sorted(sent.value or b"" for sent in server.ready(broker.origin))
    assert isinstance(server, MemoryRedis)
    return sorted(dict(fields)[b"value"] for _, fields in server.entries(broker.origin))


@pytest.mark.parametrize(("here", "there"), PAIRS)
async def test_each_pair_moves_values_as_they_are(here: type[MemoryFixture], there: type[MemoryFixture]) -> None:
    broker, remote = here(), there()
    broker.add_dead_letters(range(5))
    operator = Operator(broker, remote)
    result = assert_complete(await operator.run(operator.request(to=remote.origin)))
    assert (result.planned, result.moved) == (5, 5)
    assert values(remote) == [b"%d" % number for number in range(5)]
    assert broker.unhandled() == []
    assert dict(operator.planned.plan.facts)["shape"]


@pytest.mark.parametrize(("here", "there"), PAIRS)
@pytest.mark.parametrize("after", [1, 4, 6])
async def test_killed_on_the_way(here: type[MemoryFixture], there: type[MemoryFixture], after: int) -> None:
    """C6: source and target hold every letter; each double is among the suspects."""
    broker, remote = here(), there()
    broker.add_dead_letters(range(6))
    operator = Operator(broker, remote)
    assert await operator.is_killed_during(lambda: operator.run(operator.request(to=remote.origin)), after)
    assert len(broker.unhandled()) == 6
    result = assert_complete(await operator.resume(last_run().id))
    assert (result.planned, result.moved) == (6, 6)
    assert set(values(remote)) == {b"%d" % number for number in range(6)}
    assert broker.unhandled() == []
    assert len(remote.returned()) - 6 == after <= len(result.suspects)


@pytest.mark.parametrize(("here", "there"), PAIRS)
async def test_what_the_other_broker_refuses_stays(here: type[MemoryFixture], there: type[MemoryFixture]) -> None:
    broker, remote = here(), there()
    broker.add_dead_letters(range(4))
    remote.server.faults.max_size = 1
    operator = Operator(broker, remote)
    result = assert_complete(await operator.run(operator.request(to=remote.origin)))
    assert (result.moved, result.refused) == (0, 4)
    assert sorted(broker.unhandled()) == [0, 1, 2, 3]
    remote.server.faults.max_size = None
    remote.server.faults.lose_replies = 1
    result = assert_complete(await operator.run(operator.request(to=remote.origin)))
    assert (result.moved, result.unknown, len(result.suspects)) == (3, 1, 1)
    assert len(broker.unhandled()) == 1
    again = assert_complete(await operator.resume(last_run().id))
    assert (again.moved, len(again.suspects)) == (4, 1)
    assert len(remote.returned()) == 5


async def test_a_value_alone_comes_home_from_kafka() -> None:
    """Redis to Kafka and back: the entry is what it was, without a field of ours."""
    redis, kafka = RedisFixture(), KafkaFixture()
    redis.server.store(Outgoing(redis.source, fields=((b"dlq_origin", b"payments"), (b"value", ODD))))
    operator = Operator(redis, kafka)
    assert_complete(await operator.run(operator.request(to=kafka.source)))
    (there,) = kafka.server.records(kafka.source)
    assert (there.key, there.value) == (None, ODD)
    assert {name for name, _, _ in there.headers} == set(HEADER_NAMES)
    back = Operator(kafka, redis)
    assert_complete(await back.run(back.request(to=redis.origin)))
    assert [fields for _, fields in redis.server.entries(redis.origin)] == [((b"value", ODD),)]


def test_the_same_kind_keeps_everything() -> None:
    message = Outgoing(QUEUE, ODD, headers=(("n", int64(3), "int64"),), properties=(("message_id", "m"),))
    assert convert_message(message, RABBITMQ, RABBITMQ) is message


def test_kafka_to_rabbitmq() -> None:
    headers = (("twice", b"1", ""), ("twice", ODD, ""), ("null", None, ""))
    sent = convert_message(Outgoing(QUEUE, ODD, b"u7", headers, partition=3), KAFKA, RABBITMQ)
    assert (sent.value, sent.key, sent.partition) == (ODD, None, None)
    assert sent.headers == (*headers, ("key", b"u7", ""))
    exchange = Ref(Kind.EXCHANGE, "x")
    assert convert_message(Outgoing(exchange, b"", b"u7"), KAFKA, RABBITMQ).routing_key == "u7"
    assert convert_message(Outgoing(exchange, b"", b"u7", routing_key="own"), KAFKA, RABBITMQ).routing_key == "own"
    assert convert_message(Outgoing(QUEUE, None, None), KAFKA, RABBITMQ) == Outgoing(QUEUE, None, None)


def test_kafka_to_redis() -> None:
    sent = convert_message(
        Outgoing(STREAM, ODD, b"u7", (("h", ODD, ""), ("h", b"2", ""), ("null", None, ""))), KAFKA, REDIS
    )
    assert sent == Outgoing(
        STREAM, fields=((b"key", b"u7"), (b"value", ODD), (b"h", ODD), (b"h", b"2"), (b"null", b""))
    )
    assert convert_message(Outgoing(STREAM, None), KAFKA, REDIS).fields == ((b"value", b""),)


def test_rabbitmq_to_kafka() -> None:
    headers = (
        ("text", string("grün"), "string"),
        ("odd", len(ODD).to_bytes(4, "big") + ODD, "string"),
        ("binary", len(ODD).to_bytes(4, "big") + ODD, "binary"),
        ("number", int64(-3), "int64"),
        ("yes", b"\x01", "bool"),
        ("half", b"\x3f\xe0" + b"\x00" * 6, "double"),
        ("void", None, "void"),
        ("list", raw([["a", "string"], [1, "int64"]], "array"), "array"),
    )
    message = Outgoing(TOPIC, ODD, headers=headers, properties=(("message_id", "m"),), routing_key="invoice")
    sent = convert_message(message, RABBITMQ, KAFKA)
    assert (sent.value, sent.key, sent.properties) == (ODD, None, ())
    got = {name: value for name, value, kind in sent.headers if kind == ""}
    assert (got["text"], got["odd"], got["binary"]) == ("grün".encode(), ODD, ODD)
    assert (got["number"], got["yes"], got["half"], got["void"]) == (b"-3", b"true", b"0.5", None)
    assert json.loads(got["list"] or b"")[0][0] == "a"


def test_rabbitmq_to_redis() -> None:
    message = Outgoing(STREAM, ODD, headers=(("n", int64(3), "int64"), ("t", string("x"), "string")))
    assert convert_message(message, RABBITMQ, REDIS).fields == ((b"value", ODD), (b"n", b"3"), (b"t", b"x"))


@pytest.mark.parametrize("target", [KAFKA, RABBITMQ])
def test_redis_to_others(target: BrokerKind) -> None:
    ref = TOPIC if target is KAFKA else QUEUE

    def value(*fields: tuple[bytes, bytes]) -> bytes:
        sent = convert_message(Outgoing(ref, fields=fields), REDIS, target)
        assert sent.fields == ()
        return sent.value or b""

    assert value((b"value", ODD)) == ODD
    assert json.loads(value((b"id", b"7"), ("größe".encode(), b"\xff"))) == {"id": "7", "größe": {"base64": "/w=="}}
    twice = json.loads(value((b"value", b"1"), (b"value", b"2")))
    assert twice == [["value", "1"], ["value", "2"]]
    assert json.loads(value((b"\xff", b"1"))) == [[{"base64": "/w=="}, "1"]]


def test_plans_say_what_changes_shape() -> None:
    assert describe_conversion(KAFKA, KAFKA) == ""
    sentences = {describe_conversion(*pair) for pair in itertools.permutations((KAFKA, RABBITMQ, REDIS), 2)}
    assert len(sentences) == 6
    assert all(len(sentence) > 10 for sentence in sentences)
