"""The shop's life on RabbitMQ: checkout publishes, one worker books invoices, another serves everything else."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event
from typing import Final

import pika
from pika.adapters.blocking_connection import BlockingChannel

from mqtui.demo.shop import invoices
from mqtui.demo.shop.connections import amqp_connection
from mqtui.demo.shop.failures import card_declined
from mqtui.demo.shop.names import RabbitNames
from mqtui.demo.shop.rabbitmq_messages import ShopMessage, ShopMessages, publish
from mqtui.demo.shop.rabbitmq_seed import republish
from mqtui.demo.shop.rabbitmq_topology import declare
from mqtui.demo.shop.spec import Spec

INVOICES_A_SECOND: Final = 10
BOOKED_A_SECOND: Final = 9.8
GOOD_INVOICES_A_BAD_ONE: Final = 600
INVOICES_A_SEALED_ONE: Final = 20
_FIRST_NUMBER: Final = 20_000
_PREFETCH: Final = 5


def roles(spec: Spec) -> tuple[Callable[[Event], None], ...]:
    """Give checkout, the booking worker and the counter; each works until the event is set.

    Each raises pika.exceptions.AMQPError when the broker goes away.
    """
    url, names = spec.rabbitmq or "", RabbitNames(spec.prefix)
    return (
        lambda stop: checkout(url, names, spec.fernet_key, stop),
        lambda stop: booking(url, names, spec.fernet_key, stop),
        lambda stop: counter(url, names, stop),
    )


def checkout(url: str, names: RabbitNames, key: str, stop: Event) -> None:
    """Publish 10 invoices a second, one a minute without amount, one in 20 sealed; an e-mail and a change a second."""
    connection = amqp_connection(url)
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        declare(channel, names)
        desk = ShopMessages(names, key, random.Random())
        number = _FIRST_NUMBER
        while not stop.wait(1 / INVOICES_A_SECOND):
            number += 1
            message = desk.bad_invoice(number) if number % GOOD_INVOICES_A_BAD_ONE == 0 else desk.invoice(number)
            publish(channel, desk.sealed(message) if number % INVOICES_A_SEALED_ONE == 1 else message)
            if number % INVOICES_A_SECOND == 0:
                publish(channel, desk.email(number))
                publish(channel, desk.change(number))
    finally:
        _close(connection)


def booking(url: str, names: RabbitNames, key: str, stop: Event) -> None:
    """Book slightly fewer invoices than are published; reject those without amount, which the broker dead-letters."""
    connection = amqp_connection(url)
    try:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=_PREFETCH)
        channel.basic_consume(names.invoices, lambda *delivery: _book(key, stop, *delivery))
        while not stop.is_set():
            connection.process_data_events(1)
    finally:
        _close(connection)


def counter(url: str, names: RabbitNames, stop: Event) -> None:
    """Answer price requests at once, keep the search index up to date, pay refunds or republish them as Spring does."""
    connection = amqp_connection(url)
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=_PREFETCH)
        channel.basic_consume(names.quotes, _answer)
        channel.basic_consume(names.feed_search, _take_note)
        channel.basic_consume(names.refunds, lambda *delivery: _pay(names, *delivery))
        while not stop.is_set():
            connection.process_data_events(1)
    finally:
        _close(connection)


def _book(
    key: str,
    stop: Event,
    channel: BlockingChannel,
    method: pika.spec.Basic.Deliver,
    properties: pika.BasicProperties,
    body: bytes,
) -> None:
    if stop.is_set():
        return
    if invoices.can_be_booked(body, properties.content_encoding, key):
        channel.basic_ack(method.delivery_tag or 0)
    else:
        channel.basic_reject(method.delivery_tag or 0, requeue=False)
    stop.wait(1 / BOOKED_A_SECOND)


def _answer(
    channel: BlockingChannel, method: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
) -> None:
    if properties.reply_to:
        reply = pika.BasicProperties(content_type="application/json", correlation_id=properties.correlation_id)
        channel.basic_publish("", properties.reply_to, invoices.quote(body), reply)
    channel.basic_ack(method.delivery_tag or 0)


def _take_note(
    channel: BlockingChannel, method: pika.spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
) -> None:
    channel.basic_ack(method.delivery_tag or 0)


def _pay(
    names: RabbitNames,
    channel: BlockingChannel,
    method: pika.spec.Basic.Deliver,
    properties: pika.BasicProperties,
    body: bytes,
) -> None:
    if b'"eur"' in body:
        channel.basic_ack(method.delivery_tag or 0)
        return
    message = ShopMessage(method.exchange or "", method.routing_key or "", body, properties)
    republish(channel, names, message, card_declined(57), method.delivery_tag or 0)


def _close(connection: pika.BlockingConnection) -> None:
    if connection.is_open:
        connection.close()
