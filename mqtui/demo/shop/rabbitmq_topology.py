"""The shop's exchanges, queues and bindings on RabbitMQ."""

from __future__ import annotations

from typing import Any, Final

from pika.adapters.blocking_connection import BlockingChannel
from pika.exchange_type import ExchangeType

from mqtui.demo.shop.names import RabbitNames

DELIVERY_LIMIT: Final = 3
INVOICE_TTL_MS: Final = 1_800_000
PRIORITIES: Final = 9
ORDER_CREATED: Final = "order.created"
EMAIL: Final = "email"
REFUND: Final = "refund"


def declare(channel: BlockingChannel, names: RabbitNames) -> None:
    """Declare everything; what is there already with the same arguments stays.

    Raises:
        pika.exceptions.ChannelClosedByBroker: something of that name is there with other arguments.
    """
    for exchange, kind in _exchanges(names).items():
        channel.exchange_declare(exchange, kind, durable=True)
    for queue, arguments in _queues(names).items():
        channel.queue_declare(queue, durable=True, arguments=arguments)
    for exchange, queue, key in _bindings(names):
        channel.queue_bind(queue, exchange, key)


def _exchanges(names: RabbitNames) -> dict[str, ExchangeType]:
    return {
        names.events: ExchangeType("topic"),
        names.commands: ExchangeType("direct"),
        names.broadcast: ExchangeType("fanout"),
        names.errors: ExchangeType("direct"),
        names.dlx: ExchangeType("fanout"),
        names.emails_dlx: ExchangeType("direct"),
    }


def _queues(names: RabbitNames) -> dict[str, dict[str, Any]]:
    return {
        names.invoices: {
            "x-queue-type": "quorum",
            "x-dead-letter-exchange": names.dlx,
            "x-message-ttl": INVOICE_TTL_MS,
            "x-delivery-limit": DELIVERY_LIMIT,
        },
        names.invoices_dlq: {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT},
        names.emails: {
            "x-max-priority": PRIORITIES,
            "x-max-length": 10_000,
            "x-dead-letter-exchange": names.emails_dlx,
            "x-dead-letter-routing-key": EMAIL,
        },
        names.emails_dlq: {},
        names.refunds: {},
        names.refunds_errors: {},
        names.quotes: {},
        names.audit: {"x-queue-type": "stream", "x-max-length-bytes": 100_000_000},
        names.feed_search: {},
        names.feed_warehouse: {"x-max-length": 500},
    }


def _bindings(names: RabbitNames) -> tuple[tuple[str, str, str], ...]:
    return (
        (names.events, names.invoices, ORDER_CREATED),
        (names.events, names.audit, "order.#"),
        (names.commands, names.emails, EMAIL),
        (names.commands, names.refunds, REFUND),
        (names.broadcast, names.feed_search, ""),
        (names.broadcast, names.feed_warehouse, ""),
        (names.errors, names.refunds_errors, "error." + REFUND),
        (names.dlx, names.invoices_dlq, ""),
        (names.emails_dlx, names.emails_dlq, EMAIL),
    )
