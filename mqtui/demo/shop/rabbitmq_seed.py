"""What has happened on RabbitMQ before the demo: real rejections, expiries and deliveries used up, and a backlog."""

from __future__ import annotations

import itertools
import random
import time
from typing import Final, cast

from pika.adapters.blocking_connection import BlockingChannel

from mqtui.demo.shop.connections import amqp_connection
from mqtui.demo.shop.failures import Failure, card_declined, ledger_locked
from mqtui.demo.shop.invoices import FIRST_NUMBER
from mqtui.demo.shop.names import RabbitNames
from mqtui.demo.shop.orders import WELL_TRAVELLED
from mqtui.demo.shop.rabbitmq_messages import ShopMessage, ShopMessages, publish
from mqtui.demo.shop.rabbitmq_topology import DELIVERY_LIMIT, declare
from mqtui.demo.shop.spec import Spec
from mqtui.demo.shop.spring_amqp import ROUTING_KEY_PREFIX, republished_headers

EXPIRED: Final = 3
REJECTED: Final = 9
REJECTED_SEALED: Final = 3
DELIVERIES_USED_UP: Final = 4
INVOICE_LETTERS: Final = EXPIRED + REJECTED + REJECTED_SEALED + DELIVERIES_USED_UP
EMAIL_LETTERS: Final = 7
REFUND_LETTERS: Final = 6
INVOICE_BACKLOG: Final = 60
EMAIL_BACKLOG: Final = 25
CHANGES: Final = 10
_LISTENER: Final = "public void shop.refunds.Refunds.handle(shop.refunds.Refund)"
_DEATH_SECONDS: Final = 20.0


class LettersMissing(RuntimeError):
    """The broker did not dead-letter in time."""


def seed(spec: Spec) -> dict[str, int]:
    """Declare everything, let messages die, leave a backlog; give the number of letters by queue.

    Raises:
        RemoteRefused: the broker is not on this machine.
        pika.exceptions.AMQPError: the broker refused or went away.
        LettersMissing: letters have not arrived after 20 s.
    """
    names = RabbitNames(spec.prefix)
    connection = amqp_connection(spec.rabbitmq or "")
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        declare(channel, names)
        desk = ShopMessages(names, spec.fernet_key, random.Random(99))
        letters = {
            names.invoices_dlq: _invoice_letters(channel, names, desk),
            names.emails_dlq: _email_letters(channel, names, desk),
            names.refunds_errors: _refund_letters(channel, names, desk),
        }
        _backlog(channel, desk)
    finally:
        connection.close()
    return letters


def republish(
    channel: BlockingChannel, names: RabbitNames, message: ShopMessage, failure: Failure, delivery_tag: int
) -> None:
    """Give a failed refund to the error exchange as Spring does, then acknowledge it."""
    properties = message.properties
    properties.headers = dict(properties.headers or {}) | republished_headers(
        failure, listener=_LISTENER, exchange=message.exchange, routing_key=message.routing_key
    )
    publish(channel, ShopMessage(names.errors, ROUTING_KEY_PREFIX + message.routing_key, message.body, properties))
    channel.basic_ack(delivery_tag)


def _invoice_letters(channel: BlockingChannel, names: RabbitNames, desk: ShopMessages) -> int:
    numbers = itertools.count(FIRST_NUMBER)
    before = _ready(channel, names.invoices_dlq)
    for number in itertools.islice(numbers, EXPIRED):
        publish(channel, desk.invoice(number, expiration_ms=1))
    _await_letters(channel, names.invoices_dlq, before + EXPIRED)
    for number in itertools.islice(numbers, REJECTED):
        publish(channel, desk.bad_invoice(number))
    for number in itertools.islice(numbers, REJECTED_SEALED):
        publish(channel, desk.sealed(desk.bad_invoice(number)))
    _reject(channel, names.invoices, REJECTED + REJECTED_SEALED)
    for number in itertools.islice(numbers, DELIVERIES_USED_UP):
        publish(channel, desk.invoice(number))
    for _delivery in range(DELIVERIES_USED_UP * (DELIVERY_LIMIT + 1)):
        channel.basic_nack(_take(channel, names.invoices)[0], requeue=True)
    _await_letters(channel, names.invoices_dlq, before + INVOICE_LETTERS)
    return INVOICE_LETTERS


def _email_letters(channel: BlockingChannel, names: RabbitNames, desk: ShopMessages) -> int:
    before = _ready(channel, names.emails_dlq)
    for number in range(EMAIL_LETTERS):
        publish(channel, desk.email(number) if number else desk.receipt(WELL_TRAVELLED))
    _reject(channel, names.emails, EMAIL_LETTERS)
    _await_letters(channel, names.emails_dlq, before + EMAIL_LETTERS)
    return EMAIL_LETTERS


def _refund_letters(channel: BlockingChannel, names: RabbitNames, desk: ShopMessages) -> int:
    for number in range(REFUND_LETTERS):
        publish(channel, desk.refund(number))
        tag, message = _take(channel, names.refunds)
        failure = ledger_locked(30_000 + number) if number % 3 else card_declined(number + 51)
        republish(channel, names, message, failure, tag)
    return REFUND_LETTERS


def _backlog(channel: BlockingChannel, desk: ShopMessages) -> None:
    for number in range(FIRST_NUMBER + 100, FIRST_NUMBER + 100 + INVOICE_BACKLOG):
        message = desk.invoice(number)
        publish(channel, desk.sealed(message) if number % 20 == 0 else message)
    for number in range(100, 100 + EMAIL_BACKLOG):
        publish(channel, desk.email(number))
    for number in range(CHANGES):
        publish(channel, desk.change(number))


def _take(channel: BlockingChannel, queue: str) -> tuple[int, ShopMessage]:
    until = time.monotonic() + _DEATH_SECONDS
    while time.monotonic() < until:
        method, properties, body = channel.basic_get(queue)
        if method is not None and properties is not None and body is not None:
            address = method.exchange or "", method.routing_key or ""
            return method.delivery_tag or 0, ShopMessage(*address, cast(bytes, body), properties)
    raise LettersMissing(f"{queue} is empty")


def _reject(channel: BlockingChannel, queue: str, count: int) -> None:
    for _letter in range(count):
        channel.basic_reject(_take(channel, queue)[0], requeue=False)


def _ready(channel: BlockingChannel, queue: str) -> int:
    return channel.queue_declare(queue, passive=True).method.message_count or 0


def _await_letters(channel: BlockingChannel, queue: str, count: int) -> None:
    until = time.monotonic() + _DEATH_SECONDS
    while (ready := _ready(channel, queue)) < count:
        if time.monotonic() > until:
            raise LettersMissing(f"{queue} has {ready} of {count} letters")
        channel.connection.sleep(0.02)
