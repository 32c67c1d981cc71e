"""What dead letters of each convention tell."""

import random
from collections.abc import Callable

import pytest

from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import cause_id_of, describe, origin, redrive_target, redrive_target_of, split_headers
from mqtui.domain.field_table import Plain
from mqtui.domain.message import EntryId, Message
from mqtui.domain.resource import Kind, Ref
from mqtui.services.conventions import load_conventions
from tests.domain import dead_letters

ORDERS = Ref(Kind.TOPIC, "orders")


@pytest.fixture(scope="module")
def conventions() -> Conventions:
    return load_conventions().conventions


def test_springs_recoverer(conventions: Conventions) -> None:
    letter = dead_letters.kafka(dead_letters.SPRING)
    death = describe(letter, conventions)
    assert death.convention == "spring"
    assert death.origin is not None
    assert (death.origin.ref, death.origin.partition, death.origin.offset) == (ORDERS, 4, 118_203)
    assert death.origin.timestamp == 1_795_475_111_678
    assert (death.exception, death.message) == ("shop.billing.SchemaMismatch", 'field "amount" missing')
    assert death.wrapper == dead_letters.WRAPPER
    assert death.frame == "shop.billing.Parser.parse(Parser.java:88)"
    assert (death.group, death.attempts, death.time) == ("billing", 3, 1_795_475_115_000)
    assert death.text == 'SchemaMismatch: field "amount" missing'


def test_first_original_headers_are_the_true_origin_and_the_last_the_latest_hop(conventions: Conventions) -> None:
    death = describe(dead_letters.kafka(dead_letters.SPRING + dead_letters.SECOND_DEATH, "orders.DLQ.DLT"), conventions)
    assert death.origin is not None
    assert (death.origin.ref, death.origin.partition, death.origin.offset) == (ORDERS, 4, 118_203)
    assert death.latest == Ref(Kind.TOPIC, "orders.DLQ")


def test_retryable_topics_read_short_integers_and_attempts_of_one_byte(conventions: Conventions) -> None:
    death = describe(dead_letters.kafka(dead_letters.RETRYABLE, "invoices-dlt"), conventions)
    assert death.convention == "spring-retryable"
    assert death.origin is not None
    assert (death.origin.ref.name, death.origin.partition, death.origin.offset) == ("invoices", 1, 9)
    assert death.origin.timestamp == 1_795_475_111_678
    assert (death.exception, death.message) == ("shop.invoicing.UnknownTaxNumber", "no DE123")
    assert (death.attempts, death.group) == (3, "invoicing")


def test_connect_follows_the_chain_of_causes(conventions: Conventions) -> None:
    death = describe(dead_letters.kafka(dead_letters.CONNECT, "connect-dlq"), conventions)
    assert death.convention == "connect"
    assert death.exception == "com.fasterxml.jackson.core.JsonParseException"
    assert death.message.startswith("Unrecognized token 'paid'\n at [Source")
    assert death.normal == "Unrecognized token 'paid' at [Source: REDACTED; line: #, column: #]"
    assert death.origin is not None
    assert (death.origin.ref.name, death.origin.partition, death.origin.offset) == ("payments-events", 2, 118_203)


def test_streams_exception_is_a_whole_heading(conventions: Conventions) -> None:
    death = describe(dead_letters.kafka(dead_letters.STREAMS), conventions)
    assert (death.convention, death.exception, death.message) == (
        "kafka-streams",
        "shop.Late",
        "order 17 came too late",
    )


def test_cloud_stream_takes_the_nested_exceptions_words(conventions: Conventions) -> None:
    letter = dead_letters.kafka(dead_letters.CLOUD_STREAM, "error.orders.billing")
    death = describe(letter, conventions)
    assert (death.convention, death.message) == ("spring-cloud-stream", "shop.Bad: no stock for u7")
    assert split_headers(letter, conventions).kept == ("x-original-ip",)


def test_share_group_tells_no_exception(conventions: Conventions) -> None:
    headers = (("__dlq.errors.topic", b"orders", ""), ("__dlq.errors.message", b"Offset rejected by client.", ""))
    death = describe(dead_letters.kafka(headers, "dlq.orders"), conventions)
    assert (death.exception, death.text) == ("", "Offset rejected by client.")


@pytest.mark.parametrize(
    ("tables", "text", "queue"),
    [
        ([dead_letters.death("work.invoices", "rejected")], "rejected by work.invoices", "work.invoices"),
        ([dead_letters.death("work", "expired")], "expired in work", "work"),
        ([dead_letters.death("work", "delivery_limit")], "delivered too often by work", "work"),
        ([dead_letters.death("work", "maxlen")], "pushed out of work, which was full", "work"),
        (
            [dead_letters.death("parking", "expired"), dead_letters.death("work", "rejected")],
            "rejected by work",
            "work",
        ),
        (
            [dead_letters.death("second", "rejected"), dead_letters.death("first", "rejected")],
            "rejected by second",
            "second",
        ),
    ],
)
def test_x_death(conventions: Conventions, tables: list[Plain], text: str, queue: str) -> None:
    letter = dead_letters.rabbitmq([dead_letters.x_death(*tables)])
    death = describe(letter, conventions)
    assert (death.convention, death.text, death.attempts) == ("x-death", text, 1)
    assert death.time == 1_795_475_111_000
    assert death.origin is not None
    assert (death.origin.exchange, death.origin.routing_key) == ("shop.commands", "invoice")
    back = redrive_target_of(death.origin, letter)
    assert back is not None
    assert (back.ref, back.routing_key) == (Ref(Kind.QUEUE, queue), queue)


def test_spring_amqp_tells_the_exception_and_the_queues_name_the_origin(conventions: Conventions) -> None:
    headers = dead_letters.text_headers(
        {
            "x-exception-stacktrace": dead_letters.TRACE,
            "x-exception-message": "order 17 can't be billed",
            "x-original-exchange": "shop.commands",
            "x-original-routingKey": "refund",
        }
    )
    letter = dead_letters.rabbitmq(headers, "work.refunds.errors")
    death = describe(letter, conventions)
    assert (death.convention, death.exception) == ("spring-amqp", "shop.billing.SchemaMismatch")
    assert death.origin is not None
    assert (death.origin.ref.name, death.origin.by_name) == ("work.refunds", True)
    assert (death.origin.exchange, death.origin.routing_key) == ("shop.commands", "refund")
    assert split_headers(letter, conventions).kept == ()


def test_exception_and_x_death_complete_each_other(conventions: Conventions) -> None:
    headers = (
        *dead_letters.text_headers({"x-exception-stacktrace": dead_letters.TRACE}),
        dead_letters.x_death(dead_letters.death("work", "rejected")),
    )
    death = describe(dead_letters.rabbitmq(headers, "anything"), conventions)
    assert death.exception == "shop.billing.SchemaMismatch"
    assert death.origin is not None
    assert death.origin.ref.name == "work"


def test_redis_stream(conventions: Conventions) -> None:
    letter = dead_letters.redis(
        [
            (b"order", b"118203"),
            (b"dlq_stream", b"payments"),
            (b"dlq_id", b"1795475000000-4"),
            (b"dlq_group", b"ledger"),
            (b"dlq_exception", b"shop.ledger.UnknownCurrency"),
            (b"dlq_reason", b"no account in XYZ"),
            (b"dlq_attempts", b"3"),
        ]
    )
    death = describe(letter, conventions)
    assert death.origin is not None
    assert (death.origin.ref, death.origin.id) == (Ref(Kind.STREAM, "payments"), EntryId(1_795_475_000_000, 4))
    assert death.text == "UnknownCurrency: no account in XYZ"
    assert (death.group, death.attempts, death.time) == ("ledger", 3, 1_795_475_111_678)
    assert split_headers(letter, conventions).kept == ("order",)


def test_a_business_field_is_not_taken_for_a_dead_letter_field(conventions: Conventions) -> None:
    letter = dead_letters.redis([(b"source_id", b"7"), (b"error", b"none")], "payments")
    assert split_headers(letter, conventions).stripped == frozenset()
    assert describe(letter, conventions).text == "no reason recorded"
    marked = dead_letters.redis(
        [(b"source_stream", b"payments"), (b"source_id", b"1-0"), (b"reason", b"x"), (b"id", b"7")]
    )
    assert split_headers(marked, conventions).stripped == {"source_stream", "source_id"}


@pytest.mark.parametrize(
    ("make", "name", "came_from"),
    [
        (dead_letters.kafka, "orders-dlt", "orders"),
        (dead_letters.kafka, "orders.DLT", "orders"),
        (dead_letters.kafka, "orders.DLQ", "orders"),
        (dead_letters.kafka, "error.orders.eu.billing", "orders.eu"),
        (dead_letters.rabbitmq, "work.invoices.dlq", "work.invoices"),
        (dead_letters.rabbitmq, "work_error", "work"),
        (dead_letters.redis, "payments:dlq", "payments"),
        (dead_letters.redis, "payments-dead", "payments"),
    ],
)
def test_names_are_the_fall_back(
    conventions: Conventions, make: Callable[..., Message], name: str, came_from: str
) -> None:
    letter = make((), name)
    back = redrive_target(letter, conventions)
    assert back is not None
    assert (back.ref.name, back.note) == (came_from, f"by the name {name}")
    assert back == redrive_target_of(origin(letter, conventions), letter)
    assert cause_id_of(letter, conventions) == describe(letter, conventions).cause


@pytest.mark.parametrize("name", ["orders", "dlq", "dlq.orders", "dead-letter-topic-orders-in"])
def test_without_an_origin_there_is_no_target(conventions: Conventions, name: str) -> None:
    letter = dead_letters.kafka((), name)
    assert origin(letter, conventions) is None
    assert redrive_target(letter, conventions) is None


def test_a_letter_whose_origin_is_its_own_destination_has_no_target(conventions: Conventions) -> None:
    letter = dead_letters.kafka(dead_letters.SPRING, "orders")
    assert redrive_target(letter, conventions) is None
    assert redrive_target_of(origin(letter, conventions), letter) is None


def test_springs_headers_are_stripped_and_the_records_own_are_sent(conventions: Conventions) -> None:
    parted = split_headers(dead_letters.kafka(dead_letters.SPRING), conventions)
    assert parted.kept == ("app-version",)
    assert parted.stripped == {name for name, _, _ in dead_letters.SPRING} - {"app-version"}


def test_a_queues_name_that_is_not_utf8_comes_back_whole(conventions: Conventions) -> None:
    header = ("NServiceBus.FailedQ", b"\0\0\0\x05w\xff\xfe.q", "string")
    back = redrive_target(dead_letters.rabbitmq([header], "error"), conventions)
    assert back is not None
    assert back.ref.name.encode("utf-8", "surrogateescape") == b"w\xff\xfe.q"


@pytest.mark.parametrize(
    "value", [None, b"", b"\x00", b"\x00\x00\x04", b"\xff" * 9, b"four", "é".encode("latin-1"), b"\x00" * 2_000]
)
def test_malformed_headers_are_unknown_and_never_raise(conventions: Conventions, value: bytes | None) -> None:
    for header in (*dead_letters.SPRING, *dead_letters.RETRYABLE, *dead_letters.CONNECT, *dead_letters.STREAMS):
        headers = [
            (name, value if name == header[0] else content, "") for name, content, _ in (*dead_letters.SPRING, header)
        ]
        death = describe(dead_letters.kafka(headers), conventions)
        assert len(death.cause) == 8
    wrong = describe(
        dead_letters.kafka([("kafka_dlt-original-topic", b"orders", ""), ("kafka_dlt-original-offset", value, "")]),
        conventions,
    )
    assert wrong.origin is not None
    assert wrong.origin.offset is None


def test_random_bytes_in_every_place_never_raise(conventions: Conventions) -> None:
    dice = random.Random(118_203)
    rows = [
        dead_letters.SPRING,
        dead_letters.RETRYABLE,
        dead_letters.CONNECT,
        dead_letters.STREAMS,
        dead_letters.CLOUD_STREAM,
    ]
    for _ in range(300):
        row = dice.choice(rows)
        headers = [
            (name, dice.randbytes(dice.randrange(40)) if dice.random() < 0.5 else value, "") for name, value, _ in row
        ]
        dice.shuffle(headers)
        letter = dead_letters.kafka(headers)
        death = describe(letter, conventions)
        assert redrive_target(letter, conventions) == redrive_target_of(death.origin, letter)
        assert cause_id_of(letter, conventions) == death.cause
        parted = split_headers(letter, conventions)
        assert set(parted.kept) | parted.stripped == {name for name, _, _ in headers}


def test_broken_x_death_is_unknown(conventions: Conventions) -> None:
    for value in (b"", b"\0\0\0\x09A", b"\0\0\0\x02Zz", b"\0\0\0\x01F"):
        death = describe(dead_letters.rabbitmq([("x-death", value, "array")], "plain"), conventions)
        assert (death.origin, death.text) == (None, "no reason recorded")
    flat = dead_letters.rabbitmq([("x-death", b"\0\0\0\x01x", "string")], "plain")
    assert describe(flat, conventions).origin is None
