"""Dead letters of other frameworks on Kafka: Spring's retry topics (``invoices-dlt``) and Connect (``connect-dlq``)."""

from __future__ import annotations

import random
import time
from typing import Final

from confluent_kafka import Producer

from mqtui.demo.shop import connect, spring
from mqtui.demo.shop.failures import Failure, not_json, tax_number_unknown
from mqtui.demo.shop.kafka_producing import Sent, ShopRecord, send_all
from mqtui.demo.shop.names import KafkaNames

INVOICES: Final = 40
INVOICE_LETTERS: Final = 6
OLD_VERSION_LETTERS: Final = 1
CONNECT_LETTERS: Final = 5
_LISTENER: Final = "public void shop.invoicing.Listener.on(shop.invoicing.Invoice)"
_BACKOFF_MS: Final = 10_000
_CONVERTER: Final = "org.apache.kafka.connect.json.JsonConverter"


def seed_invoices(producer: Producer, names: KafkaNames) -> int:
    """Send invoices and let some die on their way through two retry topics; give the number of letters."""
    dice = random.Random(41)
    now = int(time.time() * 1000)
    parcels = [_invoice(names, number, now - 3_600_000 + number * 60_000, dice) for number in range(INVOICES)]
    sent = send_all(producer, parcels)[:INVOICE_LETTERS]
    for hop, topic in enumerate((names.invoices_retry_0, names.invoices_retry_1, names.invoices_dlt), start=2):
        sent = send_all(producer, [_hop(names, one, topic, hop, number) for number, one in enumerate(sent)])
    return len(sent)


def seed_connect(producer: Producer, names: KafkaNames) -> int:
    """Send payment events that a sink can't convert, and the letters the sink's task wrote of them."""
    dice = random.Random(43)
    now = int(time.time() * 1000)
    bodies = [b"\xff\xfe\x00raw" if number % 2 else f"paid {number}".encode() for number in range(CONNECT_LETTERS)]
    parcels = [
        ShopRecord(
            names.payments_events, f"u{dice.randint(1, 99)}".encode(), body, (("source", b"till-4"),), now - 900_000
        )
        for body in bodies
    ]
    send_all(producer, [_sink_letter(names, sent) for sent in send_all(producer, parcels)])
    return CONNECT_LETTERS


def _invoice(names: KafkaNames, number: int, moment: int, dice: random.Random) -> ShopRecord:
    tax_number = f"DE{dice.randint(100_000_000, 999_999_999)}"
    body = f'{{"inv":{9_900 + number},"eur":"{dice.randint(100, 9_999) / 100:.2f}","tax":"{tax_number}"}}'
    headers = (("__TypeId__", b"shop.invoicing.Invoice"),)
    return ShopRecord(names.invoices, f"c{number % 17}".encode(), body.encode(), headers, moment)


def _hop(names: KafkaNames, sent: Sent, topic: str, hop: int, number: int) -> ShopRecord:
    record = sent.parcel
    delivery = spring.FailedRecord(
        topic=record.topic,
        partition=sent.partition,
        offset=sent.offset,
        timestamp=record.timestamp,
        group=names.invoicing,
        listener=_LISTENER,
        headers=record.headers,
    )
    attempts = bytes([hop]) if number < OLD_VERSION_LETTERS else spring.int32(hop)
    tax_number = (record.value or b"").decode().rpartition('"tax":"')[2][:11]
    headers = spring.retry_topic_headers(
        delivery,
        tax_number_unknown(tax_number),
        attempts=attempts,
        backoff_until=record.timestamp + _BACKOFF_MS,
    )
    return ShopRecord(topic, record.key, record.value, tuple(headers), record.timestamp + _BACKOFF_MS, sent.partition)


def _sink_letter(names: KafkaNames, sent: Sent) -> ShopRecord:
    record = sent.parcel
    sink = connect.SinkFailure(
        topic=record.topic,
        partition=sent.partition,
        offset=sent.offset,
        connector="warehouse-sink",
        task=0,
        stage="VALUE_CONVERTER",
        executing_class=_CONVERTER,
        failure=_conversion_failed(record.value or b""),
    )
    headers = tuple(connect.dead_letter_headers(record.headers, sink))
    return ShopRecord(names.connect_dlq, record.key, record.value, headers, record.timestamp)


def _conversion_failed(body: bytes) -> Failure:
    parser = not_json(body.split()[0].decode(errors="replace"))
    serializer = Failure("org.apache.kafka.common.errors.SerializationException", parser.heading(), (), cause=parser)
    return Failure(
        "org.apache.kafka.connect.errors.DataException",
        "Converting byte[] to Kafka Connect data failed due to serialization error: ",
        (
            f"{_CONVERTER}.toConnectData(JsonConverter.java:339)",
            "org.apache.kafka.connect.runtime.WorkerSinkTask.convertValue(WorkerSinkTask.java:562)",
            "org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndHandleError"
            "(RetryWithToleranceOperator.java:208)",
            "org.apache.kafka.connect.runtime.WorkerSinkTask.convertMessages(WorkerSinkTask.java:516)",
            "java.base/java.lang.Thread.run(Thread.java:1583)",
        ),
        cause=serializer,
    )
