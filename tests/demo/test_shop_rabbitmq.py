"""A seeded shop on a real RabbitMQ, read back with the client library, and its workers at work."""

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pika
import pytest
from cryptography.fernet import Fernet
from pika.adapters.blocking_connection import BlockingChannel

from mqtui.demo.shop.brokers import open_branch
from mqtui.demo.shop.connections import amqp_connection
from mqtui.demo.shop.names import RabbitNames
from mqtui.demo.shop.orders import WELL_TRAVELLED
from mqtui.demo.shop.rabbitmq_traffic import booking, counter
from mqtui.demo.shop.spec import Spec
from mqtui.demo.shop.workers import Workers
from tests.demo.processes import until

SECONDS = 20.0
KEY = Fernet.generate_key().decode()
Letter = tuple[dict[str, Any], pika.BasicProperties, bytes]


@dataclass(frozen=True)
class Shop:
    url: str
    names: RabbitNames
    letters: dict[str, int]
    new_queues: set[str]
    new_exchanges: set[str]


def manage(url: str, path: str) -> Any:
    """GET from the management API that the URL names."""
    base = parse_qs(urlsplit(url).query)["management"][0]
    answer = httpx2.get(f"{base}/api/{path}", auth=("guest", "guest"))
    answer.raise_for_status()
    return answer.json()


def names_of(url: str, what: str) -> set[str]:
    return {one["name"] for one in manage(url, f"{what}?disable_stats=true&enable_queue_totals=true")}


@pytest.fixture(scope="module")
def shop(rabbitmq_url: str) -> Shop:
    spec = Spec(fernet_key=KEY, rabbitmq=rabbitmq_url, prefix=f"shop-{secrets.token_hex(3)}.")
    queues, exchanges = names_of(rabbitmq_url, "queues"), names_of(rabbitmq_url, "exchanges")
    letters = open_branch("rabbitmq").seed(spec)
    return Shop(
        rabbitmq_url,
        RabbitNames(spec.prefix),
        letters,
        names_of(rabbitmq_url, "queues") - queues,
        names_of(rabbitmq_url, "exchanges") - exchanges,
    )


@pytest.fixture
def channel(shop: Shop) -> Iterator[BlockingChannel]:
    connection = amqp_connection(shop.url)
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    connection.close()


def ready(channel: BlockingChannel, queue: str) -> int:
    return channel.queue_declare(queue, passive=True).method.message_count or 0


def read_all(channel: BlockingChannel, queue: str) -> list[Letter]:
    """Read a queue's messages and give them all back at once."""
    letters: list[Letter] = []
    while True:
        method, properties, body = channel.basic_get(queue)
        if method is None or properties is None or body is None:
            break
        letters.append((dict(properties.headers or {}), properties, bytes(body)))  # type: ignore[arg-type]  # the stubs say str
    channel.basic_nack(0, multiple=True, requeue=True)
    return letters


def test_everything_has_the_prefix(shop: Shop) -> None:
    assert len(shop.new_queues) == 10
    assert len(shop.new_exchanges) == 6
    assert all(name.startswith(shop.names.prefix) for name in shop.new_queues | shop.new_exchanges)


def test_queues_are_of_the_promised_kinds(shop: Shop) -> None:
    queues = {one["name"]: one for one in manage(shop.url, "queues?disable_stats=true&enable_queue_totals=true")}
    work, dlq = queues[shop.names.invoices], queues[shop.names.invoices_dlq]
    assert (work["type"], dlq["type"]) == ("quorum", "quorum")
    assert work["arguments"]["x-dead-letter-exchange"] == shop.names.dlx
    assert work["arguments"]["x-message-ttl"] == 1_800_000
    assert work["arguments"]["x-delivery-limit"] == dlq["arguments"]["x-delivery-limit"] == 3
    assert queues[shop.names.emails]["arguments"]["x-max-priority"] == 9
    assert queues[shop.names.emails]["type"] == queues[shop.names.emails_dlq]["type"] == "classic"
    assert queues[shop.names.audit]["type"] == "stream"
    kinds = {one["name"]: one["type"] for one in manage(shop.url, "exchanges")}
    assert {kinds[name] for name in shop.new_exchanges} == {"topic", "direct", "fanout"}


def test_dead_invoices_were_buried_by_the_broker(shop: Shop, channel: BlockingChannel) -> None:
    letters = read_all(channel, shop.names.invoices_dlq)
    assert shop.letters[shop.names.invoices_dlq] == len(letters) == 19
    deaths = [headers["x-death"][0] for headers, _, _ in letters]
    assert Counter(death["reason"] for death in deaths) == {"rejected": 12, "delivery_limit": 4, "expired": 3}
    assert {death["queue"] for death in deaths} == {shop.names.invoices}
    assert {death["exchange"] for death in deaths} == {shop.names.events}
    assert {key for death in deaths for key in death["routing-keys"]} == {"order.created"}
    assert {death.get("original-expiration") for death in deaths} == {None, "1"}
    sealed = [body for _, properties, body in letters if properties.content_encoding == "fernet"]
    assert len(sealed) == 3
    assert "inv" in json.loads(Fernet(KEY).decrypt(sealed[0]))


def test_dead_emails_and_refunds(shop: Shop, channel: BlockingChannel) -> None:
    emails = read_all(channel, shop.names.emails_dlq)
    assert shop.letters[shop.names.emails_dlq] == len(emails) == 7
    assert {headers["x-first-death-queue"] for headers, _, _ in emails} == {shop.names.emails}
    assert len({properties.priority for _, properties, _ in emails}) > 1
    receipts = [(properties.correlation_id, json.loads(body).get("order")) for _, properties, body in emails]
    assert (str(WELL_TRAVELLED), WELL_TRAVELLED) in receipts
    refunds = read_all(channel, shop.names.refunds_errors)
    assert shop.letters[shop.names.refunds_errors] == len(refunds) == 6
    for headers, properties, _ in refunds:
        assert headers["x-original-exchange"] == shop.names.commands
        assert headers["x-original-routingKey"] == "refund"
        assert "Caused by: shop." in headers["x-exception-stacktrace"]
        assert headers["x-exception-stacktrace"].splitlines()[0].startswith("org.springframework.amqp.")
        assert headers["x-exception-message"] in headers["x-exception-stacktrace"]
        assert headers["__TypeId__"] == "shop.refunds.Refund"
        assert properties.delivery_mode == 2


def test_work_waits_in_every_queue_that_should_have_some(shop: Shop, channel: BlockingChannel) -> None:
    assert ready(channel, shop.names.invoices) == 60
    assert ready(channel, shop.names.emails) == 25
    assert ready(channel, shop.names.feed_search) == ready(channel, shop.names.feed_warehouse) == 10
    stream = f"queues/%2F/{quote(shop.names.audit, safe='')}?disable_stats=true&enable_queue_totals=true"
    assert manage(shop.url, stream)["type"] == "stream"


def test_rpc_answers_and_a_bad_invoice_dies_again_until_it_is_repaired(shop: Shop, channel: BlockingChannel) -> None:
    channel.queue_purge(shop.names.invoices)
    staff = Workers()
    staff.hire(lambda stop: counter(shop.url, shop.names, stop), AssertionError)
    staff.hire(lambda stop: booking(shop.url, shop.names, KEY, stop), AssertionError)
    try:
        assert ask(channel, shop.names.quotes, b'{"sku":"lamp","count":2}') == {
            "sku": "lamp",
            "price": 79.8,
            "currency": "EUR",
        }
        assert ask(channel, shop.names.quotes, b"nonsense")["error"] == "no such product"

        before = ready(channel, shop.names.invoices_dlq)
        channel.basic_publish("", shop.names.invoices, b'{"inv":1,"net":"3.00"}', mandatory=True)
        until(lambda: ready(channel, shop.names.invoices_dlq) == before + 1, SECONDS, "the bad invoice dies")
        channel.basic_publish("", shop.names.invoices, b'{"inv":1,"eur":"3.00"}', mandatory=True)
        channel.basic_publish("", shop.names.invoices, b'{"inv":2,"net":"3.00"}', mandatory=True)
        until(lambda: ready(channel, shop.names.invoices_dlq) == before + 2, SECONDS, "the one behind it dies")
        dead = {body for _, _, body in read_all(channel, shop.names.invoices_dlq)}
        assert b'{"inv":1,"eur":"3.00"}' not in dead
    finally:
        staff.send_home(5.0)


def ask(channel: BlockingChannel, queue: str, question: bytes) -> dict[str, Any]:
    mailbox = channel.queue_declare("", exclusive=True).method.queue or ""
    properties = pika.BasicProperties(reply_to=mailbox, correlation_id="17")
    channel.basic_publish("", queue, question, properties, mandatory=True)
    replies: list[dict[str, Any]] = []

    def answered() -> bool:
        method, reply, body = channel.basic_get(mailbox, auto_ack=True)
        if method is not None and reply is not None and body is not None:
            assert reply.correlation_id == "17"
            replies.append(json.loads(body))
        return bool(replies)

    until(answered, SECONDS, "a reply")
    return replies[0]
