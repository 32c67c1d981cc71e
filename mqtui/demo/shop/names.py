"""The names the shop gives things on each broker, all behind one prefix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the shop: the attribute it is read from gives it the prefix of its owner."""

    text: str

    def __get__(self, owner: _Prefixed | None, kind: type[_Prefixed]) -> str:
        return self.text if owner is None else owner.prefix + self.text


@dataclass(frozen=True, slots=True)
class _Prefixed:
    prefix: str = ""


class KafkaNames(_Prefixed):
    """Topics and consumer groups."""

    __slots__ = ()
    orders = Name("orders")
    orders_dlq = Name("orders.DLQ")
    payments_events = Name("payments-events")
    invoices = Name("invoices")
    invoices_retry_0 = Name("invoices-retry-0")
    invoices_retry_1 = Name("invoices-retry-1")
    invoices_dlt = Name("invoices-dlt")
    connect_dlq = Name("connect-dlq")
    shipments = Name("shipments")
    tracking = Name("tracking")
    billing = Name("billing")
    reporting = Name("reporting")
    shipping = Name("shipping")
    invoicing = Name("invoicing")

    def partitions(self) -> dict[str, int]:
        """Give each topic's number of partitions."""
        return {
            self.orders: 6,
            self.orders_dlq: 2,
            self.payments_events: 3,
            self.invoices: 2,
            self.invoices_retry_0: 2,
            self.invoices_retry_1: 2,
            self.invoices_dlt: 2,
            self.connect_dlq: 1,
            self.shipments: 2,
            self.tracking: 1,
        }


class RabbitNames(_Prefixed):
    """Exchanges and queues."""

    __slots__ = ()
    events = Name("shop.events")
    commands = Name("shop.commands")
    broadcast = Name("shop.broadcast")
    errors = Name("shop.errors")
    dlx = Name("shop.dlx")
    emails_dlx = Name("shop.emails.dlx")
    invoices = Name("work.invoices")
    invoices_dlq = Name("work.invoices.dlq")
    emails = Name("work.emails")
    emails_dlq = Name("work.emails.dlq")
    refunds = Name("work.refunds")
    refunds_errors = Name("work.refunds.errors")
    quotes = Name("rpc.quotes")
    audit = Name("audit.stream")
    feed_search = Name("feed.search")
    feed_warehouse = Name("feed.warehouse")


class RedisNames(_Prefixed):
    """Streams, groups and consumers; groups and consumers live inside a stream and need no prefix of their own."""

    __slots__ = ()
    payments = Name("payments")
    payments_dlq = Name("payments:dlq")
    deliveries = Name("deliveries")
    ledger = "ledger"
    fraud = "fraud"
    live_worker = "worker-2"
    dead_worker = "worker-7"
    fraud_worker = "fraud-1"
