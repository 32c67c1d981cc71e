"""RabbitMQ full of strangers, in a virtual host of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pika

from mqtui.domain.resource import BrokerKind
from tests.contract.worlds import address_of
from tests.strangers.odd import BODIES, CLIPBOARD, NAMES, NUMBERS, TEXTS, TITLE, Place, Strangers, tag_of

DOTS = (".", "..")
SPACE = "strangers/of\u202eall kinds"
HEADERS: dict[str, Any] = {
    "": "empty name",
    "true": True,
    "void": None,
    "decimal": Decimal("1.5"),
    "big": 2**63 - 1,
    "negative": -(2**63),
    "time": datetime(9999, 12, 31, tzinfo=UTC),
    "list": [1, "two", None, [3], {"four": 4}],
    "table": {"deep": {"deeper": {"deepest": "x"}}},
    "bytes": b"\xff\x00",
    f"n{TITLE}": f"v{CLIPBOARD}",
    "line\nbreak": "a\r\nb",
    "long": "x" * 5000,
}
DEATHS: tuple[Any, ...] = (
    "no list",
    [],
    ["no table"],
    [{"queue": 7, "reason": None, "count": "many", "time": "never"}],
    [{"queue": "gone\x1b]2;PWNED\x07", "reason": "rejected\n", "count": 2**62, "exchange": "", "routing-keys": "none"}],
    [{"queue": "s71", "reason": "expired", "count": -1, "time": datetime(1970, 1, 1, tzinfo=UTC), "routing-keys": [7]}],
)


@contextmanager
def strangers(url: str) -> Iterator[Strangers]:
    """Make the virtual host and fill it; it goes at the end with all that is in it."""
    address = address_of(url)
    host, port = address.hosts[0]
    login = pika.PlainCredentials(address.user, address.secret)
    place = f"/api/vhosts/{quote(SPACE, safe='')}"
    with httpx2.Client(base_url=address.options["management"], auth=(address.user, address.secret)) as api:
        api.put(place).raise_for_status()
        api.put(f"/api/users/{USER}", json={"password": "secret", "tags": ""}).raise_for_status()
        rights = {"configure": "^$", "write": "^$", "read": "s7.*"}
        api.put(f"/api/permissions/{quote(SPACE, safe='')}/{USER}", json=rights).raise_for_status()
        try:
            parameters = pika.ConnectionParameters(host, port, SPACE, login, heartbeat=0)
            with pika.BlockingConnection(parameters) as connection:
                places = _fill(connection)
                own = urlsplit(url)._replace(path=f"/{quote(SPACE, safe='')}")
                limited = own._replace(netloc=f"{USER}:secret@{host}:{port}").geturl()
                yield Strangers(BrokerKind.RABBITMQ, own.geturl(), places, ("s71",), limited)
        finally:
            api.delete(place)
            api.delete(f"/api/users/{USER}")


USER = "stranger"


def _fill(connection: pika.BlockingConnection) -> tuple[Place, ...]:
    channel = connection.channel()
    names = [name.replace("\r", "").replace("\n", "") for name in NAMES]  # the broker itself takes them out
    for name in names:
        channel.queue_declare(name)
        channel.basic_publish("", name, b"one")
    kinds: Any = ("fanout", "topic", "direct", "headers")
    exchanges = ("s60 exchange", f"s61{TITLE}", "s62", "queue:s63")
    for kind, name in zip(kinds, exchanges, strict=True):
        channel.exchange_declare(name, kind)
    queues: dict[str, dict[str, Any]] = {
        "s62": {},
        "s64.full": {"x-max-length": 2, "x-overflow": "drop-head"},
        "s65.lost": {"x-dead-letter-exchange": "no such exchange"},
        "s66.work": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "s67.wait"},
        "s67.wait": {"x-message-ttl": 10**7, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "s66.work"},
        "s68.priority": {"x-max-priority": 10, "x-expires": 10_000_000, "x-max-length-bytes": 10**9},
        "s69.quorum": {"x-queue-type": "quorum", "x-delivery-limit": 30},
        "s70.stream": {"x-queue-type": "stream", "x-max-age": "7D"},
        "s71": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"s72{TITLE}.dlq"},
        f"s72{TITLE}.dlq": {},
        "s73.dlq": {},
        "s74.errors": {},
    }
    for name, arguments in queues.items():
        channel.queue_declare(name, durable=True, arguments=arguments)
        channel.basic_publish("", name, b"first")
        channel.basic_publish("", name, b"second")
    _messages(channel)
    for name in DOTS:
        channel.queue_declare(name)
        channel.basic_publish("", name, b"one")
    every = dict.fromkeys([*names, *exchanges, *queues])
    dots = (Place(name, f"{name}  ") for name in DOTS)
    return (*(Place(name, tag_of(name), dead="dlq" in name) for name in every), *dots)


def _messages(channel: Any) -> None:
    """Every body, property and header; letters with deaths that no broker wrote."""
    for body in BODIES:
        channel.basic_publish("s62" if not body else "", "s73.dlq", body, pika.BasicProperties(headers=HEADERS))
    for number in NUMBERS:
        if number >= 0:
            channel.basic_publish("", "s74.errors", b"time", pika.BasicProperties(timestamp=number, priority=255))
    for place, text in enumerate(TEXTS):
        short = text[:100]
        properties = pika.BasicProperties(
            content_type=short,
            content_encoding=short,
            correlation_id=short,
            message_id=short,
            type=short,
            app_id=short,
            reply_to=short,
            headers={"x-death": DEATHS[place % len(DEATHS)], "x-exception-message": text, "x-original-queue": short},
        )
        channel.basic_publish("", "s73.dlq", text.encode(), properties)
    rejected = [channel.basic_get("s71")[0] for _ in range(2)]
    channel.basic_nack(rejected[-1].delivery_tag, multiple=True, requeue=False)
    channel.queue_declare("s71", passive=True)
