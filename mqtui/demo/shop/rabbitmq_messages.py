"""The messages the shop's applications publish on RabbitMQ: body, properties and where they go."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pika
from cryptography.fernet import Fernet
from pika.adapters.blocking_connection import BlockingChannel

from mqtui.demo.shop import invoices
from mqtui.demo.shop.names import RabbitNames
from mqtui.demo.shop.rabbitmq_topology import EMAIL, ORDER_CREATED, PRIORITIES, REFUND


@dataclass(frozen=True, slots=True)
class ShopMessage:
    """One message and its address."""

    exchange: str
    routing_key: str
    body: bytes
    properties: pika.BasicProperties


class ShopMessages:
    """Writes the shop's messages; ``key`` is the Fernet key of the sealed ones."""

    def __init__(self, names: RabbitNames, key: str, dice: random.Random) -> None:
        self._names = names
        self._key = key
        self._dice = dice

    def invoice(self, number: int, *, expiration_ms: int | None = None) -> ShopMessage:
        """Write a good invoice, to expire after so many milliseconds if given."""
        return self._invoice(number, invoices.invoice(number, self._dice), expiration_ms)

    def bad_invoice(self, number: int) -> ShopMessage:
        """Write an invoice that the worker rejects."""
        return self._invoice(number, invoices.invoice_without_amount(number))

    def sealed(self, message: ShopMessage) -> ShopMessage:
        """Encrypt a message's body with Fernet and say so in its content encoding."""
        properties = message.properties
        properties.content_encoding = invoices.SEALED
        body = Fernet(self._key).encrypt(message.body)
        return ShopMessage(message.exchange, message.routing_key, body, properties)

    def email(self, number: int) -> ShopMessage:
        """Write an e-mail of some priority."""
        properties = _properties("email", number, priority=self._dice.randint(0, PRIORITIES))
        return ShopMessage(self._names.commands, EMAIL, invoices.email(number, self._dice), properties)

    def receipt(self, order: int) -> ShopMessage:
        """Write the e-mail with the receipt of an order, whose number is its correlation id."""
        properties = _properties("email", 0, priority=0)
        properties.correlation_id = str(order)
        return ShopMessage(self._names.commands, EMAIL, invoices.receipt(order, self._dice), properties)

    def refund(self, number: int) -> ShopMessage:
        """Write a refund as Spring's JSON converter does."""
        properties = _properties("refund", number, headers={"__TypeId__": "shop.refunds.Refund"}, priority=0)
        return ShopMessage(self._names.commands, REFUND, invoices.refund(number, self._dice), properties)

    def change(self, number: int) -> ShopMessage:
        """Write a note to all that keep a copy of the catalogue."""
        return ShopMessage(self._names.broadcast, "", invoices.change(number), _properties("change", number))

    def _invoice(self, number: int, body: bytes, expiration_ms: int | None = None) -> ShopMessage:
        trace = f"00-{self._dice.getrandbits(128):032x}-{self._dice.getrandbits(64):016x}-01"
        properties = _properties("invoice", number, headers={"traceparent": trace, "tenant": "eu", "version": 3})
        if expiration_ms is not None:
            properties.expiration = str(expiration_ms)
        return ShopMessage(self._names.events, ORDER_CREATED, body, properties)


def publish(channel: BlockingChannel, message: ShopMessage) -> None:
    """Publish on a channel in confirm mode and wait for the confirm.

    Raises:
        pika.exceptions.UnroutableError: no queue takes it.
        pika.exceptions.NackError: the broker refused it.
    """
    channel.basic_publish(message.exchange, message.routing_key, message.body, message.properties, mandatory=True)


def _properties(
    kind: str, number: int, headers: Mapping[str, str | int] | None = None, priority: int | None = None
) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type="application/json",
        delivery_mode=2,
        headers=dict(headers or {}),
        priority=priority,
        message_id=f"{kind}-{number}",
        type=kind,
        app_id="checkout",
        timestamp=int(time.time()),
    )
