"""JSON lines keep every byte (C1); they are a public contract, so each kind has a golden file."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from mqtui.codecs.decode import decode
from mqtui.domain.errors import BadInput
from mqtui.domain.field_table import string
from mqtui.domain.figure import unknown
from mqtui.domain.message import Delivery, EntryId, Envelope, Message, Offset, Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.jsonlines import to_json
from mqtui.services.jsonlines_parse import parse_message
from tests.domain import dead_letters
from tests.services import random_messages

GOLDEN = Path(__file__).parent / "golden"
TOPIC, QUEUE, STREAM = Ref(Kind.TOPIC, "copy"), Ref(Kind.QUEUE, "copy"), Ref(Kind.STREAM, "copy")
EXCHANGE = Ref(Kind.EXCHANGE, "shop")
KAFKA, RABBITMQ, REDIS = BrokerKind.KAFKA, BrokerKind.RABBITMQ, BrokerKind.REDIS


def test_kafka_round_trip() -> None:
    for seed in range(300):
        message = random_messages.kafka(random.Random(seed))
        line = to_json(message)
        assert b"\n" not in line, seed
        assert parse_message(line, 1, TOPIC, KAFKA) == Outgoing(TOPIC, message.value, message.key, message.headers)


def test_redis_round_trip() -> None:
    for seed in range(300):
        message = random_messages.redis(random.Random(seed))
        line = to_json(message)
        assert b"\n" not in line, seed
        assert parse_message(line, 1, STREAM, REDIS) == Outgoing(STREAM, fields=message.fields)


def test_rabbitmq_round_trip() -> None:
    for seed in range(300):
        message = random_messages.rabbitmq(random.Random(seed))
        assert message.envelope is not None
        line = to_json(message)
        assert b"\n" not in line, seed
        assert parse_message(line, 1, EXCHANGE, RABBITMQ) == Outgoing(
            EXCHANGE,
            message.value,
            headers=message.headers,
            routing_key=message.envelope.routing_key,
            properties=message.envelope.properties,
        )
        assert parse_message(line, 1, QUEUE, RABBITMQ).routing_key == ""


def record() -> Message:
    headers = (("trace", b"8f3a", ""), ("trace", b"\xff\x00", ""), ("nothing", None, ""), ("größe", "ü".encode(), ""))
    body = '{"id":118203,"amount":7.10,"note":"grün\\n"}'.encode()
    return Message(Ref(Kind.TOPIC, "orders.DLQ"), Offset(4, 118_203), body, b"u7", headers, 1_795_475_111_678)


def letter() -> Message:
    headers = (
        dead_letters.x_death(dead_letters.death("work.invoices", "rejected")),
        ("version", b"\0\x03", "int16"),
        ("ratio", b"\x3f\xfc\0\0\0\0\0\0", "double"),
        ("tenant", string("eu"), "string"),
        ("tenant", b"\0\0\0\x02\xff\xfe", "string"),
        ("w\udcff", b"", "void"),
    )
    properties = (("content_type", "application/json"), ("delivery_mode", 2), ("message_id", "n-9900"))
    envelope = Envelope("shop.dlx", "invoice", True, properties, 1, unknown("not read yet"))
    return Message(
        Ref(Kind.QUEUE, "work.invoices.dlq"), Delivery(7), b'{"inv":9900}', None, headers, None, (), envelope
    )


def entry() -> Message:
    fields = ((b"order", b"118203"), (b"body", b'{"cents":550}'), (b"tag", b"a"), (b"tag", b"\xff\x01"), (b"\xfe", b""))
    return Message(Ref(Kind.STREAM, "payments:dlq"), EntryId(1_795_475_111_678, 2), None, fields=fields)


@pytest.mark.parametrize(("name", "message"), [("kafka", record()), ("rabbitmq", letter()), ("redis", entry())])
def test_each_brokers_message_is_as_published(name: str, message: Message) -> None:
    assert to_json(message) + b"\n" == (GOLDEN / f"message-{name}.json").read_bytes()


def test_position_of_a_rabbitmq_stream_and_a_name_that_is_not_utf8() -> None:
    envelope = Envelope("", "audit", False, (("type", "\udcff"),), None, unknown("streams spend nothing"))
    message = Message(Ref(Kind.QUEUE, "a\udcff"), Offset(-1, 5), b"", None, (), None, (), envelope)
    told = orjson.loads(to_json(message))
    assert (told["position"], told["partition"], told["offset"]) == ("5", None, 5)
    assert told["resource"] == {"base64": "Yf8="}
    assert told["properties"] == {"type": {"base64": "/w=="}}
    assert (told["deliveries_left"], told["why"]) == (None, "streams spend nothing")


def test_null_and_empty_are_two_things() -> None:
    none = Message(TOPIC, Offset(0, 0), None, b"")
    assert parse_message(to_json(none), 1, TOPIC, KAFKA) == Outgoing(TOPIC, None, b"")
    assert orjson.loads(to_json(none))["codec"] == "null"


def test_decoded_is_added_when_asked_and_keeps_the_numbers_as_written() -> None:
    line = to_json(record(), decode(record().value))
    assert b'"decoded":{"id":118203,"amount":7.10,' in line
    assert b'"value":"{\\"id\\"' in line
    assert parse_message(line, 1, TOPIC, KAFKA).value == record().value


def test_other_brokers_lines_are_turned() -> None:
    to_topic = parse_message(to_json(letter()), 1, TOPIC, KAFKA)
    assert to_topic.value == b'{"inv":9900}'
    assert [kind for _, _, kind in to_topic.headers] == [""] * 6
    assert to_topic.headers[1:5] == (
        ("version", b"3", ""),
        ("ratio", b"1.75", ""),
        ("tenant", b"eu", ""),
        ("tenant", b"\xff\xfe", ""),
    )
    keyless = Message(TOPIC, Offset(0, 0), b"x", None, (("a", b"\xff", ""), ("n", None, "")))
    to_queue = parse_message(to_json(keyless), 1, QUEUE, RABBITMQ)
    assert to_queue.headers == (("a", b"\0\0\0\x01\xff", "string"), ("n", b"", "void"))
    to_stream = parse_message(to_json(keyless), 1, STREAM, REDIS)
    assert to_stream.fields == ((b"value", b"x"), (b"a", b"\xff"), (b"n", b""))


@pytest.mark.parametrize(
    ("line", "target", "broker", "words"),
    [
        (b"{", TOPIC, KAFKA, "Line 3 is not JSON"),
        (b"[]", TOPIC, KAFKA, "Line 3: it is not an object"),
        (b'{"vlaue":"x"}', TOPIC, KAFKA, "Line 3, `vlaue`: there is no such key"),
        (b'{"key":"x"}', TOPIC, KAFKA, "Line 3, `value`: it is missing"),
        (b'{"value":7}', TOPIC, KAFKA, "Line 3, `value`: it is not text"),
        (b'{"value":{"base64":"x"}}', TOPIC, KAFKA, "Line 3, `value`: it is not base64"),
        (b'{"value":{"base64":"","hex":""}}', TOPIC, KAFKA, "Line 3, `value`: it is not text"),
        (b'{"value":"","headers":{}}', TOPIC, KAFKA, "Line 3, `headers`: it is not a list"),
        (b'{"value":"","headers":[["a","b"],["a"]]}', TOPIC, KAFKA, "Line 3, `headers[1]`: it is not"),
        (b'{"value":"","headers":[[null,"b"]]}', TOPIC, KAFKA, "Line 3, `headers[0]`: it is null"),
        (b'{"value":"","headers":[["a",1,"int7"]]}', QUEUE, RABBITMQ, "Line 3, `headers[0]`: 'int7' is no type"),
        (
            b'{"value":"","headers":[["a",{"base64":""},"octet 4"]]}',
            QUEUE,
            RABBITMQ,
            "Line 3, `headers[0]`: 'octet 4' is",
        ),
        (b'{"value":"","headers":[["a",300,"int8"]]}', QUEUE, RABBITMQ, "Line 3, `headers[0]`: 300 does not fit"),
        (b'{"value":"","headers":[["a","x","int8"]]}', QUEUE, RABBITMQ, "Line 3, `headers[0]`: 'x' is not a header"),
        (b'{"value":"","fields":[["a","b"]]}', TOPIC, KAFKA, "Line 3, `fields`: only a Redis entry"),
        (b'{"value":null}', QUEUE, RABBITMQ, "Line 3, `value`: a RabbitMQ message has a body"),
        (b'{"value":"","key":"k"}', QUEUE, RABBITMQ, "Line 3, `key`: a RabbitMQ message has no key"),
        (b'{"value":"","properties":[]}', QUEUE, RABBITMQ, "Line 3, `properties`: it is not an object"),
        (b'{"value":"","properties":{"x":1}}', QUEUE, RABBITMQ, "Line 3, `properties.x`: there is no such property"),
        (b'{"value":"","properties":{"priority":"1"}}', QUEUE, RABBITMQ, "Line 3, `properties.priority`: it is not a"),
        (b'{"value":"","routing_key":7}', EXCHANGE, RABBITMQ, "Line 3, `routing_key`: it is not text"),
        (b'{"fields":[]}', STREAM, REDIS, "Line 3, `fields`: it is not a list of at least one"),
        (b'{"fields":[["a",null]]}', STREAM, REDIS, "Line 3, `fields[0]`: it is not [name, value]"),
        (b'{"fields":[["a","b"]],"value":"x"}', STREAM, REDIS, "Line 3, `value`: an entry has either"),
        (b'{"fields":[["a","b"]],"headers":[["a","b"]]}', STREAM, REDIS, "Line 3, `headers`: an entry has either"),
        (b'{"key":"k","value":"x"}', STREAM, REDIS, "Line 3, `key`: a Redis entry has no key"),
        (b"{}", STREAM, REDIS, "Line 3, `fields`: it is missing"),
        (b'{"value":"\\ud800"}', TOPIC, KAFKA, "Line 3 is not JSON"),
    ],
)
def test_bad_lines_name_the_line_and_the_key(line: bytes, target: Ref, broker: BrokerKind, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_message(line, 3, target, broker)
    assert caught.value.title.startswith(words)


def test_any_json_is_a_message_or_bad_input() -> None:
    dice = random.Random(3)
    parts: list[Any] = [None, 1, 1.5, True, "x", [], {}, [[1]], {"base64": 7}, [["a", {"base64": "!"}, "int8"]], [[]]]
    parts += [[["a", [["x"]], "array"]], [["a", [[1, 2, 3]], "table"]], [["a", {"base64": "AA=="}, "octet zz"]]]
    keys = ("key", "value", "headers", "fields", "properties", "routing_key")
    refused = 0
    for _ in range(600):
        line = orjson.dumps({key: dice.choice(parts) for key in keys if dice.random() < 0.5})
        for target, broker in ((TOPIC, KAFKA), (EXCHANGE, RABBITMQ), (STREAM, REDIS)):
            try:
                parse_message(line, 1, target, broker)
            except BadInput:
                refused += 1
    assert 0 < refused < 1_800
