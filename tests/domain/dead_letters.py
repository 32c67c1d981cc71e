"""Dead letters written by hand, byte by byte, after reference/kafka.md section 5 and rabbitmq-redis.md section 2.4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqtui.domain.field_table import Plain, raw, string
from mqtui.domain.figure import exact
from mqtui.domain.message import Delivery, EntryId, Envelope, Header, Message, Offset
from mqtui.domain.resource import Kind, Ref

WRAPPER = "org.springframework.kafka.listener.ListenerExecutionFailedException"
TRACE = (
    f"{WRAPPER}: Listener method 'public void shop.billing.Consumer.handle(Order)' threw exception\n"
    "\tat org.springframework.kafka.listener.KafkaMessageListenerContainer.run(Container.java:1405)\n"
    f"\tSuppressed: {WRAPPER}: Restored Stack Trace\n"
    "\t\tat org.springframework.kafka.listener.adapter.X.invokeHandler(X.java:513)\n"
    "Caused by: shop.billing.Wrapped: order 17 can't be billed\n"
    "\tat shop.billing.Consumer.handle(Consumer.java:41)\n"
    "\t... 31 more\n"
    'Caused by: shop.billing.SchemaMismatch: field "amount" missing\n'
    "\tat java.base/java.util.Objects.requireNonNull(Objects.java:259)\n"
    "\tat shop.billing.Parser.parse(Parser.java:88)\n"
    "\t... 34 more\n"
)
SPRING: tuple[Header, ...] = (
    ("app-version", b"1.4.2", ""),
    ("kafka_deliveryAttempt", b"\x00\x00\x00\x03", ""),
    ("kafka_dlt-exception-fqcn", WRAPPER.encode(), ""),
    ("kafka_dlt-exception-cause-fqcn", b"shop.billing.Wrapped", ""),
    ("kafka_dlt-exception-message", b"Listener method 'x' threw exception; order 17 can't be billed", ""),
    ("kafka_dlt-exception-stacktrace", TRACE.encode(), ""),
    ("kafka_dlt-original-topic", b"orders", ""),
    ("kafka_dlt-original-partition", b"\x00\x00\x00\x04", ""),
    ("kafka_dlt-original-offset", b"\x00\x00\x00\x00\x00\x01\xcd\xbb", ""),
    ("kafka_dlt-original-timestamp", b"\x00\x00\x01\xa2\x0a\xa7\xfe\xfe", ""),
    ("kafka_dlt-original-timestamp-type", b"CreateTime", ""),
    ("kafka_dlt-original-consumer-group", b"billing", ""),
)
SECOND_DEATH: tuple[Header, ...] = (
    ("kafka_dlt-original-topic", b"orders.DLQ", ""),
    ("kafka_dlt-original-partition", b"\x00\x00\x00\x01", ""),
    ("kafka_dlt-original-offset", b"\x00\x00\x00\x00\x00\x00\x00\x07", ""),
    ("kafka_dlt-original-timestamp", b"\x00\x00\x01\xa2\x0a\xa8\x00\x00", ""),
)
RETRYABLE: tuple[Header, ...] = (
    ("__TypeId__", b"shop.invoicing.Invoice", ""),
    ("kafka_original-topic", b"invoices", ""),
    ("kafka_original-partition", b"\x00\x00\x00\x01", ""),
    ("kafka_original-offset", b"\x00\x00\x00\x00\x00\x00\x00\x09", ""),
    ("kafka_original-timestamp-type", b"CreateTime", ""),
    ("kafka_dlt-original-consumer-group", b"invoicing", ""),
    ("kafka_exception-fqcn", WRAPPER.encode(), ""),
    ("kafka_exception-cause-fqcn", b"shop.invoicing.UnknownTaxNumber", ""),
    ("kafka_exception-message", b"Listener failed; nested exception is shop.invoicing.UnknownTaxNumber: no DE123", ""),
    ("retry_topic-original-timestamp", b"\x01\xa2\x0a\xa7\xfe\xfe", ""),
    ("retry_topic-attempts", b"\x03", ""),
    ("retry_topic-backoff-timestamp", b"\x01\xa2\x0a\xa8\x00\x00", ""),
)
CONNECT: tuple[Header, ...] = (
    ("source", b"till-4", ""),
    ("__connect.errors.topic", b"payments-events", ""),
    ("__connect.errors.partition", b"2", ""),
    ("__connect.errors.offset", b"118203", ""),
    ("__connect.errors.connector.name", b"warehouse-sink", ""),
    ("__connect.errors.task.id", b"0", ""),
    ("__connect.errors.stage", b"VALUE_CONVERTER", ""),
    ("__connect.errors.class.name", b"org.apache.kafka.connect.json.JsonConverter", ""),
    ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException", ""),
    ("__connect.errors.exception.message", b"Converting byte[] to Kafka Connect data failed: ", ""),
    (
        "__connect.errors.exception.stacktrace",
        b"org.apache.kafka.connect.errors.DataException: Converting byte[] to Kafka Connect data failed: \n"
        b"\tat org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:339)\n"
        b"Caused by: org.apache.kafka.common.errors.SerializationException: "
        b"com.fasterxml.jackson.core.JsonParseException: Unrecognized token\n"
        b"Caused by: com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'paid'\n"
        b" at [Source: REDACTED; line: 1, column: 5]\n"
        b"\tat com.fasterxml.jackson.core.JsonParser._constructError(JsonParser.java:2584)\n",
        "",
    ),
)
STREAMS: tuple[Header, ...] = (
    ("__streams.errors.exception", b"shop.Late: order 17 came too late", ""),
    ("__streams.errors.message", b"order 17 came too late", ""),
    ("__streams.errors.topic", b"orders", ""),
    ("__streams.errors.partition", b"0", ""),
    ("__streams.errors.offset", b"5", ""),
)
CLOUD_STREAM: tuple[Header, ...] = (
    ("x-original-topic", b"orders", ""),
    ("x-original-partition", b"\x00\x00\x00\x04", ""),
    ("x-original-offset", b"\x00\x00\x00\x00\x00\x01\xcd\xbb", ""),
    ("x-exception-fqcn", b"org.springframework.messaging.MessageHandlingException", ""),
    ("x-exception-message", b"error in handler; nested exception is shop.Bad: no stock for u7", ""),
    ("x-original-ip", b"10.0.0.1", ""),
)


def kafka(headers: Sequence[Header], topic: str = "orders.DLQ", timestamp: int | None = 1_795_475_115_000) -> Message:
    return Message(Ref(Kind.TOPIC, topic), Offset(0, 12), b'{"id":118203}', b"u7", tuple(headers), timestamp)


def death(
    queue: str, reason: str, *, seconds: int = 1_795_475_111, count: int = 1, exchange: str = "shop.commands"
) -> Plain:
    """One table of `x-death` as RabbitMQ writes it."""
    return [
        ["count", count, "int64"],
        ["reason", reason, "string"],
        ["queue", queue, "string"],
        ["time", seconds, "timestamp"],
        ["exchange", exchange, "string"],
        ["routing-keys", [["invoice", "string"], ["copy", "string"]], "array"],
    ]


def x_death(*tables: Plain) -> Header:
    return "x-death", raw([[table, "table"] for table in tables], "array"), "array"


def text_headers(headers: Mapping[str, str]) -> tuple[Header, ...]:
    return tuple((name, string(value), "string") for name, value in headers.items())


def rabbitmq(headers: Sequence[Header], queue: str = "work.invoices.dlq", timestamp: int | None = None) -> Message:
    envelope = Envelope("shop.dlx", "invoice", False, (("delivery_mode", 2),), None, exact(3))
    return Message(Ref(Kind.QUEUE, queue), Delivery(1), b"{}", None, tuple(headers), timestamp, (), envelope)


def redis(fields: Sequence[tuple[bytes, bytes]], stream: str = "payments:dlq") -> Message:
    return Message(Ref(Kind.STREAM, stream), EntryId(1_795_475_111_678, 2), None, fields=tuple(fields))
