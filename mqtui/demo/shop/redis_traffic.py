"""The shop's life on Redis: payments come in, worker-2 of the ledger and the fraud check work, worker-7 stays dead."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event
from typing import Final

import redis

from mqtui.demo.shop import payments
from mqtui.demo.shop.connections import redis_client
from mqtui.demo.shop.names import RedisNames
from mqtui.demo.shop.redis_entries import add, take
from mqtui.demo.shop.redis_seed import ATTEMPTS, SEALED_EVERY
from mqtui.demo.shop.spec import Spec

PAYMENTS_A_SECOND: Final = 10
GOOD_PAYMENTS_A_BAD_ONE: Final = 600
MOST_ENTRIES: Final = 100_000
_BLOCK_MS: Final = 500
_HAND: Final = 50


def roles(spec: Spec) -> tuple[Callable[[Event], None], ...]:
    """Give the till, the ledger's live worker and the fraud check; each works until the event is set.

    Each raises redis.RedisError when the server goes away.
    """
    url, names = spec.redis or "", RedisNames(spec.prefix)
    return (
        lambda stop: till(url, names, spec.fernet_key, stop),
        lambda stop: ledger(url, names, spec.fernet_key, stop),
        lambda stop: fraud(url, names, stop),
    )


def till(url: str, names: RedisNames, key: str, stop: Event) -> None:
    """Add 10 payments a second, one a minute in a currency the ledger has no account for; keep the last 100,000."""
    client = redis_client(url)
    dice = random.Random()
    order = payments.FIRST_ORDER + 57_312
    while not stop.wait(1 / PAYMENTS_A_SECOND):
        order += 1
        fields = payments.payment(order, dice)
        if order % GOOD_PAYMENTS_A_BAD_ONE == 0:
            fields = payments.in_currency(fields, "XAU")
        add(client, names.payments, payments.sealed(fields, key) if order % SEALED_EVERY == 0 else fields)
        if order % MOST_ENTRIES == 0:
            client.xtrim(names.payments, maxlen=MOST_ENTRIES, approximate=True)


def ledger(url: str, names: RedisNames, key: str, stop: Event) -> None:
    """Book payments as worker-2: first what is pending for it (somebody may have given it more), then what is new.

    A payment that can't be booked goes to the dead-letter stream and is acknowledged in the same transaction.
    """
    client = redis_client(url)
    worker = names.ledger, names.live_worker
    while not stop.is_set():
        for after in ("0", ">"):
            for entry, fields in take(client, names.payments, worker, after, count=_HAND, block=_BLOCK_MS):
                _book(client, names, key, entry, fields)


def fraud(url: str, names: RedisNames, stop: Event) -> None:
    """Look at every payment and acknowledge it."""
    client = redis_client(url)
    worker = names.fraud, names.fraud_worker
    while not stop.is_set():
        for entry, _ in take(client, names.payments, worker, ">", count=_HAND, block=_BLOCK_MS):
            client.xack(names.payments, names.fraud, entry)


def _book(client: redis.Redis, names: RedisNames, key: str, entry: bytes, fields: dict[bytes, bytes]) -> None:
    fault = payments.fault_in(fields, key) if fields else None
    with client.pipeline(transaction=True) as pipeline:
        if fault is not None:
            death = payments.Death(*fault, names.payments, entry.decode(), names.ledger, ATTEMPTS)
            add(pipeline, names.payments_dlq, death.letter(list(fields.items())))
        pipeline.xack(names.payments, names.ledger, entry)
        pipeline.execute()
