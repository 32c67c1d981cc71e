"""A seeded shop on a real Redis, read back with the client library, and its ledger at work."""

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
import redis
from cryptography.fernet import Fernet

from mqtui.demo.shop import payments
from mqtui.demo.shop.brokers import open_branch
from mqtui.demo.shop.connections import redis_client
from mqtui.demo.shop.names import RedisNames
from mqtui.demo.shop.orders import WELL_TRAVELLED
from mqtui.demo.shop.redis_entries import add
from mqtui.demo.shop.redis_traffic import fraud, ledger
from mqtui.demo.shop.spec import Spec
from mqtui.demo.shop.workers import Workers
from tests.demo.processes import until

SECONDS = 15.0
KEY = Fernet.generate_key().decode()


@dataclass(frozen=True)
class Shop:
    url: str
    names: RedisNames
    letters: dict[str, int]
    new_keys: set[bytes]


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    client = redis_client(redis_url)
    yield client
    client.close()


@pytest.fixture
def shop(redis_url: str, client: redis.Redis) -> Shop:
    spec = Spec(fernet_key=KEY, redis=redis_url, prefix=f"shop-{secrets.token_hex(3)}:")
    before = set(client.scan_iter())
    letters = open_branch("redis").seed(spec)
    return Shop(redis_url, RedisNames(spec.prefix), letters, set(client.scan_iter()) - before)


def test_every_key_has_the_prefix(shop: Shop) -> None:
    assert shop.new_keys == {
        shop.names.payments.encode(),
        shop.names.payments_dlq.encode(),
        shop.names.deliveries.encode(),
    }
    assert all(key.startswith(shop.names.prefix.encode()) for key in shop.new_keys)


def test_worker_7_died_with_42_payments_and_fraud_is_well(shop: Shop, client: Any) -> None:
    groups = {group["name"]: group for group in client.xinfo_groups(shop.names.payments)}
    assert groups[b"fraud"]["pending"] == 0
    assert groups[b"fraud"]["lag"] == 0
    assert groups[b"ledger"]["pending"] == 42
    assert groups[b"ledger"]["lag"] == 0
    pending = client.xpending_range(shop.names.payments, "ledger", "-", "+", 100)
    assert {row["consumer"] for row in pending} == {b"worker-7"}
    assert min(row["time_since_delivered"] for row in pending) > 2 * 3600 * 1000
    assert Counter(row["times_delivered"] for row in pending) == {1: 40, 9: 2}
    consumers = {row["name"]: row["pending"] for row in client.xinfo_consumers(shop.names.payments, "ledger")}
    assert consumers == {b"worker-2": 0, b"worker-7": 42}


def test_letters_tell_where_they_were_and_why(shop: Shop, client: Any) -> None:
    letters = client.xrange(shop.names.payments_dlq)
    assert shop.letters == {shop.names.payments_dlq: 12}
    assert Counter(fields[b"dlq_exception"] for _, fields in letters) == {
        b"shop.ledger.CardDeclined": 6,
        b"shop.ledger.LedgerLocked": 4,
        b"shop.ledger.UnknownCurrency": 2,
    }
    for _, fields in letters:
        assert fields[b"dlq_stream"] == shop.names.payments.encode()
        assert fields[b"dlq_attempts"] == b"5"
        assert fields[b"dlq_reason"]
        ((_, original),) = client.xrange(shop.names.payments, fields[b"dlq_id"], fields[b"dlq_id"])
        assert original[b"order"] == fields[b"order"]


def test_one_order_is_paid_and_delivered(shop: Shop, client: Any) -> None:
    bodies = [msgpack.unpackb(fields[b"body"]) for _, fields in client.xrange(shop.names.deliveries)]
    assert WELL_TRAVELLED in [body["order"] for body in bodies]
    paid = [fields[b"order"] for _, fields in client.xrange(shop.names.payments)]
    assert str(WELL_TRAVELLED).encode() in paid


def test_some_bodies_are_sealed_with_the_given_key(shop: Shop, client: Any) -> None:
    entries = [fields for _, fields in client.xrange(shop.names.payments)]
    sealed = [fields for fields in entries if fields.get(b"encoding") == b"fernet"]
    assert len(sealed) == 143
    assert "cents" in json.loads(Fernet(KEY).decrypt(sealed[0][b"body"]))
    assert len(entries) == 1_000


def test_worker_2_books_what_it_is_given_and_buries_what_it_cannot_book(shop: Shop, client: Any) -> None:
    names = shop.names
    staff = Workers()
    staff.hire(lambda stop: ledger(shop.url, names, KEY, stop), AssertionError)
    staff.hire(lambda stop: fraud(shop.url, names, stop), AssertionError)
    try:
        client.xautoclaim(names.payments, "ledger", "worker-2", 3_600_000, count=100, justid=True)
        until(lambda: client.xpending(names.payments, "ledger")["pending"] == 0, SECONDS, "worker-2 books the 42")
        assert client.xlen(names.payments_dlq) == 12

        letter = client.xrevrange(names.payments_dlq, count=1)[0][1]
        home = [(name, value) for name, value in letter.items() if not name.startswith(b"dlq_")]
        add(client, names.payments, home)
        until(lambda: client.xlen(names.payments_dlq) == 13, SECONDS, "the unrepaired payment dies again")
        again = client.xrevrange(names.payments_dlq, count=1)[0][1]
        assert again[b"dlq_exception"] == b"shop.ledger.UnknownCurrency"
        assert again[b"order"] == letter[b"order"]

        add(client, names.payments, payments.in_currency(home, "EUR"))
        last = client.xinfo_stream(names.payments)["last-generated-id"]

        def passed() -> bool:
            groups = client.xinfo_groups(names.payments)
            return all(group["last-delivered-id"] == last and group["pending"] == 0 for group in groups)

        until(passed, SECONDS, "both groups pass the repaired payment")
        assert client.xlen(names.payments_dlq) == 13
    finally:
        staff.send_home(5.0)
