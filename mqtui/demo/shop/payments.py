"""Payments on Redis: the fields of an entry, and what the ledger says of one."""

from __future__ import annotations

import json
import random
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

Fields = list[tuple[bytes, bytes]]
FIRST_ORDER: Final = 118_203
CURRENCIES: Final = ("EUR", "CHF", "PLN")
SEALED: Final = b"fernet"


def payment(order: int, dice: random.Random) -> Fields:
    """Make the fields of a good payment: ``order``, ``user``, ``currency``, ``body`` (JSON with cents and card)."""
    body = {"cents": dice.randint(100, 50_000), "card": f"**** {dice.randint(1000, 9999)}"}
    return [
        (b"order", str(order).encode()),
        (b"user", f"u{dice.randint(1, 99)}".encode()),
        (b"currency", dice.choice(CURRENCIES).encode()),
        (b"body", json.dumps(body, separators=(",", ":")).encode()),
    ]


def in_currency(fields: Fields, currency: str) -> Fields:
    """Give the payment in another currency."""
    return [(name, currency.encode() if name == b"currency" else value) for name, value in fields]


def sealed(fields: Fields, key: str) -> Fields:
    """Encrypt ``body`` with Fernet and add the field ``encoding``."""
    locked = [(name, Fernet(key).encrypt(value) if name == b"body" else value) for name, value in fields]
    return [*locked, (b"encoding", SEALED)]


def reason_against(fields: dict[bytes, bytes], key: str) -> tuple[str, str] | None:
    """Say why the ledger can't book a payment, as reason and error text; None when it can."""
    currency = fields.get(b"currency", b"").decode(errors="replace")
    if currency not in CURRENCIES:
        return "UnknownCurrency", f"shop.ledger.UnknownCurrency: no account in {currency or 'no currency'}"
    try:
        body = fields[b"body"]
        json.loads(Fernet(key).decrypt(body) if fields.get(b"encoding") == SEALED else body)["cents"]
    except (KeyError, TypeError, ValueError, InvalidToken) as error:
        return "Unreadable", f"shop.ledger.Unreadable: body of the payment: {type(error).__name__}"
    return None


def dead_letter(fields: Fields, *, stream: bytes, entry: bytes, reason: str, attempts: int, error: str) -> Fields:
    """Make the fields of a letter: the payment's own, then where it came from and why.

    The convention is the shop's own, for Redis knows none: ``origin_stream``, ``origin_id``, ``reason``, ``attempts``
    (decimal), ``error`` (class and message in one line).
    """
    return [
        *fields,
        (b"origin_stream", stream),
        (b"origin_id", entry),
        (b"reason", reason.encode()),
        (b"attempts", str(attempts).encode()),
        (b"error", error.encode()),
    ]
