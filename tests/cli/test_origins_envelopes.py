"""C29: the message in an envelope goes home byte for byte, or the plan refuses and says why."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from mqtui.domain.resource import Ref
from tests.cli.broker_fixtures import BrokerFixture, run_result
from tests.cli.command_line import Mqtui
from tests.contract.rabbitmq_test_client import QUORUM, Rabbit
from tests.contract.worlds import Letter

BODY = b'{"id": 1.10,  "who": "J\xc3\xb6rg"}'


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


def pair(kafka: BrokerFixture) -> tuple[Ref, Ref]:
    return kafka.world.create("env-dlq"), kafka.world.create("env")


def envelope(origin: Ref, **more: Any) -> bytes:
    told = {"original_topic": origin.name, "original_partition": 0, "original_offset": 7, "error_type": "shop.Bad"}
    return json.dumps({**told, "error_message": "no stock", **more}).encode()


@pytest.mark.parametrize(
    ("parts", "value", "key"),
    [
        ({"original_value": BODY.decode()}, BODY, b"outer"),
        ({"original_value": BODY.decode(), "original_key": "k1"}, BODY, b"k1"),
        (
            {"original_value_b64": base64.b64encode(b"\xff\x00\x01").decode(), "original_key": None},
            b"\xff\x00\x01",
            None,
        ),
        ({"original_value": None, "original_key_b64": base64.b64encode(b"\xfe").decode()}, None, b"\xfe"),
        ({"original_value": "é \n\t\u0000"}, "é \n\t\u0000".encode(), b"outer"),
    ],
)
def test_the_message_in_the_envelope_goes_home_byte_for_byte(
    mqtui: Mqtui, kafka: BrokerFixture, parts: dict[str, Any], value: bytes | None, key: bytes | None
) -> None:
    dlq, home = pair(kafka)
    kafka.world.put(dlq, [Letter(envelope(home, **parts), b"outer", (("trace", b"1"),))])
    (row,) = mqtui("dlq", kafka.url, dlq.name, "--json").ok().rows()
    assert (row["origin"], row["exception"], row["message"]) == (home.name, "shop.Bad", "no stock")
    plan = mqtui("redrive", kafka.url, dlq.name, "--dry-run").ok().text
    assert "opened" in plan
    assert "envelope stays behind" in plan
    assert run_result(mqtui("redrive", kafka.url, dlq.name, "--yes", "--json").ok())["moved"] == 1
    (letter,) = kafka.world.contents(home)
    assert (letter.value, letter.key) == (value, key)
    assert ("trace", b"1") in letter.headers


def test_headers_in_the_envelope_are_the_messages_own(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, home = pair(kafka)
    kafka.world.put(
        dlq, [Letter(envelope(home, original_value="1", original_headers={"a": "1"}), None, (("dlq", b"1"),))]
    )
    assert run_result(mqtui("redrive", kafka.url, dlq.name, "--yes", "--json").ok())["moved"] == 1
    (letter,) = kafka.world.contents(home)
    assert [name for name, _ in letter.headers if not name.startswith("x-mqtui-")] == ["a"]


@pytest.mark.parametrize(
    ("parts", "words", "value"),
    [
        ({"original_value": {"id": 1.5, "x": [1]}}, "stands as JSON", b'{"id": 1.5, "x": [1]}'),
        ({"original_value": "J\ufffdrg"}, "replacement characters", "J\ufffdrg".encode()),
        ({"original_value": base64.b64encode(b'{"id": 1}').decode()}, "base64", base64.b64encode(b'{"id": 1}')),
        ({"original_value": "1", "original_headers": {"a": 1}}, "headers", b"1"),
    ],
)
def test_what_may_not_be_what_was_sent_is_refused_with_its_reason(
    mqtui: Mqtui, kafka: BrokerFixture, parts: dict[str, Any], words: str, value: bytes
) -> None:
    dlq, home = pair(kafka)
    kafka.world.put(dlq, [Letter(envelope(home, **parts))])
    refused = mqtui("redrive", kafka.url, dlq.name, "--yes").fails(4, "envelope", words)
    assert "--allow envelope" in refused.err
    assert kafka.world.contents(home) == []
    done = mqtui("redrive", kafka.url, dlq.name, "--yes", "--allow", "envelope", "--json").ok()
    assert run_result(done)["moved"] == 1
    assert [letter.value for letter in kafka.world.contents(home)] == [value]


@pytest.mark.parametrize(
    "body",
    [
        b'{"originalTopic2": "env", "payload": {"id": 1}}',
        b'{"error": "no stock", "payload": {"id": 1}}',
        b'{"Exception": "no stock", "message": "1", "at": 5}',
    ],
)
def test_an_envelope_of_an_unknown_kind_is_not_delivered_in_silence(
    mqtui: Mqtui, kafka: BrokerFixture, body: bytes
) -> None:
    dlq, home = pair(kafka)
    kafka.world.put(dlq, [Letter(body, b"k"), Letter(b'{"id": 1, "name": "x"}', b"k")])
    words = ("redrive", kafka.url, dlq.name, "--to", home.name, "--yes")
    refused = mqtui(*words).fails(4, "envelope", "1 letter")
    assert "delivered whole" in refused.err
    assert run_result(mqtui(*words, "--allow", "envelope", "--json").ok())["moved"] == 2


def test_one_bad_envelope_stays_and_the_others_go(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, home = pair(kafka)
    bodies = [envelope(home, original_value="1"), envelope(home, original_value_b64="*"), b"plain"]
    kafka.world.put(dlq, [Letter(body, b"k") for body in bodies])
    done = mqtui("redrive", kafka.url, dlq.name, "--to", home.name, "--yes", "--json")
    assert done.code == 1, done.err
    assert (run_result(done)["moved"], run_result(done)["refused"]) == (2, 1)
    assert [letter.value for letter in kafka.world.contents(home)] == [b"1", b"plain"]


def easynetq(queue: str, **properties: Any) -> bytes:
    """What EasyNetQ's DefaultConsumeErrorStrategy publishes."""
    own = {"ContentType": "application/json", "DeliveryMode": 2, "Type": "Shop.Order, Shop", "CorrelationId": "c1"}
    told = {
        "RoutingKey": "orders.new",
        "Exchange": "Shop.Order, Shop",
        "Queue": queue,
        "Exception": "System.FormatException: no amount\r\n   at Shop.Orders.Handle(Order order)",
        "Message": BODY.decode(),
        "DateTime": "2026-11-29T20:00:00.123Z",
        "BasicProperties": {**own, **properties},
    }
    return json.dumps(told).encode()


@pytest.mark.parametrize("quorum", [False, True], ids=["classic", "quorum"])
def test_easynetq(mqtui: Mqtui, rabbit: Rabbit, quorum: bool) -> None:
    """One error queue of all; the body and the properties of the message, `Type` among them, go back to its queue."""
    home = rabbit.queue()
    error = rabbit.queue({**QUORUM, "x-delivery-limit": 5} if quorum else {})
    outer = pika.BasicProperties(delivery_mode=2, type="EasyNetQ.SystemMessages.Error, EasyNetQ")
    rabbit.channel.basic_publish("", error, easynetq(home), outer)
    rabbit.wait_until_ready(error, 1)
    (row,) = mqtui("dlq", rabbit.url, error, "--json").ok().rows()
    assert (row["origin"], row["exception"], row["message"]) == (home, "System.FormatException", "no amount")
    assert "envelope stays behind" in mqtui("redrive", rabbit.url, error, "--dry-run").ok().text
    assert run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").ok())["moved"] == 1
    ((_, properties, body),) = rabbit.drain(home)
    assert body == BODY
    assert (properties.type, properties.content_type) == ("Shop.Order, Shop", "application/json")
    assert (properties.correlation_id, properties.delivery_mode) == ("c1", 2)


def test_easynetq_headers_are_not_invented(mqtui: Mqtui, rabbit: Rabbit) -> None:
    home, error = rabbit.queue(), rabbit.queue()
    rabbit.fill(error, [easynetq(home, Headers={"tenant": "7"})])
    mqtui("redrive", rabbit.url, error, "--yes").fails(4, "envelope", "headers")
    assert rabbit.ready(error) == 1


def test_easynetqs_own_queue_is_known_by_its_name() -> None:
    from mqtui.domain.resource import BrokerKind
    from mqtui.services.conventions import load_conventions

    conventions = load_conventions().conventions
    for name, convention in (
        ("EasyNetQ_Default_Error_Queue", "easynetq"),
        ("wolverine-dead-letter-queue", "wolverine"),
        ("shop.wolverine-dead-letter-queue", "wolverine"),
    ):
        found = conventions.by_name(BrokerKind.RABBITMQ, name)
        assert found is not None
        assert (found.convention, found.origin) == (convention, "")
