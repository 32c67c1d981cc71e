"""The shop's two hours before the demo on Kafka: orders, the letters billing wrote, and three groups' offsets."""

from __future__ import annotations

import random
import time
from typing import Final

from confluent_kafka import Producer

from mqtui.demo.shop import orders
from mqtui.demo.shop.failures import Failure, payment_timeout
from mqtui.demo.shop.kafka_producing import Header, Sent, ShopRecord, send_all
from mqtui.demo.shop.names import KafkaNames
from mqtui.demo.shop.spring import FailedRecord, dead_letter_headers, delivery_attempt, letter_partition

ORDERS: Final = 2_000
PAYMENT_TIMEOUTS: Final = 19
SCHEMA_MISMATCHES: Final = 8
NUMBER_FORMATS: Final = 4
DIED_TWICE: Final = 2
ATTEMPTS: Final = 3
LISTENER: Final = "public void shop.billing.Consumer.handle(org.apache.kafka.clients.consumer.ConsumerRecord)"
_HISTORY_MS: Final = 2 * 3600 * 1000
_ORDERS_A_LETTER: Final = ORDERS // (SCHEMA_MISMATCHES + PAYMENT_TIMEOUTS + NUMBER_FORMATS)


def seed_orders(producer: Producer, names: KafkaNames) -> int:
    """Send the orders and their dead letters; give the number of letters in ``orders.DLQ``."""
    dice = random.Random(118_203)
    now = int(time.time() * 1000)
    sorts = _sorts(dice)
    sent = send_all(producer, [_order(names, number, sorts.get(number), now, dice) for number in range(ORDERS)])
    dead = [(sent[number], sort) for number, sort in sorts.items()]
    letters = [letter(names, one, _failure(one, sort, dice)) for one, sort in dead]
    send_all(producer, letters[DIED_TWICE:] + _die_again(producer, names, letters[:DIED_TWICE]))
    return len(letters)


def letter(names: KafkaNames, order: Sent, failure: Failure) -> ShopRecord:
    """Make the dead letter of an order as billing's error handler does, after its last attempt."""
    record = order.parcel
    delivery = FailedRecord(
        topic=record.topic,
        partition=order.partition,
        offset=order.offset,
        timestamp=record.timestamp,
        group=names.billing,
        listener=LISTENER,
        headers=(*record.headers, delivery_attempt(ATTEMPTS)),
    )
    return ShopRecord(
        topic=names.orders_dlq,
        key=record.key,
        value=record.value,
        headers=tuple(dead_letter_headers(delivery, failure)),
        timestamp=record.timestamp + 3_000,
        partition=letter_partition(order.partition, names.partitions()[names.orders_dlq]),
    )


def _sorts(dice: random.Random) -> dict[int, str]:
    twice = ["schema"] * DIED_TWICE
    once = ["schema"] * (SCHEMA_MISMATCHES - DIED_TWICE)
    once += ["timeout"] * PAYMENT_TIMEOUTS + ["comma"] * NUMBER_FORMATS
    dice.shuffle(once)
    return {place * _ORDERS_A_LETTER: sort for place, sort in enumerate(twice + once)}


def _order(names: KafkaNames, number: int, sort: str | None, now: int, dice: random.Random) -> ShopRecord:
    order = orders.draw(orders.FIRST_NUMBER + number, dice)
    if sort == "schema":
        order = orders.without_amount(order)
    elif sort == "comma":
        order = orders.with_comma(order)
    headers: tuple[Header, ...] = orders.headers("1.4.2" if sort == "schema" else "1.5.0", dice)
    moment = now - _HISTORY_MS + number * _HISTORY_MS // ORDERS
    return ShopRecord(names.orders, str(order["user"]).encode(), orders.body(order), headers, moment)


def _failure(sent: Sent, sort: str, dice: random.Random) -> Failure:
    if sort == "timeout":
        return payment_timeout(dice.randint(5_000, 5_099))
    failure = orders.judge(sent.parcel.value or b"")
    if failure is None:
        raise AssertionError(f"the seed made a good order out of a {sort} one")
    return failure


def _die_again(producer: Producer, names: KafkaNames, letters: list[ShopRecord]) -> list[ShopRecord]:
    """Send letters home with all their headers, as a careless script did, and let them die a second time."""
    home = [ShopRecord(names.orders, one.key, one.value, one.headers, one.timestamp + 600_000) for one in letters]
    again = send_all(producer, home)
    failures = [orders.judge(one.parcel.value or b"") for one in again]
    return [letter(names, one, failure) for one, failure in zip(again, failures, strict=True) if failure is not None]
