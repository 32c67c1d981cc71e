"""The shop's life on Kafka: checkout writes orders, billing bills them or writes letters, reporting falls behind."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from confluent_kafka import KafkaException, Message

from mqtui.demo.shop import orders
from mqtui.demo.shop.kafka_orders import ATTEMPTS, letter
from mqtui.demo.shop.kafka_producing import FLUSH_SECONDS, Sent, ShopRecord, hand_over, received, send_all
from mqtui.demo.shop.kafka_topics import open_consumer, open_producer
from mqtui.demo.shop.names import KafkaNames
from mqtui.demo.shop.spec import Spec

ORDERS_A_SECOND: Final = 20
REPORTS_A_SECOND: Final = 15
GOOD_ORDERS_A_BAD_ONE: Final = 1_200
_HAND: Final = 100


def roles(spec: Spec) -> tuple[Callable[[Event], None], ...]:
    """Give checkout, billing and reporting; each works until the event is set, and raises KafkaException on trouble."""
    url = spec.kafka or ""
    names = KafkaNames(spec.prefix)
    return (
        lambda stop: checkout(url, names, stop),
        lambda stop: billing(url, names, stop),
        lambda stop: reporting(url, names, stop),
    )


def checkout(url: str, names: KafkaNames, stop: Event) -> None:
    """Write 20 orders a second; one a minute is of the old schema."""
    producer = open_producer(url)
    dice = random.Random()
    number = orders.FIRST_NUMBER + 57_312
    while not stop.wait(1 / ORDERS_A_SECOND):
        number += 1
        order = orders.draw(number, dice)
        version = "1.5.0"
        if number % GOOD_ORDERS_A_BAD_ONE == 0:
            order, version = orders.without_amount(order), "1.4.2"
        headers = orders.headers(version, dice)
        hand_over(producer, ShopRecord(names.orders, str(order["user"]).encode(), orders.body(order), headers, _now()))
        producer.poll(0)
    producer.flush(FLUSH_SECONDS)


def billing(url: str, names: KafkaNames, stop: Event) -> None:
    """Bill each order; one that fails three times becomes a letter in ``orders.DLQ``. Payments answer again by now.

    Offsets are committed when the letters and payment events of a hand are on the broker: at least once.
    """
    consumer, producer = open_consumer(url, names.billing), open_producer(url)
    try:
        consumer.subscribe([names.orders])
        while not stop.is_set():
            hand = [message for message in consumer.consume(_HAND, timeout=0.2) if not _failed(message)]
            send_all(producer, [_bill(names, received(message)) for message in hand])
            if hand:
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def reporting(url: str, names: KafkaNames, stop: Event) -> None:
    """Read 15 orders a second, which is fewer than checkout writes."""
    consumer = open_consumer(url, names.reporting)
    try:
        consumer.subscribe([names.orders])
        read = 0
        while not stop.wait(1 / REPORTS_A_SECOND):
            message = consumer.poll(0.2)
            if message is None or _failed(message):
                continue
            read += 1
            if read % REPORTS_A_SECOND == 0:
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def _failed(message: Message) -> bool:
    error = message.error()
    if error is None:
        return False
    if error.retriable():
        return True
    raise KafkaException(error)


def _bill(names: KafkaNames, order: Sent) -> ShopRecord:
    record = order.parcel
    failure = None
    for _attempt in range(ATTEMPTS):
        failure = orders.judge(record.value or b"")
        if failure is None:
            return _payment_event(names, record)
    if failure is None:
        raise AssertionError("no attempt was made")
    return letter(names, order, failure)


def _payment_event(names: KafkaNames, record: ShopRecord) -> ShopRecord:
    order = json.loads(record.value or b"{}")
    event = {"order": order.get("id"), "amount": order.get("amount"), "event": "captured"}
    body = json.dumps(event, separators=(",", ":")).encode()
    return ShopRecord(names.payments_events, record.key, body, (("content-type", b"application/json"),), _now())


def _now() -> int:
    return int(time.time() * 1000)
