"""Three hours of payments on Redis: a group with a dead worker, a healthy one, and a dead-letter stream."""

from __future__ import annotations

import random
import time
from typing import Any, Final

import msgpack
import redis

from mqtui.demo.shop import payments
from mqtui.demo.shop.connections import redis_client
from mqtui.demo.shop.names import RedisNames
from mqtui.demo.shop.payments import Death, Fields
from mqtui.demo.shop.redis_entries import add, take
from mqtui.demo.shop.spec import Spec

PAYMENTS: Final = 1_000
PENDING_OF_THE_DEAD: Final = 42
DELIVERED_OFTEN: Final = 2
MANY_DELIVERIES: Final = 9
DECLINED: Final = 6
LOCKED: Final = 4
UNKNOWN_CURRENCY: Final = 2
DELIVERIES: Final = 60
ORDERS_A_DELIVERY: Final = 16
LETTERS: Final = DECLINED + LOCKED + UNKNOWN_CURRENCY
SEALED_EVERY: Final = 7
ATTEMPTS: Final = 5
_HISTORY_MS: Final = 3 * 3600 * 1000
_IDLE_MS: Final = 3 * 3600 * 1000 - 60_000
_DELIVERED_MS: Final = 45 * 60 * 1000
_DIED_AT: Final = 100
_FIRST_LETTER: Final = 200
_PAYMENTS_A_LETTER: Final = 60


def seed(spec: Spec) -> dict[str, int]:
    """Write payments, groups, the dead worker's pending entries and letters; give the letters by stream.

    Raises:
        RemoteRefused: the server is not on this machine.
        redis.RedisError: it refused or went away.
    """
    names = RedisNames(spec.prefix)
    client = redis_client(spec.redis or "")
    try:
        entries = _write_payments(client, names, spec.fernet_key)
        _write_deliveries(client, names)
        _make_groups(client, names)
        _let_one_die(client, names)
        _work_off(client, names, names.ledger, names.live_worker)
        _work_off(client, names, names.fraud, names.fraud_worker)
        return {names.payments_dlq: _write_letters(client, names, entries)}
    finally:
        client.close()


def _write_payments(client: redis.Redis, names: RedisNames, key: str) -> list[tuple[str, Fields]]:
    dice = random.Random(7)
    start = int(time.time() * 1000) - _HISTORY_MS
    entries = []
    with client.pipeline(transaction=False) as pipeline:
        for number in range(PAYMENTS):
            fields = payments.payment(payments.FIRST_ORDER + number, dice)
            if number % SEALED_EVERY == 0:
                fields = payments.sealed(fields, key)
            entry = f"{start + number * _HISTORY_MS // PAYMENTS}-0"
            add(pipeline, names.payments, fields, entry)
            entries.append((entry, fields))
        pipeline.execute()
    return entries


def _write_deliveries(client: redis.Redis, names: RedisNames) -> None:
    """Every 16th order's delivery, as MessagePack in one field."""
    dice, now = random.Random(8), int(time.time() * 1000)
    with client.pipeline(transaction=False) as pipeline:
        for number in range(DELIVERIES):
            order = payments.FIRST_ORDER + number * ORDERS_A_DELIVERY
            row = {"order": order, "courier": f"c{dice.randint(1, 9)}", "signed": bool(dice.getrandbits(1))}
            moment = now - _DELIVERED_MS + number * _DELIVERED_MS // DELIVERIES
            add(pipeline, names.deliveries, [(b"body", msgpack.packb(row))], f"{moment}-0")
        pipeline.execute()


def _make_groups(client: redis.Redis, names: RedisNames) -> None:
    for group in (names.ledger, names.fraud):
        client.xgroup_create(names.payments, group, id="0", mkstream=True)


def _let_one_die(client: redis.Redis, names: RedisNames) -> None:
    """Let the ledger's workers share the first entries; one acknowledges its own, the other took 42 and died."""
    _work_off(client, names, names.ledger, names.live_worker, count=_DIED_AT)
    dead = names.ledger, names.dead_worker
    ids: list[Any] = [entry for entry, _ in take(client, names.payments, dead, ">", count=PENDING_OF_THE_DEAD)]
    often, once = ids[:DELIVERED_OFTEN], ids[DELIVERED_OFTEN:]
    for some, deliveries in ((often, MANY_DELIVERIES), (once, 1)):
        client.xclaim(names.payments, *dead, 0, some, idle=_IDLE_MS, retrycount=deliveries, justid=True)


def _work_off(client: redis.Redis, names: RedisNames, group: str, worker: str, count: int = PAYMENTS) -> None:
    taken = take(client, names.payments, (group, worker), ">", count=count)
    client.xack(names.payments, group, *(entry for entry, _ in taken))


def _write_letters(client: redis.Redis, names: RedisNames, entries: list[tuple[str, Fields]]) -> int:
    causes = [("CardDeclined", "the bank answered {}", 51)] * DECLINED
    causes += [("LedgerLocked", "the ledger was locked for {} ms", 30_000)] * LOCKED
    causes += [("UnknownCurrency", "no account in XAU", 0)] * UNKNOWN_CURRENCY
    with client.pipeline(transaction=False) as pipeline:
        for number, (exception, reason, figure) in enumerate(causes):
            entry, fields = entries[_FIRST_LETTER + number * _PAYMENTS_A_LETTER]
            if exception == "UnknownCurrency":
                fields = payments.in_currency(fields, "XAU")
            death = Death(
                exception=f"shop.ledger.{exception}",
                reason=reason.format(figure + number),
                stream=names.payments,
                entry=entry,
                group=names.ledger,
                attempts=ATTEMPTS,
            )
            moment, _, sequence = entry.partition("-")
            add(pipeline, names.payments_dlq, death.letter(fields), f"{int(moment) + 4_000}-{sequence}")
        pipeline.execute()
    return len(causes)
