"""The letters' headers, byte for byte, as the frameworks write them."""

import pytest

from mqtui.demo.shop import connect, spring, spring_amqp
from mqtui.demo.shop.failures import Failure, not_json, payment_timeout, schema_mismatch

CAUSE = Failure("shop.Lost", 'field "amount" missing', ("shop.A.b(A.java:1)",))
DELIVERY = spring.FailedRecord(
    topic="orders",
    partition=4,
    offset=118_203,
    timestamp=1_795_475_111_678,
    group="billing",
    listener="void shop.A.b()",
    headers=(("content-type", b"application/json"), ("kafka_dlt-original-topic", b"older")),
)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x00\x80"),
        (-1, b"\xff"),
        (-128, b"\x80"),
        (-129, b"\xff\x7f"),
        (1_795_475_111_678, b"\x01\xa2\x0a\xa7\xfe\xfe"),
    ],
)
def test_big_integer_is_as_short_as_javas(number: int, encoded: bytes) -> None:
    assert spring.big_integer(number) == encoded
    assert int.from_bytes(encoded, "big", signed=True) == number


def test_recoverer_writes_these_headers_in_this_order() -> None:
    headers = spring.dead_letter_headers(DELIVERY, CAUSE)
    assert [name for name, _ in headers] == [
        "content-type",
        "kafka_dlt-original-topic",
        "kafka_dlt-exception-fqcn",
        "kafka_dlt-exception-cause-fqcn",
        "kafka_dlt-exception-message",
        "kafka_dlt-exception-stacktrace",
        "kafka_dlt-original-topic",
        "kafka_dlt-original-partition",
        "kafka_dlt-original-offset",
        "kafka_dlt-original-timestamp",
        "kafka_dlt-original-timestamp-type",
        "kafka_dlt-original-consumer-group",
    ]
    last = dict(headers)
    assert last["kafka_dlt-original-topic"] == b"orders"
    assert last["kafka_dlt-original-partition"] == b"\x00\x00\x00\x04"
    assert last["kafka_dlt-original-offset"] == b"\x00\x00\x00\x00\x00\x01\xcd\xbb"
    assert last["kafka_dlt-original-timestamp"] == b"\x00\x00\x01\xa2\x0a\xa7\xfe\xfe"
    assert last["kafka_dlt-original-timestamp-type"] == b"CreateTime"
    assert last["kafka_dlt-original-consumer-group"] == b"billing"
    assert last["kafka_dlt-exception-fqcn"] == (b"org.springframework.kafka.listener.ListenerExecutionFailedException")
    assert last["kafka_dlt-exception-cause-fqcn"] == b"shop.Lost"
    assert last["kafka_dlt-exception-message"] == (
        b"Listener method 'void shop.A.b()' threw exception; field \"amount\" missing"
    )


def test_second_death_appends_the_place_and_replaces_the_exception() -> None:
    first = spring.dead_letter_headers(DELIVERY, CAUSE)
    again = spring.FailedRecord("orders", 1, 9, 1_795_475_999_000, "billing", "void shop.A.b()", tuple(first))
    headers = spring.dead_letter_headers(again, payment_timeout(5_003))
    offsets = [value for name, value in headers if name == "kafka_dlt-original-offset"]
    assert offsets == [b"\x00\x00\x00\x00\x00\x01\xcd\xbb", b"\x00\x00\x00\x00\x00\x00\x00\x09"]
    causes = [value for name, value in headers if name == "kafka_dlt-exception-cause-fqcn"]
    assert causes == [b"org.springframework.web.client.ResourceAccessException"]


def test_stack_trace_wraps_the_root_cause_as_java_prints_it() -> None:
    trace = spring.stack_trace("void shop.A.b()", payment_timeout(5_003))
    lines = trace.splitlines()
    assert lines[0] == (
        "org.springframework.kafka.listener.ListenerExecutionFailedException: "
        "Listener method 'void shop.A.b()' threw exception"
    )
    assert [line for line in lines if line.startswith("Caused by: ")] == [
        "Caused by: org.springframework.web.client.ResourceAccessException: "
        'I/O error on POST request for "http://payments.shop/charges": no answer',
        "Caused by: shop.billing.PaymentTimeout: payments did not answer within 5003 ms",
    ]
    assert "\tSuppressed: org.springframework.kafka.listener.ListenerExecutionFailedException: " in trace
    assert lines[-1] == "\t... 34 more"


def test_retry_topic_keeps_the_first_place_and_short_times() -> None:
    main = spring.FailedRecord("invoices", 1, 7, 1_795_475_111_678, "invoicing", "void shop.A.b()")
    first = spring.retry_topic_headers(main, CAUSE, attempts=spring.int32(2), backoff_until=1_795_475_121_678)
    retry = spring.FailedRecord(
        "invoices-retry-0", 1, 3, 1_795_475_121_678, "invoicing-retry-0", "void shop.A.b()", tuple(first)
    )
    headers = spring.retry_topic_headers(retry, CAUSE, attempts=spring.int32(3), backoff_until=1_795_475_131_678)
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    values = dict(headers)
    assert values["kafka_original-topic"] == b"invoices"
    assert values["kafka_original-partition"] == b"\x00\x00\x00\x01"
    assert values["kafka_original-offset"] == b"\x00\x00\x00\x00\x00\x00\x00\x07"
    assert values["kafka_dlt-original-consumer-group"] == b"invoicing"
    assert values["kafka_exception-cause-fqcn"] == b"shop.Lost"
    assert values["retry_topic-attempts"] == b"\x00\x00\x00\x03"
    assert values["retry_topic-original-timestamp"] == b"\x01\xa2\x0a\xa7\xfe\xfe"
    assert values["retry_topic-backoff-timestamp"] == b"\x01\xa2\x0a\xa8\x4d\x1e"


def test_delivery_attempt_is_an_int32() -> None:
    assert spring.delivery_attempt(3) == ("kafka_deliveryAttempt", b"\x00\x00\x00\x03")


def test_letter_goes_to_the_same_partition_where_there_is_one() -> None:
    assert spring.letter_partition(1, 2) == 1
    assert spring.letter_partition(2, 2) == -1


def test_connect_writes_text_and_the_first_failure_wins() -> None:
    sink = connect.SinkFailure("orders", 4, 118_203, "warehouse-sink", 0, "VALUE_CONVERTER", "a.Converter", CAUSE)
    own = (("source", b"till"), ("__connect.errors.topic", b"earlier"))
    headers = connect.dead_letter_headers(own, sink)
    assert headers == [
        ("source", b"till"),
        ("__connect.errors.topic", b"earlier"),
        ("__connect.errors.partition", b"4"),
        ("__connect.errors.offset", b"118203"),
        ("__connect.errors.connector.name", b"warehouse-sink"),
        ("__connect.errors.task.id", b"0"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"a.Converter"),
        ("__connect.errors.exception.class.name", b"shop.Lost"),
        ("__connect.errors.exception.message", b'field "amount" missing'),
        (
            "__connect.errors.exception.stacktrace",
            b'shop.Lost: field "amount" missing\n\tat shop.A.b(A.java:1)\n',
        ),
    ]


def test_exception_without_frames_prints_no_more_line() -> None:
    bare = Failure("a.Bare", "x", (), cause=not_json("paid"))
    assert bare.caused_by(frames_in_common=5).splitlines()[:2] == [
        "Caused by: a.Bare: x",
        "Caused by: com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'paid': "
        "was expecting (JSON String, Number, Array, Object or token)",
    ]


def test_republish_recoverer_writes_four_headers() -> None:
    headers = spring_amqp.republished_headers(
        schema_mismatch("amount"), listener="void shop.A.b()", exchange="shop.commands", routing_key="refund"
    )
    assert list(headers) == [
        "x-exception-stacktrace",
        "x-exception-message",
        "x-original-exchange",
        "x-original-routingKey",
    ]
    assert headers["x-exception-message"] == 'field "amount" missing'
    assert headers["x-original-exchange"] == "shop.commands"
    assert headers["x-original-routingKey"] == "refund"
    assert headers["x-exception-stacktrace"].startswith(
        "org.springframework.amqp.rabbit.support.ListenerExecutionFailedException: "
    )
    assert 'Caused by: shop.billing.SchemaMismatch: field "amount" missing\n' in headers["x-exception-stacktrace"]
